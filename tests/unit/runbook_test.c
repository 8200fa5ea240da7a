/* The checklist of an operation: who checks what, what is open, and that nothing unseen counts as done. */
#include <string.h>

#include "coordinator/report/history.h"
#include "coordinator/status/runbook_check.h"
#include "coordinator/status/status_text.h"
#include "tests/unit/cluster_fixture.h"
#include "tests/unit/suite.h"

#define ID UINT64_C(0x00c0ffee00c0ffee)
#define ID_TEXT "00c0ffee00c0ffee"
#define EVERY_KIND { CONFIG_OPERATION_FAILOVER, CONFIG_OPERATION_SWITCHOVER, CONFIG_OPERATION_FAILBACK }, 3

static struct view_service view;
static struct cluster_config cluster;
static struct service_config service;
static struct dns_config dns;
static struct audit_status audit;
static struct tls_expiry certificate;
static struct commit_status commit;
static struct history *history;
static const struct node_voters *voters; /* NULL: those of the view */

static struct runbook_item book[] = {
    { "tell", CONFIG_RUNBOOK_BEFORE, "Tell them.", CONFIG_RUNBOOK_PERSON, EVERY_KIND },
    { "gates", CONFIG_RUNBOOK_BEFORE, "Gates.", CONFIG_RUNBOOK_GATES_OPEN, EVERY_KIND },
    { "page", CONFIG_RUNBOOK_DURING, "Status page.", CONFIG_RUNBOOK_PERSON, { CONFIG_OPERATION_FAILOVER }, 1 },
    { "fenced", CONFIG_RUNBOOK_DURING, "Fenced.", CONFIG_RUNBOOK_OLD_PRIMARY_FENCED, EVERY_KIND },
    { "try", CONFIG_RUNBOOK_AFTER, "Place an order.", CONFIG_RUNBOOK_PERSON, EVERY_KIND },
    { "writes", CONFIG_RUNBOOK_AFTER, "Writes.", CONFIG_RUNBOOK_WRITES_WORK, EVERY_KIND },
    { "zone", CONFIG_RUNBOOK_AFTER, "Zone.", CONFIG_RUNBOOK_PERSON, { CONFIG_OPERATION_ADOPT }, 1 },
};

static void all_well(void)
{
    fixture_view(&view);
    cluster = *fixture_cluster();
    service = cluster.services[0];
    service.evidence_max_age_us = 10000000;
    service.runbook = book;
    service.runbook_count = sizeof book / sizeof book[0];
    dns = *service.dns;
    service.dns = &dns;
    cluster.services = &service;
    audit = (struct audit_status){ .seq = 12 };
    certificate = (struct tls_expiry){ .days_left = 90, .ca_days_left = 900 };
    voters = NULL;
    commit = (struct commit_status){ .enabled = true, .held_here = true, .phase = COMMIT_IN_FORCE };
}

static struct status_input input(void)
{
    return (struct status_input){ .cluster = &cluster, .version = "0.0.1", .self = FIXTURE_EAST, .now_mono_us = 9000000,
                                  .views = &view, .audit = &audit, .certificate = &certificate, .commits = &commit,
                                  .history = history, .voters = voters };
}

