/* The command table, and requests that are not what they should be. */
#include <string.h>

#include "coordinator/operator/commands.h"
#include "coordinator/operator/order_answer.h"
#include "policy/failover/gates.h"
#include "tests/unit/suite.h"

static bool parse(enum command_id id, const char *text, struct command_arguments *arguments,
                  struct fault *fault)
{
    static json_t *request; /* the arguments borrow from it */
    json_decref(request);
    request = json_loads(text, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(request);
    return command_parse(command_row(id), request, arguments, fault);
}

static void done(void)
{
    struct command_arguments arguments;
    struct fault fault;
    (void)parse(COMMAND_STATUS, "{}", &arguments, &fault);
}

static void every_row_is_whole(void)
{
    for (int i = 0; i < COMMAND_COUNT; i++) {
        const struct command *row = command_row((enum command_id)i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(row);
        CU_ASSERT_EQUAL((int)row->id, i);
        CU_ASSERT_PTR_EQUAL(command_find(row->name), row);
        CU_ASSERT(strlen(row->help) > 10);
        CU_ASSERT(!row->changes || row->role >= ROLE_OPERATE);
        CU_ASSERT(!row->daemon || row->role >= ROLE_READ);
    }
    CU_ASSERT_PTR_NULL(command_find("fail"));
    CU_ASSERT_PTR_NULL(command_find(""));
}

static void a_failover_is_understood(void)
{
    struct command_arguments a;
    struct fault fault = { "" };
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_FAILOVER,
                               "{\"id\":1,\"command\":\"failover\",\"service\":\"shop\",\"to\":\"us-west-2\","
                               "\"reason\":\"fire\"}", &a, &fault));
    CU_ASSERT_STRING_EQUAL(a.service, "shop");
    CU_ASSERT_STRING_EQUAL(a.to, "us-west-2");
    CU_ASSERT_STRING_EQUAL(a.reason, "fire");
    CU_ASSERT_EQUAL(a.accepted_loss_bytes, -1);
    CU_ASSERT_EQUAL(a.skipped_gates, 0);
    CU_ASSERT_EQUAL(a.role, ROLE_OPERATE);
    done();
}

static void a_failback_is_understood(void)
{
    struct command_arguments a;
    struct fault fault = { "" };
    CU_ASSERT_TRUE(command_moves(COMMAND_FAILBACK) && command_says(COMMAND_OPERATION_SKIP));
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_FAILBACK, "{\"service\":\"s\",\"reason\":\"x\"}", &a, &fault));
    CU_ASSERT(a.shift.count == 3 && a.shift.percent[0] == 10 && a.shift.percent[2] == 100 && shift_valid(&a.shift));
    CU_ASSERT_EQUAL(a.shift.hold_us, INT64_C(300000000));
    CU_ASSERT_EQUAL(a.role, ROLE_OPERATE);
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_FAILBACK, "{\"service\":\"s\",\"reason\":\"x\",\"shift\":[1,2,3,4,5,6,7,100],"
                               "\"hold_ms\":0}", &a, &fault));
    CU_ASSERT(a.shift.count == 8 && a.shift.hold_us == 0);
    CU_ASSERT_TRUE(parse(COMMAND_FAILBACK, "{\"service\":\"s\",\"reason\":\"x\",\"shift\":[100]}", &a, &fault));
    static const char *const stages[] = {
        "[]", "[50]", "[10,50]", "[50,10,100]", "[10,10,100]", "[0,100]", "[-1,100]", "[10,101]", "[10,100,100]", "100",
        "[10,\"50\",100]", "[10.5,100]", "[1,2,3,4,5,6,7,8,100]", "[99999999999,100]",
    };
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        char request[160];
        (void)snprintf(request, sizeof request, "{\"service\":\"s\",\"reason\":\"x\",\"shift\":%s}", stages[i]);
        CU_ASSERT_FALSE(parse(COMMAND_FAILBACK, request, &a, &fault));
        CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "such as 10,50,100"));
    }
    static const char *const bad[] = {
        "{\"service\":\"s\"}", "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\"}",
        "{\"service\":\"s\",\"reason\":\"x\",\"hold_ms\":-1}", "{\"service\":\"s\",\"reason\":\"x\",\"hold_ms\":86400001}",
        "{\"service\":\"s\",\"reason\":\"x\",\"skip_gates\":[\"fence\"]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(parse(COMMAND_FAILBACK, bad[i], &a, &fault));
    done();
}

