/* The journal: every note has words, lines are whole, a full disk loses nothing that was taken. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/report/journal.h"
#include "coordinator/report/vocabulary.h"
#include "coordinator/status/names.h"
#include "coordinator/status/sentences.h"
#include "coordinator/status/status_text.h"
#include "tests/unit/cluster_fixture.h"
#include "tests/unit/suite.h"

static char folder[64];
static int log_fd = -1;
static char path[128];
static struct loop *loop;
static struct history *history;

static struct journal *open_journal(void)
{
    struct fault fault = { "" };
    struct journal_settings settings = { path, "use1-a", fixture_cluster(), loop, history };
    struct journal *journal = journal_new(&settings, &fault);
    if (journal == NULL)
        fprintf(stderr, "%s\n", fault.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
    return journal;
}

static void setup(void)
{
    struct fault fault;
    snprintf(folder, sizeof folder, "/tmp/journal-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/journal.jsonl", folder);
    /* The log repeats every note; here only the file matters. */
    struct log_settings quiet = log_settings_default();
    quiet.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_open(&quiet);
    log_fd = quiet.fd;
    loop = loop_new("test", &fault);
    history = history_new();
}

static void teardown(void)
{
    history_free(history);
    loop_free(loop);
    struct log_settings loud = log_settings_default();
    log_open(&loud);
    close(log_fd);
    unlink(path);
    rmdir(folder);
}

/* The file's lines, parsed; the caller frees it. */
static json_t *lines(size_t *bad)
{
    json_t *list = json_array();
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    *bad = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (getline(&line, &size, file) > 0) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (object != NULL)
            json_array_append_new(list, object);
        else
            (*bad)++;
    }
    free(line);
    fclose(file);
    return list;
}

static void expect_number(const json_t *line, const char *key, double value)
{
    CU_ASSERT(json_is_number(json_object_get(line, key)));
    CU_ASSERT_DOUBLE_EQUAL(json_number_value(json_object_get(line, key)), value, 0.001);
}

static struct note note_of(enum note_kind kind)
{
    struct note note = { .kind = kind, .service = 0, .region = FIXTURE_EAST, .node = FIXTURE_WEST,
                         .check = 0, .step = STEP_FENCE, .epoch = 7, .operation = 0xaa, .a = 1, .b = 2,
                         .c = 3 };
    snprintf(note.detail.s, sizeof note.detail.s, "why \"so\"");
    return note;
}

static void every_note_becomes_a_line(void)
{
    setup();
    struct journal *journal = open_journal();
    for (int i = 0; i < NOTE_KIND_COUNT; i++) {
        struct note note = note_of((enum note_kind)i);
        journal_note(journal, &note);
        note.a = note.b = note.c = -1; /* what is not known */
        note.service = SERVICE_NONE;
        note.region = REGION_NONE;
        note.node = NODE_NONE;
        note.check = CHECK_NONE;
        note.detail.s[0] = '\0';
        journal_note(journal, &note);
        note.a = note.b = note.c = INT64_MAX; /* nonsense */
        note.service = note.region = note.node = note.check = note.step = 200;
        memset(note.detail.s, 0xff, sizeof note.detail.s);
        journal_note(journal, &note);
    }
    CU_ASSERT_TRUE(journal_free(journal, 5000));
    size_t bad = 0;
    json_t *list = lines(&bad);
    CU_ASSERT_EQUAL(bad, 0);
    CU_ASSERT_EQUAL(json_array_size(list), 3 * NOTE_KIND_COUNT);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *line = json_array_get(list, i);
        int64_t seq = 0;
        CU_ASSERT_TRUE(peek_int(line, "seq", &seq));
        CU_ASSERT_EQUAL((size_t)seq, i + 1);
        CU_ASSERT_STRING_EQUAL(peek_str(line, "node", ""), "use1-a");
        CU_ASSERT(peek_str(line, "event", "")[0] != '\0');
        CU_ASSERT(strlen(peek_str(line, "text", "")) > 10);
        CU_ASSERT_PTR_NULL(strchr(peek_str(line, "text", "{"), '{'));
        CU_ASSERT_EQUAL(strlen(peek_str(line, "time", "")), 24);
    }
    const json_t *done = json_array_get(list, 3 * NOTE_STEP_RETRIED);
    CU_ASSERT_STRING_EQUAL(peek_str(done, "event", ""), "step_retried");
    CU_ASSERT_STRING_EQUAL(peek_str(done, "service", ""), "shop");
    CU_ASSERT_STRING_EQUAL(peek_str(done, "operation", ""), "00000000000000aa");
    CU_ASSERT_STRING_EQUAL(peek_str(done, "detail", ""), "why \"so\"");
    CU_ASSERT_STRING_EQUAL(peek_str(done, "text", ""),
                           "step fence is tried again after attempt 1: why \"so\"");
    json_decref(list);
    teardown();
}

