/* History's start: the tail of a journal, line by line. See history.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/report/history_parts.h"

struct readers {
    struct history *history;
    struct recent *recent;
};

static void take_file_line(const struct readers *readers, const char *at, size_t length, uint64_t *seq)
{
    if (length == 0 || length > HISTORY_LINE_MAX)
        return;
    json_t *line = json_loadb(at, length, JSON_REJECT_DUPLICATES, NULL);
    if (line == NULL)
        return;
    const json_t *number = json_object_get(line, "seq");
    if (json_is_integer(number) && json_integer_value(number) > 0 &&
        (uint64_t)json_integer_value(number) > *seq)
        *seq = (uint64_t)json_integer_value(number);
    if (readers->history != NULL)
        history_line(readers->history, line);
    if (readers->recent != NULL)
        recent_line(readers->recent, line, length + 1);
    json_decref(line);
}

/* Reads up to `size` bytes from `offset` on; -1 with errno on failure. */
static ssize_t read_tail(int fd, char *buffer, size_t size, off_t offset)
{
    size_t got = 0;
    while (got < size) {
        ssize_t piece = pread(fd, buffer + got, size - got, offset + (off_t)got);
        if (piece < 0 && errno == EINTR)
            continue;
        if (piece < 0)
            return -1;
        if (piece == 0)
            break;
        got += (size_t)piece;
    }
    return (ssize_t)got;
}

static void take_lines(const struct readers *readers, const char *bytes, size_t length, bool partial,
                       uint64_t *seq)
{
    const char *at = bytes;
    const char *end = bytes + length;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            return; /* torn: its writer ends it before it goes on */
        if (!partial)
            take_file_line(readers, at, (size_t)(stop - at), seq);
        partial = false;
        at = stop + 1;
    }
}

bool history_load(struct history *history, struct recent *recent, const char *path, uint64_t *last_seq, bool *torn,
                  struct fault *fault)
{
    struct stat file;
    uint64_t seq = 0;
    char *buffer = NULL;
    bool good = false;
    if (last_seq != NULL)
        *last_seq = 0;
    if (torn != NULL)
        *torn = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || fault_errno(fault, errno, "journal %s can't be read", path);
    if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
        (void)fault_set(fault, "journal %s is no regular file", path);
        goto out;
    }
    off_t start = file.st_size > HISTORY_TAIL_BYTES_MAX ? file.st_size - HISTORY_TAIL_BYTES_MAX : 0;
    size_t size = (size_t)(file.st_size - start);
    buffer = malloc(size > 0 ? size : 1);
    if (buffer == NULL) {
        (void)fault_set(fault, "out of memory");
        goto out;
    }
    ssize_t got = read_tail(fd, buffer, size, start);
    if (got < 0) {
        (void)fault_errno(fault, errno, "journal %s can't be read", path);
        goto out;
    }
    if (history != NULL)
        history->loading = true;
    take_lines(&(struct readers){ history, recent }, buffer, (size_t)got, start > 0, &seq);
    if (history != NULL)
        history->loading = false;
    if (last_seq != NULL)
        *last_seq = seq;
    if (torn != NULL)
        *torn = got > 0 && buffer[got - 1] != '\n';
    good = true;
out:
    free(buffer);
    (void)close(fd);
    return good;
}
