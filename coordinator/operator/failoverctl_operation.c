/* Following one operation to its end: see failoverctl_operation.h.
 *
 * The ledger's word comes first (operation, last_operation in status), so it makes no difference which node carries
 * the operation out, nor whether that node lives. What it no longer tells, the history of the node that is asked may
 * know: an operation after which there was another one, and the steps where that node took them itself. */
#include "coordinator/operator/failoverctl_operation.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/config/config.h"
#include "coordinator/operator/failoverctl_runbook.h"
#include "coordinator/operator/failoverctl_turn.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status_text.h"

#define POLL_MS 250
#define APPEAR_US (10 * INT64_C(1000000)) /* for a begun operation to show at the node asked */
#define SILENCE_US (30 * INT64_C(1000000)) /* of the daemon, while waiting */

enum sight { SIGHT_NOT_YET, SIGHT_WAITS, SIGHT_RUNNING, SIGHT_DONE, SIGHT_ABORTED, SIGHT_OTHER };

struct watch {
    const struct ctl_settings *settings;
    const char *id;
    char service[CONFIG_MAX_NAME + 1];  /* "": not known yet */
    bool ordered;                       /* by us, just now */
    int64_t limit_us;                   /* 0: none */
    char last_line[1024];
    char executor[CONFIG_MAX_NAME + 1]; /* "": not seen */
    size_t steps_told;
    uint32_t items_told;                /* of the runbook, bit by place in the list that is shown */
    int64_t began_us;
    int64_t heard_us;
    bool seen;      /* running */
    bool in_history;
    bool said_waiting;
    bool said_waits;                    /* for a person's word, or its time */
    bool said_lost;                     /* of a switchover: its source */
    char own_id[NAME_HEX_MAX];          /* once it was made a failover, that one's */
};

/* What one look has shown. */
struct look {
    enum ctl_outcome outcome; /* of asking for status */
    struct fault fault;
    json_t *status;
    json_t *error;            /* of a refusal */
    const json_t *service;    /* of status: the one that it is about; NULL: not known */
    json_t *told;             /* the history's entry; NULL: not asked for, or none */
    enum sight sight;
};

/* ---- looking -------------------------------------------------------------------------------- */

static int64_t answer_ms(const struct watch *watch)
{
    int64_t left_ms = watch->limit_us > 0
                          ? (watch->began_us + watch->limit_us - base_mono_us()) / CLOCK_US_PER_MS
                          : watch->settings->timeout_ms;
    int64_t least_ms = left_ms > POLL_MS ? left_ms : POLL_MS;
    return least_ms < watch->settings->timeout_ms ? least_ms : watch->settings->timeout_ms;
}

static json_t *question_of(const struct watch *watch, const char *command)
{
    return watch->service[0] != '\0' ? json_pack("{s:s, s:s}", "command", command, "service", watch->service)
                                     : json_pack("{s:s}", "command", command);
}

static bool is_this(const struct watch *watch, const json_t *operation)
{
    return strcmp(peek_str(operation, "id", ""), watch->id) == 0;
}

/* It has its id, and has not begun: what is proposed and nobody declined, or a switchover for a time to come. */
static bool is_proposed(const struct watch *watch, const json_t *service)
{
    const json_t *proposal = json_object_get(service, "proposal");
    return is_this(watch, proposal) && strcmp(peek_str(proposal, "state", ""), "declined") != 0;
}

static bool is_scheduled(const struct watch *watch, const json_t *service)
{
    return is_this(watch, json_object_get(service, "scheduled"));
}

/* The service by its name, or while that is not known the one that the operation is in. */
static const json_t *find_service(const struct watch *watch, const json_t *status)
{
    size_t index;
    const json_t *service;
    json_array_foreach(json_object_get(status, "services"), index, service)
        if (watch->service[0] != '\0' ? strcmp(peek_str(service, "name", ""), watch->service) == 0
                                      : is_this(watch, json_object_get(service, "operation")) ||
                                            is_this(watch, json_object_get(service, "last_operation")) ||
                                            is_proposed(watch, service) || is_scheduled(watch, service))
            return service;
    return NULL;
}