static size_t events_after(struct journal *journal, int64_t after, const char *run, bool *restarted)
{
    struct recent_question question = { .after = after, .run = run };
    json_t *answer = journal_events(journal, &question);
    size_t count = json_array_size(json_object_get(answer, "events"));
    *restarted = peek_yes(answer, "restarted");
    int64_t missed = -1;
    CU_ASSERT(peek_int(answer, "missed", &missed) && missed == 0);
    json_decref(answer);
    return count;
}

/* At hand at once, whatever the disk does; and over a restart without a hole. */
static void the_newest_lines_are_at_hand(void)
{
    bool restarted = false;
    setup();
    struct journal *journal = open_journal();
    CU_ASSERT_EQUAL(events_after(journal, 0, NULL, &restarted), 0);
    struct note note = note_of(NOTE_VOTING);
    journal_note(journal, &note);
    journal_event(journal, "daemon_stopping", LOG_LEVEL_INFO, NULL, "it stops", NULL);
    CU_ASSERT_EQUAL(events_after(journal, 0, NULL, &restarted), 2);
    CU_ASSERT_EQUAL(events_after(journal, 1, NULL, &restarted), 1);
    CU_ASSERT_FALSE(restarted);
    CU_ASSERT_TRUE(journal_free(journal, 5000));
    journal = open_journal();
    journal_note(journal, &note);
    CU_ASSERT_EQUAL(events_after(journal, 1, "00000000000000ff", &restarted), 2);
    CU_ASSERT_TRUE(restarted);
    CU_ASSERT_TRUE(journal_free(journal, 5000));
    teardown();
}

static void names_are_stable_and_unique(void)
{
    for (int i = 0; i < NOTE_KIND_COUNT; i++) {
        const struct vocabulary_row *row = vocabulary_row((enum note_kind)i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(row);
        for (int j = 0; j < i; j++)
            CU_ASSERT_STRING_NOT_EQUAL(row->event, vocabulary_row((enum note_kind)j)->event);
    }
    CU_ASSERT_PTR_NULL(vocabulary_row((enum note_kind)999));
    struct note note = note_of(NOTE_VERDICT_CHANGED);
    note.a = VERDICT_FAILED;
    CU_ASSERT_EQUAL(vocabulary_level(&note), LOG_LEVEL_WARNING);
    note.a = VERDICT_HEALTHY;
    CU_ASSERT_EQUAL(vocabulary_level(&note), LOG_LEVEL_INFO);
}

static void goes_on_after_a_restart_and_a_torn_line(void)
{
    setup();
    struct journal *journal = open_journal();
    struct note note = note_of(NOTE_VOTING);
    journal_note(journal, &note);
    journal_note(journal, &note);
    CU_ASSERT_TRUE(journal_free(journal, 5000));
    FILE *file = fopen(path, "a");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("{\"seq\":3,\"to", file);
    fclose(file);
    journal = open_journal();
    journal_note(journal, &note);
    CU_ASSERT_TRUE(journal_free(journal, 5000));
    size_t bad = 0;
    int64_t seq = 0;
    json_t *list = lines(&bad);
    CU_ASSERT_EQUAL(bad, 1);
    CU_ASSERT_EQUAL(json_array_size(list), 3);
    CU_ASSERT_TRUE(peek_int(json_array_get(list, 2), "seq", &seq));
    CU_ASSERT_EQUAL(seq, 3);
    json_decref(list);
    teardown();
}

static void follows_a_file_that_was_moved_away(void)
{
    char moved[160];
    setup();
    snprintf(moved, sizeof moved, "%s.1", path);
    struct journal *journal = open_journal();
    struct note note = note_of(NOTE_VOTING);
    struct journal_status status = { .written = 0 };
    journal_note(journal, &note);
    for (int i = 0; i < 500 && status.written < 1; i++) {
        usleep(10000);
        journal_status(journal, &status);
    }
    CU_ASSERT_EQUAL(status.written, 1);
    CU_ASSERT_EQUAL(rename(path, moved), 0);
    journal_note(journal, &note);
    CU_ASSERT_TRUE(journal_free(journal, 5000));
    size_t bad = 0;
    json_t *list = lines(&bad);
    CU_ASSERT_EQUAL(json_array_size(list), 1);
    json_decref(list);
    unlink(moved);
    teardown();
}

/* A file size limit stands in for the full disk: writes come back short, then fail. */
static void a_full_disk_is_said_and_outlived(void)
{
    setup();
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old;
    struct rlimit small = { 700, RLIM_INFINITY };
    struct note note = note_of(NOTE_VOTING);
    struct journal_status status = { .failing = false };
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    struct journal *journal = open_journal();
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 10; i++)
        journal_note(journal, &note);
    for (int i = 0; i < 500 && !status.failing; i++) {
        usleep(10000);
        journal_status(journal, &status);
    }
    CU_ASSERT_TRUE(status.failing);
    CU_ASSERT(status.text[0] != '\0');
    CU_ASSERT(status.waiting > 0);
    /* The queue is bounded: what doesn't fit is counted. */
    for (int i = 0; i < JOURNAL_QUEUE_LINES_MAX + 50; i++)
        journal_note(journal, &note);
    journal_status(journal, &status);
    CU_ASSERT(status.lost > 0);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    for (int i = 0; i < 1000 && (status.waiting > 0 || status.failing); i++) {
        usleep(10000);
        journal_status(journal, &status);
    }
    CU_ASSERT_FALSE(status.failing);
    CU_ASSERT_EQUAL(status.waiting, 0);
    journal_note(journal, &note); /* says what was lost, then itself */
    CU_ASSERT_TRUE(journal_free(journal, 5000));
    size_t bad = 0;
    json_t *list = lines(&bad);
    CU_ASSERT(bad <= 2); /* the torn piece */
    size_t count = json_array_size(list);
    CU_ASSERT_FATAL(count > 3);
    CU_ASSERT_STRING_EQUAL(peek_str(json_array_get(list, count - 2), "event", ""), "journal_lost");
    int64_t lost = 0;
    CU_ASSERT_TRUE(peek_int(json_array_get(list, count - 2), "lines", &lost));
    CU_ASSERT_EQUAL((uint64_t)lost, status.lost);
    json_decref(list);
    teardown();
}

