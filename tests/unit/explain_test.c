/* What explain and plan say, from views of every kind: who is in the way, and that nothing unknown is told as known. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/report/history.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status.h"
#include "coordinator/status/status_text.h"
#include "tests/unit/cluster_fixture.h"
#include "tests/unit/suite.h"

static struct view_service view;
static struct cluster_config cluster;
static struct service_config service;

static void all_well(void)
{
    fixture_view(&view);
    cluster = *fixture_cluster();
    service = cluster.services[0];
    service.evidence_max_age_us = 10000000;
    service.cooldown_us = 600000000;
    service.initial_writer = 0; /* of the service's regions: us-east-1 */
    cluster.services = &service;
}

static struct status_input input(void)
{
    return (struct status_input){ .cluster = &cluster, .version = "0.0.1", .self = FIXTURE_WEST, .now_mono_us = 9000000,
                                  .views = &view };
}

static json_t *explain(void)
{
    struct status_input given = input();
    json_t *answer = status_explain(&given, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    return answer;
}

/* Whether any sentence of what would make it act holds these words. */
static bool would(const json_t *answer, const char *words)
{
    size_t index;
    const json_t *sentence;
    json_array_foreach(json_object_get(answer, "would_act"), index, sentence)
        if (strstr(json_string_value(sentence), words) != NULL)
            return true;
    return false;
}

static bool why(const json_t *answer, const char *words)
{
    return strstr(peek_str(answer, "why", ""), words) != NULL;
}

static void votes_against_east(unsigned failed)
{
    view.regions[FIXTURE_EAST].failed_votes = (uint8_t)failed;
    for (unsigned i = 0; i < failed; i++)
        view.regions[FIXTURE_EAST].observers[i].verdict = VERDICT_FAILED;
    if (failed >= view.voters_needed)
        view.regions[FIXTURE_WEST].gates[GATE_MAJORITY_FAILED].open = true;
}

static void while_all_is_well_nobody_votes(void)
{
    all_well();
    json_t *answer = explain();
    const json_t *votes = json_object_get(answer, "votes");
    int64_t number = -1;
    CU_ASSERT_FALSE(peek_yes(answer, "begins"));
    CU_ASSERT_TRUE(why(answer, "no voter says that us-east-1 failed"));
    CU_ASSERT_TRUE(would(answer, "2 of 3 voters would have to say that us-east-1 failed; none does."));
    CU_ASSERT_FALSE(would(answer, "outage_min")); /* there is no outage whose length could be asked for */
    CU_ASSERT_TRUE(peek_int(votes, "missing", &number) && number == 2);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(votes, "list")), 3);
    const json_t *vote = json_array_get(json_object_get(votes, "list"), 0);
    CU_ASSERT_STRING_EQUAL(peek_str(vote, "voter", ""), "euw1-a");
    CU_ASSERT_TRUE(peek_int(vote, "age_ms", &number) && number == 240);
    CU_ASSERT_TRUE(peek_int(vote, "standing_ms", &number) && number == 3600000);
    CU_ASSERT_FALSE(peek_yes(vote, "counts"));
    const json_t *candidate = json_array_get(json_object_get(answer, "candidates"), 0);
    CU_ASSERT_STRING_EQUAL(peek_str(candidate, "region", ""), "us-west-2");
    CU_ASSERT_TRUE(peek_yes(candidate, "best"));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(candidate, "gates")), GATE_COUNT);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(candidate, "shut")), 2);
    const char *proof = peek_str(json_object_get(answer, "fence"), "proof_text", "");
    CU_ASSERT_TRUE(peek_int(json_object_get(json_object_get(answer, "fence"), "guard"), "heard_ms", &number));
    CU_ASSERT_EQUAL(number, 200);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(proof, "the lease of use1-a has run out everywhere, at most 2.4s")); /* 2 s stretched by 1.1/0.9 */
    json_decref(answer);
}