static void runs(enum operation_kind kind, enum operation_phase phase)
{
    view.ledger.operation = (struct ledger_operation){ .kind = kind, .phase = phase, .id = ID, .from = FIXTURE_EAST,
                                                       .to = FIXTURE_WEST, .executor = FIXTURE_WEST,
                                                       .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    view.ledger.writer = phase == PHASE_BEGUN ? REGION_NONE : FIXTURE_WEST;
}

static void is_over(enum operation_outcome outcome)
{
    view.ledger.operation.kind = OPERATION_NONE;
    view.ledger.last_operation = ID;
    view.ledger.last_outcome = outcome;
}

static json_t *runbook(void)
{
    struct status_input given = input();
    struct status_service at = { &given, &service, &view, 0 };
    return status_runbook(&at);
}

static const json_t *item_of(const json_t *list, const char *id)
{
    size_t index;
    const json_t *item;
    json_array_foreach(json_object_get(list, "list"), index, item)
        if (strcmp(peek_str(item, "id", ""), id) == 0)
            return item;
    return NULL;
}

static const char *state_of(const json_t *list, const char *id)
{
    return peek_str(item_of(list, id), "state", "not there");
}

static int64_t open_of(const json_t *list)
{
    int64_t open = -1;
    (void)peek_int(list, "open", &open);
    return open;
}

/* ---- the list ------------------------------------------------------------------------------ */

static void there_is_none_before_the_first_operation(void)
{
    all_well();
    json_t *list = runbook();
    CU_ASSERT_TRUE(json_is_null(list));
    json_decref(list);
    runs(OPERATION_FAILOVER, PHASE_BEGUN);
    service.runbook_count = 0;
    list = runbook();
    CU_ASSERT_TRUE(json_is_null(list));
    json_decref(list);
    service.runbook_count = 7;
    view.ledger_known = false;
    list = runbook();
    CU_ASSERT_TRUE(json_is_null(list));
    json_decref(list);
}

static void while_it_runs(void)
{
    all_well();
    runs(OPERATION_FAILOVER, PHASE_BEGUN);
    json_t *list = runbook();
    CU_ASSERT_STRING_EQUAL(peek_str(list, "operation", ""), ID_TEXT);
    CU_ASSERT_STRING_EQUAL(peek_str(list, "state", ""), "running");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(list, "list")), 6);
    CU_ASSERT_PTR_NULL(item_of(list, "zone"));
    CU_ASSERT_STRING_EQUAL(state_of(list, "tell"), "open");
    CU_ASSERT_STRING_EQUAL(state_of(list, "gates"), "past");
    CU_ASSERT_TRUE(json_is_null(json_object_get(item_of(list, "gates"), "answer")));
    CU_ASSERT_STRING_EQUAL(state_of(list, "page"), "open");
    CU_ASSERT_STRING_EQUAL(state_of(list, "fenced"), "open");
    CU_ASSERT_STRING_EQUAL(state_of(list, "try"), "later");
    CU_ASSERT_STRING_EQUAL(state_of(list, "writes"), "later");
    CU_ASSERT_EQUAL(open_of(list), 3);
    CU_ASSERT_STRING_EQUAL(peek_str(list, "text", ""), "3 of 6 runbook items open, 2 for a person");
    CU_ASSERT_TRUE(json_is_null(json_object_get(list, "differs")));
    json_decref(list);
}

static void marks_are_those_of_that_operation(void)
{
    all_well();
    runs(OPERATION_FAILOVER, PHASE_GRANTED);
    view.ledger.ticked_operation = ID;
    view.ledger.ticked = 1u << 0 | 1u << 4; /* one for after it, early */
    json_t *list = runbook();
    CU_ASSERT_STRING_EQUAL(state_of(list, "tell"), "done");
    CU_ASSERT_TRUE(peek_yes(item_of(list, "tell"), "ticked"));
    CU_ASSERT_STRING_EQUAL(state_of(list, "try"), "done");
    CU_ASSERT_STRING_EQUAL(state_of(list, "page"), "open");
    CU_ASSERT_FALSE(peek_yes(item_of(list, "page"), "ticked"));
    json_decref(list);
    view.ledger.ticked_operation = ID - 1; /* the last one's */
    list = runbook();
    CU_ASSERT_STRING_EQUAL(state_of(list, "tell"), "open");
    json_decref(list);
}

static void when_it_is_over(void)
{
    all_well();
    runs(OPERATION_SWITCHOVER, PHASE_GRANTED);
    is_over(OUTCOME_DONE);
    view.ledger.writer = FIXTURE_EAST;
    json_t *list = runbook();
    CU_ASSERT_STRING_EQUAL(peek_str(list, "state", ""), "done");
    CU_ASSERT_TRUE(json_is_null(json_object_get(list, "kind"))); /* no history here: every item may be meant */
    CU_ASSERT_EQUAL(json_array_size(json_object_get(list, "list")), 7);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(list, "text", ""), "does not know what kind of operation"));
    CU_ASSERT_STRING_EQUAL(state_of(list, "try"), "open");
    CU_ASSERT_STRING_EQUAL(state_of(list, "writes"), "done");
    CU_ASSERT_STRING_EQUAL(peek_str(item_of(list, "writes"), "answer", ""), "yes");
    json_decref(list);
    view.ledger.last_outcome = OUTCOME_ABORTED;
    view.ledger.ticked_operation = ID;
    view.ledger.ticked = 1;
    list = runbook();
    CU_ASSERT_STRING_EQUAL(state_of(list, "tell"), "done");
    CU_ASSERT_STRING_EQUAL(state_of(list, "try"), "not_due");
    CU_ASSERT_EQUAL(open_of(list), 0);
    json_decref(list);
}