/* What a person ordered is a line as well; the promise that it is kept is the audit trail's (audit_test.c). */
static void an_order_becomes_a_line(void)
{
    setup();
    struct journal *journal = open_journal();
    struct journal_audit line = { .event = "order_asked", .uid = 1000, .user = "ann",
                                  .role = "operate", .command = "failover", .service = "shop",
                                  .reason = "fire" };
    journal_audit(journal, &line);
    CU_ASSERT_TRUE(journal_free(journal, 5000));
    size_t bad = 0;
    json_t *list = lines(&bad);
    CU_ASSERT_EQUAL(json_array_size(list), 1);
    CU_ASSERT_STRING_EQUAL(peek_str(json_array_get(list, 0), "user", ""), "ann");
    CU_ASSERT_STRING_EQUAL(peek_str(json_array_get(list, 0), "reason", ""), "fire");
    json_decref(list);
    teardown();
}

static void odd_files_are_refused(void)
{
    setup();
    struct fault fault = { "" };
    struct journal_settings settings = { folder, "use1-a", fixture_cluster(), loop, NULL };
    CU_ASSERT_PTR_NULL(journal_new(&settings, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, folder));
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    settings.path = path;
    CU_ASSERT_PTR_NULL(journal_new(&settings, &fault));
    settings.path = "/nowhere/journal.jsonl";
    CU_ASSERT_PTR_NULL(journal_new(&settings, &fault));
    teardown();
}

/* Value and limit of each kind that it goes by, as explain has them; and what is not known is null, not 0. */
static void a_shut_gate_says_how_it_stands(void)
{
    setup();
    struct journal *journal = open_journal();
    struct note note = note_of(NOTE_GATE_SHUT);
    note.region = FIXTURE_WEST;
    note.a = GATE_LOSS_WITHIN_RPO;
    note.gate = (struct gate){ .known = true, .value = 4096, .limit = 16777216, .value_us = 43 * US_PER_S,
                               .limit_us = 10 * US_PER_S };
    journal_note(journal, &note);
    note.gate.known = false;
    note.gate.value = note.gate.value_us = 0;
    journal_note(journal, &note);
    note.a = GATE_COOLDOWN;
    note.gate = (struct gate){ .known = true, .value = 2 * US_PER_S, .limit = 60 * US_PER_S };
    journal_note(journal, &note);
    CU_ASSERT_TRUE(journal_free(journal, 5000));
    size_t bad = 0;
    json_t *list = lines(&bad);
    CU_ASSERT_EQUAL_FATAL(json_array_size(list), 3);
    const json_t *line = json_array_get(list, 0);
    CU_ASSERT_STRING_EQUAL(peek_str(line, "text", ""),
                           "shop does not go to us-west-2 yet, its gate loss_within_rpo is shut: 4 KiB (43s) of what is known "
                           "would be lost; up to 16 MiB (10s) may be");
    expect_number(line, "value", 4096);
    expect_number(line, "limit", 16777216);
    expect_number(line, "value_ms", 43000);
    expect_number(line, "limit_ms", 10000);
    line = json_array_get(list, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(line, "text", ""), "what would be lost is not known"));
    CU_ASSERT(json_is_null(json_object_get(line, "value")));
    CU_ASSERT(json_is_null(json_object_get(line, "value_ms")));
    line = json_array_get(list, 2);
    expect_number(line, "value", 2000);
    expect_number(line, "limit", 60000);
    CU_ASSERT_PTR_NULL(json_object_get(line, "value_ms"));
    json_decref(list);
    teardown();
}