static void votes_are_named_and_counted(void)
{
    all_well();
    votes_against_east(1);
    json_t *answer = explain();
    int64_t number = -1;
    CU_ASSERT_TRUE(why(answer, "no majority says that us-east-1 failed: 1 of the 2 voters needed does"));
    CU_ASSERT_TRUE(would(answer, "euw1-a does, 1 more is needed"));
    CU_ASSERT_TRUE(peek_yes(json_array_get(json_object_get(json_object_get(answer, "votes"), "list"), 0), "counts"));
    CU_ASSERT_TRUE(peek_int(json_object_get(answer, "votes"), "missing", &number) && number == 1);
    json_decref(answer);
    /* A voter never heard says nothing, and that is not the age 0. */
    view.regions[FIXTURE_EAST].observers[FIXTURE_EU] = (struct view_observer){ 0 };
    view.regions[FIXTURE_EAST].failed_votes = 0;
    answer = explain();
    const json_t *vote = json_array_get(json_object_get(json_object_get(answer, "votes"), "list"), 0);
    CU_ASSERT_TRUE(json_is_null(json_object_get(vote, "verdict")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(vote, "age_ms")));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(vote, "text", ""), "not heard"));
    json_decref(answer);
}

static void a_shut_gate_is_what_is_in_the_way(void)
{
    all_well();
    votes_against_east(2);
    struct gate *gates = view.regions[FIXTURE_WEST].gates;
    gates[GATE_OUTAGE_MIN].open = true;
    gates[GATE_COOLDOWN] = (struct gate){ .known = true, .value = 420000000, .limit = 600000000 };
    gates[GATE_NOT_PAUSED].open = false;
    json_t *answer = explain();
    CU_ASSERT_FALSE(peek_yes(answer, "begins"));
    CU_ASSERT_TRUE(why(answer, "2 gates of us-west-2 are shut"));
    CU_ASSERT_TRUE(would(answer, "cooldown") && would(answer, "it opens in 3m"));
    CU_ASSERT_TRUE(would(answer, "the service is paused"));
    CU_ASSERT_FALSE(would(answer, "voters would have to"));
    gates[GATE_COOLDOWN].open = gates[GATE_NOT_PAUSED].open = true;
    gates[GATE_TARGET_HEALTHY] = (struct gate){ .known = true, .value = VERDICT_FAILED, .limit = VERDICT_HEALTHY,
                                                .observer = FIXTURE_WEST };
    struct view_observer *own = &view.regions[FIXTURE_WEST].observers[FIXTURE_WEST];
    const struct view_observer healthy = *own;
    *own = (struct view_observer){ .present = true, .verdict = VERDICT_FAILED, .reason = REASON_CHECK_FAILED,
                                   .check = 1, .standing_us = 4000000, .detail = { "503" } };
    json_decref(answer);
    answer = explain();
    CU_ASSERT_TRUE(would(answer, "judges it failed (health has been failing for 4s: 503)"));
    *own = healthy;
    gates[GATE_TARGET_HEALTHY].open = true;
    json_decref(answer);
    answer = explain();
    CU_ASSERT_TRUE(peek_yes(answer, "begins"));
    CU_ASSERT_TRUE(why(answer, "A failover to us-west-2 begins now"));
    json_decref(answer);
    service.mode = CONFIG_MODE_MANUAL;
    answer = explain();
    CU_ASSERT_FALSE(peek_yes(answer, "begins"));
    CU_ASSERT_TRUE(why(answer, "the mode is manual"));
    CU_ASSERT_TRUE(would(answer, "failoverctl failover shop --to us-west-2"));
    json_decref(answer);
}