static void the_history_tells_the_kind_of_the_last(void)
{
    all_well();
    runs(OPERATION_SWITCHOVER, PHASE_GRANTED);
    is_over(OUTCOME_DONE);
    history = history_new();
    json_t *seen = json_pack("{s:s, s:s, s:s, s:s}", "event", "operation_seen", "service", "shop", "operation", ID_TEXT, "kind", "switchover");
    history_line(history, seen);
    json_decref(seen);
    json_t *list = runbook();
    CU_ASSERT_STRING_EQUAL(peek_str(list, "kind", ""), "switchover");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(list, "list")), 5); /* neither page nor zone */
    json_decref(list);
    history_free(history);
    history = NULL;
}

static void another_nodes_settings_are_told_of(void)
{
    all_well();
    runs(OPERATION_FAILOVER, PHASE_BEGUN);
    view.settings_differ = true;
    view.settings_differ_node = FIXTURE_WEST;
    json_t *list = runbook();
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(list, "differs", ""), "usw2-a runs with other settings"));
    json_decref(list);
}

static void a_dry_run_has_what_is_for_before(void)
{
    all_well();
    struct status_input given = input();
    struct order order = { .kind = ORDER_FAILOVER, .to = FIXTURE_WEST,
                           .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    json_t *plan = status_dry_run(&given, 0, &order);
    const json_t *list = json_object_get(plan, "runbook");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(list, "list")), 2);
    CU_ASSERT_STRING_EQUAL(peek_str(list, "state", ""), "not_begun");
    CU_ASSERT_STRING_EQUAL(state_of(list, "tell"), "open");
    CU_ASSERT_STRING_EQUAL(state_of(list, "gates"), "open");
    CU_ASSERT_STRING_EQUAL(peek_str(item_of(list, "gates"), "answer", ""), "no");
    CU_ASSERT_STRING_EQUAL(peek_str(item_of(list, "gates"), "evidence", ""), "shut: majority_failed");
    json_decref(plan);
    order.kind = ORDER_SWITCHOVER;
    plan = status_dry_run(&given, 0, &order);
    CU_ASSERT_STRING_EQUAL(state_of(json_object_get(plan, "runbook"), "gates"), "done");
    json_decref(plan);
    order.kind = ORDER_FAILOVER;
    order.skipped_gates = 1u << GATE_MAJORITY_FAILED; /* is not an open gate */
    plan = status_dry_run(&given, 0, &order);
    CU_ASSERT_STRING_EQUAL(state_of(json_object_get(plan, "runbook"), "gates"), "open");
    json_decref(plan);
    view.quorum = false;
    plan = status_dry_run(&given, 0, &order);
    CU_ASSERT_STRING_EQUAL(peek_str(item_of(json_object_get(plan, "runbook"), "gates"), "answer", ""), "unknown");
    json_decref(plan);
}

/* ---- a tick -------------------------------------------------------------------------------- */

static enum tick_ruling tick(uint64_t operation, const char *item, const char *words)
{
    struct status_input given = input();
    size_t at = 9;
    uint32_t bit = 0;
    char why[STATUS_TICK_TEXT_MAX];
    struct text text = TEXT_OF(why);
    enum tick_ruling ruling = status_tick(&given, operation, item, &at, &bit, &text);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, words));
    if (strstr(why, words) == NULL)
        fprintf(stderr, "    wanted %s, got %s\n", words, why);
    CU_ASSERT_TRUE(ruling != TICK_GOOD || (at == 0 && bit == 1u << 2));
    return ruling;
}

static void a_tick_is_for_a_persons_item_of_this_operation(void)
{
    all_well();
    CU_ASSERT_EQUAL(tick(ID, "page", "no such operation"), TICK_NO_OPERATION);
    CU_ASSERT_EQUAL(tick(0, "page", "no such operation"), TICK_NO_OPERATION);
    runs(OPERATION_FAILOVER, PHASE_BEGUN);
    CU_ASSERT_EQUAL(tick(ID, "page", ""), TICK_GOOD);
    CU_ASSERT_EQUAL(tick(ID + 1, "page", "no such operation"), TICK_NO_OPERATION);
    CU_ASSERT_EQUAL(tick(ID, "pages", "has no item pages: a person ticks tell, page, try"), TICK_NO_ITEM);
    CU_ASSERT_EQUAL(tick(ID, "zone", "this failover of shop has no item zone"), TICK_NO_ITEM);
    CU_ASSERT_EQUAL(tick(ID, "gates", "failoverd itself checks gates (gates_open)"), TICK_MACHINE);
    view.ledger.ticked_operation = ID;
    view.ledger.ticked = 1u << 2;
    CU_ASSERT_EQUAL(tick(ID, "page", "ticked already"), TICK_ALREADY);
    view.ledger.last_operation = ID - 1;
    CU_ASSERT_EQUAL(tick(ID - 1, "page", "its runbook is closed"), TICK_NO_OPERATION);
    view.ledger_known = false;
    CU_ASSERT_EQUAL(tick(ID, "page", "not known here"), TICK_NO_LEDGER);
    all_well();
    service.runbook_count = 0;
    runs(OPERATION_FAILOVER, PHASE_BEGUN);
    CU_ASSERT_EQUAL(tick(ID, "page", "has no item that a person ticks"), TICK_NO_ITEM);
    all_well();
    runs(OPERATION_FAILOVER, PHASE_GRANTED);
    is_over(OUTCOME_DONE); /* after it, too */
    CU_ASSERT_EQUAL(tick(ID, "page", ""), TICK_GOOD);
}