static enum sight judge(const struct watch *watch, const json_t *service)
{
    const json_t *last = json_object_get(service, "last_operation");
    if (is_this(watch, json_object_get(service, "operation")))
        return SIGHT_RUNNING;
    if (is_this(watch, last))
        return strcmp(peek_str(last, "outcome", ""), "done") == 0 ? SIGHT_DONE : SIGHT_ABORTED;
    if (is_proposed(watch, service) || is_scheduled(watch, service))
        return SIGHT_WAITS;
    return watch->seen && json_is_true(json_object_get(service, "ledger_known")) ? SIGHT_OTHER : SIGHT_NOT_YET;
}

/* Its entry in the history of the node that is asked: a new reference, NULL where that one does not know. */
static json_t *entry_of(struct watch *watch)
{
    struct fault fault = { "" };
    json_t *history = NULL;
    json_t *entry = NULL;
    size_t index;
    json_t *operation;
    (void)ctl_ask(watch->settings->socket_path, answer_ms(watch), question_of(watch, "history"), &history, &fault);
    json_array_foreach(json_object_get(history, "operations"), index, operation)
        if (entry == NULL && is_this(watch, operation))
            entry = json_incref(operation);
    json_decref(history);
    if (entry != NULL && watch->service[0] == '\0')
        (void)text_copy(watch->service, sizeof watch->service, peek_str(entry, "service", ""));
    watch->in_history = watch->in_history || entry != NULL;
    return entry;
}

static enum sight judge_entry(const json_t *entry, enum sight otherwise)
{
    const char *outcome = peek_str(entry, "outcome", "");
    return strcmp(outcome, "done") == 0      ? SIGHT_DONE
           : strcmp(outcome, "aborted") == 0 ? SIGHT_ABORTED
                                             : otherwise;
}

/* `thorough`: with the history's entry, whatever status says. */
static void take_look(struct watch *watch, bool thorough, struct look *look)
{
    json_t *answer = NULL;
    *look = (struct look){ .sight = SIGHT_NOT_YET };
    look->outcome = ctl_ask(watch->settings->socket_path, answer_ms(watch), question_of(watch, "status"), &answer,
                            &look->fault);
    if (look->outcome != CTL_OK) {
        look->error = answer;
        return;
    }
    look->status = answer;
    look->service = find_service(watch, look->status);
    if (look->service != NULL) {
        (void)text_copy(watch->service, sizeof watch->service, peek_str(look->service, "name", ""));
        look->sight = judge(watch, look->service);
    }
    const json_t *operation = json_object_get(look->service, "operation");
    bool unclear = look->sight == SIGHT_NOT_YET || look->sight == SIGHT_WAITS || look->sight == SIGHT_OTHER;
    if (thorough || unclear || (look->sight == SIGHT_RUNNING && peek_yes(operation, "here")) ||
        (!watch->settings->json && !unclear && watch->steps_told > 0))
        look->told = entry_of(watch);
    if (unclear)
        look->sight = judge_entry(look->told, look->sight);
    if (look->service == NULL && watch->service[0] != '\0')
        look->service = find_service(watch, look->status);
}

static void drop_look(struct look *look)
{
    json_decref(look->status);
    json_decref(look->error);
    json_decref(look->told);
}

/* What waits, and for what. */
static void say_what_for(FILE *out, const struct watch *watch, const json_t *service)
{
    const json_t *scheduled = json_object_get(service, "scheduled");
    const json_t *said = json_object_get(scheduled, "said");
    char left[CLOCK_DURATION_TEXT_MAX];
    const char *name = peek_str(service, "name", "?");
    int64_t ms = 0;
    (void)peek_int(scheduled, "left_ms", &ms);
    if (!is_scheduled(watch, service))
        fprintf(out, "%s: %s.\n", name, peek_str(json_object_get(service, "proposal"), "text", "?"));
    else
        fprintf(out, "%s: a %s from %s to %s is put down for %s (in %s) by %s: %s. failoverctl decline %s --reason \"...\" "
                     "cancels it.\n", name, peek_str(scheduled, "kind", "?"), peek_str(scheduled, "from", "?"),
                peek_str(scheduled, "to", "?"), peek_str(scheduled, "due", "?"),
                base_format_duration(left, sizeof left, ms * CLOCK_US_PER_MS), peek_str(said, "by", "?"),
                peek_str(said, "why", "?"), watch->id);
}

/* ---- telling -------------------------------------------------------------------------------- */

static void tell(const struct watch *watch, const char *line)
{
    char since[CLOCK_DURATION_TEXT_MAX];
    printf("  %8s  %s\n", base_format_duration(since, sizeof since, base_mono_us() - watch->began_us), line);
    (void)fflush(stdout);
}

