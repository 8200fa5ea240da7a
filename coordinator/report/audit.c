/* The audit trail, the loop's side: see audit.h. What a line says and who waits for it; journal_writer.c has the
 * file, audit_chain.c the hash. */
#include "coordinator/report/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/report/audit_verify.h"
#include "coordinator/report/journal_writer.h"
#include "coordinator/status/names.h"

/* A line that is not on disk yet. */
struct pending {
    struct pending *next;
    struct audit *audit;
    struct audit_link link;
    audit_kept *kept; /* NULL: nobody waits, or not any more */
    void *arg;
    struct timer deadline;
};

struct audit {
    char path[512];
    char node[CONFIG_MAX_NAME + 1];
    struct loop *loop;
    struct journal *journal;
    struct journal_writer *writer;  /* NULL: the file can't be used */
    char unusable[FAULT_TEXT_MAX];  /* why */
    int64_t unusable_since_us;
    struct audit_link head;         /* of the newest line that was queued; what the next one continues */
    struct audit_link on_disk;
    uint64_t lost;
    struct pending *first, *last;   /* in the order of the file */
};

/* ---- what waits ---------------------------------------------------------------------------- */

static void tell(struct pending *pending, bool ok, const struct fault *fault)
{
    audit_kept *kept = pending->kept;
    pending->kept = NULL;
    timer_cancel(&pending->deadline);
    if (kept != NULL)
        kept(ok, fault, pending->arg);
}

static struct pending *take_first(struct audit *audit)
{
    struct pending *pending = audit->first;
    audit->first = pending->next;
    if (audit->first == NULL)
        audit->last = NULL;
    return pending;
}

/* The hash leaves the file's disk as soon as it is true that the file has it. */
static void journal_hash(struct audit *audit, const struct audit_link *link)
{
    char sentence[256];
    struct text text = TEXT_OF(sentence);
    text_appendf(&text, "the audit trail has number %" PRIu64 ", with the hash %s", link->seq, link->hash);
    journal_event(audit->journal, "audit_line", LOG_LEVEL_INFO, NULL, sentence,
                  json_pack("{s:I, s:s}", "audit_seq", (json_int_t)link->seq, "audit_hash", link->hash));
}

static void on_synced(uint64_t seq, void *arg)
{
    struct audit *audit = arg;
    while (audit->first != NULL && audit->first->link.seq <= seq) {
        struct pending *pending = take_first(audit);
        audit->on_disk = pending->link;
        journal_hash(audit, &pending->link);
        tell(pending, true, NULL);
        free(pending);
    }
}

static void on_deadline(void *arg)
{
    struct pending *pending = arg;
    struct audit_status status;
    struct fault fault;
    audit_status(pending->audit, &status);
    (void)fault_set(&fault, "%s could not be written and synced within %d ms%s%s", status.path, AUDIT_DEADLINE_MS,
                    status.text[0] != '\0' ? ": " : "", status.text);
    tell(pending, false, &fault);
}

void audit_forget(struct audit *audit, const void *arg)
{
    for (struct pending *pending = audit->first; pending != NULL; pending = pending->next)
        if (pending->kept != NULL && pending->arg == arg) {
            pending->kept = NULL;
            timer_cancel(&pending->deadline);
        }
}

/* ---- lines --------------------------------------------------------------------------------- */

/* Seals the body as the next line and queues it. */
static bool queue_line(struct audit *audit, const json_t *body, struct pending **out, struct fault *fault)
{
    size_t length = 0;
    struct audit_link link;
    struct pending *pending = calloc(1, sizeof *pending);
    char *line = audit_seal(body, audit->head.seq + 1, audit->head.hash, &link, &length, fault);
    if (line == NULL || pending == NULL)
        goto fail;
    line[length] = '\n'; /* over the terminator */
    if (!journal_writer_put(audit->writer, line, length + 1, link.seq)) {
        (void)fault_set(fault, "the audit trail %s has no room for another line: its disk is full or hangs",
                        audit->path);
        goto fail;
    }
    *pending = (struct pending){ .audit = audit, .link = link };
    timer_init(&pending->deadline, audit->loop, on_deadline, pending);
    if (audit->last != NULL)
        audit->last->next = pending;
    else
        audit->first = pending;
    audit->last = pending;
    audit->head = link;
    *out = pending;
    free(line);
    return true;
fail:
    if (line != NULL && pending == NULL)
        (void)fault_set(fault, "out of memory for a line of the audit trail");
    free(line);
    free(pending);
    audit->lost++;
    return false;
}

