/* The journal: what a line says, and who is told. See journal.h; journal_writer.c has the file. */
#include "coordinator/report/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/report/journal_writer.h"
#include "coordinator/report/vocabulary.h"
#include "coordinator/status/names.h"

#define SENTENCE_MAX 1024
#define SYNC_SOON 1 /* the token of lines that are synced, though nobody is told */

struct journal {
    char path[512];
    char node[CONFIG_MAX_NAME + 1];
    const struct cluster_config *cluster;
    struct history *history;
    struct recent *recent;
    struct journal_writer *writer;
    uint64_t seq;
    uint64_t lost;
    uint64_t lost_unsaid;
};

/* ---- lines ------------------------------------------------------------------------------- */

struct head {
    const char *event;
    enum log_level level;
    const char *service;
    uint64_t epoch;
    uint64_t operation;
    const char *text;
};

/* The keys that every line begins with. */
static json_t *line_of(struct journal *journal, const struct head *head)
{
    char when[CLOCK_WALL_TEXT_MAX];
    char id[NAME_HEX_MAX];
    json_t *line = json_object();
    if (line == NULL)
        return NULL;
    int bad = 0;
    bad |= json_object_set_new(line, "seq", json_of_u64(++journal->seq));
    bad |= json_object_set_new(line, "time",
                               json_string(base_format_wall(when, sizeof when, base_wall_us())));
    bad |= json_object_set_new(line, "mono_us", json_integer(base_mono_us()));
    bad |= json_object_set_new(line, "node", json_of_text(journal->node));
    bad |= json_object_set_new(line, "event", json_string(head->event));
    bad |= json_object_set_new(line, "level", json_string(log_level_name(head->level)));
    if (head->service != NULL)
        bad |= json_object_set_new(line, "service", json_of_text(head->service));
    if (head->epoch != 0)
        bad |= json_object_set_new(line, "epoch", json_of_u64(head->epoch));
    if (head->operation != 0)
        bad |= json_object_set_new(line, "operation", json_string(format_hex(id, head->operation)));
    bad |= json_object_set_new(line, "text", json_of_text(head->text));
    if (bad == 0)
        return line;
    json_decref(line);
    return NULL;
}

static void lost_one(struct journal *journal)
{
    journal->lost++;
    journal->lost_unsaid++;
}

/* Queues the line and hands it to history and recent lines, whatever becomes of the file. Steals it. */
static bool put_line(struct journal *journal, json_t *line, uint64_t token)
{
    char buffer[JOURNAL_LINE_MAX];
    bool queued = false;
    size_t length = line != NULL ? json_dumpb(line, buffer, sizeof buffer - 1, JSON_COMPACT) : 0;
    if (length > 0 && length < sizeof buffer) {
        buffer[length] = '\n';
        queued = journal_writer_put(journal->writer, buffer, length + 1, token);
        recent_line(journal->recent, line, length + 1);
    }
    if (!queued)
        lost_one(journal);
    if (line != NULL && journal->history != NULL)
        history_line(journal->history, line);
    json_decref(line);
    return queued;
}

/* Said as soon as there is room again; a gap in seq shows which lines they were. */
static void say_lost(struct journal *journal)
{
    struct journal_writer_status status;
    if (journal->lost_unsaid == 0)
        return;
    journal_writer_status(journal->writer, &status);
    if (status.waiting + 2 > JOURNAL_QUEUE_LINES_MAX)
        return;
    json_int_t count = (json_int_t)journal->lost_unsaid;
    struct head head = { .event = "journal_lost", .level = LOG_LEVEL_ERROR,
                         .text = "lines of this journal were lost: the disk was full or too slow" };
    json_t *line = line_of(journal, &head);
    if (line != NULL && json_object_set_new(line, "lines", json_integer(count)) == 0 &&
        put_line(journal, json_incref(line), 0)) {
        journal->lost_unsaid = 0;
        log_event(LOG_LEVEL_ERROR, "lines of the journal were lost", LOG_INT("lines", count));
    }
    json_decref(line);
}

static void log_note(const struct journal *journal, const struct note *note, enum log_level level,
                     const char *sentence)
{
    struct log_field fields[6];
    size_t count = 0;
    if (!log_enabled(level))
        return;
    if (note->service != SERVICE_NONE)
        fields[count++] = LOG_STR("service", name_service(journal->cluster, note->service));
    if (note->region != REGION_NONE)
        fields[count++] = LOG_STR("region", name_region(journal->cluster, note->region));
    if (note->epoch != 0)
        fields[count++] = LOG_UINT("epoch", note->epoch);
    if (note->operation != 0)
        fields[count++] = LOG_HEX("operation", note->operation);
    if (note->node != NODE_NONE)
        fields[count++] = LOG_STR("about", name_node(journal->cluster, note->node));
    fields[count++] = LOG_STR("event", vocabulary_row(note->kind)->event);
    log_write(level, sentence, fields, count);
}