/* In mode approve: before, while it waits, when nobody answered, after a yes and after a no. */
static void a_proposal_is_explained(void)
{
    all_well();
    votes_against_east(2);
    struct gate *gates = view.regions[FIXTURE_WEST].gates;
    gates[GATE_OUTAGE_MIN].open = true;
    gates[GATE_APPROVED] = (struct gate){ .known = true, .limit = PROPOSAL_APPROVED };
    service.mode = CONFIG_MODE_APPROVE;
    json_t *answer = explain();
    CU_ASSERT_FALSE(peek_yes(answer, "begins"));
    CU_ASSERT_TRUE(why(answer, "waits for a person's word"));
    CU_ASSERT_TRUE(would(answer, "then a person is asked"));
    CU_ASSERT_TRUE(json_is_null(json_object_get(answer, "proposal")));
    json_decref(answer);
    view.ledger.proposal = (struct ledger_proposal){
        .state = PROPOSAL_WAITS, .kind = OPERATION_FAILOVER, .id = 0xc0ffee, .from = FIXTURE_EAST, .to = FIXTURE_WEST,
        .proposer = FIXTURE_WEST, .said = { { 5 }, { "ann" }, { "the link is mended" } } };
    view.proposal_age_us = 4000000;
    view.proposal_left_us = 56000000;
    answer = explain();
    const json_t *proposal = json_object_get(answer, "proposal");
    CU_ASSERT_STRING_EQUAL(peek_str(proposal, "state", ""), "waits");
    CU_ASSERT_STRING_EQUAL(peek_str(proposal, "id", ""), "0000000000c0ffee");
    CU_ASSERT_TRUE(json_is_null(json_object_get(proposal, "answered_by")));
    CU_ASSERT_TRUE(would(answer, "for another 56s; then nothing begins until somebody answers"));
    CU_ASSERT_TRUE(would(answer, "failoverctl approve 0000000000c0ffee"));
    json_decref(answer);
    service.on_no_answer = CONFIG_NO_ANSWER_GO;
    view.proposal_left_us = 0;
    answer = explain();
    CU_ASSERT_TRUE(would(answer, "Nobody answered in time: it begins without"));
    json_decref(answer);
    view.ledger.proposal.state = PROPOSAL_DECLINED;
    answer = explain();
    CU_ASSERT_TRUE(would(answer, "Declined by ann (the link is mended)"));
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(answer, "proposal"), "reason", ""), "the link is mended");
    json_decref(answer);
    view.ledger.proposal.state = PROPOSAL_APPROVED;
    gates[GATE_APPROVED].open = true;
    gates[GATE_APPROVED].value = PROPOSAL_APPROVED;
    answer = explain();
    CU_ASSERT_TRUE(peek_yes(answer, "begins"));
    CU_ASSERT_TRUE(would(answer, "Approved by ann"));
    json_decref(answer);
}

static void without_a_quorum_nothing_can_be_decided(void)
{
    all_well();
    view.quorum = false;
    view.voters_heard = 1;
    view.nodes[FIXTURE_EU].voting = view.nodes[FIXTURE_EAST].voting = false;
    json_t *answer = explain();
    CU_ASSERT_TRUE(why(answer, "of the 2 voters needed 1 is heard"));
    CU_ASSERT_TRUE(would(answer, "A majority of the voters has to be heard first: 1 more."));
    CU_ASSERT_TRUE(would(answer, "Bring back euw1-a, use1-a"));
    json_decref(answer);
    memset(&view, 0, sizeof view); /* nor is anything known where nothing was ever heard */
    view.quorum = true;
    answer = explain();
    CU_ASSERT_TRUE(why(answer, "no majority has confirmed who is the writer"));
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_object_get(answer, "votes"), "failed")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_object_get(answer, "commits"), "hang")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_object_get(answer, "fence"), "proof")));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(answer, "candidates")), 0);
    json_decref(answer);
}

static const char *loss_text(const json_t *answer)
{
    return peek_str(json_object_get(json_array_get(json_object_get(answer, "candidates"), 0), "loss"), "text", "");
}