/* Those that were done since the last look, with the time that each of them took. */
static void tell_steps(struct watch *watch, const json_t *told)
{
    const json_t *steps = json_object_get(told, "steps");
    for (; watch->steps_told < json_array_size(steps); watch->steps_told++) {
        const json_t *step = json_array_get(steps, watch->steps_told);
        char line[256], took[CLOCK_DURATION_TEXT_MAX];
        struct text text = TEXT_OF(line);
        double ms;
        if (!peek_yes(step, "done"))
            return;
        text_appendf(&text, "step %s done", peek_str(step, "name", "?"));
        if (peek_real(step, "took_ms", &ms) && ms >= 0 && ms < 1e15)
            text_appendf(&text, " in %s", base_format_duration(took, sizeof took, (int64_t)(ms * 1000)));
        tell(watch, line);
    }
}

static void tell_progress(struct watch *watch, const json_t *service)
{
    const json_t *operation = json_object_get(service, "operation");
    char line[256];
    (void)text_copy(watch->executor, sizeof watch->executor, peek_str(operation, "executor", ""));
    struct text text = TEXT_OF(line);
    text_appendf(&text, "phase %s, on %s", peek_str(operation, "phase", "?"),
                 peek_str(operation, "executor", "?"));
    if (peek_str(operation, "step", NULL) != NULL)
        text_appendf(&text, ", step %s", peek_str(operation, "step", "?"));
    status_text_shift(&text, operation);
    status_text_wish(&text, operation);
    /* what it waits for or what did not work; else what the step is there for */
    const char *words = peek_str(operation, "detail", "");
    if (words[0] == '\0')
        words = peek_str(operation, "step_text", "");
    text_appendf(&text, "%s%s", words[0] != '\0' ? ": " : "", words);
    if (strcmp(line, watch->last_line) == 0)
        return;
    (void)text_copy(watch->last_line, sizeof watch->last_line, line);
    tell(watch, line);
}

/* What waits for a person, each once, as soon as it does. */
static void tell_items(struct watch *watch, const json_t *service)
{
    const json_t *runbook = runbook_of(service, watch->id);
    for (size_t i = 0; i < CONFIG_MAX_RUNBOOK; i++) {
        char line[1024];
        struct text text = TEXT_OF(line);
        if ((watch->items_told >> i & 1u) != 0 || !runbook_waits(runbook, i, &text))
            continue;
        watch->items_told |= UINT32_C(1) << i;
        tell(watch, line);
    }
}

static void tell_open_items(const struct watch *watch, const json_t *service)
{
    char line[1024];
    struct text text = TEXT_OF(line);
    if (runbook_open(runbook_of(service, watch->id), &text))
        printf("%s\n", line);
}

/* What moved the writer leaves a database behind that follows nobody. */
static void tell_next(const json_t *entry)
{
    const char *kind = peek_str(entry, "kind", "");
    bool moved = strcmp(kind, "failover") == 0 || strcmp(kind, "switchover") == 0 || strcmp(kind, "failback") == 0;
    if (moved && peek_str(entry, "from", NULL) != NULL)
        printf("Next: the old primary in %s stays fenced, and is no standby, until it is rejoined. On its node: "
               "failoverctl rejoin %s --reason \"...\"\n", peek_str(entry, "from", "?"), peek_str(entry, "service", "?"));
}

static void say_goes_on(const struct watch *watch, const char *why)
{
    fprintf(stderr, "failoverctl: %s; operation %s%s%s goes on without us.\n"
                    "Watch it with: failoverctl --socket %s wait %s\n",
            why, watch->id, watch->service[0] != '\0' ? " of " : "", watch->service, watch->settings->socket_path,
            watch->id);
}

static void say_unknown(const struct watch *watch)
{
    if (watch->settings->json)
        return;
    fprintf(stderr, "failoverctl: this node knows of no operation %s. It knows the newest of every service, and of older\n"
                    "ones what its own journal tells. See failoverctl history here and on the other nodes.\n", watch->id);
}

static void say_why(const struct watch *watch, const json_t *why)
{
    if (why != NULL && strcmp(peek_str(why, "gate", "none"), "none") == 0)
        printf("It went back at step %s, since a person said so.\n", peek_str(why, "step", "?"));
    else if (why != NULL)
        printf("It went back at step %s (gate %s): %s.\n", peek_str(why, "step", "?"), peek_str(why, "gate", "none"),
               peek_str(why, "text", "see failoverctl history"));
    else
        printf("See failoverctl history%s%s for why.\n", watch->executor[0] != '\0' ? " on " : "", watch->executor);
}

