/* A file, read and parsed: the first half of reader.h. What isn't JSON ends here. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/config/reader.h"

static void file_problem(struct document *d, const struct fault *fault)
{
    problems_add(d->problems, CONFIG_ERROR, d->file, 0, "", fault->text);
}

/* Opens without ever waiting (a FIFO would), and only what is a file of a sane size. */
static int open_file(const char *path, size_t *size, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        (void)fault_errno(fault, errno, "cannot be opened");
        return -1;
    }
    struct stat info;
    if (fstat(fd, &info) != 0)
        (void)fault_errno(fault, errno, "cannot be examined");
    else if (!S_ISREG(info.st_mode))
        (void)fault_set(fault, "is no regular file");
    else if (info.st_size > CONFIG_MAX_FILE_BYTES)
        (void)fault_set(fault, "is too large: %jd bytes; the most is %d", (intmax_t)info.st_size, CONFIG_MAX_FILE_BYTES);
    else if (info.st_size == 0)
        (void)fault_set(fault, "is empty");
    else {
        *size = (size_t)info.st_size;
        return fd;
    }
    (void)close(fd);
    return -1;
}

static bool read_file(struct document *d, struct fault *fault)
{
    size_t size;
    int fd = open_file(d->file, &size, fault);
    if (fd < 0)
        return false;
    bool good = false;
    d->text = malloc(size);
    if (d->text == NULL) {
        (void)fault_set(fault, "no memory for its %zu bytes", size);
        goto out;
    }
    while (d->size < size) {
        ssize_t got = read(fd, d->text + d->size, size - d->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            (void)fault_errno(fault, errno, "cannot be read");
            goto out;
        }
        if (got == 0)
            break;
        d->size += (size_t)got;
    }
    good = true;
out:
    (void)close(fd);
    return good;
}

/* Every key that occurs twice, with both lines. */
static bool report_duplicates(struct document *d)
{
    size_t cursor = 0;
    size_t entry;
    size_t first;
    size_t found = 0;
    while (found < CONFIG_MAX_PROBLEMS && positions_next_duplicate(d->positions, &cursor, &entry, &first)) {
        char buffer[DOCUMENT_PATH_MAX];
        struct text path = TEXT_OF(buffer);
        positions_path(d->positions, entry, &path);
        char text[160];
        (void)snprintf(text, sizeof text, "the key stands here a second time, first on line %zu; keep one of them",
                       positions_line(d->positions, first));
        problems_add(d->problems, CONFIG_ERROR, d->file, positions_line(d->positions, entry), buffer, text);
        found++;
    }
    return found > 0;
}

static bool refuse_bounds(struct document *d)
{
    size_t entry;
    const char *what;
    int bound;
    if (positions_too_deep(d->positions, &entry)) {
        what = "objects and lists are nested too deep";
        bound = CONFIG_MAX_DEPTH;
    } else if (positions_too_many(d->positions, &entry)) {
        what = "the file holds too many values";
        bound = POSITIONS_MAX;
    } else {
        return false;
    }
    char buffer[DOCUMENT_PATH_MAX];
    struct text path = TEXT_OF(buffer);
    positions_path(d->positions, entry, &path);
    document_error(d, buffer, "%s; the most is %d", what, bound);
    return true;
}

static bool parse(struct document *d)
{
    if (refuse_bounds(d))
        return false;
    /* With the duplicates already told, the rest of the file can still be judged. */
    size_t flags = report_duplicates(d) ? 0 : JSON_REJECT_DUPLICATES;
    json_error_t error;
    d->root = json_loadb(d->text, d->size, flags, &error);
    if (d->root == NULL) {
        char buffer[DOCUMENT_PATH_MAX];
        struct text path = TEXT_OF(buffer);
        size_t offset = error.position > 0 ? (size_t)error.position - 1 : 0;
        positions_path(d->positions, positions_before(d->positions, offset), &path);
        char text[sizeof error.text + 64];
        (void)snprintf(text, sizeof text, "is not JSON: %s (column %d)", error.text, error.column);
        problems_add(d->problems, CONFIG_ERROR, d->file, error.line > 0 ? (size_t)error.line : 1, buffer, text);
        return false;
    }
    if (!json_is_object(d->root)) {
        document_error(d, "$", "the file must hold one object { ... }");
        return false;
    }
    return true;
}

bool document_open(struct document *d, const char *path, struct config_arena *arena,
                   struct config_problems *problems)
{
    *d = (struct document){
        .file = path, .arena = arena, .problems = problems, .errors_before = problems->errors,
    };
    struct fault fault = { "" };
    if (!read_file(d, &fault)) {
        file_problem(d, &fault);
        return false;
    }
    d->positions = positions_scan(d->text, d->size);
    if (d->positions == NULL) {
        (void)fault_set(&fault, "no memory to read it");
        file_problem(d, &fault);
        return false;
    }
    return parse(d);
}

void document_reopen(struct document *d, const char *path, struct config_problems *problems)
{
    struct fault fault;
    *d = (struct document){ .file = path, .problems = problems, .errors_before = problems->errors };
    if (read_file(d, &fault))
        d->positions = positions_scan(d->text, d->size);
}

void document_close(struct document *d)
{
    json_decref(d->root);
    positions_free(d->positions);
    free(d->text);
    d->root = NULL;
    d->positions = NULL;
    d->text = NULL;
}

bool document_is_good(const struct document *d)
{
    return d->problems->errors == d->errors_before;
}