static void a_loss_is_never_nothing_unless_known(void)
{
    all_well();
    json_t *answer = explain();
    CU_ASSERT_PTR_NOT_NULL(strstr(loss_text(answer), "would lose nothing of what us-east-1 was known to have 700ms ago"));
    CU_ASSERT_PTR_NOT_NULL(strstr(loss_text(answer), "what it wrote in that time is not known"));
    json_decref(answer);
    view.regions[FIXTURE_WEST].lag_bytes = 2048;
    view.regions[FIXTURE_WEST].lag_us = 250000;
    answer = explain();
    CU_ASSERT_PTR_NOT_NULL(strstr(loss_text(answer), "would lose 2 KiB (250ms)"));
    json_decref(answer);
    for (int i = 0; i < 2; i++) { /* not known, or of an age that is not known */
        view.regions[FIXTURE_WEST].lag_bytes = 0;
        view.regions[FIXTURE_WEST].lag_known = i == 1;
        view.regions[FIXTURE_WEST].lag_age_us = i == 1 ? AGE_UNKNOWN_US : 0;
        answer = explain();
        const json_t *loss = json_object_get(json_array_get(json_object_get(answer, "candidates"), 0), "loss");
        CU_ASSERT_PTR_NOT_NULL(strstr(loss_text(answer), "is not known"));
        CU_ASSERT_PTR_NULL(strstr(loss_text(answer), "0 B"));
        CU_ASSERT_PTR_NULL(strstr(loss_text(answer), "nothing"));
        CU_ASSERT_TRUE(json_is_null(json_object_get(loss, "bytes")) && !peek_yes(loss, "known"));
        json_decref(answer);
    }
    view.regions[FIXTURE_WEST].gates[GATE_LOSS_WITHIN_RPO] = (struct gate){ .limit = 16 << 20 };
    answer = explain();
    const json_t *gates = json_object_get(json_array_get(json_object_get(answer, "candidates"), 0), "gates");
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_array_get(gates, GATE_LOSS_WITHIN_RPO), "age_ms")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_array_get(gates, GATE_LOSS_WITHIN_RPO), "value")));
    json_decref(answer);
}

static void the_fence_says_what_would_prove_it(void)
{
    static const struct { int proof; const char *words; } cases[] = {
        { PROOF_RELEASED, "gives its lease back" }, { PROOF_LAPSED, "the kernel on its host shuts the port" },
        { PROOF_REMOTE, "remote_hook" }, { PROOF_ACCEPTED, "Not proven by anything" },
        { PROOF_NONE, "--skip-gate fence" }, { 99, "Nothing can prove it now" },
    };
    all_well();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        view.regions[FIXTURE_WEST].gates[GATE_FENCE].value = cases[i].proof;
        json_t *answer = explain();
        CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(json_object_get(answer, "fence"), "proof_text", ""), cases[i].words));
        json_decref(answer);
    }
}

static void an_operation_says_what_it_waits_for(void)
{
    all_well();
    view.ledger.writer = REGION_NONE;
    view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_FAILOVER, .phase = PHASE_BEGUN, .id = 0xc0ffee,
        .from = FIXTURE_EAST, .to = FIXTURE_WEST, .executor = FIXTURE_WEST,
        .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    view.operation = (struct view_operation){ .running = true, .here = true, .step = STEP_FENCE, .step_us = 420000,
        .wait_left_us = 900000, .loss_bytes = -1, .overdue = true };
    (void)text_copy(view.operation.detail.s, sizeof view.operation.detail.s, "use1-a is silent");
    json_t *answer = explain();
    CU_ASSERT_TRUE(why(answer, "It is acting: failover begun runs on usw2-a, in step fence for 420ms"));
    CU_ASSERT_TRUE(would(answer, "runs out everywhere in 900ms"));
    CU_ASSERT_TRUE(would(answer, "use1-a is silent") && would(answer, "past its deadline"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(json_object_get(answer, "fence"), "proof_text", ""), "nothing proves yet"));
    json_decref(answer);
    view.operation = (struct view_operation){ .running = true, .loss_bytes = -1 };
    answer = explain();
    CU_ASSERT_TRUE(would(answer, "known to usw2-a: run failoverctl explain shop there"));
    json_decref(answer);
    view.ledger.operation = (struct ledger_operation){ .from = REGION_NONE, .to = REGION_NONE };
    answer = explain();
    CU_ASSERT_TRUE(why(answer, "No region is named writer"));
    json_decref(answer);
}

