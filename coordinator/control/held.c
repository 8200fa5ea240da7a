/* The note of the last hold: see held.h. */
#include "coordinator/control/held.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/text.h"

#define BOOT_ID_BYTES 36
#define NOTE_BYTES 128

static bool path_of(const struct local_config *local, const char *service, char *path, size_t size)
{
    const char *slash = strrchr(local->control_socket, '/');
    int folder = slash != NULL ? (int)(slash - local->control_socket) : 0;
    int length = snprintf(path, size, "%.*s/held-%s", folder, local->control_socket, service);
    return slash != NULL && length > 0 && (size_t)length < size;
}

static bool read_small(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd >= 0 ? read(fd, out, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    out[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* CLOCK_BOOTTIME means something within one boot only. */
static bool boot_id(char *out, size_t size)
{
    if (!read_small("/proc/sys/kernel/random/boot_id", out, size) || strlen(out) < BOOT_ID_BYTES)
        return false;
    out[BOOT_ID_BYTES] = '\0';
    return true;
}

void held_note(const struct local_config *local, const char *service, int64_t until_us)
{
    char path[CONFIG_MAX_TEXT + CONFIG_MAX_NAME + 16], boot[NOTE_BYTES], note[NOTE_BYTES];
    if (!path_of(local, service, path, sizeof path) || !boot_id(boot, sizeof boot))
        return;
    /* Of a fixed width and written in one go over the last one: never half of each. */
    int length = snprintf(note, sizeof note, "%s %020" PRId64 "\n", boot, until_us);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    if (pwrite(fd, note, (size_t)length, 0) != length)
        (void)unlink(path);
    close(fd);
}

int64_t held_read(const struct local_config *local, const char *service)
{
    char path[CONFIG_MAX_TEXT + CONFIG_MAX_NAME + 16], boot[NOTE_BYTES], note[NOTE_BYTES];
    unsigned long long until = 0;
    if (!path_of(local, service, path, sizeof path) || !boot_id(boot, sizeof boot) ||
        !read_small(path, note, sizeof note))
        return 0;
    size_t length = strlen(note);
    bool whole = length == BOOT_ID_BYTES + 22 && note[BOOT_ID_BYTES] == ' ' &&
                 note[length - 1] == '\n' && strncmp(note, boot, BOOT_ID_BYTES) == 0;
    if (!whole)
        return 0;
    note[length - 1] = '\0';
    return text_parse_u64(note + BOOT_ID_BYTES + 1, INT64_MAX, &until) ? (int64_t)until : 0;
}