/* What every line begins with, after its number. */
static json_t *new_body(const struct audit *audit, const char *event)
{
    char when[CLOCK_WALL_TEXT_MAX];
    return json_pack("{s:s, s:s, s:s}", "time", base_format_wall(when, sizeof when, base_wall_us()), "node",
                     audit->node, "event", event);
}

static int put_text(json_t *body, const char *key, const char *value)
{
    return value == NULL ? 0 : json_object_set_new(body, key, json_of_text(value));
}

static json_t *gates_json(uint32_t gates)
{
    json_t *list = json_array();
    for (int i = 0; i < GATE_COUNT; i++)
        if ((gates >> i & 1u) != 0)
            (void)json_array_append_new(list, json_string(gate_name((enum gate_id)i)));
    return list;
}

/* As asked, without what the line has under keys of its own. */
static json_t *arguments_json(const json_t *asked)
{
    static const char *const own[] = { "id", "command", "service", "reason", "skip_gates" };
    json_t *arguments = json_copy((json_t *)asked);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        (void)json_object_del(arguments, own[i]);
    return arguments;
}

static json_t *body_of(const struct audit *audit, const struct journal_audit *entry)
{
    char id[NAME_HEX_MAX];
    json_t *body = new_body(audit, entry->event);
    if (body == NULL)
        return NULL;
    int bad = put_text(body, "command", entry->command);
    bad |= put_text(body, "service", entry->service);
    bad |= json_object_set_new(body, "uid", json_integer((json_int_t)entry->uid));
    bad |= put_text(body, "user", entry->user);
    bad |= put_text(body, "from", entry->from != NULL ? entry->from : audit->node);
    bad |= json_object_set_new(body, "pid", json_integer((json_int_t)entry->pid));
    bad |= put_text(body, "role", entry->role);
    bad |= put_text(body, "reason", entry->reason);
    if (entry->arguments != NULL)
        bad |= json_object_set_new(body, "arguments", arguments_json(entry->arguments));
    if (entry->skipped_gates != 0)
        bad |= json_object_set_new(body, "skipped_gates", gates_json(entry->skipped_gates));
    bad |= put_text(body, "outcome", entry->outcome);
    if (entry->operation != 0)
        bad |= json_object_set_new(body, "operation", json_string(format_hex(id, entry->operation)));
    if (entry->asked != 0)
        bad |= json_object_set_new(body, "asked", json_integer((json_int_t)entry->asked));
    if (bad == 0)
        return body;
    json_decref(body);
    return NULL;
}

bool audit_put(struct audit *audit, const struct journal_audit *entry, audit_kept *kept, void *arg, uint64_t *seq,
               struct fault *fault)
{
    struct pending *pending = NULL;
    journal_audit(audit->journal, entry);
    if (audit->writer == NULL) {
        audit->lost++;
        return fault_set(fault, "%s", audit->unusable);
    }
    json_t *body = body_of(audit, entry);
    bool good = body != NULL ? queue_line(audit, body, &pending, fault) : fault_set(fault, "out of memory");
    json_decref(body);
    if (!good)
        return false;
    if (seq != NULL)
        *seq = pending->link.seq;
    pending->kept = kept;
    pending->arg = arg;
    if (kept != NULL)
        timer_set_after_us(&pending->deadline, AUDIT_DEADLINE_MS * CLOCK_US_PER_MS);
    return true;
}

/* ---- the start ----------------------------------------------------------------------------- */