static void commits_hang_only_where_that_is_seen(void)
{
    static struct status_waits waits[CONFIG_MAX_SERVICES][CONFIG_MAX_REGIONS];
    all_well();
    struct status_input given = input();
    given.waits = (const struct status_waits (*)[CONFIG_MAX_REGIONS])waits;
    json_t *answer = status_explain(&given, 0);
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_object_get(answer, "commits"), "hang")));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(json_object_get(answer, "commits"), "text", ""), "not known here"));
    json_decref(answer);
    waits[0][FIXTURE_EAST] = (struct status_waits){ { true, true, 0, 0 }, 8000000 };
    answer = status_explain(&given, 0);
    CU_ASSERT_TRUE(json_is_false(json_object_get(json_object_get(answer, "commits"), "hang")));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(json_object_get(answer, "commits"), "text", ""), "1s ago"));
    json_decref(answer);
    waits[0][FIXTURE_EAST] = (struct status_waits){ { true, true, 3, 2500000 }, 8000000 };
    answer = status_explain(&given, 0);
    const json_t *commits = json_object_get(answer, "commits");
    CU_ASSERT_TRUE(peek_yes(commits, "hang"));
    CU_ASSERT_PTR_NOT_NULL(strstr(json_string_value(json_array_get(json_object_get(commits, "reasons"), 0)),
                                  "wait for the commit lease of its guard"));
    json_decref(answer);
    waits[0][FIXTURE_EAST] = (struct status_waits){ { false, false, 0, 0 }, 0 };
}

/* ---- plan ---------------------------------------------------------------------------------- */

static const struct order anywhere = { .to = REGION_NONE, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };

static json_t *plan(enum planned planned)
{
    struct status_input given = input();
    struct view_service before = view;
    json_t *answer = status_plan(&given, 0, planned, &anywhere);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    CU_ASSERT_EQUAL(memcmp(&before, &view, sizeof view), 0);
    return answer;
}

static void a_plan_chooses_the_region_and_names_the_command(void)
{
    all_well();
    json_t *answer = plan(PLANNED_SWITCHOVER);
    CU_ASSERT_TRUE(peek_yes(answer, "would_run") && peek_yes(answer, "chosen"));
    CU_ASSERT_STRING_EQUAL(peek_str(answer, "to", ""), "us-west-2");
    CU_ASSERT_STRING_EQUAL(peek_str(answer, "command", ""),
                           "failoverctl switchover shop --to us-west-2 --reason \"...\"");
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(answer, "no_way_back"), "step", ""), "grant");
    CU_ASSERT_TRUE(json_is_null(json_object_get(answer, "todo")));
    json_decref(answer);
    answer = plan(PLANNED_FAILOVER); /* a writer that is well is not forced out without saying so */
    CU_ASSERT_FALSE(peek_yes(answer, "would_run"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(answer, "todo", ""), "--skip-gate majority_failed"));
    CU_ASSERT_PTR_NULL(strstr(peek_str(json_object_get(answer, "no_way_back"), "text", ""), "remote_hook"));
    json_decref(answer);
    view.regions[FIXTURE_WEST].gates[GATE_FENCE].value = PROOF_REMOTE;
    answer = plan(PLANNED_FAILOVER);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(json_object_get(answer, "no_way_back"), "text", ""), "remote_hook"));
    json_decref(answer);
    struct status_input given = input();
    struct order order = { .to = FIXTURE_WEST,
                           .skipped_gates = 1u << GATE_MAJORITY_FAILED,
                           .accepted_loss_bytes = 4096, .accepted_loss_us = 90000000 };
    answer = status_plan(&given, 0, PLANNED_FAILOVER, &order);
    CU_ASSERT_TRUE(peek_yes(answer, "would_run") && !peek_yes(answer, "chosen"));
    CU_ASSERT_STRING_EQUAL(peek_str(answer, "command", ""), "failoverctl failover shop --to us-west-2 --reason \"...\" "
                                                           "--skip-gate majority_failed --accept-loss 4096 "
                                                           "--accept-loss 90s");
    json_decref(answer);
    view.regions[FIXTURE_WEST].candidate = false;
    for (int planned = PLANNED_FAILOVER; planned <= PLANNED_SWITCHOVER; planned++) {
        answer = plan((enum planned)planned);
        CU_ASSERT_FALSE(peek_yes(answer, "would_run"));
        CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(answer, "text", ""), "no other region"));
        CU_ASSERT_TRUE(json_is_null(json_object_get(answer, "command")));
        json_decref(answer);
    }
}