static void a_switchover_is_understood(void)
{
    struct command_arguments a;
    struct fault fault = { "" };
    CU_ASSERT_TRUE(command_moves(COMMAND_SWITCHOVER) && command_moves(COMMAND_FAILOVER));
    CU_ASSERT_FALSE(command_moves(COMMAND_DNS_ADOPT) || command_moves(COMMAND_REJOIN));
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_SWITCHOVER, "{\"service\":\"shop\",\"to\":\"us-west-2\",\"reason\":\"disks\"}",
                               &a, &fault));
    CU_ASSERT_STRING_EQUAL(a.to, "us-west-2");
    CU_ASSERT_EQUAL(a.role, ROLE_OPERATE);
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_SWITCHOVER, "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\","
                               "\"skip_gates\":[\"target_healthy\"]}", &a, &fault));
    CU_ASSERT_EQUAL(a.role, ROLE_FORCE);
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_SWITCHOVER, "{\"service\":\"s\",\"to\":\"r\",\"dry_run\":true}", &a, &fault));
    CU_ASSERT_EQUAL(a.role, ROLE_READ);
    static const char *const bad[] = {
        "{\"service\":\"s\",\"to\":\"r\"}", "{\"service\":\"s\",\"reason\":\"x\"}", "{\"to\":\"r\",\"reason\":\"x\"}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_bytes\":5}", /* it loses nothing */
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_ms\":0}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"skip_gates\":[\"target_healthy\",\"fence\"]}",
        "{\"service\":\"s\",\"to\":\"r\",\"dry_run\":true,\"skip_gates\":[\"fence\"]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(parse(COMMAND_SWITCHOVER, bad[i], &a, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "failover can"));
    done();
}

static void a_plan_is_understood_by_everybody(void)
{
    struct command_arguments a;
    struct fault fault = { "" };
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_PLAN, "{\"operation\":\"failback\",\"service\":\"shop\"}", &a, &fault));
    CU_ASSERT_EQUAL(a.planned, PLANNED_FAILBACK);
    CU_ASSERT_PTR_NULL(a.to);
    CU_ASSERT_EQUAL(a.role, ROLE_READ);
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_PLAN, "{\"operation\":\"failover\",\"service\":\"s\",\"to\":\"r\","
                               "\"skip_gates\":[\"fence\"],\"accept_loss_bytes\":5}", &a, &fault));
    CU_ASSERT_EQUAL(a.role, ROLE_READ); /* looking is for everybody */
    CU_ASSERT_EQUAL(a.skipped_gates, 1u << GATE_FENCE);
    static const char *const bad[] = {
        "{\"service\":\"s\"}", "{\"operation\":\"failover\"}", "{\"operation\":\"drill\",\"service\":\"s\"}",
        "{\"operation\":7,\"service\":\"s\"}", "{\"operation\":null,\"service\":\"s\"}",
        "{\"operation\":\"failover\",\"service\":\"s\",\"reason\":\"x\"}",
        "{\"operation\":\"switchover\",\"service\":\"s\",\"skip_gates\":[\"fence\"]}",
        "{\"operation\":\"failback\",\"service\":\"s\",\"skip_gates\":[\"fence\"]}",
        "{\"operation\":\"failback\",\"service\":\"s\",\"accept_loss_bytes\":5}",
        "{\"operation\":\"switchover\",\"service\":\"s\",\"accept_loss_ms\":5}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(parse(COMMAND_PLAN, bad[i], &a, &fault));
    CU_ASSERT_TRUE(parse(COMMAND_EXPLAIN, "{\"service\":\"shop\"}", &a, &fault));
    CU_ASSERT_FALSE(parse(COMMAND_EXPLAIN, "{}", &a, &fault));
    CU_ASSERT_STRING_EQUAL(planned_name(PLANNED_COUNT), "none");
    done();
}