/* The file's end, from a line's beginning on. NULL: there is no file (the fault is ""), or it can't be used. */
static FILE *open_tail(const char *path, struct fault *fault)
{
    struct stat info;
    FILE *file = NULL;
    fault->text[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return NULL;
    if (fd < 0) {
        (void)fault_errno(fault, errno, "the audit trail %s could not be read at the start", path);
        return NULL;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        (void)fault_set(fault, "the audit trail %s is no regular file", path);
    else
        file = fdopen(fd, "r");
    if (file == NULL) {
        if (fault->text[0] == '\0')
            (void)fault_set(fault, "out of memory for the audit trail %s", path);
        (void)close(fd);
        return NULL;
    }
    if (info.st_size <= AUDIT_TAIL_BYTES || fseeko(file, info.st_size - AUDIT_TAIL_BYTES, SEEK_SET) != 0)
        return file;
    int c;
    do {
        c = getc(file);
    } while (c != EOF && c != '\n');
    return file;
}

/* Not to be missed: whoever reads the journal afterwards knows it, too. */
static void say_damage(struct audit *audit, const struct audit_report *report)
{
    char sentence[512];
    struct text text = TEXT_OF(sentence);
    bool torn_alone = report->breaks == 1 && report->findings[0].what == AUDIT_BREAK_TORN;
    if (report->breaks == 0 || torn_alone)
        return;
    text_appendf(&text, "the end of the audit trail %s is not whole (%s); failoverctl audit verify says where and what "
                 "to do%s", audit->path, audit_break_name(report->findings[0].what),
                 report->any ? "" : "; another chain begins, since nothing there can be continued");
    journal_event(audit->journal, "audit_broken", LOG_LEVEL_ERROR, NULL, sentence, NULL);
}

/* Where the chain goes on. False with the fault set: the file can't be used. */
static bool read_tail(struct audit *audit, struct audit_report *report, struct fault *fault)
{
    *report = (struct audit_report){ .lines = 0 };
    memcpy(audit->head.hash, audit_genesis, sizeof audit_genesis);
    FILE *file = open_tail(audit->path, fault);
    if (file == NULL)
        return fault->text[0] == '\0';
    bool good = audit_walk(file, NULL, NULL, NULL, report, fault) ||
                fault_wrap(fault, "the audit trail %s could not be read at the start", audit->path);
    (void)fclose(file);
    if (good && report->any)
        audit->head = audit->on_disk = report->sound;
    return good;
}

static void put_opened(struct audit *audit, const struct audit_report *report)
{
    struct fault fault = { "out of memory" };
    struct pending *pending = NULL;
    json_t *body = new_body(audit, "opened");
    int bad = 0;
    if (body != NULL && report->torn_bytes > 0)
        bad = json_object_set_new(body, "torn", json_pack("{s:I, s:s}", "bytes", (json_int_t)report->torn_bytes,
                                                          "sha256", report->torn_hash));
    if (body == NULL || bad != 0 || !queue_line(audit, body, &pending, &fault))
        log_event(LOG_LEVEL_ERROR, "the audit trail's start could not be put on record", LOG_STR("reason", fault.text));
    json_decref(body);
}

static bool begin(struct audit *audit, struct fault *fault)
{
    struct audit_report report;
    struct fault unusable;
    if (!read_tail(audit, &report, &unusable)) {
        (void)text_copy(audit->unusable, sizeof audit->unusable, unusable.text);
        audit->unusable_since_us = base_mono_us();
        log_event(LOG_LEVEL_ERROR, "orders of people are refused: mend the audit trail, then restart failoverd",
                  LOG_STR("reason", unusable.text));
        return true;
    }
    say_damage(audit, &report);
    audit->writer = journal_writer_new(audit->loop, audit->path, -1, report.unended, on_synced, audit, fault);
    if (audit->writer == NULL)
        return fault_wrap(fault, "the audit trail %s", audit->path);
    put_opened(audit, &report);
    return true;
}

struct audit *audit_new(const struct audit_settings *settings, struct fault *fault)
{
    struct audit *audit = calloc(1, sizeof *audit);
    if (audit == NULL) {
        (void)fault_set(fault, "out of memory for the audit trail");
        return NULL;
    }
    audit->loop = settings->loop;
    audit->journal = settings->journal;
    bool named = text_copy(audit->path, sizeof audit->path, settings->path) &&
                 text_copy(audit->node, sizeof audit->node, settings->node);
    if (named && begin(audit, fault))
        return audit;
    if (!named)
        (void)fault_set(fault, "the audit trail's path or the node's name is too long");
    free(audit);
    return NULL;
}

bool audit_free(struct audit *audit, int64_t wait_ms)
{
    if (audit == NULL)
        return true;
    bool all = journal_writer_free(audit->writer, wait_ms);
    while (audit->first != NULL) {
        struct pending *pending = take_first(audit);
        timer_cancel(&pending->deadline);
        free(pending);
    }
    free(audit);
    return all;
}

void audit_status(struct audit *audit, struct audit_status *status)
{
    char reason[128];
    *status = (struct audit_status){ .seq = audit->on_disk.seq, .lost = audit->lost };
    (void)text_copy(status->path, sizeof status->path, audit->path);
    memcpy(status->hash, audit->on_disk.hash, sizeof status->hash);
    if (audit->writer == NULL) {
        status->failing = true;
        status->failing_us = base_mono_us() - audit->unusable_since_us;
        (void)text_copy(status->text, sizeof status->text, audit->unusable);
        return;
    }
    struct journal_writer_status writer;
    journal_writer_status(audit->writer, &writer);
    status->waiting = writer.waiting;
    status->failing = writer.failing;
    if (!writer.failing)
        return;
    status->failing_us = base_mono_us() - writer.failing_since_us;
    (void)text_copy(status->text, sizeof status->text, strerror_r(writer.error, reason, sizeof reason));
}