/* ---- what failoverd answers ---------------------------------------------------------------- */

static struct runbook_finding finding;
static struct runbook_subject subject;

static enum runbook_answer answer(int check, const char *words)
{
    struct status_input given = input();
    struct status_service at = { &given, &service, &view, 0 };
    runbook_check(&at, check, &subject, &finding);
    CU_ASSERT_PTR_NOT_NULL(strstr(finding.text, words));
    if (strstr(finding.text, words) == NULL)
        fprintf(stderr, "    wanted %s, got %s\n", words, finding.text);
    return finding.answer;
}

static void of_the_target(void)
{
    all_well();
    subject = (struct runbook_subject){ .kind = OPERATION_FAILOVER, .to = FIXTURE_WEST };
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_TARGET_STREAMING, "us-west-2 streams and lacks nothing, within"), RUNBOOK_YES);
    CU_ASSERT_EQUAL(finding.age_us, 700000);
    view.regions[FIXTURE_WEST].lag_bytes = (16 << 20) + 1;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_TARGET_STREAMING, "beyond the RPO"), RUNBOOK_NO);
    view.regions[FIXTURE_WEST].lag_bytes = 4096;
    view.regions[FIXTURE_WEST].lag_us = service.rpo.seconds_us + 1;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_TARGET_STREAMING, "lacks 4 KiB (5s), beyond the RPO"), RUNBOOK_NO);
    view.regions[FIXTURE_WEST].lag_us = -1;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_TARGET_STREAMING, "lacks 4 KiB (of nobody knows how long)"), RUNBOOK_UNKNOWN);
    view.regions[FIXTURE_WEST].lag_known = false;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_TARGET_STREAMING, "is not known"), RUNBOOK_UNKNOWN);
    view.regions[FIXTURE_WEST].database.walreceiver_live = false;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_TARGET_STREAMING, "does not stream"), RUNBOOK_NO);
    view.regions[FIXTURE_WEST].database_age_us = 10000001;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_TARGET_STREAMING, "not seen lately"), RUNBOOK_UNKNOWN);
    subject.to = REGION_NONE;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_TARGET_STREAMING, "no target"), RUNBOOK_UNKNOWN);
}

/* As a dry run of the same order has it: what binds failoverd alone is in nobody's way. */
static void of_the_gates(void)
{
    all_well();
    struct view_region target = view.regions[FIXTURE_WEST];
    for (int i = 0; i < GATE_COUNT; i++)
        target.gates[i].open = i != GATE_APPROVED && i != GATE_COOLDOWN;
    subject = (struct runbook_subject){ .kind = OPERATION_FAILOVER, .to = FIXTURE_WEST, .target = &target };
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_GATES_OPEN, "every gate to us-west-2 that binds a person is open"), RUNBOOK_YES);
    target.gates[GATE_FENCE].open = false;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_GATES_OPEN, "shut: fence"), RUNBOOK_NO);
    CU_ASSERT_PTR_NULL(strstr(finding.text, "cooldown"));
    for (int i = 0; i < GATE_COUNT; i++)
        target.gates[i].open = true;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_GATES_OPEN, "every gate to us-west-2 is open"), RUNBOOK_YES);
}

