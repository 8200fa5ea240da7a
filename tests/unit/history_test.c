/* History from journal lines: whole operations, others' operations, bounds, and files full of rubbish. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/report/history.h"
#include "coordinator/status/status_text.h"
#include "tests/unit/suite.h"

static void feed(struct history *history, const char *text)
{
    json_t *line = json_loads(text, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    history_line(history, line);
    json_decref(line);
}

#define LINE(event, more)                                                                         \
    "{\"seq\":1,\"time\":\"2026-11-21T10:00:00.000Z\",\"mono_us\":5,\"node\":\"usw2-a\","         \
    "\"service\":\"shop\",\"event\":\"" event "\"" more "}"
#define OPERATION ",\"operation\":\"00000000000000aa\""

static const char *const failover[] = {
    LINE("chosen", ",\"writer\":\"us-east-1\",\"phase\":\"none\""),
    LINE("majority_failed", ",\"region\":\"us-east-1\",\"text\":\"us-east-1 failed by majority\""),
    LINE("gate_shut", ",\"gate\":\"outage_min\",\"text\":\"not yet\""),
    LINE("chosen", OPERATION ",\"writer\":\"none\",\"phase\":\"begun\",\"about\":\"usw2-a\""),
    LINE("operation_begun", OPERATION ",\"from\":\"us-east-1\",\"region\":\"us-west-2\""),
    LINE("step_started", OPERATION ",\"step\":\"fence\""),
    LINE("waiting_out", OPERATION ",\"left_ms\":1900.5"),
    LINE("step_retried", OPERATION ",\"step\":\"fence\",\"attempt\":1,\"detail\":\"refused\""),
    LINE("fence_proven", OPERATION ",\"proof\":\"lapsed\",\"text\":\"it has run out\""),
    LINE("step_done", OPERATION ",\"step\":\"fence\",\"took_ms\":2000.25"),
    LINE("loss_estimated", OPERATION ",\"loss_bytes\":128,\"loss_ms\":10,\"known_age_ms\":500"),
    LINE("act_done", OPERATION ",\"act\":\"dns_poll\",\"outcome\":\"done\",\"detail\":\"INSYNC\""),
    LINE("chosen", ",\"writer\":\"us-west-2\",\"phase\":\"none\""),
    LINE("operation_done", OPERATION ",\"took_ms\":3000,\"lost_bytes\":128,\"lost_ms\":10"),
};

static const json_t *first(json_t *list)
{
    return json_array_get(json_object_get(list, "operations"), 0);
}

static void a_failover_is_put_together(void)
{
    struct history *history = history_new();
    struct history_dns dns;
    double number = 0;
    int64_t bytes = 0;
    for (size_t i = 0; i < sizeof failover / sizeof failover[0]; i++)
        feed(history, failover[i]);
    json_t *list = history_json(history, "shop", 0);
    const json_t *operation = first(list);
    CU_ASSERT_STRING_EQUAL(peek_str(operation, "id", ""), "00000000000000aa");
    CU_ASSERT_STRING_EQUAL(peek_str(operation, "outcome", ""), "done");
    CU_ASSERT_STRING_EQUAL(peek_str(operation, "from", ""), "us-east-1");
    CU_ASSERT_STRING_EQUAL(peek_str(operation, "to", ""), "us-west-2");
    CU_ASSERT_STRING_EQUAL(peek_str(operation, "why", ""), "us-east-1 failed by majority");
    CU_ASSERT_TRUE(peek_yes(operation, "automatic"));
    CU_ASSERT_STRING_EQUAL(peek_str(operation, "proof", ""), "lapsed");
    CU_ASSERT_TRUE(peek_real(operation, "total_ms", &number) && number > 2999 && number < 3001);
    CU_ASSERT_TRUE(peek_real(operation, "wait_ms", &number) && number > 1900 && number < 1901);
    CU_ASSERT_TRUE(peek_int(json_object_get(operation, "loss"), "bytes", &bytes));
    CU_ASSERT_EQUAL(bytes, 128);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(operation, "gates")), 1);
    const json_t *step = json_array_get(json_object_get(operation, "steps"), 0);
    CU_ASSERT_STRING_EQUAL(peek_str(step, "name", ""), "fence");
    CU_ASSERT_STRING_EQUAL(peek_str(step, "detail", ""), "refused");
    CU_ASSERT_TRUE(peek_yes(step, "done"));
    json_decref(list);
    CU_ASSERT_TRUE(history_last_dns(history, "shop", &dns));
    CU_ASSERT_STRING_EQUAL(dns.detail, "INSYNC");
    CU_ASSERT_FALSE(history_last_dns(history, "other", &dns));
    list = history_json(history, "other", 0);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(list, "operations")), 0);
    json_decref(list);
    history_free(history);
}

/* Nothing was too late there: what the step waited for is not why it went back. */
static void sent_back_by_a_person_it_says_so(void)
{
    struct history *history = history_new();
    feed(history, LINE("operation_begun", OPERATION ",\"from\":\"us-east-1\",\"region\":\"us-west-2\""));
    feed(history, LINE("operation_aborted", OPERATION ",\"at_step\":\"fence\",\"gate\":\"none\""));
    json_t *list = history_json(history, NULL, 0);
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(first(list), "aborted"), "text", ""), "a person sent it back");
    json_decref(list);
    history_free(history);
}

