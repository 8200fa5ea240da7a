/* failoverctl status --watch: see failoverctl_watch.h.
 *
 * On a terminal it is one picture in its place, drawn again when there is news, when it has become older, and when
 * the terminal has another size. An answer that does not come leaves the last picture, which then says how old it is
 * and why. Into a file or a pipe it is a block each interval, or a JSON document a line. */
#include "coordinator/operator/failoverctl_watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/operator/failoverctl_screen.h"
#include "coordinator/status/status_text.h"

#define ANSWER_MS 2000  /* for one answer: a daemon that needs longer is said not to answer */
#define US_PER_SECOND INT64_C(1000000)
#define COARSE_US (10 * US_PER_SECOND) /* from this age on in whole seconds */
#define SLICE_MS 100    /* of waiting, after which signals are looked at */
#define REDRAW_US (1000 * INT64_C(1000)) /* an old picture's age goes on in sight */

struct watching {
    const struct ctl_settings *settings;
    json_t *request;
    json_t *status;      /* the newest; NULL: none yet */
    int64_t answered_us; /* when it came */
    int64_t interval_us;
    struct fault trouble;
    bool in_trouble;
    bool terminal;
};

/* In tenths of a second while it is young: it is mostly 0.0s, and never 3us. */
static const char *age_text(char *out, size_t size, int64_t age_us)
{
    if (age_us >= COARSE_US)
        return base_format_duration(out, size, age_us / US_PER_SECOND * US_PER_SECOND);
    (void)snprintf(out, size, "%.1fs", (double)(age_us > 0 ? age_us : 0) / 1e6);
    return out;
}

void watch_draw(const struct table_style *style, const struct watch_view *view)
{
    char age[CLOCK_DURATION_TEXT_MAX];
    char interval[CLOCK_DURATION_TEXT_MAX];
    const char *mark = style->color ? (view->trouble != NULL ? "\033[1;31m" : "\033[2m") : "";
    (void)age_text(age, sizeof age, view->age_us);
    (void)base_format_duration(interval, sizeof interval, view->interval_us);
    fputs(mark, style->stream);
    if (view->trouble != NULL)
        fprintf(style->stream, "OLD, %s: failoverd does not answer: %s. Below is what it said last.", age, view->trouble);
    else
        fprintf(style->stream, "%s, %s old, every %s; Ctrl-C ends", peek_str(view->status, "time", "time not told"), age,
                interval);
    fprintf(style->stream, "%s\n\n", style->color ? "\033[0m" : "");
    table_status(style, view->status);
}

/* ---- showing ----------------------------------------------------------------------------------- */

static bool draw(const struct watching *w)
{
    struct screen_size size = screen_size();
    struct table_style style = w->settings->style;
    struct watch_view view = { w->status, base_mono_us() - w->answered_us, w->interval_us,
                               w->in_trouble ? w->trouble.text : NULL };
    char *text = NULL;
    size_t length = 0;
    style.stream = open_memstream(&text, &length);
    style.width = size.columns;
    if (style.stream == NULL)
        return false;
    watch_draw(&style, &view);
    bool good = fclose(style.stream) == 0 && screen_show(text, size);
    free(text);
    return good;
}

static bool print_line(const json_t *document)
{
    return json_dumpf(document, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF && fflush(stdout) == 0;
}

/* A block, or a line of JSON. */
static bool print(const struct watching *w)
{
    char now[CLOCK_WALL_TEXT_MAX];
    if (w->settings->json)
        return print_line(w->status);
    printf("== %s\n", base_format_wall(now, sizeof now, base_wall_us()));
    table_status(&w->settings->style, w->status);
    putchar('\n');
    return fflush(stdout) == 0;
}

static bool print_trouble(const struct watching *w, enum ctl_outcome outcome, const json_t *error)
{
    char now[CLOCK_WALL_TEXT_MAX];
    char age[CLOCK_DURATION_TEXT_MAX];
    if (w->settings->json) {
        json_t *document = ctl_error_document(outcome, error, &w->trouble);
        bool good = print_line(document);
        json_decref(document);
        return good;
    }
    printf("== %s: failoverd does not answer: %s; what it said last is %s old\n\n",
           base_format_wall(now, sizeof now, base_wall_us()), w->trouble.text,
           base_format_duration(age, sizeof age, base_mono_us() - w->answered_us));
    return fflush(stdout) == 0;
}

/* ---- asking ------------------------------------------------------------------------------------ */

/* EXIT_DONE: go on (interrupted or not). */
static enum exit_code ask(struct watching *w)
{
    int64_t timeout_ms = w->settings->timeout_ms < ANSWER_MS ? w->settings->timeout_ms : ANSWER_MS;
    struct fault fault = { "" };
    json_t *answer = NULL;
    bool shown = true;
    enum ctl_outcome outcome =
        ctl_ask(w->settings->socket_path, timeout_ms, json_deep_copy(w->request), &answer, &fault);
    if (ctl_interrupted()) {
        json_decref(answer);
        return EXIT_DONE;
    }
    if (outcome != CTL_OK && w->status == NULL) {
        enum exit_code code = ctl_complain(w->settings, outcome, answer, &fault);
        json_decref(answer);
        return code;
    }
    w->in_trouble = outcome != CTL_OK;
    if (outcome == CTL_OK) {
        json_decref(w->status);
        w->status = json_incref(answer);
        w->answered_us = base_mono_us();
        shown = w->terminal || print(w);
    } else {
        (void)text_copy(w->trouble.text, sizeof w->trouble.text,
                        outcome == CTL_REFUSED ? peek_str(answer, "text", "refused") : fault.text);
        shown = w->terminal || print_trouble(w, outcome, answer);
    }
    json_decref(answer);
    return shown ? EXIT_DONE : EXIT_FAILED;
}

/* Until the next question is due. False: the terminal does not take the picture. */
static bool wait_and_draw(struct watching *w, int64_t due_us)
{
    int64_t drawn_us = 0;
    while (!ctl_interrupted()) {
        int64_t now_us = base_mono_us();
        if (w->terminal && (screen_changed() || now_us - drawn_us >= REDRAW_US)) {
            if (!draw(w))
                return false;
            drawn_us = now_us;
        }
        int64_t left_ms = (due_us - base_mono_us()) / CLOCK_US_PER_MS;
        if (left_ms <= 0)
            return true;
        ctl_sleep_ms(left_ms < SLICE_MS ? left_ms : SLICE_MS);
    }
    return true;
}

enum exit_code ctl_watch(const struct ctl_settings *settings, json_t *request, int64_t interval_us)
{
    const char *kind = getenv("TERM");
    struct watching w = { .settings = settings, .request = request, .interval_us = interval_us,
                          .terminal = !settings->json && isatty(STDOUT_FILENO) == 1 && kind != NULL &&
                                      strcmp(kind, "dumb") != 0 };
    enum exit_code code = ask(&w);
    if (code == EXIT_DONE && w.terminal && w.status != NULL)
        screen_open();
    while (code == EXIT_DONE && !ctl_interrupted()) {
        if (!wait_and_draw(&w, base_mono_us() + interval_us))
            code = EXIT_FAILED;
        else if (!ctl_interrupted())
            code = ask(&w);
    }
    screen_close();
    json_decref(w.status);
    json_decref(request);
    return code;
}