static void of_the_nodes(void)
{
    all_well();
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_NO_WARNINGS, "no warning"), RUNBOOK_YES);
    service.mode = CONFIG_MODE_MANUAL; /* warned of, and a choice */
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_NO_WARNINGS, "no warning"), RUNBOOK_YES);
    view.settings_differ = true;
    view.settings_differ_node = FIXTURE_WEST;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_NO_WARNINGS, "settings_differ"), RUNBOOK_NO);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_ALL_VOTERS, "all 3 voters"), RUNBOOK_YES);
    view.nodes[FIXTURE_WEST].voting = false;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_ALL_VOTERS, "usw2-a does not vote"), RUNBOOK_NO);
    view.nodes[FIXTURE_EU].heard_age_us = 11000000;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_ALL_VOTERS, "euw1-a is not heard, usw2-a does not vote"), RUNBOOK_NO);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_AUDIT, "at line 12"), RUNBOOK_YES);
    audit.failing = true;
    (void)text_copy(audit.text, sizeof audit.text, "disk full");
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_AUDIT, "disk full"), RUNBOOK_NO);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_CERTIFICATE, "lasts 90 days more, its authority 900"), RUNBOOK_YES);
    certificate.ca_days_left = 29;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_CERTIFICATE, "its authority 29"), RUNBOOK_NO);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_COMMIT_LEASE, "in_force"), RUNBOOK_YES);
    commit.phase = COMMIT_ATTACHING;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_COMMIT_LEASE, "attaching"), RUNBOOK_NO);
    view.ledger.guard.node = FIXTURE_WEST;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_COMMIT_LEASE, "known on usw2-a"), RUNBOOK_UNKNOWN);
}

/* The file says who votes in a new cluster, and nothing of this one. */
static void of_the_voters_in_force(void)
{
    all_well();
    view.nodes[FIXTURE_WEST].voter = view.nodes[FIXTURE_WEST].voting = false;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_ALL_VOTERS, "all 2 voters are heard"), RUNBOOK_YES);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_WRITER_HEALTHY, "2 of 2 voters"), RUNBOOK_YES);
    struct node_voters told = { .set = voters_first(0x7) };
    told.set = voters_changing(&told.set, VOTER_REPLACE, FIXTURE_EU, 7);
    voters = &told;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_WRITER_HEALTHY, "3 of 3 voters"), RUNBOOK_YES);
    view.regions[FIXTURE_EAST].observers[FIXTURE_WEST].verdict = VERDICT_SUSPECT; /* no majority of the former set */
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_WRITER_HEALTHY, "1 of 3 voters see us-east-1 healthy, 2 are"), RUNBOOK_NO);
    voters = NULL;
}

static void of_the_old_primary(void)
{
    all_well();
    subject = (struct runbook_subject){ .kind = OPERATION_FAILOVER, .to = FIXTURE_WEST, .running = true };
    struct view_region *east = &view.regions[FIXTURE_EAST];
    runs(OPERATION_FAILOVER, PHASE_BEGUN);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_OLD_PRIMARY_FENCED, "us-east-1 is a primary, and its fence is open"), RUNBOOK_NO);
    east->database.known = false;
    east->guard_heard = false;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_OLD_PRIMARY_FENCED, "nothing was seen of us-east-1"), RUNBOOK_UNKNOWN);
    view.operation = (struct view_operation){ .running = true, .here = true, .proof = PROOF_NONE };
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_OLD_PRIMARY_FENCED, ""), RUNBOOK_NO);
    view.operation.proof = PROOF_ACCEPTED; /* no proof, by its own words */
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_OLD_PRIMARY_FENCED, ""), RUNBOOK_NO);
    view.operation.proof = PROOF_LAPSED;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_OLD_PRIMARY_FENCED, ""), RUNBOOK_YES);
    view.operation = (struct view_operation){ 0 };
    runs(OPERATION_FAILOVER, PHASE_GRANTED);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_OLD_PRIMARY_FENCED, "proven before the new writer was named"), RUNBOOK_YES);
    subject.fence_skipped = true;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_OLD_PRIMARY_FENCED, "nothing was seen"), RUNBOOK_UNKNOWN);
    subject.fence_skipped = false;
    east->database.known = true; /* back, and open: whatever was proven then */
    east->guard_heard = true;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_OLD_PRIMARY_FENCED, "us-east-1 is a primary"), RUNBOOK_NO);
    east->fence = FENCE_CONFIRMED;
    view.nodes[FIXTURE_EAST].heard_age_us = 0;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_OLD_PRIMARY_FENCED, "the guard of us-east-1 confirms"), RUNBOOK_YES);
    east->fence = FENCE_OPEN;
    east->database.in_recovery = true;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_OLD_PRIMARY_FENCED, "us-east-1 is a standby"), RUNBOOK_YES);
}