static void a_persons_order_keeps_the_name(void)
{
    struct history *history = history_new();
    feed(history, LINE("order_asked", ",\"user\":\"ann\",\"reason\":\"rehearsal\",\"command\":\"failover\""));
    feed(history, LINE("order_taken", ",\"order\":\"failover\",\"detail\":\"ann\""));
    feed(history, LINE("operation_begun", OPERATION ",\"from\":\"us-east-1\",\"region\":\"us-west-2\""));
    feed(history, LINE("operation_aborted", OPERATION ",\"at_step\":\"compare\",\"gate\":\"loss_within_rpo\""));
    feed(history, LINE("operation_left", OPERATION ",\"took_ms\":700"));
    json_t *list = history_json(history, NULL, 0);
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "who", ""), "ann");
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "why", ""), "rehearsal");
    CU_ASSERT_FALSE(peek_yes(first(list), "automatic"));
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "outcome", ""), "aborted");
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(first(list), "aborted"), "text", ""), "nothing was given away yet");
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(first(list), "aborted"), "gate", ""),
                           "loss_within_rpo");
    json_decref(list);
    history_free(history);
}

static json_t *switched(const char *kind, bool taken_over, const char *outcome)
{
    struct history *history = history_new();
    char order[160];
    (void)snprintf(order, sizeof order, LINE("order_taken", ",\"order\":\"%s\",\"detail\":\"ann\""), kind);
    feed(history, order);
    feed(history, LINE("operation_begun", OPERATION ",\"from\":\"us-east-1\",\"region\":\"us-west-2\""));
    if (taken_over)
        feed(history, LINE("operation_taken", OPERATION ",\"from\":\"us-east-1\",\"region\":\"us-west-2\""));
    feed(history, LINE("step_done", OPERATION ",\"step\":\"fence\",\"took_ms\":250.5"));
    if (strcmp(outcome, "operation_done") == 0) {
        feed(history, LINE("step_done", OPERATION ",\"step\":\"open\",\"took_ms\":50"));
        feed(history, LINE("step_done", OPERATION ",\"step\":\"cut_over\",\"took_ms\":900"));
        feed(history, LINE("operation_done", OPERATION ",\"took_ms\":1300"));
    } else {
        feed(history, LINE("operation_aborted", OPERATION ",\"at_step\":\"catch_up\",\"gate\":\"fence\""));
        feed(history, LINE("operation_left", OPERATION ",\"took_ms\":700"));
    }
    json_t *list = history_json(history, "shop", 0);
    history_free(history);
    return list;
}