static void breaking_the_glass_needs_force_and_a_word(void)
{
    struct command_arguments a;
    struct fault fault = { "" };
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_FAILOVER, "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"break_glass\":true,"
                               "\"old_is_dead\":\"I saw it\"}", &a, &fault));
    CU_ASSERT(a.role == ROLE_FORCE && a.break_glass);
    CU_ASSERT_STRING_EQUAL(a.old_is_dead, "I saw it");
    static const char *const bad[] = {
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"break_glass\":true}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"break_glass\":true,\"old_is_dead\":\"\"}",
        "{\"service\":\"s\",\"to\":\"r\",\"break_glass\":true,\"old_is_dead\":\"y\"}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"old_is_dead\":\"y\"}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"break_glass\":true,\"old_is_dead\":\"y\",\"skip_gates\":[\"fence\"]}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"break_glass\":true,\"old_is_dead\":\"y\",\"accept_loss_bytes\":1}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"break_glass\":1,\"old_is_dead\":\"y\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(parse(COMMAND_FAILOVER, bad[i], &a, &fault));
    CU_ASSERT_FALSE(parse(COMMAND_SWITCHOVER, "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"break_glass\":true,"
                          "\"old_is_dead\":\"y\"}", &a, &fault));
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_RECONCILE, "{\"service\":\"s\",\"keep\":\"r\",\"reason\":\"x\","
                               "\"mark\":\"00c0ffee00c0ffee\"}", &a, &fault));
    CU_ASSERT_EQUAL(a.role, ROLE_FORCE);
    CU_ASSERT_STRING_EQUAL(a.to, "r");
    static const char *const half[] = {
        "{\"service\":\"s\",\"keep\":\"r\",\"mark\":\"00c0ffee00c0ffee\"}",
        "{\"service\":\"s\",\"keep\":\"r\",\"reason\":\"x\"}",
        "{\"service\":\"s\",\"keep\":\"r\",\"reason\":\"x\",\"mark\":\"7\"}",
        "{\"service\":\"s\",\"reason\":\"x\",\"mark\":\"00c0ffee00c0ffee\"}",
    };
    for (size_t i = 0; i < sizeof half / sizeof half[0]; i++)
        CU_ASSERT_FALSE(parse(COMMAND_RECONCILE, half[i], &a, &fault));
    done();
}

static void skipping_and_losing_need_force(void)
{
    struct command_arguments a;
    struct fault fault = { "" };
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_FAILOVER,
                               "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"skip_gates\":[\"fence\","
                               "\"loss_within_rpo\"]}", &a, &fault));
    CU_ASSERT_EQUAL(a.role, ROLE_FORCE);
    CU_ASSERT_EQUAL(a.skipped_gates, 1u << GATE_FENCE | 1u << GATE_LOSS_WITHIN_RPO);
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_FAILOVER,
                               "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_bytes\":5}", &a,
                               &fault));
    CU_ASSERT_EQUAL(a.role, ROLE_FORCE);
    CU_ASSERT_EQUAL(a.accepted_loss_bytes, 5);
    CU_ASSERT_EQUAL(a.accepted_loss_us, -1);
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_FAILOVER,
                               "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_ms\":90000}", &a,
                               &fault));
    CU_ASSERT_EQUAL(a.role, ROLE_FORCE);
    CU_ASSERT_EQUAL(a.accepted_loss_us, INT64_C(90000000));
    CU_ASSERT_EQUAL(a.accepted_loss_bytes, -1);
    /* Looking is for everybody. */
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_FAILOVER,
                               "{\"service\":\"s\",\"to\":\"r\",\"dry_run\":true,\"skip_gates\":[\"fence\"]}",
                               &a, &fault));
    CU_ASSERT_EQUAL(a.role, ROLE_READ);
    done();
}