/* ---- the end -------------------------------------------------------------------------------- */

struct ending {
    const char *outcome; /* NULL: it is not over */
    enum exit_code code;
};

static enum exit_code finish(struct watch *watch, struct ending end, const struct look *look)
{
    char took[CLOCK_DURATION_TEXT_MAX];
    bool over = end.code == EXIT_DONE || end.code == EXIT_FAILED;
    json_t *why = NULL;
    json_t *entry = look->told != NULL ? json_incref(look->told) : over ? entry_of(watch) : NULL;
    if (strcmp(end.outcome, "aborted") == 0) {
        json_t *aborted = json_object_get(entry, "aborted");
        why = json_is_object(aborted) ? json_incref(aborted) : NULL;
    }
    if (watch->settings->json) {
        json_t *document = json_pack("{s:b, s:s, s:s?, s:s, s:O?, s:O?}", "ok", end.code == EXIT_DONE, "operation",
                                     watch->id, "service", watch->service[0] != '\0' ? watch->service : NULL, "outcome",
                                     end.outcome, "status", look->service, "why", why);
        json_decref(why);
        json_decref(entry);
        end.code = ctl_print_json(document, end.code);
        json_decref(document);
        return end.code;
    }
    if (over)
        tell_steps(watch, look->told);
    if (over && (watch->ordered || watch->seen))
        printf("%s after %s: writer of %s is %s\n", end.outcome,
               base_format_duration(took, sizeof took, base_mono_us() - watch->began_us), watch->service,
               peek_str(look->service, "writer", "none"));
    else if (over)
        printf("%s: operation %s of %s is over; writer of %s is %s\n", end.outcome, watch->id, watch->service,
               watch->service, peek_str(look->service, "writer", "none"));
    double stopped;
    if (over && peek_real(look->told, "stopped_ms", &stopped) && stopped >= 0 && stopped < 1e15)
        printf("No client could write for about %s.\n",
               base_format_duration(took, sizeof took, (int64_t)(stopped * 1000)));
    if (over)
        tell_open_items(watch, look->service);
    if (end.code == EXIT_DONE)
        tell_next(entry);
    if (end.code == EXIT_FAILED)
        say_why(watch, why);
    json_decref(why);
    json_decref(entry);
    return fflush(stdout) == 0 ? end.code : EXIT_FAILED;
}

/* A daemon that does not answer: an order was taken and goes on; who only waits hears that nothing is known. */
static struct ending silent(const struct watch *watch, const struct look *look)
{
    const char *why = look->fault.text[0] != '\0' ? look->fault.text : "the daemon says nothing of it";
    if (watch->ordered) {
        say_goes_on(watch, why);
        return (struct ending){ "running", EXIT_RUNNING };
    }
    fprintf(stderr, "failoverctl: how operation %s stands is not known: no failoverd answers: %s\n"
                    "It goes on if it has begun. Ask on another node, or again.\n", watch->id, why);
    return (struct ending){ "unknown", EXIT_UNREACHABLE };
}

/* Not in sight after a time in which it should be. */
static struct ending lost_sight(const struct watch *watch, const struct look *look)
{
    if (!watch->ordered && !watch->seen && !watch->in_history && look->sight != SIGHT_OTHER) {
        say_unknown(watch);
        return (struct ending){ "unknown", EXIT_USAGE };
    }
    fputs("failoverctl: the operation is over, or was replaced, and this node does not know how it ended\n", stderr);
    return (struct ending){ "unknown", EXIT_FAILED };
}

