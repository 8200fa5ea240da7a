/* failoverctl events: see failoverctl_events.h.
 *
 * Following is asking again with the cursor of the last answer (coordinator/report/recent.h). Whatever is missing is
 * said where it is missing: events that the daemon no longer has, a restart, a daemon that does not answer. */
#include "coordinator/operator/failoverctl_events.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/config/values.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status_text.h"

#define POLL_MS 500
#define SINCE_COUNT_MAX 1000

struct following {
    const struct ctl_settings *settings;
    json_t *request;
    char run[NAME_HEX_MAX];
    int64_t next;      /* -1: no answer yet */
    bool more;
    bool restarted;    /* the daemon, before the newest answer */
    bool in_trouble;
};

/* ---- --since ----------------------------------------------------------------------------------- */

/* "2026-11-21T10:17" and the like, made whole; any seconds, fraction and Z may be left out. */
static bool whole_time(const char *text, char out[CLOCK_WALL_TEXT_MAX])
{
    static const char least[] = "0000-01-01T00:00:00.000Z";
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == 'Z')
        length--;
    if (length != 10 && length != 16 && length != 19 && length != 23)
        return false;
    (void)text_copy(out, CLOCK_WALL_TEXT_MAX, least);
    memcpy(out, text, length);
    return true;
}

bool ctl_events_since(json_t *request, const char *text)
{
    struct fault fault;
    unsigned long long count;
    int64_t age_us;
    char time[CLOCK_WALL_TEXT_MAX];
    if (text_parse_u64(text, SINCE_COUNT_MAX, &count))
        return json_object_set_new(request, "limit", json_integer((json_int_t)count)) == 0;
    if (value_duration(text, &age_us, &fault))
        (void)base_format_wall(time, sizeof time, base_wall_us() - age_us);
    else if (!whole_time(text, time))
        return false;
    return json_object_set_new(request, "since", json_string(time)) == 0;
}

/* ---- printing ---------------------------------------------------------------------------------- */

static void print_event(const struct table_style *style, const json_t *event)
{
    const char *level = peek_str(event, "level", "");
    bool grave = strcmp(level, "error") == 0;
    const char *color = !style->color ? "" : grave ? "\033[31m" : strcmp(level, "warning") == 0 ? "\033[33m" : "";
    fprintf(style->stream, "%-24s  %s%-18s%s  %s%s%s\n", peek_str(event, "time", "?"), color, peek_str(event, "event", "?"),
            color[0] != '\0' ? "\033[0m" : "", peek_str(event, "service", ""),
            peek_str(event, "service", NULL) != NULL ? ": " : "", peek_str(event, "text", "?"));
}

static void print_gap(const struct ctl_settings *settings, const char *text, int64_t missed, bool restarted)
{
    if (settings->json) {
        json_t *document = json_pack("{s:{s:s, s:I, s:b}}", "gap", "text", text, "missed", (json_int_t)missed, "restarted",
                                     restarted);
        (void)json_dumpf(document, stdout, JSON_COMPACT);
        (void)putchar('\n');
        json_decref(document);
        return;
    }
    printf("-- %s\n", text);
}

static void print_gaps(const struct following *f, const json_t *answer)
{
    const struct ctl_settings *settings = f->settings;
    char line[160];
    struct text text = TEXT_OF(line);
    int64_t missed = 0;
    (void)peek_int(answer, "missed", &missed);
    if (peek_yes(answer, "cut"))
        print_gap(settings, "older events are not at hand any more; this node's journal file has them", 0, false);
    if (f->restarted || peek_yes(answer, "restarted"))
        print_gap(settings, "failoverd was restarted", 0, true);
    if (missed <= 0)
        return;
    text_appendf(&text, "%" PRId64 " event%s of this node %s missing here; its journal file may have more", missed,
                 missed == 1 ? "" : "s", missed == 1 ? "is" : "are");
    print_gap(settings, line, missed, false);
}