static void how_long_nobody_could_write_is_told_of_what_is_planned(void)
{
    const struct { const char *kind; bool taken_over; const char *outcome; double ms; } cases[] = {
        { "switchover", false, "operation_done", 300.5 }, { "switchover", false, "operation_aborted", 700 },
        { "switchover", true, "operation_done", -1 },     { "failover", false, "operation_done", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *list = switched(cases[i].kind, cases[i].taken_over, cases[i].outcome);
        double ms = -1;
        CU_ASSERT_EQUAL(peek_real(first(list), "stopped_ms", &ms), cases[i].ms >= 0);
        CU_ASSERT_DOUBLE_EQUAL(ms, cases[i].ms, 0.01);
        json_decref(list);
    }
}

static void a_switchover_is_told_as_one(void)
{
    struct history *history = history_new();
    feed(history, LINE("order_taken", ",\"order\":\"switchover\",\"detail\":\"ann\""));
    feed(history, LINE("operation_begun", OPERATION ",\"from\":\"us-east-1\",\"region\":\"us-west-2\""));
    feed(history, LINE("step_started", OPERATION ",\"step\":\"catch_up\""));
    feed(history, LINE("operation_aborted", OPERATION ",\"at_step\":\"catch_up\",\"gate\":\"loss_within_rpo\""));
    json_t *list = history_json(history, "shop", 0);
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "kind", ""), "switchover");
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(json_object_get(first(list), "aborted"), "text", ""), "replication"));
    json_decref(list);
    /* Elsewhere the ledger's word is all there is. */
    feed(history, "{\"service\":\"shop\",\"event\":\"operation_seen\",\"operation\":\"00000000000000bb\","
                  "\"kind\":\"switchover\",\"from\":\"us-west-2\",\"region\":\"us-east-1\",\"forced\":1,"
                  "\"detail\":\"the racks get new power\"}");
    list = history_json(history, "shop", 1);
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "kind", ""), "switchover");
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "why", ""), "the racks get new power");
    json_decref(list);
    /* Who carries out what was ordered at another node was told by whom, and not why. */
    feed(history, "{\"service\":\"shop\",\"event\":\"order_taken\",\"order\":\"switchover\",\"detail\":\"ada\"}");
    feed(history, "{\"service\":\"shop\",\"event\":\"operation_seen\",\"operation\":\"00000000000000cc\","
                  "\"kind\":\"switchover\",\"from\":\"us-west-2\",\"region\":\"us-east-1\",\"forced\":1,"
                  "\"detail\":\"and back\"}");
    feed(history, "{\"service\":\"shop\",\"event\":\"operation_begun\",\"operation\":\"00000000000000cc\","
                  "\"from\":\"us-west-2\",\"region\":\"us-east-1\",\"node\":\"use1-a\"}");
    list = history_json(history, "shop", 1);
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "who", ""), "ada");
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "why", ""), "and back");
    json_decref(list);
    history_free(history);
}

static void others_operations_are_known_by_the_ledger(void)
{
    struct history *history = history_new();
    feed(history, LINE("chosen", ",\"writer\":\"us-east-1\",\"phase\":\"none\""));
    feed(history, LINE("chosen", OPERATION ",\"writer\":\"none\",\"phase\":\"begun\",\"about\":\"usw2-a\""));
    json_t *list = history_json(history, NULL, 0);
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "outcome", ""), "running");
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "from", ""), "us-east-1");
    json_decref(list);
    feed(history, LINE("chosen", OPERATION ",\"writer\":\"us-west-2\",\"phase\":\"granted\""));
    feed(history, LINE("chosen", ",\"writer\":\"us-west-2\",\"phase\":\"none\""));
    list = history_json(history, NULL, 0);
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "outcome", ""), "done");
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "to", ""), "us-west-2");
    json_decref(list);
    history_free(history);
}

/* None of them is what an operation was begun for, before it and while it runs. */
static void words_lead_to_no_operation(void)
{
    static const struct { const char *command, *order; } words[] = {
        { "pause", "pause" }, { "resume", "resume" }, { "decline", "decline" }, { "operation pause", "operation_pause" },
        { "operation resume", "operation_resume" }, { "operation abort", "operation_abort" }, { "ack", "ack" },
        { "operation tick", "operation_tick" }, { "operation skip", "operation_skip" }, { "rejoin", "rejoin" },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct history *history = history_new();
        char asked[256], taken[256], answered[256];
        (void)snprintf(asked, sizeof asked, LINE("order_asked", ",\"command\":\"%s\",\"user\":\"eve\",\"reason\":\"x\""),
                       words[i].command);
        (void)snprintf(taken, sizeof taken, LINE("order_taken", OPERATION ",\"order\":\"%s\",\"detail\":\"eve\""),
                       words[i].order);
        (void)snprintf(answered, sizeof answered,
                       LINE("order_answered", OPERATION ",\"command\":\"%s\",\"user\":\"eve\",\"reason\":\"x\""),
                       words[i].command);
        feed(history, asked);
        feed(history, taken);
        feed(history, LINE("operation_begun", OPERATION ",\"from\":\"us-east-1\",\"region\":\"us-west-2\""));
        feed(history, asked);
        feed(history, answered);
        json_t *list = history_json(history, "shop", 0);
        CU_ASSERT_STRING_EQUAL(peek_str(first(list), "who", ""), "");
        CU_ASSERT_TRUE(json_is_true(json_object_get(first(list), "automatic")));
        json_decref(list);
        history_free(history);
    }
}