static struct ending judge_end(struct watch *watch, const struct look *look)
{
    static const struct ending goes_on = { NULL, EXIT_RUNNING };
    int64_t now_us = base_mono_us();
    bool answered = look->outcome == CTL_OK && (look->service != NULL || watch->service[0] == '\0');
    bool late = watch->limit_us > 0 && now_us - watch->began_us >= watch->limit_us;
    if (answered)
        watch->heard_us = now_us;
    if (look->sight == SIGHT_DONE)
        return (struct ending){ "done", EXIT_DONE };
    if (look->sight == SIGHT_ABORTED)
        return (struct ending){ "aborted", EXIT_FAILED };
    if (ctl_interrupted()) {
        say_goes_on(watch, "interrupted");
        return (struct ending){ "running", EXIT_RUNNING };
    }
    if (!answered && (late || now_us - watch->heard_us > SILENCE_US))
        return silent(watch, look);
    if (look->sight == SIGHT_OTHER ||
        (answered && !watch->seen && look->sight == SIGHT_NOT_YET && (late || now_us - watch->began_us > APPEAR_US)))
        return lost_sight(watch, look);
    if (late) {
        say_goes_on(watch, "it is not over within the time-out");
        return (struct ending){ "running", EXIT_RUNNING };
    }
    return goes_on;
}

/* From then on the failover is followed. */
static void offer_failover(struct watch *watch, const json_t *service)
{
    json_t *accepted = NULL;
    watch->said_lost = true;
    if (!ctl_turn_offer(watch->settings, service, watch->ordered && !watch->settings->yes, &accepted))
        return;
    if (text_copy(watch->own_id, sizeof watch->own_id, peek_str(accepted, "operation", ""))) {
        watch->id = watch->own_id;
        watch->steps_told = 0;
        watch->seen = false;
        watch->began_us = watch->heard_us = base_mono_us();
        printf("operation %s: %s\n", watch->id, peek_str(accepted, "text", "accepted"));
        (void)fflush(stdout);
    }
    json_decref(accepted);
}

static void tell_look(struct watch *watch, const struct look *look)
{
    if (look->sight == SIGHT_RUNNING)
        watch->seen = true;
    if (watch->settings->json)
        return;
    if (look->sight == SIGHT_RUNNING) {
        tell_steps(watch, look->told);
        tell_progress(watch, look->service);
        tell_items(watch, look->service);
        if (!watch->said_lost && ctl_turn_is_due(look->service))
            offer_failover(watch, look->service);
    } else if (look->sight == SIGHT_WAITS && !watch->said_waits) {
        say_what_for(stderr, watch, look->service);
        fputs("Waiting until it has begun and is over; Ctrl-C ends the waiting and no more.\n", stderr);
        watch->said_waits = true;
    } else if (look->outcome == CTL_OK && look->sight == SIGHT_NOT_YET && !watch->ordered && !watch->said_waiting) {
        fprintf(stderr, "failoverctl: operation %s does not run as far as this node knows; looking for a moment\n",
                watch->id);
        watch->said_waiting = true;
    }
}

static enum exit_code watch_to_end(struct watch *watch)
{
    for (;;) {
        struct look look;
        take_look(watch, false, &look);
        struct ending end = judge_end(watch, &look);
        enum exit_code code = EXIT_RUNNING;
        if (end.outcome != NULL)
            code = finish(watch, end, &look);
        else
            tell_look(watch, &look);
        drop_look(&look);
        if (end.outcome != NULL)
            return code;
        ctl_sleep_ms(POLL_MS);
    }
}

/* ---- the commands --------------------------------------------------------------------------- */

static void watch_begin(struct watch *watch, const struct ctl_settings *settings, const char *id)
{
    *watch = (struct watch){ .settings = settings, .id = id, .began_us = base_mono_us(), .heard_us = base_mono_us() };
}

enum exit_code ctl_operation_begun(const struct ctl_settings *settings, const char *service, const json_t *accepted)
{
    static const struct look nothing;
    struct watch watch;
    uint64_t id;
    watch_begin(&watch, settings, peek_str(accepted, "operation", ""));
    watch.ordered = true;
    (void)text_copy(watch.service, sizeof watch.service, service);
    if (!parse_hex(watch.id, &id)) {
        fputs("failoverctl: the daemon accepted the order and did not name the operation; see "
              "failoverctl status\n", stderr);
        return EXIT_FAILED;
    }
    if (!settings->json) {
        printf("operation %s: %s\n", watch.id, peek_str(accepted, "text", "accepted"));
        (void)fflush(stdout);
    }
    if (!settings->no_wait)
        return watch_to_end(&watch);
    if (!settings->json)
        printf("Not waiting for its end. Watch it with: failoverctl wait %s\n", watch.id);
    return finish(&watch, (struct ending){ "running", EXIT_RUNNING }, &nothing);
}