void journal_note(struct journal *journal, const struct note *note)
{
    const struct vocabulary_row *row = vocabulary_row(note->kind);
    char sentence[SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    ensure(row != NULL);
    say_lost(journal);
    vocabulary_sentence(&text, journal->cluster, note);
    struct head head = {
        .event = row->event,
        .level = vocabulary_level(note),
        .service = note->service != SERVICE_NONE ? name_service(journal->cluster, note->service)
                                                 : NULL,
        .epoch = note->epoch,
        .operation = note->operation,
        .text = sentence,
    };
    log_note(journal, note, head.level, sentence);
    json_t *line = line_of(journal, &head);
    if (line != NULL && !vocabulary_fields(line, journal->cluster, note)) {
        json_decref(line);
        line = NULL;
    }
    (void)put_line(journal, line, 0);
}

void journal_event(struct journal *journal, const char *event, int level, const char *service,
                   const char *text, json_t *fields)
{
    struct head head = { .event = event, .level = (enum log_level)level, .service = service,
                         .text = text };
    say_lost(journal);
    log_event(head.level, text, LOG_STR("service", service), LOG_STR("event", event));
    json_t *line = line_of(journal, &head);
    if (line != NULL && fields != NULL)
        (void)json_object_update_missing(line, fields);
    json_decref(fields);
    (void)put_line(journal, line, 0);
}

/* ---- audit ------------------------------------------------------------------------------- */

static int set_text(json_t *line, const char *key, const char *value)
{
    return value == NULL ? 0 : json_object_set_new(line, key, json_of_text(value));
}

static json_t *audit_line(struct journal *journal, const struct journal_audit *audit)
{
    char sentence[SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    text_appendf(&text, "%s (uid %u, %s) asked for %s%s%s", audit->user[0] != '\0' ? audit->user : "?",
                 (unsigned)audit->uid, audit->role, audit->command,
                 audit->service != NULL ? " of " : "", audit->service != NULL ? audit->service : "");
    if (audit->reason != NULL)
        text_appendf(&text, ", because: %s", audit->reason);
    if (audit->outcome != NULL)
        text_appendf(&text, "; outcome: %s", audit->outcome);
    struct head head = { .event = audit->event, .level = LOG_LEVEL_WARNING,
                         .service = audit->service, .epoch = audit->epoch,
                         .operation = audit->operation, .text = sentence };
    log_event(LOG_LEVEL_WARNING, sentence, LOG_STR("event", audit->event),
              LOG_STR("service", audit->service), LOG_UINT("epoch", audit->epoch));
    json_t *line = line_of(journal, &head);
    if (line == NULL)
        return NULL;
    int bad = set_text(line, "command", audit->command);
    bad |= json_object_set_new(line, "uid", json_integer((json_int_t)audit->uid));
    bad |= json_object_set_new(line, "pid", json_integer((json_int_t)audit->pid));
    bad |= set_text(line, "user", audit->user);
    bad |= set_text(line, "role", audit->role);
    bad |= set_text(line, "reason", audit->reason);
    bad |= set_text(line, "outcome", audit->outcome);
    if (audit->arguments != NULL)
        bad |= json_object_set_new(line, "arguments", json_deep_copy(audit->arguments));
    if (bad == 0)
        return line;
    json_decref(line);
    return NULL;
}

void journal_audit(struct journal *journal, const struct journal_audit *audit)
{
    say_lost(journal);
    (void)put_line(journal, audit_line(journal, audit), SYNC_SOON);
}

/* ---- life -------------------------------------------------------------------------------- */

static int open_file(const char *path, struct fault *fault)
{
    struct stat file;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    if (fd < 0) {
        (void)fault_errno(fault, errno, "journal %s can't be opened", path);
        return -1;
    }
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode))
        return fd;
    (void)close(fd);
    (void)fault_set(fault, "journal %s is no regular file", path);
    return -1;
}

struct journal *journal_new(const struct journal_settings *settings, struct fault *fault)
{
    struct journal *journal = calloc(1, sizeof *journal);
    bool torn = false;
    int fd = -1;
    if (journal == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    journal->cluster = settings->cluster;
    journal->history = settings->history;
    if (!text_copy(journal->path, sizeof journal->path, settings->path) ||
        !text_copy(journal->node, sizeof journal->node, settings->node)) {
        (void)fault_set(fault, "the journal's path or the node's name is too long");
        goto fail;
    }
    fd = open_file(settings->path, fault);
    if (fd < 0)
        goto fail;
    journal->recent = recent_new();
    if (journal->recent == NULL) {
        (void)fault_set(fault, "out of memory");
        (void)close(fd);
        goto fail;
    }
    if (!history_load(journal->history, journal->recent, settings->path, &journal->seq, &torn, fault)) {
        (void)close(fd);
        goto fail;
    }
    recent_begin(journal->recent, journal->seq);
    journal->writer = journal_writer_new(settings->loop, settings->path, fd, torn, NULL, NULL,
                                         fault);
    if (journal->writer == NULL) {
        (void)fault_wrap(fault, "journal %s", settings->path);
        goto fail;
    }
    return journal;
fail:
    recent_free(journal->recent);
    free(journal);
    return NULL;
}

bool journal_free(struct journal *journal, int64_t wait_ms)
{
    if (journal == NULL)
        return true;
    bool all = journal_writer_free(journal->writer, wait_ms);
    recent_free(journal->recent);
    free(journal);
    return all;
}

void journal_use(struct journal *journal, const struct cluster_config *cluster)
{
    journal->cluster = cluster;
}

json_t *journal_events(const struct journal *journal, const struct recent_question *question)
{
    return recent_json(journal->recent, question);
}

void journal_status(struct journal *journal, struct journal_status *status)
{
    struct journal_writer_status writer;
    char reason[128];
    journal_writer_status(journal->writer, &writer);
    *status = (struct journal_status){
        .seq = journal->seq,
        .written = writer.written,
        .lost = journal->lost,
        .waiting = writer.waiting,
        .failing = writer.failing,
        .failing_us = writer.failing ? base_mono_us() - writer.failing_since_us : 0,
    };
    (void)text_copy(status->path, sizeof status->path, journal->path);
    if (writer.failing)
        (void)text_copy(status->text, sizeof status->text,
                        strerror_r(writer.error, reason, sizeof reason));
}
