/* The socket file of the control server: see control_socket.h. */
#include "coordinator/operator/control_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "coordinator/base/log.h"
#include "coordinator/base/text.h"

#define BACKLOG 64

/* Only a socket that refuses connections is known to be nobody's. */
static bool clear_path(const char *path, const struct sockaddr_un *address, struct fault *fault)
{
    struct stat file;
    if (lstat(path, &file) != 0)
        return errno == ENOENT || fault_errno(fault, errno, "%s can't be looked at", path);
    if (!S_ISSOCK(file.st_mode))
        return fault_set(fault, "%s exists and is no socket; it is left alone: move it away or "
                                "change control_socket", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fault_errno(fault, errno, "no socket can be made");
    int result = connect(fd, (const struct sockaddr *)address, sizeof *address);
    int error = errno;
    (void)close(fd);
    if (result == 0 || error != ECONNREFUSED)
        return fault_set(fault, "%s is served by another process; is a failoverd running already?",
                         path);
    if (unlink(path) != 0 && errno != ENOENT)
        return fault_errno(fault, errno, "the stale socket %s can't be removed", path);
    return true;
}

int control_socket_open(const char *path, bool set_group, gid_t group, struct stat *file,
                        struct fault *fault)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (!text_copy(address.sun_path, sizeof address.sun_path, path) || path[0] != '/') {
        (void)fault_set(fault, "%s: has to be an absolute path of at most %zu bytes", path,
                        sizeof address.sun_path - 1);
        return -1;
    }
    if (!clear_path(path, &address, fault))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        (void)fault_errno(fault, errno, "no socket can be made");
        return -1;
    }
    /* Nobody can connect before listen(), so the mode is in force in time. */
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        (void)fault_errno(fault, errno, "%s can't be made", path);
        goto fail;
    }
    if (set_group && chown(path, (uid_t)-1, group) != 0)
        log_event(LOG_LEVEL_WARNING, "the control socket can't be given to its group; only failoverd's "
                  "own user, its group and root can use it", LOG_STR("path", path),
                  LOG_STR("reason", strerror(errno)));
    if (chmod(path, 0660) != 0 || listen(fd, BACKLOG) != 0 || lstat(path, file) != 0) {
        (void)fault_errno(fault, errno, "%s can't be listened on", path);
        (void)unlink(path);
        goto fail;
    }
    return fd;
fail:
    (void)close(fd);
    return -1;
}

void control_socket_remove(const char *path, const struct stat *file)
{
    struct stat now;
    if (lstat(path, &now) == 0 && now.st_dev == file->st_dev && now.st_ino == file->st_ino)
        (void)unlink(path);
}