enum exit_code ctl_wait(const struct ctl_settings *settings, json_t *request, int64_t limit_us)
{
    struct watch watch;
    struct look look;
    enum exit_code code;
    watch_begin(&watch, settings, peek_str(request, "operation", ""));
    watch.limit_us = limit_us;
    take_look(&watch, false, &look); /* a socket where nobody is need not be waited for */
    if (look.outcome == CTL_OK)
        code = watch_to_end(&watch);
    else if (look.outcome == CTL_INTERRUPTED)
        code = finish(&watch, judge_end(&watch, &look), &look);
    else
        code = ctl_complain(settings, look.outcome, look.error, &look.fault);
    drop_look(&look);
    json_decref(request);
    return code;
}

/* What it has come to: by the ledger, else by the history. */
static const char *state_of(const struct look *look)
{
    switch (look->sight) {
    case SIGHT_RUNNING: return "running";
    case SIGHT_DONE: return "done";
    case SIGHT_ABORTED: return "aborted";
    case SIGHT_NOT_YET:
    case SIGHT_WAITS:
    case SIGHT_OTHER: break;
    }
    /* It runs no more as far as the ledger is known, so an entry without an end lacks it. */
    return strcmp(peek_str(look->told, "outcome", ""), "left") == 0 ? "left" : "unknown";
}

static enum exit_code show(const struct watch *watch, const struct look *look)
{
    const json_t *operation = json_object_get(look->service, "operation");
    const json_t *runbook = runbook_of(look->service, watch->id);
    bool runs = look->sight == SIGHT_RUNNING;
    FILE *out = watch->settings->style.stream;
    if (watch->settings->json) {
        json_t *document = json_pack("{s:s, s:s, s:s, s:O?, s:O?, s:O?}", "operation", watch->id, "service", watch->service,
                                     "state", state_of(look), "running", runs ? operation : NULL, "history", look->told,
                                     "runbook", runbook);
        enum exit_code code = ctl_print_json(document, EXIT_DONE);
        json_decref(document);
        return code;
    }
    if (runs) {
        char line[1024];
        struct text text = TEXT_OF(line);
        status_text_operation(&text, operation);
        fprintf(out, "%s runs: %s\n", watch->service, line);
    } else {
        bool known = look->sight == SIGHT_DONE || look->sight == SIGHT_ABORTED;
        fprintf(out, "%s: operation %s %s%s\n", watch->service, watch->id, known ? "is over: " : "",
                known ? state_of(look) : "does not run as far as this node knows, nor does it know how it ended");
    }
    if (look->told != NULL)
        table_operation(&watch->settings->style, look->told);
    else
        fprintf(out, "This node has no history of it%s%s.\n", runs ? "; its executor has: failoverctl history on " : "",
                runs ? peek_str(operation, "executor", "?") : "");
    if (runbook != NULL) {
        fputs("\nRunbook:\n", out);
        table_runbook(&watch->settings->style, runbook);
    }
    return fflush(out) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static enum exit_code show_waiting(const struct watch *watch, const json_t *service)
{
    bool scheduled = is_scheduled(watch, service);
    const char *what = scheduled ? "scheduled" : "proposal";
    if (watch->settings->json) {
        json_t *document = json_pack("{s:s, s:s, s:s, s:O}", "operation", watch->id, "service", watch->service, "state",
                                     scheduled ? "scheduled" : "proposed", what, json_object_get(service, what));
        enum exit_code code = ctl_print_json(document, EXIT_DONE);
        json_decref(document);
        return code;
    }
    say_what_for(watch->settings->style.stream, watch, service);
    return fflush(watch->settings->style.stream) == 0 ? EXIT_DONE : EXIT_FAILED;
}

enum exit_code ctl_operation_show(const struct ctl_settings *settings, json_t *request)
{
    struct watch watch;
    struct look look;
    enum exit_code code;
    watch_begin(&watch, settings, peek_str(request, "operation", ""));
    take_look(&watch, true, &look);
    if (look.outcome != CTL_OK) {
        code = ctl_complain(settings, look.outcome, look.error, &look.fault);
    } else if (look.told == NULL && look.sight == SIGHT_WAITS) {
        code = show_waiting(&watch, look.service);
    } else if (look.told == NULL && look.sight == SIGHT_NOT_YET) {
        say_unknown(&watch);
        code = settings->json ? finish(&watch, (struct ending){ "unknown", EXIT_USAGE }, &look) : EXIT_USAGE;
    } else {
        code = show(&watch, &look);
    }
    drop_look(&look);
    json_decref(request);
    return code;
}