static void hostile_requests_are_refused(void)
{
    static const char *const bad[] = {
        "{\"to\":\"r\",\"reason\":\"x\"}",                                /* no service */
        "{\"service\":\"s\",\"reason\":\"x\"}",                           /* no target */
        "{\"service\":\"s\",\"to\":\"r\"}",                               /* no reason */
        "{\"service\":\"S\",\"to\":\"r\",\"reason\":\"x\"}",              /* no name */
        "{\"service\":\"\",\"to\":\"r\",\"reason\":\"x\"}",
        "{\"service\":\"s\",\"to\":\"../r\",\"reason\":\"x\"}",
        "{\"service\":7,\"to\":\"r\",\"reason\":\"x\"}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"a\\nb\"}",          /* another log line */
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"\\u001b[2J\"}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"skip_gates\":\"fence\"}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"skip_gates\":[\"all\"]}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"skip_gates\":[1]}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_bytes\":-1}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_bytes\":1.5}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_bytes\":9223372036854775807}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_ms\":-1}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_ms\":0.5}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_ms\":4611686018427388}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_ms\":null}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_ms\":[]}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_ms\":\"NaN\"}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"accept_loss_ms\":\"30s\"}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"dry_run\":1}",
        "{\"service\":\"s\",\"to\":\"r\",\"reason\":\"x\",\"wipe\":true}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct command_arguments a;
        struct fault fault = { "" };
        CU_ASSERT_FALSE(parse(COMMAND_FAILOVER, bad[i], &a, &fault));
        CU_ASSERT(fault.text[0] != '\0');
        for (const char *at = fault.text; *at != '\0'; at++)
            CU_ASSERT((unsigned char)*at >= 0x20);
    }
    done();
}

static void a_probe_names_its_check(void)
{
    struct command_arguments a;
    struct fault fault = { "" };
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_PROBE, "{\"service\":\"shop\",\"check\":\"health\",\"region\":\"us-east-1\"}", &a, &fault));
    CU_ASSERT_STRING_EQUAL(a.check, "health");
    CU_ASSERT_STRING_EQUAL(a.region, "us-east-1");
    CU_ASSERT_EQUAL(a.role, ROLE_READ);
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_PROBE, "{\"service\":\"shop\",\"check\":\"health\"}", &a, &fault));
    CU_ASSERT_PTR_NULL(a.region);
    static const char *const bad[] = { "{\"service\":\"shop\"}", "{\"check\":\"health\"}", "{\"service\":\"shop\",\"check\":7}",
                                       "{\"service\":\"shop\",\"check\":\"a/b\"}", "{\"service\":\"shop\",\"check\":\"\"}",
                                       "{\"service\":\"shop\",\"check\":\"h\",\"region\":\"A\"}",
                                       "{\"service\":\"shop\",\"check\":\"h\",\"to\":\"r\"}" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(parse(COMMAND_PROBE, bad[i], &a, &fault));
    done();
}

static void ids_times_and_cursors_are_checked(void)
{
    struct command_arguments a;
    struct fault fault = { "" };
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_WAIT, "{\"operation\":\"00c0ffee00c0ffee\"}", &a, &fault));
    CU_ASSERT_STRING_EQUAL(a.operation, "00c0ffee00c0ffee");
    CU_ASSERT_EQUAL(a.after, -1);
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_EVENTS, "{\"service\":\"shop\",\"after\":41,\"run\":\"00c0ffee00c0ffee\"}", &a, &fault));
    CU_ASSERT_STRING_EQUAL(a.run, "00c0ffee00c0ffee");
    CU_ASSERT_EQUAL(a.after, 41);
    CU_ASSERT_EQUAL(a.role, ROLE_READ);
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_EVENTS, "{\"since\":\"2026-11-21T10:17:45.123Z\",\"after\":0}", &a, &fault));
    CU_ASSERT_STRING_EQUAL(a.since, "2026-11-21T10:17:45.123Z");
    static const char *const ids[] = { "{}", "{\"operation\":5}", "{\"operation\":\"\"}", "{\"operation\":\"00C0FFEE00C0FFEE\"}",
                                       "{\"operation\":\"00c0ffee00c0ffee0\"}", "{\"operation\":\"00c0ffee00c0ffe\"}" };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        CU_ASSERT_FALSE(parse(COMMAND_OPERATION_SHOW, ids[i], &a, &fault));
    static const char *const bad[] = {
        "{\"after\":-1}", "{\"after\":\"1\"}", "{\"after\":1.5}", "{\"after\":9223372036854775807}", "{\"run\":\"x\"}",
        "{\"limit\":0}", "{\"limit\":1001}", "{\"since\":\"2026-11-21\"}", "{\"since\":\"2026-11-21T10:17:45.123Z \"}",
        "{\"since\":\"2026-11-21 10:17:45.123Z\"}", "{\"since\":\"\"}", "{\"since\":5}", "{\"to\":\"r\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(parse(COMMAND_EVENTS, bad[i], &a, &fault));
    done();
}