static void of_the_writer(void)
{
    all_well();
    struct view_region *east = &view.regions[FIXTURE_EAST];
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_WRITES_WORK, "went well"), RUNBOOK_YES);
    east->database.write_ok = false;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_WRITES_WORK, "failed"), RUNBOOK_NO);
    east->database.write_checked = false;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_WRITES_WORK, "no check tried"), RUNBOOK_UNKNOWN);
    east->fence = FENCE_CLOSING;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_WRITES_WORK, "the fence of us-east-1 is closing"), RUNBOOK_NO);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_WRITER_HEALTHY, "3 of 3 voters"), RUNBOOK_YES);
    east->observers[0].age_us = 11000000;
    east->observers[1].verdict = VERDICT_SUSPECT;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_WRITER_HEALTHY, "1 of 3 voters see us-east-1 healthy, 2 are needed"), RUNBOOK_NO);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_STANDBY_FOLLOWS, "us-west-2 streams on timeline 1"), RUNBOOK_YES);
    view.regions[FIXTURE_WEST].database.timeline = 2;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_STANDBY_FOLLOWS, "failoverctl rejoin"), RUNBOOK_NO);
    view.regions[FIXTURE_WEST].database_age_us = AGE_UNKNOWN_US;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_STANDBY_FOLLOWS, "not every database was seen"), RUNBOOK_UNKNOWN);
    view.ledger.writer = REGION_NONE;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_WRITES_WORK, "no region is named writer"), RUNBOOK_NO);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_STANDBY_FOLLOWS, "no region is named writer"), RUNBOOK_NO);
    view.ledger_known = false;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_WRITER_HEALTHY, "not known here"), RUNBOOK_UNKNOWN);
}

static void of_the_traffic(void)
{
    static const char *url = "http://shop.test/";
    all_well();
    subject = (struct runbook_subject){ .kind = OPERATION_FAILOVER, .running = true };
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_DNS_IN_FORCE, "the records of epoch 7"), RUNBOOK_YES);
    view.ledger.epoch = 9;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_DNS_IN_FORCE, "the ledger is at epoch 9"), RUNBOOK_NO);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_ENDPOINTS_VERIFIED, "no dns.verify_endpoints"), RUNBOOK_UNKNOWN);
    dns.verify_endpoints = (struct config_texts){ &url, 1 };
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_ENDPOINTS_VERIFIED, "not yet"), RUNBOOK_NO);
    subject.running = false;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_ENDPOINTS_VERIFIED, "went back"), RUNBOOK_UNKNOWN);
    subject.done = true;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_ENDPOINTS_VERIFIED, "1 endpoint answered"), RUNBOOK_YES);
    service.dns = NULL;
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_DNS_IN_FORCE, "no DNS"), RUNBOOK_UNKNOWN);
    CU_ASSERT_EQUAL(answer(CONFIG_RUNBOOK_ENDPOINTS_VERIFIED, "no dns.verify_endpoints"), RUNBOOK_UNKNOWN);
}

/* From a node that has just started nothing is yes but what is its own. */
static void unseen_is_never_yes(void)
{
    all_well();
    memset(&view, 0, sizeof view);
    view.ledger_age_us = AGE_UNKNOWN_US;
    view.regions[FIXTURE_EAST].serves = view.regions[FIXTURE_WEST].serves = true;
    subject = (struct runbook_subject){ .to = FIXTURE_WEST };
    for (int check = CONFIG_RUNBOOK_PERSON + 1; check < CONFIG_RUNBOOK_CHECK_COUNT; check++) {
        bool own = check == CONFIG_RUNBOOK_AUDIT || check == CONFIG_RUNBOOK_CERTIFICATE;
        CU_ASSERT_EQUAL(answer(check, "") == RUNBOOK_YES, own);
        CU_ASSERT_NOT_EQUAL(finding.text[0], '\0');
    }
}

SUITE_MAIN("runbook", TEST(there_is_none_before_the_first_operation), TEST(while_it_runs),
           TEST(marks_are_those_of_that_operation), TEST(when_it_is_over), TEST(the_history_tells_the_kind_of_the_last),
           TEST(another_nodes_settings_are_told_of), TEST(a_dry_run_has_what_is_for_before),
           TEST(a_tick_is_for_a_persons_item_of_this_operation), TEST(of_the_target), TEST(of_the_gates),
           TEST(of_the_nodes),
           TEST(of_the_voters_in_force), TEST(of_the_old_primary), TEST(of_the_writer), TEST(of_the_traffic),
           TEST(unseen_is_never_yes))
