/* Lines for a terminal: see failoverctl_wrap.h. */
#include "coordinator/operator/failoverctl_wrap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "coordinator/operator/failoverctl_fit.h"
#include "coordinator/operator/failoverctl_screen.h"

#define BUFFER_BYTES (64 * 1024) /* a longer line is broken as two */

struct wrap {
    FILE *out;
    size_t columns;
    bool within; /* a part of this line is printed already */
};

static void put_line(struct wrap *wrap, const char *at, const char *end)
{
    size_t below = fit_indent(at, end, wrap->columns);
    size_t indent = 0;
    for (;;) {
        const char *stop = fit_row_end(at, end, wrap->columns - indent, true);
        (void)fwrite(at, 1, (size_t)(stop - at), wrap->out);
        at = fit_next(stop, end);
        if (at >= end)
            return;
        fprintf(wrap->out, "\n%*s", (int)below, "");
        indent = below;
    }
}

static ssize_t on_write(void *context, const char *bytes, size_t size)
{
    struct wrap *wrap = context;
    const char *at = bytes;
    const char *end = bytes + size;
    while (at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        const char *stop = feed != NULL ? feed : end;
        if (wrap->within || feed == NULL)
            (void)fwrite(at, 1, (size_t)(stop - at), wrap->out);
        else
            put_line(wrap, at, stop);
        if (feed != NULL)
            fputc('\n', wrap->out);
        wrap->within = feed == NULL;
        at = feed != NULL ? feed + 1 : end;
    }
    return fflush(wrap->out) == 0 ? (ssize_t)size : 0;
}

static int on_close(void *context)
{
    free(context);
    return 0;
}

FILE *wrap_open(FILE *out, size_t columns)
{
    struct wrap *wrap = malloc(sizeof *wrap);
    if (wrap == NULL)
        return NULL;
    *wrap = (struct wrap){ .out = out, .columns = columns };
    FILE *stream = fopencookie(wrap, "w", (cookie_io_functions_t){ .write = on_write, .close = on_close });
    if (stream == NULL)
        free(wrap);
    else
        (void)setvbuf(stream, NULL, _IOLBF, BUFFER_BYTES);
    return stream;
}

/* glibc's stdout and stderr are variables like any others. */
void wrap_terminal(FILE **standard, int fd)
{
    FILE *stream = isatty(fd) == 1 ? wrap_open(*standard, screen_size_of(fd).columns) : NULL;
    if (stream != NULL)
        *standard = stream;
}