static void words_are_understood(void)
{
    struct command_arguments a;
    struct fault fault = { "" };
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_PAUSE, "{\"service\":\"s\",\"reason\":\"x\",\"for_ms\":604800000}", &a, &fault));
    CU_ASSERT_EQUAL(a.pause_us, INT64_C(604800000000));
    CU_ASSERT_EQUAL(a.role, ROLE_OPERATE);
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_PAUSE, "{\"service\":\"s\",\"reason\":\"x\",\"until_resumed\":true}", &a,
                               &fault));
    CU_ASSERT(a.until_resumed && a.pause_us == 0 && !a.dry_run);
    static const char *const bad[] = {
        "{\"service\":\"s\"}", "{\"reason\":\"x\"}", "{\"service\":\"s\",\"reason\":\"x\",\"for_ms\":0}",
        "{\"service\":\"s\",\"reason\":\"x\",\"for_ms\":604800001}",
        "{\"service\":\"s\",\"reason\":\"x\",\"for_ms\":\"1h\"}",
        "{\"service\":\"s\",\"reason\":\"x\",\"for_ms\":5,\"until_resumed\":true}",
        "{\"service\":\"s\",\"reason\":\"x\",\"operation\":\"00c0ffee00c0ffee\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(parse(COMMAND_PAUSE, bad[i], &a, &fault));
    static const enum command_id said[] = { COMMAND_OPERATION_PAUSE, COMMAND_OPERATION_RESUME,
                                            COMMAND_OPERATION_ABORT };
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        CU_ASSERT_TRUE(parse(said[i], "{\"operation\":\"00c0ffee00c0ffee\",\"reason\":\"x\"}", &a, &fault));
        CU_ASSERT_FALSE(parse(said[i], "{\"operation\":\"00c0ffee00c0ffee\"}", &a, &fault));
        CU_ASSERT_FALSE(parse(said[i], "{\"reason\":\"x\"}", &a, &fault));
        CU_ASSERT_TRUE(command_says(said[i]) && !command_moves(said[i]));
    }
    CU_ASSERT_FALSE(command_says(COMMAND_FAILOVER) || command_says(COMMAND_OPERATION_TICK) ||
                    command_says(COMMAND_AUDIT_VERIFY) || command_says(COMMAND_WAIT));
    done();
}

