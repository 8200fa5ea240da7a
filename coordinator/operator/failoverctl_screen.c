/* The terminal as one picture: see failoverctl_screen.h. */
#include "coordinator/operator/failoverctl_screen.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "coordinator/operator/failoverctl_fit.h"

#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[0m\033[?25h\033[?1049l"
#define HOME "\033[H"
#define COLUMNS_DEFAULT 80
#define ROWS_DEFAULT 24
#define SIZE_MOST 10000 /* of what a terminal says of itself */

/* ---- fitting a text ---------------------------------------------------------------------------- */

struct fit {
    FILE *out;     /* NULL: only count */
    size_t columns;
    size_t rows;   /* that may be written */
    size_t used;
};

static void put_row(const struct fit *fit, size_t indent, const char *at, const char *end)
{
    if (fit->out == NULL || fit->used >= fit->rows)
        return;
    if (fit->used > 0)
        fputs("\r\n", fit->out);
    fprintf(fit->out, "\033[K%*s", (int)indent, "");
    fit_put(fit->out, at, end, fit->columns - indent);
}

static void put_line(struct fit *fit, const char *at, const char *end)
{
    size_t below = fit_indent(at, end, fit->columns);
    size_t indent = 0;
    do {
        const char *stop = fit_row_end(at, end, fit->columns - indent, false);
        put_row(fit, indent, at, stop);
        fit->used++;
        at = fit_next(stop, end);
        indent = below;
    } while (at < end);
}

static void put_lines(struct fit *fit, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        put_line(fit, text, text + length);
        text += length + (text[length] == '\n');
    }
}

void screen_fit(FILE *out, const char *text, struct screen_size size)
{
    struct fit fit = { .columns = size.columns };
    put_lines(&fit, text);
    size_t total = fit.used;
    fit = (struct fit){ .out = out, .columns = size.columns, .rows = total > size.rows ? size.rows - 1 : total };
    fputs(HOME "\033[0m", out);
    put_lines(&fit, text);
    fputs("\033[0m", out);
    fit.used = fit.rows;
    if (total > size.rows) {
        char more[96];
        (void)snprintf(more, sizeof more, "(%zu more lines: a taller terminal shows them)", total - fit.rows);
        fit.rows++;
        put_row(&fit, 0, more, more + strlen(more));
    } else if (total < size.rows) {
        fputs(total > 0 ? "\r\n\033[J" : "\033[J", out);
    }
}

/* ---- the terminal ------------------------------------------------------------------------------ */

static volatile sig_atomic_t is_open;
static volatile sig_atomic_t changed;
static volatile sig_atomic_t stop_asked;
static bool keys_held;      /* `keys` is what to go back to */
static struct termios keys;

/* Of write and tcsetattr only: runs in handlers too. */
static void restore(void)
{
    if (!is_open)
        return;
    is_open = 0;
    ssize_t ignored = write(STDOUT_FILENO, LEAVE, sizeof LEAVE - 1);
    (void)ignored;
    if (keys_held)
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &keys);
}

static void on_change(int number)
{
    (void)number;
    changed = 1;
}

static void on_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

/* The terminal first, then what the signal does by itself. */
static void on_end(int number)
{
    restore();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void catch_signals(void)
{
    static const int ends[] = { SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE };
    struct sigaction action = { .sa_handler = on_change };
    (void)sigaction(SIGWINCH, &action, NULL);
    action.sa_handler = on_stop;
    (void)sigaction(SIGTSTP, &action, NULL);
    action.sa_handler = on_end;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        (void)sigaction(ends[i], &action, NULL);
}

/* Keys would be echoed into the picture. Not in the background, where touching the terminal stops a program. */
static void hold_keys(void)
{
    if (isatty(STDIN_FILENO) != 1 || tcgetpgrp(STDIN_FILENO) != getpgrp() || tcgetattr(STDIN_FILENO, &keys) != 0)
        return;
    struct termios quiet = keys;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
    keys_held = tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet) == 0;
}

void screen_open(void)
{
    static bool registered;
    if (!registered)
        registered = atexit(screen_close) == 0;
    catch_signals();
    hold_keys();
    is_open = 1;
    fputs(ENTER, stdout);
    (void)fflush(stdout);
}

void screen_close(void)
{
    restore();
}

struct screen_size screen_size(void)
{
    return screen_size_of(STDOUT_FILENO);
}

struct screen_size screen_size_of(int fd)
{
    struct winsize window = { 0 };
    struct screen_size size = { COLUMNS_DEFAULT, ROWS_DEFAULT };
    if (ioctl(fd, TIOCGWINSZ, &window) != 0)
        return size;
    if (window.ws_col > 0)
        size.columns = window.ws_col < SIZE_MOST ? window.ws_col : SIZE_MOST;
    if (window.ws_row > 0)
        size.rows = window.ws_row < SIZE_MOST ? window.ws_row : SIZE_MOST;
    return size;
}

bool screen_changed(void)
{
    if (stop_asked) {
        stop_asked = 0;
        restore();
        (void)raise(SIGSTOP);
        screen_open();
        changed = 1;
    }
    bool was = changed != 0;
    changed = 0;
    return was;
}

bool screen_show(const char *text, struct screen_size size)
{
    char *bytes = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&bytes, &length);
    if (out == NULL)
        return false;
    screen_fit(out, text, size);
    bool good = fclose(out) == 0 && fwrite(bytes, 1, length, stdout) == length && fflush(stdout) == 0;
    free(bytes);
    return good;
}