static void an_old_primary_that_is_back_is_kept(void)
{
    struct history *history = history_new();
    int64_t number = 0;
    char line[512];
    feed(history, LINE("order_asked", ",\"command\":\"failover\",\"user\":\"ann\",\"reason\":\"fire\""));
    feed(history, LINE("order_asked", ",\"command\":\"rejoin\",\"user\":\"bob\",\"reason\":\"back\""));
    feed(history, LINE("order_answered", ",\"command\":\"rejoin\",\"user\":\"bob\""));
    feed(history, LINE("order_asked", ",\"command\":\"operation tick\",\"user\":\"eve\",\"reason\":\"seen\""));
    feed(history, LINE("order_taken", OPERATION ",\"order\":\"operation_tick\",\"detail\":\"eve\""));
    feed(history, LINE("operation_begun", OPERATION ",\"from\":\"us-east-1\",\"region\":\"us-west-2\""));
    feed(history, LINE("order_taken", OPERATION ",\"order\":\"operation_tick\",\"detail\":\"eve\""));
    feed(history, LINE("order_answered", OPERATION ",\"command\":\"operation tick\",\"user\":\"eve\",\"reason\":\"seen\""));
    feed(history, LINE("lost_writes", ",\"region\":\"us-east-1\",\"transactions\":null,\"bytes\":\"x\""));
    for (int i = 0; i < HISTORY_LOST_MAX; i++) {
        (void)snprintf(line, sizeof line, LINE("lost_writes", ",\"region\":\"us-east-1\",\"writer\":\"us-west-2\","
                       "\"bytes\":2048,\"transactions\":%d,\"file\":\"/f\",\"text\":\"it is back\""), i);
        feed(history, line);
    }
    json_t *list = history_json(history, "shop", 0);
    const json_t *lost = json_object_get(list, "lost_writes");
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "who", ""), "ann"); /* neither rejoin nor tick leads to an operation */
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "kind", ""), "failover");
    CU_ASSERT_EQUAL(json_array_size(lost), HISTORY_LOST_MAX);
    CU_ASSERT_TRUE(peek_int(json_array_get(lost, 0), "transactions", &number) && number == HISTORY_LOST_MAX - 1);
    CU_ASSERT_TRUE(peek_int(json_array_get(lost, HISTORY_LOST_MAX - 1), "transactions", &number) && number == 0);
    CU_ASSERT_STRING_EQUAL(peek_str(json_array_get(lost, 0), "text", ""), "it is back");
    json_decref(list);
    list = history_json(history, "other", 0);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(list, "lost_writes")), 0);
    json_decref(list);
    history_free(history);
}

static void the_oldest_are_forgotten(void)
{
    struct history *history = history_new();
    char line[512];
    for (unsigned i = 1; i <= HISTORY_OPERATIONS_MAX + 6; i++) {
        snprintf(line, sizeof line,
                 "{\"service\":\"shop\",\"event\":\"operation_begun\",\"operation\":\"%016x\"}", i);
        feed(history, line);
    }
    /* Steps, gates and services have bounds of their own. */
    for (unsigned i = 0; i < 100; i++) {
        snprintf(line, sizeof line, "{\"service\":\"shop\",\"event\":\"step_started\",\"operation\":"
                                    "\"%016x\",\"step\":\"s%u\"}", HISTORY_OPERATIONS_MAX + 6, i);
        feed(history, line);
        snprintf(line, sizeof line, "{\"service\":\"s%u\",\"event\":\"gate_shut\",\"gate\":\"g%u\"}", i, i);
        feed(history, line);
        snprintf(line, sizeof line, "{\"service\":\"shop\",\"event\":\"gate_shut\",\"gate\":\"g%u\"}", i);
        feed(history, line);
    }
    json_t *list = history_json(history, NULL, 0);
    int64_t forgotten = 0;
    CU_ASSERT_EQUAL(json_array_size(json_object_get(list, "operations")), HISTORY_OPERATIONS_MAX);
    CU_ASSERT_TRUE(peek_int(list, "forgotten", &forgotten));
    CU_ASSERT_EQUAL(forgotten, 6);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(first(list), "steps")), HISTORY_STEPS_MAX);
    json_decref(list);
    list = history_json(history, NULL, 3);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(list, "operations")), 3);
    json_decref(list);
    history_free(history);
}