static void an_answer_names_the_proposal_and_a_no_its_reason(void)
{
    struct command_arguments a;
    struct fault fault = { "" };
    CU_ASSERT_TRUE_FATAL(parse(COMMAND_APPROVE, "{\"operation\":\"00c0ffee00c0ffee\"}", &a, &fault));
    CU_ASSERT_EQUAL(a.role, ROLE_OPERATE);
    CU_ASSERT_PTR_NULL(a.reason);
    CU_ASSERT_TRUE(parse(COMMAND_DECLINE, "{\"operation\":\"00c0ffee00c0ffee\",\"reason\":\"x\"}", &a, &fault));
    static const char *const bad[] = { "{}", "{\"operation\":\"shop\"}", "{\"operation\":\"00c0ffee00c0ffee\"}",
                                       "{\"operation\":\"00c0ffee00c0ffee\",\"reason\":\"x\",\"service\":\"shop\"}",
                                       "{\"operation\":\"00c0ffee00c0ffee\",\"reason\":\"\"}" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(parse(COMMAND_DECLINE, bad[i], &a, &fault));
    CU_ASSERT_TRUE(command_row(COMMAND_APPROVE)->changes && command_row(COMMAND_DECLINE)->changes);
    CU_ASSERT(command_answers(COMMAND_APPROVE) && command_answers(COMMAND_DECLINE));
    CU_ASSERT_FALSE(command_answers(COMMAND_FAILOVER));
    done();
}

/* What an answer means depends on what was ordered. */
static void an_answers_words_fit_the_order(void)
{
    static const enum order_answer own[] = { ANSWER_ACCEPTED, ANSWER_ALREADY, ANSWER_NO_OPERATION, ANSWER_NO_QUORUM };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        for (int kind = ORDER_APPROVE; kind <= ORDER_DECLINE; kind++) {
            const struct order_answer_row *row = order_answer_row_of((enum order_kind)kind, own[i]);
            CU_ASSERT_PTR_NOT_NULL_FATAL(row);
            CU_ASSERT_PTR_NOT_EQUAL(row, order_answer_row(own[i]));
            CU_ASSERT_EQUAL(row->exit, order_answer_row(own[i])->exit);
        }
    CU_ASSERT_PTR_EQUAL(order_answer_row_of(ORDER_APPROVE, ANSWER_BUSY), order_answer_row(ANSWER_BUSY));
    CU_ASSERT_PTR_EQUAL(order_answer_row_of(ORDER_FAILOVER, ANSWER_ALREADY), order_answer_row(ANSWER_ALREADY));
    CU_ASSERT_EQUAL(order_answer_row(ANSWER_DECLINED)->exit, EXIT_GATE);
    char words[512];
    struct text text = TEXT_OF(words);
    order_answer_text(&text, ORDER_APPROVE, &(struct message_order_reply){ .answer = ANSWER_ALREADY });
    CU_ASSERT_PTR_NULL(strstr(words, "writer already"));
    text_clear(&text);
    order_answer_todo(&text, ORDER_FAILOVER,
                      &(struct message_order_reply){ .answer = ANSWER_GATE, .gate = GATE_BLAST_RADIUS });
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "--skip-gate blast_radius"));
}

/* A maker whose store was lost is heard and has no vote: nothing else would say that the vote comes first. */
static void a_mark_whose_maker_has_no_vote_says_what_comes_first(void)
{
    char words[512];
    struct text text = TEXT_OF(words);
    const struct message_order_reply reply = { .answer = ANSWER_NO_COORDINATOR };
    order_answer_text(&text, ORDER_RECONCILE, &reply);
    CU_ASSERT(strstr(words, "is not heard, or does not vote") != NULL);
    text_clear(&text);
    order_answer_todo(&text, ORDER_RECONCILE, &reply);
    CU_ASSERT(strstr(words, "failoverctl voter replace NODE --reason TEXT") != NULL);
    CU_ASSERT(strstr(words, "--skip-gate fence") != NULL);
}

static const char *loss_words(void (*say)(struct text *, enum order_kind, const struct message_order_reply *),
                              int64_t value, int64_t value_us)
{
    static char words[512];
    struct text text = TEXT_OF(words);
    struct message_order_reply reply = { .answer = ANSWER_GATE, .gate = GATE_LOSS_WITHIN_RPO,
                                         .value = value, .value_us = value_us,
                                         .limit = 16 << 20, .limit_us = 60000000 };
    text_clear(&text);
    say(&text, ORDER_FAILOVER, &reply);
    return words;
}

static bool said(const char *words, const char *what)
{
    return strstr(words, what) != NULL;
}