static void feed(struct history *history, const char *text)
{
    json_t *line = json_loads(text, 0, NULL);
    history_line(history, line);
    json_decref(line);
}

static void times_come_from_past_runs(void)
{
    struct history *history = history_new();
    double ms = -1;
    all_well();
    struct status_input given = input();
    given.history = history;
    json_t *answer = status_plan(&given, 0, PLANNED_FAILOVER, &anywhere);
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_array_get(json_object_get(answer, "steps"), 0), "took_ms")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_object_get(answer, "estimate"), "total_ms")));
    json_decref(answer);
    feed(history, "{\"event\":\"operation_begun\",\"service\":\"shop\",\"operation\":\"00000000000000aa\",\"from\":"
                  "\"us-east-1\","
                  "\"region\":\"us-west-2\"}");
    const struct plan_step *step = plan_first(OPERATION_FAILOVER);
    bool open = false;
    for (; step->step != STEP_NONE; step = plan_next(OPERATION_FAILOVER, step)) {
        char line[256];
        if (open) /* all but the last three: it is known when writes go on, not when it is over */
            break;
        (void)snprintf(line, sizeof line,
                       "{\"event\":\"step_done\",\"service\":\"shop\",\"operation\":\"00000000000000aa\","
                       "\"step\":\"%s\",\"took_ms\":10}",
                       step_name(step->step));
        feed(history, line);
        open = step->step == STEP_OPEN;
    }
    answer = status_plan(&given, 0, PLANNED_FAILOVER, &anywhere);
    CU_ASSERT_TRUE(peek_real(json_array_get(json_object_get(answer, "steps"), 0), "took_ms", &ms) && ms == 10);
    CU_ASSERT_TRUE(peek_real(json_object_get(answer, "estimate"), "until_open_ms", &ms) && ms == 90);
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_object_get(answer, "estimate"), "total_ms")));
    json_decref(answer);
    history_free(history);
}

/* What others carried out is known as a whole, by the ledger; a failback's whole is what its stages were. */
static void what_others_ran_is_timed_as_a_whole(void)
{
    struct history *history = history_new();
    double ms = -1;
    int64_t runs = -1;
    all_well();
    struct status_input given = input();
    given.history = history;
    static const char *const kinds[] = { "failover", "failback" };
    for (size_t i = 0; i < 2; i++) {
        char line[256];
        (void)snprintf(line, sizeof line, "{\"event\":\"operation_seen\",\"service\":\"shop\",\"operation\":"
                       "\"00000000000000a%zu\",\"kind\":\"%s\"}", i, kinds[i]);
        feed(history, line);
        (void)snprintf(line, sizeof line, "{\"event\":\"operation_ended\",\"service\":\"shop\",\"operation\":"
                       "\"00000000000000a%zu\",\"took_ms\":3300,\"done\":1}", i);
        feed(history, line);
    }
    json_t *answer = status_plan(&given, 0, PLANNED_FAILOVER, &anywhere);
    const json_t *estimate = json_object_get(answer, "estimate");
    CU_ASSERT_TRUE(peek_real(estimate, "seen_total_ms", &ms) && ms == 3300);
    CU_ASSERT_TRUE(peek_int(estimate, "seen_runs", &runs) && runs == 1);
    CU_ASSERT_TRUE(json_is_null(json_object_get(estimate, "total_ms")));
    json_decref(answer);
    answer = status_plan(&given, 0, PLANNED_FAILBACK, &anywhere);
    estimate = json_object_get(answer, "estimate");
    CU_ASSERT_TRUE(json_is_null(json_object_get(estimate, "seen_total_ms")));
    json_decref(answer);
    history_free(history);
}