static void rubbish_in_the_file_is_skipped(void)
{
    static const char *const odd[] = {
        "", "not json", "[]", "{\"event\":7}", "{\"event\":\"chosen\"}",
        "{\"event\":\"step_done\",\"service\":\"shop\",\"operation\":\"zz\"}",
        "{\"event\":\"step_done\",\"service\":{},\"operation\":1}",
        "{\"event\":\"loss_estimated\",\"service\":\"shop\",\"operation\":\"00000000000000aa\","
        "\"loss_bytes\":1e308}",
        "{\"event\":\"operation_begun\",\"service\":\"shop\",\"operation\":\"00000000000000ab\","
        "\"from\":\"\\u001b[31m\\n\",\"region\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
        "{\"seq\":-3,\"event\":\"x\",\"service\":\"shop\"}",
    };
    char path[] = "/tmp/history-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct history *history = history_new();
    struct fault fault = { "" };
    uint64_t seq = 0;
    bool torn = false;
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    for (size_t i = 0; i < sizeof failover / sizeof failover[0]; i++)
        fprintf(file, "%s\n%s\n", odd[i % (sizeof odd / sizeof odd[0])], failover[i]);
    for (int i = 0; i < 3 * HISTORY_LINE_MAX; i++)
        fputc('x', file);
    fputs("\n{\"seq\":41,\"event\":\"x\"}\n{\"seq\":99,\"eve", file);
    fclose(file);
    CU_ASSERT_TRUE(history_load(history, NULL, path, &seq, &torn, &fault));
    CU_ASSERT_EQUAL(seq, 41);
    CU_ASSERT_TRUE(torn);
    json_t *list = history_json(history, NULL, 0);
    CU_ASSERT(json_array_size(json_object_get(list, "operations")) >= 1);
    char *text = json_dumps(list, 0);
    CU_ASSERT_PTR_NULL(strstr(text, "\\u001b"));
    free(text);
    json_decref(list);
    history_free(history);
    unlink(path);
    CU_ASSERT_TRUE(history_load(NULL, NULL, path, &seq, &torn, &fault)); /* not there: empty */
    CU_ASSERT_EQUAL(seq, 0);
    CU_ASSERT_FALSE(history_load(NULL, NULL, "/tmp", &seq, &torn, &fault));
}

static void feed_step(struct history *history, unsigned id, const char *order, const char *step, int took_ms)
{
    char line[512];
    if (order != NULL) {
        (void)snprintf(line, sizeof line, "{\"event\":\"order_taken\",\"service\":\"shop\",\"order\":\"%s\"}", order);
        feed(history, line);
    }
    (void)snprintf(line, sizeof line, "{\"event\":\"operation_begun\",\"service\":\"shop\",\"operation\":\"%016x\","
                   "\"from\":\"us-east-1\",\"region\":\"us-west-2\"}", id);
    feed(history, line);
    (void)snprintf(line, sizeof line, "{\"event\":\"step_started\",\"service\":\"shop\",\"operation\":\"%016x\","
                   "\"step\":\"%s\"}", id, step);
    feed(history, line);
    if (took_ms < 0)
        return;
    (void)snprintf(line, sizeof line, "{\"event\":\"step_done\",\"service\":\"shop\",\"operation\":\"%016x\","
                   "\"step\":\"%s\",\"took_ms\":%d}", id, step, took_ms);
    feed(history, line);
}