/* By which of the two it is too much, and what would be enough; never a number for what is not known. */
static void a_loss_too_large_says_by_what(void)
{
    const char *words = loss_words(order_answer_text, 4096, 90500000);
    CU_ASSERT(said(words, "4 KiB (1m30s) would be lost; up to 16 MiB (1m) may be"));
    words = loss_words(order_answer_todo, 4096, 90500000);
    CU_ASSERT(said(words, "--accept-loss 91s."));
    CU_ASSERT(!said(words, "4096"));
    words = loss_words(order_answer_todo, 32 << 20, 1000000);
    CU_ASSERT(said(words, "--accept-loss 33554432."));
    words = loss_words(order_answer_todo, 32 << 20, 61000000);
    CU_ASSERT(said(words, "--accept-loss 33554432 --accept-loss 62s."));
    words = loss_words(order_answer_text, 32 << 20, -1);
    CU_ASSERT(said(words, "32 MiB (of nobody knows how long) would be lost"));
    words = loss_words(order_answer_todo, 32 << 20, -1);
    CU_ASSERT(said(words, "--skip-gate loss_within_rpo") && !said(words, "--accept-loss 3"));
    words = loss_words(order_answer_text, -1, -1);
    CU_ASSERT(said(words, "what would be lost is not known"));
    words = loss_words(order_answer_todo, -1, -1);
    CU_ASSERT(said(words, "--skip-gate loss_within_rpo"));
}

/* Of a switchover that waits for its time nothing is said about regions that fail, and exit codes stay. */
static void what_is_put_down_for_later_has_its_own_words(void)
{
    for (int i = ANSWER_ACCEPTED; i < ANSWER_COUNT; i++)
        for (int kind = 0; kind < ORDER_KIND_COUNT; kind++) {
            const struct order_answer_row *row = order_answer_row_later((enum order_kind)kind, (enum order_answer)i);
            if (row == NULL)
                continue;
            CU_ASSERT_EQUAL((int)row->answer, i);
            CU_ASSERT_EQUAL(row->exit, order_answer_row_of((enum order_kind)kind, (enum order_answer)i)->exit);
            CU_ASSERT_PTR_NULL(strstr(row->text, "failover"));
            CU_ASSERT_PTR_NULL(strstr(row->text, "region was well"));
            CU_ASSERT(strlen(row->todo) > 10);
        }
    static const enum order_answer own[] = { ANSWER_ACCEPTED, ANSWER_ALREADY, ANSWER_NO_OPERATION, ANSWER_NO_QUORUM };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        CU_ASSERT_PTR_NOT_NULL(order_answer_row_later(ORDER_DECLINE, own[i]));
    CU_ASSERT_PTR_NULL(order_answer_row_later(ORDER_DECLINE, ANSWER_GATE));
    CU_ASSERT_PTR_NULL(order_answer_row_later(ORDER_PAUSE, ANSWER_ACCEPTED));
}