/* What is in its way first: not a rejoin that nobody knows to be needed. */
static void a_failback_says_what_is_in_its_way(void)
{
    all_well();
    view.ledger.writer = FIXTURE_WEST;
    view.quorum = false;
    view.regions[FIXTURE_EAST].database_age_us = 60 * US_PER_S;
    json_t *answer = plan(PLANNED_FAILBACK);
    CU_ASSERT_FALSE(peek_yes(answer, "would_run"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(answer, "text", ""), "no majority of voters is heard"));
    json_decref(answer);
    view.quorum = true;
    memcpy(view.regions[FIXTURE_EAST].planned_gates, view.regions[FIXTURE_WEST].planned_gates,
           sizeof view.regions[FIXTURE_WEST].planned_gates);
    for (int i = 0; i < GATE_COUNT; i++)
        view.regions[FIXTURE_EAST].planned_gates[i].open = true;
    answer = plan(PLANNED_FAILBACK);
    CU_ASSERT_FALSE(peek_yes(answer, "would_run"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(answer, "text", ""), "not known here whether the old primary"));
    json_decref(answer);
    view.regions[FIXTURE_EAST].database_age_us = 0;
    answer = plan(PLANNED_FAILBACK);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(answer, "text", ""), "has to be rejoined first"));
    json_decref(answer);
}

/* A switchover of which each step took 10 ms, as this node's journal has it. */
static void feed_switchover(struct history *history)
{
    feed(history, "{\"event\":\"order_taken\",\"service\":\"shop\",\"order\":\"switchover\",\"detail\":\"ann\"}");
    feed(history, "{\"event\":\"operation_begun\",\"service\":\"shop\",\"operation\":\"00000000000000ab\",\"from\":"
                  "\"us-west-2\",\"region\":\"us-east-1\"}");
    for (const struct plan_step *step = plan_first(OPERATION_SWITCHOVER); step->step != STEP_NONE;
         step = plan_next(OPERATION_SWITCHOVER, step)) {
        char line[256];
        (void)snprintf(line, sizeof line,
                       "{\"event\":\"step_done\",\"service\":\"shop\",\"operation\":\"00000000000000ab\","
                       "\"step\":\"%s\",\"took_ms\":10}",
                       step_name(step->step));
        feed(history, line);
    }
}

/* What a failback has in common with a switchover takes as long; its stages are another matter. */
static void the_first_failback_is_timed_by_switchovers(void)
{
    struct history *history = history_new();
    double total_ms = -1, until_open_ms = -1;
    all_well();
    struct status_input given = input();
    given.history = history;
    feed_switchover(history);
    json_t *answer = status_plan(&given, 0, PLANNED_FAILBACK, &anywhere);
    size_t index;
    const json_t *step;
    json_array_foreach(json_object_get(answer, "steps"), index, step)
        CU_ASSERT_EQUAL(json_is_null(json_object_get(step, "took_ms")),
                        strcmp(peek_str(step, "name", ""), "shift") == 0);
    const json_t *estimate = json_object_get(answer, "estimate");
    CU_ASSERT_TRUE(peek_real(estimate, "total_ms", &total_ms) && peek_real(estimate, "until_open_ms", &until_open_ms));
    CU_ASSERT_TRUE(until_open_ms > 0 && total_ms > until_open_ms);
    json_decref(answer);
    answer = status_plan(&given, 0, PLANNED_FAILOVER, &anywhere);
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_object_get(answer, "estimate"), "until_open_ms")));
    json_decref(answer);
    history_free(history);
}

