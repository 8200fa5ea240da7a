/* A datagram to systemd: see notify.h. */
#include "coordinator/base/notify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "coordinator/base/text.h"

static int notify_fd = -1;
static struct sockaddr_un notify_address;
static socklen_t notify_length;
static int64_t watchdog_us;

void notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    const char *usec = getenv("WATCHDOG_USEC");
    unsigned long long period = 0;
    if (usec != NULL && text_parse_u64(usec, INT64_MAX, &period))
        watchdog_us = (int64_t)(period / 3);
    if (path == NULL || (path[0] != '/' && path[0] != '@'))
        return;
    notify_address.sun_family = AF_UNIX;
    if (!text_copy(notify_address.sun_path, sizeof notify_address.sun_path, path))
        return;
    notify_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') /* the abstract name space */
        notify_address.sun_path[0] = '\0';
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void notify_send(const char *state)
{
    if (notify_fd >= 0)
        (void)sendto(notify_fd, state, strlen(state), MSG_NOSIGNAL,
                     (const struct sockaddr *)&notify_address, notify_length);
}

int64_t notify_watchdog_us(void)
{
    return notify_fd >= 0 ? watchdog_us : 0;
}