static void every_answer_has_its_words(void)
{
    for (int kind = 0; kind < ORDER_KIND_COUNT; kind++)
        for (int i = ANSWER_ACCEPTED; i < ANSWER_COUNT; i++) {
            const struct order_answer_row *row = order_answer_row_of((enum order_kind)kind, (enum order_answer)i);
            CU_ASSERT_PTR_NOT_NULL_FATAL(row);
            CU_ASSERT_EQUAL((int)row->answer, i);
            CU_ASSERT(strlen(row->text) > 10);
            CU_ASSERT_EQUAL(row->exit == EXIT_DONE, i == ANSWER_ACCEPTED);
        }
    for (int i = ANSWER_ACCEPTED; i < ANSWER_COUNT; i++) {
        const struct order_answer_row *row = order_answer_row((enum order_answer)i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(row);
        CU_ASSERT(strlen(row->text) > 10);
        CU_ASSERT_EQUAL(row->exit == EXIT_DONE, i == ANSWER_ACCEPTED);
    }
    CU_ASSERT_EQUAL(order_answer_row(ANSWER_NO_QUORUM)->exit, EXIT_NO_QUORUM);
    CU_ASSERT_EQUAL(order_answer_row(ANSWER_GATE)->exit, EXIT_GATE);
    CU_ASSERT_PTR_NULL(order_answer_row((enum order_answer)99));
    char words[512];
    struct text text = TEXT_OF(words);
    order_answer_text(&text, ORDER_FAILOVER, &(struct message_order_reply){ .answer = ANSWER_GATE,
                                                                            .gate = GATE_NOT_PAUSED, .value = 1 });
    CU_ASSERT_STRING_EQUAL(words, "refused by the gate not_paused: the service is paused. Nothing was changed");
    text_clear(&text);
    struct message_order_reply few = { .answer = ANSWER_GATE, .gate = GATE_MAJORITY_FAILED, .value = 1, .limit = 2 };
    order_answer_text(&text, ORDER_FAILOVER, &few);
    CU_ASSERT_STRING_EQUAL(words, "refused by the gate majority_failed: 1 of the 2 voters needed say that the writer's "
                                  "region failed. Nothing was changed");
    text_clear(&text);
    few.gate = GATE_TARGET_STREAMING;
    order_answer_todo(&text, ORDER_SWITCHOVER, &few);
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "failoverctl rejoin SERVICE"));
    text_clear(&text);
    order_answer_text(&text, ORDER_FAILOVER, &(struct message_order_reply){ .answer = ANSWER_GATE,
                                                            .gate = GATE_LOSS_WITHIN_RPO,
                                                            .value = 32 << 20, .limit = 16 << 20 });
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "loss_within_rpo"));
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "32 MiB"));
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "16 MiB"));
    text_clear(&text);
    struct message_order_reply lags = { .answer = ANSWER_GATE, .gate = GATE_LOSS_WITHIN_RPO };
    order_answer_todo(&text, ORDER_FAILOVER, &lags);
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "failoverctl failover"));
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "--accept-loss"));
    text_clear(&text);
    order_answer_todo(&text, ORDER_SWITCHOVER, &lags);
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "failoverctl switchover"));
    CU_ASSERT_PTR_NULL(strstr(words, "--accept-loss"));
    text_clear(&text);
    order_answer_todo(&text, ORDER_SWITCHOVER,
                      &(struct message_order_reply){ .answer = ANSWER_GATE, .gate = GATE_FENCE });
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "the old writer's own guard"));
    CU_ASSERT_PTR_NULL(strstr(words, "--skip-gate"));
    text_clear(&text);
    struct message_order_reply busy = { .answer = ANSWER_BUSY };
    order_answer_text(&text, ORDER_FAILOVER, &busy);
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "another order"));
    busy.operation = 0xaa;
    text_clear(&text);
    order_answer_text(&text, ORDER_FAILOVER, &busy);
    order_answer_todo(&text, ORDER_FAILOVER, &busy);
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "operation 00000000000000aa is under way"));
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "failoverctl wait 00000000000000aa"));
    text_clear(&text);
    order_answer_text(&text, ORDER_FAILOVER, &(struct message_order_reply){ .answer = ANSWER_GATE, .gate = 200 });
    CU_ASSERT(text.length > 0);
}

SUITE_MAIN("commands", TEST(every_row_is_whole), TEST(a_failover_is_understood), TEST(a_switchover_is_understood),
           TEST(a_failback_is_understood),
           TEST(a_plan_is_understood_by_everybody), TEST(breaking_the_glass_needs_force_and_a_word),
           TEST(skipping_and_losing_need_force),
           TEST(hostile_requests_are_refused), TEST(a_probe_names_its_check), TEST(ids_times_and_cursors_are_checked),
           TEST(words_are_understood),
           TEST(an_answer_names_the_proposal_and_a_no_its_reason), TEST(an_answers_words_fit_the_order),
           TEST(a_mark_whose_maker_has_no_vote_says_what_comes_first),
           TEST(a_loss_too_large_says_by_what), TEST(what_is_put_down_for_later_has_its_own_words),
           TEST(every_answer_has_its_words))