static bool print_answer(const struct following *f, const json_t *answer)
{
    size_t index;
    const json_t *event;
    print_gaps(f, answer);
    json_array_foreach(json_object_get(answer, "events"), index, event) {
        if (!f->settings->json) {
            print_event(&f->settings->style, event);
        } else if (json_is_object(event)) {
            (void)json_dumpf(event, stdout, JSON_COMPACT);
            (void)putchar('\n');
        }
    }
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

/* ---- asking ------------------------------------------------------------------------------------ */

/* Takes the cursor on. False: the answer is none, or would have us ask the same for ever. */
static bool take_cursor(struct following *f, const json_t *answer, struct fault *fault)
{
    int64_t next;
    uint64_t run;
    const char *its_run = peek_str(answer, "run", "");
    bool more = peek_yes(answer, "more");
    bool another = strcmp(its_run, f->run) != 0;
    if (!json_is_array(json_object_get(answer, "events")) || !peek_int(answer, "next", &next) || next < 0 ||
        !parse_hex(its_run, &run))
        return fault_set(fault, "its answer lacks events, cursor or run");
    if (f->next >= 0 && !another && (next < f->next || (more && next == f->next)))
        return fault_set(fault, "its cursor does not go on: %" PRId64 " after %" PRId64, next, f->next);
    f->restarted = f->next >= 0 && another;
    (void)text_copy(f->run, sizeof f->run, its_run);
    f->next = next;
    f->more = more;
    return true;
}

static json_t *question(const struct following *f)
{
    json_t *request = json_deep_copy(f->request);
    if (f->next < 0)
        return request;
    (void)json_object_del(request, "limit");
    (void)json_object_del(request, "since");
    (void)json_object_set_new(request, "after", json_integer(f->next));
    (void)json_object_set_new(request, "run", json_string(f->run));
    return request;
}

/* A daemon that falls silent is waited for once there was an answer. */
static enum exit_code trouble(struct following *f, enum ctl_outcome outcome, const json_t *error,
                              const struct fault *fault)
{
    if (f->next < 0 || outcome == CTL_REFUSED)
        return ctl_complain(f->settings, outcome, error, fault);
    if (!f->in_trouble)
        fprintf(stderr, "failoverctl: failoverd does not answer: %s; asking on\n", fault->text);
    f->in_trouble = true;
    f->more = false;
    return EXIT_DONE;
}

/* EXIT_DONE: go on. */
static enum exit_code ask(struct following *f, bool follow)
{
    struct fault fault = { "" };
    json_t *answer = NULL;
    enum exit_code code = EXIT_DONE;
    enum ctl_outcome outcome =
        ctl_ask(f->settings->socket_path, f->settings->timeout_ms, question(f), &answer, &fault);
    if (outcome == CTL_OK && !take_cursor(f, answer, &fault))
        outcome = CTL_BROKEN;
    if (outcome == CTL_OK) {
        if (f->in_trouble)
            fputs("failoverctl: failoverd answers again\n", stderr);
        f->in_trouble = false;
        code = print_answer(f, answer) ? EXIT_DONE : EXIT_FAILED;
    } else if (!follow) {
        code = ctl_complain(f->settings, outcome, answer, &fault);
    } else if (!ctl_interrupted()) {
        code = trouble(f, outcome, answer, &fault);
    }
    json_decref(answer);
    return code;
}

enum exit_code ctl_events(const struct ctl_settings *settings, json_t *request, bool follow)
{
    struct following f = { .settings = settings, .request = request, .next = -1 };
    enum exit_code code;
    if (json_object_get(request, "limit") == NULL && json_object_get(request, "since") == NULL)
        (void)json_object_set_new(request, "limit", json_integer(EVENTS_DEFAULT));
    for (;;) {
        code = ask(&f, follow);
        if (code != EXIT_DONE || ctl_interrupted() || (!follow && !f.more))
            break;
        if (!f.more)
            ctl_sleep_ms(POLL_MS);
    }
    json_decref(request);
    return code;
}
