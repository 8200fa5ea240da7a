/* Running a program of the operator's: see hook.h. */
#include "coordinator/database/hook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/child.h"
#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"

#define VARIABLES_MAX 13
#define VARIABLES_BYTES 4096
/* For a daemon that was itself started without one. */
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct hook {
    struct loop *loop;
    struct child *child; /* runs, or was killed and is not gone yet */
    bool dying;          /* the latter: its result is nobody's */
    bool waiting;        /* `request` begins when there is no child */
    struct hook_request request;
    struct timer later;  /* begins it outside of the call that asked for it */
    struct timer end;    /* request.kill_at_us */
};

/* ---- what it gets ------------------------------------------------------------------------ */

struct variables {
    const char *list[VARIABLES_MAX + 1];
    size_t count;
    char bytes[VARIABLES_BYTES];
    struct text text;
};

static void PRINTF_LIKE(2, 3) add(struct variables *v, const char *format, ...)
{
    ensure(v->count < VARIABLES_MAX);
    v->list[v->count++] = v->text.data + v->text.length;
    v->list[v->count] = NULL;
    va_list args;
    va_start(args, format);
    text_appendv(&v->text, format, args);
    va_end(args);
    text_append_bytes(&v->text, "", 1); /* its terminator */
}

static void add_text(struct variables *v, const char *name, const char *value)
{
    if (value != NULL)
        add(v, "%s=%s", name, value);
}

static int64_t whole_seconds(int64_t at_us, int64_t now_us)
{
    return at_us > now_us ? (at_us - now_us) / CLOCK_US_PER_S : 0;
}

static bool gather(struct variables *v, const struct hook_request *r, int64_t now_us, struct fault *fault)
{
    v->count = 0;
    v->list[0] = NULL;
    v->text = TEXT_OF(v->bytes);
    if (getenv("PATH") == NULL)
        add(v, "%s", DEFAULT_PATH);
    add_text(v, "FAILOVERD_SERVICE", r->service);
    add_text(v, "FAILOVERD_REGION", r->region);
    add_text(v, "FAILOVERD_NODE", r->node);
    add(v, "FAILOVERD_EPOCH=%" PRIu64, r->epoch);
    if (r->operation != 0)
        add(v, "FAILOVERD_OPERATION=%016" PRIx64, r->operation);
    add_text(v, "FAILOVERD_ACTION", r->action);
    add_text(v, "FAILOVERD_REASON", r->reason);
    add(v, "FAILOVERD_DEADLINE_SECONDS=%" PRId64, whole_seconds(r->deadline_us, now_us));
    if (r->kill_at_us != 0)
        add(v, "FAILOVERD_UNTIL_SECONDS=%" PRId64, whole_seconds(r->kill_at_us, now_us));
    add_text(v, "FAILOVERD_DATABASE_HOST", r->database_host);
    if (r->database_port != 0)
        add(v, "FAILOVERD_DATABASE_PORT=%" PRId64, r->database_port);
    return !v->text.cut || fault_set(fault, "its environment is longer than %d bytes", VARIABLES_BYTES);
}

/* ---- what it said ------------------------------------------------------------------------ */

/* Its bytes as one line that any log, status or terminal can show. */
static void append_plain(struct text *text, const char *bytes, size_t most, bool first_line_only)
{
    bool gap = false;
    for (size_t i = 0; bytes[i] != '\0' && most > 0; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\n' && first_line_only && text->length > 0)
            return;
        if (c == '\n' || c == '\t' || c == '\r' || c == ' ') {
            gap = text->length > 0;
            continue;
        }
        if (gap)
            text_append_char(text, ' ');
        gap = false;
        text_append_char(text, c > ' ' && c < 0x7f ? (char)c : '?');
        most--;
    }
}

static void describe(struct hook_report *report, const struct child_result *result)
{
    char took[CLOCK_DURATION_TEXT_MAX];
    struct text text = TEXT_OF(report->text);
    if (report->well) {
        append_plain(&text, result->output, HOOK_LINE_MAX, true);
        text_appendf(&text, "%s%s", text.length > 0 ? ", " : "exit code 0, ",
                     base_format_duration(took, sizeof took, result->took_us));
        return;
    }
    char said[HOOK_TEXT_MAX / 2];
    struct text plain = TEXT_OF(said);
    append_plain(&plain, result->output, sizeof said, false);
    text_appendf(&text, "%s%s%s", result->text, plain.length > 0 ? ": " : "", said);
}