static const char *sentence(char *out, size_t size, const struct note *note)
{
    struct text text = text_over(out, size);
    vocabulary_sentence(&text, fixture_cluster(), note);
    return out;
}

/* Nobody reads of "none", and what is there is told. */
static void sentences_leave_out_what_is_not_there(void)
{
    char words[512];
    struct note note = note_of(NOTE_ORDER);
    note.a = ORDER_TICK;
    note.region = REGION_NONE;
    CU_ASSERT(text_copy(note.detail.s, sizeof note.detail.s, "ada"));
    CU_ASSERT_STRING_EQUAL(sentence(words, sizeof words, &note), "ordered by ada: tick an item of the runbook");
    note.a = ORDER_FAILOVER;
    note.region = FIXTURE_WEST;
    CU_ASSERT_STRING_EQUAL(sentence(words, sizeof words, &note), "ordered by ada: a failover, region us-west-2");
    note.detail.s[0] = '\0';
    CU_ASSERT_STRING_EQUAL(sentence(words, sizeof words, &note), "ordered: a failover, region us-west-2");
    note = note_of(NOTE_ORDER_REFUSED);
    note.a = ANSWER_BUSY;
    note.b = GATE_COUNT;
    note.region = REGION_NONE;
    note.detail.s[0] = '\0';
    CU_ASSERT_STRING_EQUAL(sentence(words, sizeof words, &note), "the order was refused: busy");
    note.a = ANSWER_GATE;
    note.b = GATE_FENCE;
    note.region = FIXTURE_WEST;
    CU_ASSERT_STRING_EQUAL(sentence(words, sizeof words, &note),
                           "the order for us-west-2 was refused by the gate fence: gate");
    note = note_of(NOTE_VOTERS);
    note.a = 4;
    note.b = VOTER_ADD;
    note.c = 4;
    note.node = 0;
    note.detail.s[0] = '\0';
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence(words, sizeof words, &note), "under way: add of "));
    CU_ASSERT_PTR_NOT_NULL(strstr(words, name_node(fixture_cluster(), 0)));
    note.b = VOTER_NONE;
    note.node = NODE_NONE;
    CU_ASSERT_STRING_EQUAL(sentence(words, sizeof words, &note),
                           "version 4 of the voters is in force; under way: none; 4 voters when it is over");
    for (int kind = 0; kind < ORDER_KIND_COUNT; kind++)
        CU_ASSERT(strlen(name_order_text(kind)) > 5);
}

static void a_loss_reads_as_everywhere(void)
{
    char words[512];
    struct note note = note_of(NOTE_LOSS_ESTIMATED);
    note.a = note.b = 0;
    note.c = 3 * US_PER_S;
    CU_ASSERT_STRING_EQUAL(sentence(words, sizeof words, &note), "the standby lacks nothing, by what was known 3s ago");
    note.a = 4096;
    note.b = -1;
    CU_ASSERT_STRING_EQUAL(sentence(words, sizeof words, &note),
                           "the standby lacks 4 KiB (of nobody knows how long), by what was known 3s ago");
    note.a = -1;
    CU_ASSERT_STRING_EQUAL(sentence(words, sizeof words, &note),
                           "the standby lacks an unknown number of bytes, by what was known 3s ago");
    note = note_of(NOTE_OPERATION_DONE);
    note.a = US_PER_S;
    note.b = 4096;
    note.c = 43 * US_PER_S;
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence(words, sizeof words, &note), "estimated loss: 4 KiB (43s)"));
}

SUITE_MAIN("journal", TEST(every_note_becomes_a_line), TEST(the_newest_lines_are_at_hand), TEST(names_are_stable_and_unique),
           TEST(goes_on_after_a_restart_and_a_torn_line), TEST(follows_a_file_that_was_moved_away),
           TEST(a_full_disk_is_said_and_outlived), TEST(an_order_becomes_a_line),
           TEST(odd_files_are_refused), TEST(a_shut_gate_says_how_it_stands),
           TEST(sentences_leave_out_what_is_not_there), TEST(a_loss_reads_as_everywhere))