/* East began; after a failover west writes, and east comes back bit by bit. */
static void a_failback_says_which_part_is_ready(void)
{
    all_well();
    json_t *answer = plan(PLANNED_FAILBACK);
    CU_ASSERT_FALSE(peek_yes(answer, "would_run")); /* it is at home */
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(answer, "text", ""), "the writer already"));
    json_decref(answer);
    struct view_region east = view.regions[FIXTURE_EAST];
    view.regions[FIXTURE_EAST] = view.regions[FIXTURE_WEST];
    view.regions[FIXTURE_WEST] = east;
    view.ledger.writer = FIXTURE_WEST;
    struct database_facts *home = &view.regions[FIXTURE_EAST].database;
    const struct database_facts standby = *home;
    answer = plan(PLANNED_FAILBACK);
    CU_ASSERT_TRUE(peek_yes(answer, "would_run"));
    CU_ASSERT_STRING_EQUAL(peek_str(answer, "kind", ""), "failback");
    CU_ASSERT_STRING_EQUAL(peek_str(answer, "operation", ""), "failback");
    CU_ASSERT_STRING_EQUAL(peek_str(answer, "to", ""), "us-east-1");
    CU_ASSERT_TRUE(peek_yes(json_object_get(json_object_get(answer, "failback"), "rejoin"), "ready"));
    json_decref(answer);
    for (int i = 0; i < 3; i++) {
        *home = standby;
        home->in_recovery = i != 0;          /* a fenced primary still */
        home->walreceiver_live = i != 1;     /* a standby that does not stream */
        view.regions[FIXTURE_EAST].database_age_us = i == 2 ? AGE_UNKNOWN_US : 700000;
        answer = plan(PLANNED_FAILBACK);
        const json_t *rejoin = json_object_get(json_object_get(answer, "failback"), "rejoin");
        CU_ASSERT_FALSE(peek_yes(answer, "would_run"));
        CU_ASSERT_EQUAL(json_is_null(json_object_get(rejoin, "ready")), i == 2);
        CU_ASSERT_STRING_EQUAL(peek_str(rejoin, "command", ""), "failoverctl rejoin shop --dry-run");
        CU_ASSERT_STRING_EQUAL(peek_str(rejoin, "node", ""), "use1-a");
        CU_ASSERT_TRUE(peek_yes(json_object_get(answer, "failback"), "switchover_ready"));
        json_decref(answer);
    }
}

/* Values that no core of this version gives. */
static void survives_views_that_make_no_sense(void)
{
    all_well();
    view.ledger.lease_us = -5;
    view.ledger.clock_error_ppm = 2000000;
    view.ledger.guard.node = 77;
    view.regions[FIXTURE_WEST].lag_bytes = INT64_MIN;
    json_decref(explain());
    view.ledger.writer = 99;
    view.regions[FIXTURE_EAST].observers[0].verdict = (enum verdict)99;
    json_decref(explain());
    view.ledger.operation.kind = OPERATION_SWITCHOVER;
    view.ledger.operation.from = 99;
    view.operation = (struct view_operation){ .here = true, .step = (enum step_id)99 };
    json_decref(explain());
    service.initial_writer = 99;
    json_decref(plan(PLANNED_FAILBACK));
    json_decref(plan(PLANNED_COUNT));
}

SUITE_MAIN("explain", TEST(what_others_ran_is_timed_as_a_whole),
           TEST(while_all_is_well_nobody_votes), TEST(votes_are_named_and_counted),
           TEST(a_shut_gate_is_what_is_in_the_way), TEST(a_proposal_is_explained),
           TEST(without_a_quorum_nothing_can_be_decided),
           TEST(a_loss_is_never_nothing_unless_known), TEST(the_fence_says_what_would_prove_it),
           TEST(an_operation_says_what_it_waits_for), TEST(commits_hang_only_where_that_is_seen),
           TEST(a_failback_says_what_is_in_its_way),
           TEST(a_plan_chooses_the_region_and_names_the_command), TEST(times_come_from_past_runs),
           TEST(the_first_failback_is_timed_by_switchovers), TEST(a_failback_says_which_part_is_ready),
           TEST(survives_views_that_make_no_sense))