/* ---- life of a child --------------------------------------------------------------------- */

static void begin(struct hook *hook);

static void report(struct hook *hook, const struct hook_report *said)
{
    hook->request.done(hook->request.arg, said);
}

static void refuse(struct hook *hook, const char *why)
{
    struct hook_report said = { .output = "" };
    struct text text = TEXT_OF(said.text);
    append_plain(&text, why, sizeof said.text, false);
    report(hook, &said);
}

static void on_child(const struct child_result *result, void *arg)
{
    struct hook *hook = arg;
    bool ours = !hook->dying;
    hook->child = NULL;
    hook->dying = false;
    timer_cancel(&hook->end);
    if (ours) {
        struct hook_report said = {
            .well = result->end == CHILD_EXITED && result->status == 0,
            .took_us = result->took_us,
            .output = result->output,
        };
        describe(&said, result);
        report(hook, &said);
    } else if (hook->waiting) {
        timer_set_after_us(&hook->later, 0);
    }
}

static void on_end(void *arg)
{
    struct hook *hook = arg;
    if (hook->child != NULL)
        child_kill(hook->child);
}

static void begin(struct hook *hook)
{
    const struct hook_request *r = &hook->request;
    int64_t now_us = base_mono_us();
    /* Rounded up: where both come at once it is the lease's end that kills, and is told as such. */
    int64_t left_ms = (r->deadline_us - now_us + CLOCK_US_PER_MS - 1) / CLOCK_US_PER_MS;
    struct variables variables;
    const char *argv[CHILD_ARGUMENTS_MAX + 2];
    struct fault fault;
    hook->waiting = false;
    if (left_ms < 1 || (r->kill_at_us != 0 && r->kill_at_us - now_us < CLOCK_US_PER_MS)) {
        refuse(hook, "was not run: its time was over before it could begin");
        return;
    }
    if (!gather(&variables, r, now_us, &fault)) {
        refuse(hook, fault.text);
        return;
    }
    for (size_t i = 0; i < r->word_count; i++)
        argv[i] = r->words[i];
    argv[r->word_count] = NULL;
    struct child_request request = {
        .argv = argv,
        .environment = variables.list,
        .deadline_ms = left_ms,
        .done = on_child,
        .arg = hook,
    };
    hook->child = child_start(hook->loop, &request, &fault);
    if (hook->child == NULL)
        refuse(hook, fault.text);
    else if (r->kill_at_us != 0)
        timer_set_at_us(&hook->end, r->kill_at_us);
}

static void on_later(void *arg)
{
    struct hook *hook = arg;
    if (hook->waiting && hook->child == NULL)
        begin(hook);
}

void hook_stop(struct hook *hook)
{
    hook->waiting = false;
    timer_cancel(&hook->end);
    timer_cancel(&hook->later);
    if (hook->child == NULL)
        return;
    hook->dying = true;
    child_kill(hook->child);
}

void hook_run(struct hook *hook, const struct hook_request *request)
{
    ensure(request->done != NULL && request->word_count <= CHILD_ARGUMENTS_MAX);
    hook_stop(hook);
    hook->request = *request;
    hook->waiting = true;
    if (hook->child == NULL)
        timer_set_after_us(&hook->later, 0);
}

struct hook *hook_new(struct loop *loop)
{
    struct hook *hook = calloc(1, sizeof *hook);
    if (hook == NULL)
        return NULL;
    hook->loop = loop;
    timer_init(&hook->later, loop, on_later, hook);
    timer_init(&hook->end, loop, on_end, hook);
    return hook;
}

void hook_free(struct hook *hook)
{
    if (hook == NULL)
        return;
    timer_cancel(&hook->later);
    timer_cancel(&hook->end);
    if (hook->child != NULL)
        child_abandon(hook->child);
    free(hook);
}

bool hook_can_run(const char *program, struct fault *why)
{
    struct stat info;
    if (stat(program, &info) != 0)
        return fault_errno(why, errno, "%s", program);
    if (!S_ISREG(info.st_mode))
        return fault_set(why, "%s is no regular file", program);
    if (access(program, X_OK) != 0)
        return fault_errno(why, errno, "%s can't be executed", program);
    return true;
}