static void the_time_of_a_step_is_the_median_of_its_last_runs(void)
{
    struct history *history = history_new();
    struct history_time time = history_step_time(history, "shop", "failover", "fence");
    CU_ASSERT(time.runs == 0 && time.ms < 0); /* no run is not a run of 0 ms */
    feed_step(history, 1, NULL, "fence", -1);  /* begun and never done */
    CU_ASSERT_EQUAL(history_step_time(history, "shop", "failover", "fence").runs, 0);
    feed_step(history, 2, NULL, "fence", 900);
    feed_step(history, 3, NULL, "fence", 100);
    time = history_step_time(history, "shop", "failover", "fence");
    CU_ASSERT(time.runs == 2 && time.ms == 500);
    feed_step(history, 4, NULL, "fence", 200);
    time = history_step_time(history, "shop", "failover", "fence");
    CU_ASSERT(time.runs == 3 && time.ms == 200);
    /* Others' times say nothing: another kind, another step, another service. */
    feed_step(history, 5, "switchover", "fence", 7000);
    CU_ASSERT_EQUAL(history_step_time(history, "shop", "failover", "fence").runs, 3);
    CU_ASSERT_EQUAL(history_step_time(history, "shop", "switchover", "fence").ms, 7000);
    CU_ASSERT_EQUAL(history_step_time(history, "shop", "failover", "grant").runs, 0);
    CU_ASSERT_EQUAL(history_step_time(history, "till", "failover", "fence").runs, 0);
    /* Only the newest count: what was slow once is forgotten. */
    for (unsigned i = 0; i < HISTORY_TIMES_RUNS_MAX; i++)
        feed_step(history, 6 + i, NULL, "fence", 10);
    time = history_step_time(history, "shop", "failover", "fence");
    CU_ASSERT(time.runs == HISTORY_TIMES_RUNS_MAX && time.ms == 10);
    history_free(history);
}

static void feed_ended(struct history *history, unsigned id, const char *kind, int took_ms, int done)
{
    char line[512];
    (void)snprintf(line, sizeof line, "{\"event\":\"operation_seen\",\"service\":\"shop\",\"operation\":\"%016x\","
                   "\"kind\":\"%s\",\"from\":\"us-east-1\",\"region\":\"us-west-2\"}", id, kind);
    feed(history, line);
    (void)snprintf(line, sizeof line, "{\"event\":\"operation_ended\",\"service\":\"shop\",\"operation\":\"%016x\","
                   "\"took_ms\":%d,\"done\":%d}", id, took_ms, done);
    feed(history, line);
}

/* Whoever carried it out. What went back took no time that another would take. */
static void the_time_of_the_whole_is_the_ledgers(void)
{
    struct history *history = history_new();
    CU_ASSERT_EQUAL(history_total_time(history, "shop", "failover").runs, 0);
    feed_ended(history, 1, "failover", 3000, 1);
    json_t *list = history_json(history, "shop", 0);
    double ms = 0;
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "outcome", ""), "done");
    CU_ASSERT_TRUE(peek_real(first(list), "total_ms", &ms) && ms == 3000);
    json_decref(list);
    feed_ended(history, 2, "failover", 60000, 0);
    list = history_json(history, "shop", 0);
    CU_ASSERT_STRING_EQUAL(peek_str(first(list), "outcome", ""), "aborted");
    CU_ASSERT_TRUE(json_is_null(json_object_get(first(list), "total_ms")));
    json_decref(list);
    feed_ended(history, 3, "switchover", 800, 1);
    feed_ended(history, 4, "failover", 5000, 1);
    struct history_time time = history_total_time(history, "shop", "failover");
    CU_ASSERT(time.runs == 2 && time.ms == 4000);
    CU_ASSERT_EQUAL(history_total_time(history, "shop", "switchover").ms, 800);
    CU_ASSERT_EQUAL(history_total_time(history, "till", "failover").runs, 0);
    CU_ASSERT_EQUAL(history_step_time(history, "shop", "failover", "fence").runs, 0); /* of its steps nothing is known */
    history_free(history);
}

SUITE_MAIN("history", TEST(the_time_of_the_whole_is_the_ledgers),
           TEST(the_time_of_a_step_is_the_median_of_its_last_runs), TEST(a_failover_is_put_together),
           TEST(a_persons_order_keeps_the_name),
           TEST(sent_back_by_a_person_it_says_so), TEST(how_long_nobody_could_write_is_told_of_what_is_planned),
           TEST(a_switchover_is_told_as_one),
           TEST(others_operations_are_known_by_the_ledger), TEST(an_old_primary_that_is_back_is_kept),
           TEST(words_lead_to_no_operation),
           TEST(the_oldest_are_forgotten), TEST(rubbish_in_the_file_is_skipped))
