/* Incidents in virtual time: what is told to which channel, once; hold times and flapping; escalation until somebody
 * takes care; who tells when the teller changes; who of several nodes that is. */
#include "tests/unit/suite.h"

#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/notify/incidents.h"
#include "coordinator/notify/notifier_parts.h"
#include "coordinator/notify/notify_events.h"
#include "coordinator/status/names.h"
#include "policy/failover/plan.h"
#include "tests/unit/cluster_fixture.h"

#define S(n) (INT64_C(1000000) * (n))
#define OPERATION UINT64_C(0x00c0ffee00c0ffee)

static struct cluster_config cluster;
static struct channel_config channels[3];
static struct incidents *set;
static char told[2048]; /* "channel:event[/step][!action] " for each notice */
static struct text log_text;
static struct notice last;
static bool ours;

static struct incident_time at(int64_t s)
{
    return (struct incident_time){ S(s), S(1000000 + s) };
}

static bool mine(void *arg, const struct incident *incident)
{
    (void)arg;
    (void)incident;
    return ours;
}

static void tell(void *arg, size_t channel, const struct notice *notice)
{
    static const char *const marks[] = { "", "!ack", "!over", "!test" };
    (void)arg;
    last = *notice;
    text_appendf(&log_text, "%zu:%s%s%s%s ", channel, notice->event, notice->step != NULL ? "/" : "",
                 notice->step != NULL ? notice->step : "", marks[notice->action]);
}

/* Three channels: all at once; stuck and failed only, at once; all of level 1. */
static void begin(void)
{
    cluster = *fixture_cluster();
    memset(channels, 0, sizeof channels);
    channels[0] = (struct channel_config){ .name = "all" };
    channels[1] = (struct channel_config){ .name = "some", .event_count = 2,
                                           .events = { CONFIG_EVENT_STUCK, CONFIG_EVENT_FAILED } };
    channels[2] = (struct channel_config){ .name = "boss", .level = 1 };
    cluster.notify = (struct notify_config){ .channels = channels, .channel_count = 3,
                                             .escalate_us = { 0, S(900), S(1800), S(3600) } };
    ours = true;
    log_text = TEXT_OF(told);
    set = incidents_new(&(struct incidents_settings){ .cluster = &cluster, .node = "euw1-a", .mine = mine, .tell = tell });
    CU_ASSERT_PTR_NOT_NULL_FATAL(set);
}

static void end(void)
{
    incidents_free(set);
}

static void expect(const char *wanted)
{
    CU_ASSERT_STRING_EQUAL(told, wanted);
    if (strcmp(told, wanted) != 0)
        fprintf(stderr, "    told:   %s\n    wanted: %s\n", told, wanted);
    text_clear(&log_text);
}

static void happens(enum config_event event, uint8_t step, int64_t s)
{
    struct incident_fact fact = { .id = OPERATION, .operation = OPERATION, .teller = TELLER_EXECUTOR, .event = event,
                                  .step = step, .service = 0, .region = "us-west-2", .text = config_event_name((int)event) };
    incidents_event(set, &fact, at(s));
}

static void stands_needing(uint64_t id, enum config_event event, int64_t hold_s, bool person, int64_t s)
{
    struct incident_fact fact = { .id = id, .key = id % 1000, .teller = TELLER_ELECTED, .event = event,
                                  .service = 0, .text = "so it is",
                                  .hold_us = S(hold_s), .person = person };
    incidents_stands(set, &fact, at(s));
    incidents_tick(set, at(s));
}

static void stands(uint64_t id, enum config_event event, int64_t hold_s, int64_t s)
{
    stands_needing(id, event, hold_s, false, s);
}

static void ticks(int64_t from_s, int64_t to_s)
{
    for (int64_t s = from_s; s <= to_s; s++)
        incidents_tick(set, at(s));
}

static void an_operation_is_told_once_and_in_order(void)
{
    begin();
    happens(CONFIG_EVENT_BEGIN, STEP_NONE, 0);
    happens(CONFIG_EVENT_BEGIN, STEP_NONE, 0);
    happens(CONFIG_EVENT_STEP, STEP_GRANT, 1);
    happens(CONFIG_EVENT_STEP, STEP_PROMOTE, 2);
    happens(CONFIG_EVENT_BEGIN, STEP_NONE, 3); /* the ledger still says so */
    happens(CONFIG_EVENT_STEP, STEP_GRANT, 3);
    ticks(3, 6);
    expect("0:begin 0:step/grant 0:step/promote ");
    CU_ASSERT_EQUAL(incidents_find(set, OPERATION)->step, STEP_PROMOTE); /* how it stands, whatever was said again */
    happens(CONFIG_EVENT_DONE, STEP_NONE, 7);
    incidents_over(set, OPERATION, "done", at(7));
    expect("0:done!over ");
    CU_ASSERT_TRUE(last.keep && !last.first);
    CU_ASSERT_PTR_NULL(incidents_find(set, OPERATION));
    end();
}

static void a_channel_hears_the_end_of_what_it_heard_of(void)
{
    begin();
    happens(CONFIG_EVENT_BEGIN, STEP_NONE, 0);
    happens(CONFIG_EVENT_STUCK, STEP_PROMOTE, 60);
    happens(CONFIG_EVENT_STUCK, STEP_OPEN, 70);
    expect("0:begin 0:stuck/promote 1:stuck/promote 0:stuck/open 1:stuck/open ");
    happens(CONFIG_EVENT_DONE, STEP_NONE, 80);
    incidents_over(set, OPERATION, "done", at(80));
    expect("0:done!over 1:resolved!over ");
    end();
}

static void a_condition_has_to_stand_and_may_flap(void)
{
    begin();
    stands(5, CONFIG_EVENT_READINESS, 30, 0);
    ticks(1, 9); /* gone before its time */
    expect("");
    CU_ASSERT_PTR_NULL(incidents_find(set, 5));
    for (int64_t s = 100; s <= 130; s++)
        stands(5, CONFIG_EVENT_READINESS, 30, s);
    expect("0:readiness ");
    CU_ASSERT_EQUAL(last.since_wall_us, at(100).wall_us);
    CU_ASSERT_TRUE(last.first && !last.keep);
    ticks(131, 139);
    stands(5, CONFIG_EVENT_READINESS, 30, 139); /* back within the time that it takes to be over */
    ticks(140, 148);
    expect("");
    ticks(149, 149);
    expect("0:resolved!over ");
    CU_ASSERT_STRING_EQUAL(last.severity, "info");
    end();
}

static void the_next_level_is_called_until_somebody_takes_care(void)
{
    begin();
    for (int64_t s = 0; s < 900; s += 1)
        stands(6, CONFIG_EVENT_FENCE, 0, s);
    expect("0:fence ");
    for (int64_t s = 900; s < 2000; s += 1)
        stands(6, CONFIG_EVENT_FENCE, 0, s);
    expect("2:fence ");
    CU_ASSERT_EQUAL(incidents_find(set, 6)->level, 2);
    CU_ASSERT_TRUE(incidents_acknowledge(set, 6, "ann", at(2000).wall_us, at(2000)));
    expect("0:acknowledged!ack 2:acknowledged!ack ");
    CU_ASSERT_STRING_EQUAL(last.by, "ann");
    CU_ASSERT_TRUE(incidents_acknowledge(set, 6, "bob", at(2001).wall_us, at(2001))); /* the first one counts */
    CU_ASSERT_STRING_EQUAL(incidents_find(set, 6)->by, "ann");
    for (int64_t s = 2001; s < 4000; s += 1)
        stands(6, CONFIG_EVENT_FENCE, 0, s);
    CU_ASSERT_EQUAL(incidents_find(set, 6)->level, 2);
    expect("");
    end();
}

static void taken_care_of_in_time_nobody_else_is_called(void)
{
    begin();
    stands(6, CONFIG_EVENT_FENCE, 0, 0);
    CU_ASSERT_TRUE(incidents_acknowledge(set, 6, "ann", at(1).wall_us, at(1)));
    for (int64_t s = 1; s < 4000; s += 1)
        stands(6, CONFIG_EVENT_FENCE, 0, s);
    expect("0:fence 0:acknowledged!ack ");
    end();
}

static void what_needs_nobody_calls_nobody(void)
{
    begin();
    for (int64_t s = 0; s < 4000; s += 1)
        stands(6, CONFIG_EVENT_SUSPICION, 0, s);
    expect("0:suspicion ");
    stands_needing(6, CONFIG_EVENT_SUSPICION, 0, true, 4000); /* manual mode: now it does */
    for (int64_t s = 4001; s <= 4900; s += 1)
        stands_needing(6, CONFIG_EVENT_SUSPICION, 0, true, s);
    expect("2:suspicion ");
    end();
}

static void a_step_that_goes_on_calls_nobody_any_more(void)
{
    begin();
    happens(CONFIG_EVENT_STUCK, STEP_PROMOTE, 0);
    ticks(1, 899);
    incidents_goes_on(set, OPERATION);
    ticks(900, 1000);
    expect("0:stuck/promote 1:stuck/promote ");
    happens(CONFIG_EVENT_STUCK, STEP_CUT_OVER, 1000);
    ticks(1001, 1900);
    expect("0:stuck/cut_over 1:stuck/cut_over 2:stuck/cut_over ");
    end();
}

static void a_word_about_an_earlier_one_does_not_count(void)
{
    begin();
    stands(6, CONFIG_EVENT_FENCE, 0, 1000);
    CU_ASSERT_FALSE(incidents_acknowledge(set, 6, "ann", at(900).wall_us, at(1000)));
    CU_ASSERT_FALSE(incidents_acknowledge(set, 77, "ann", at(1000).wall_us, at(1000)));
    CU_ASSERT_FALSE(incidents_acknowledge(set, 0, "ann", at(1000).wall_us, at(1000)));
    CU_ASSERT_TRUE(incidents_acknowledge(set, 6, "ann", at(950).wall_us, at(1000))); /* clocks differ that much */
    end();
}

/* Its id never comes again, so a node that was restarted since takes the word that it hears again. */
static void of_an_operation_any_word_counts(void)
{
    begin();
    happens(CONFIG_EVENT_FAILED, STEP_NONE, 1000);
    CU_ASSERT_TRUE(incidents_acknowledge(set, OPERATION, "ann", at(0).wall_us, at(1000)));
    end();
}

static void who_becomes_the_teller_tells_how_it_stands(void)
{
    begin();
    ours = false;
    happens(CONFIG_EVENT_BEGIN, STEP_NONE, 0);
    happens(CONFIG_EVENT_STEP, STEP_GRANT, 1);
    happens(CONFIG_EVENT_STEP, STEP_PROMOTE, 2);
    expect("");
    ours = true;
    ticks(3, 5);
    expect("0:step/promote ");
    CU_ASSERT_TRUE(last.first);
    ours = false; /* and not again, though it told: that it is over it says itself */
    happens(CONFIG_EVENT_DONE, STEP_NONE, 6);
    incidents_over(set, OPERATION, "done", at(6));
    expect("0:resolved!over ");
    end();
}

static void they_are_bounded(void)
{
    begin();
    for (uint64_t id = 1; id <= INCIDENTS_MAX + 5; id++)
        stands(id, CONFIG_EVENT_READINESS, 3600, 0);
    CU_ASSERT_EQUAL(incidents_refused(set), 5);
    happens(CONFIG_EVENT_BEGIN, STEP_NONE, 1); /* an operation finds a place all the same */
    expect("0:begin ");
    CU_ASSERT_EQUAL(incidents_refused(set), 6);
    end();
}

/* The id has the epoch of the onset in it; what goes on through a failover stays the same incident. */
static void a_change_of_epoch_makes_no_new_incident(void)
{
    begin();
    stands(1005, CONFIG_EVENT_SUSPICION, 0, 0);
    stands(2005, CONFIG_EVENT_SUSPICION, 0, 1);
    ticks(2, 9);
    expect("0:suspicion ");
    CU_ASSERT_PTR_NOT_NULL(incidents_find(set, 1005));
    CU_ASSERT_PTR_NULL(incidents_find(set, 2005));
    ticks(10, 20);
    stands(2005, CONFIG_EVENT_SUSPICION, 0, 21);
    expect("0:resolved!over 0:suspicion ");
    CU_ASSERT_PTR_NOT_NULL(incidents_find(set, 2005));
    end();
}

static void ids_are_the_same_on_all_nodes(void)
{
    uint64_t id = incident_id("demo", "shop", "suspicion", "us-east-1", 7);
    CU_ASSERT_NOT_EQUAL(id, 0);
    CU_ASSERT_EQUAL(id, incident_id("demo", "shop", "suspicion", "us-east-1", 7));
    CU_ASSERT_NOT_EQUAL(id, incident_id("demo", "shop", "suspicion", "us-east-1", 9));
    CU_ASSERT_NOT_EQUAL(id, incident_id("demo", "shop", "suspicion", "us-west-2", 7));
    CU_ASSERT_NOT_EQUAL(incident_id("demo", "ab", "c", NULL, 0), incident_id("demo", "a", "bc", NULL, 0));
    CU_ASSERT_NOT_EQUAL(incident_id("demo", NULL, "c", "", 0), incident_id("demo", "c", "", "", 0));
}

static void what_is_proposed_waits_for_a_person(void)
{
    begin();
    happens(CONFIG_EVENT_PROPOSAL, STEP_NONE, 0);
    CU_ASSERT_STRING_EQUAL(last.todo, "failoverctl approve 00c0ffee00c0ffee, or failoverctl decline 00c0ffee00c0ffee "
                                      "--reason TEXT");
    CU_ASSERT_STRING_EQUAL(last.severity, "critical");
    CU_ASSERT_TRUE(incidents_find(set, OPERATION)->person);
    ticks(0, 900);
    expect("0:proposal 2:proposal ");
    incidents_goes_on(set, OPERATION); /* approved */
    CU_ASSERT_FALSE(incidents_find(set, OPERATION)->person);
    incidents_find(set, OPERATION)->person = true; /* or nobody answered, and it goes on by itself */
    happens(CONFIG_EVENT_BEGIN, STEP_NONE, 901);
    CU_ASSERT_FALSE(incidents_find(set, OPERATION)->person);
    ticks(901, 4000);
    expect("0:begin 2:begin ");
    end();
}

static void todos_name_the_service(void)
{
    begin();
    happens(CONFIG_EVENT_BEGIN, STEP_NONE, 0);
    CU_ASSERT_STRING_EQUAL(last.todo, "failoverctl status shop --watch");
    CU_ASSERT_STRING_EQUAL(last.service, "shop");
    CU_ASSERT_STRING_EQUAL(last.region, "us-west-2");
    CU_ASSERT_STRING_EQUAL(last.node, "euw1-a");
    CU_ASSERT_STRING_EQUAL(last.severity, "warning");
    end();
}

/* ---- who tells ------------------------------------------------------------------------------- */

static bool tells(unsigned self, enum incident_teller teller, unsigned executor, unsigned heard, unsigned eligible,
                  bool quorum)
{
    struct notifier_peers peers = { .looked = true, .quorum = quorum, .heard = (node_set)heard,
                                    .eligible = (node_set)eligible };
    struct incident incident = { .teller = teller, .executor = (node_id)executor };
    return notifier_tells(&peers, self, &incident);
}

static void one_of_those_who_hear_each_other_tells(void)
{
    CU_ASSERT_TRUE(tells(0, TELLER_ELECTED, NODE_NONE, 7, 7, true));
    CU_ASSERT_FALSE(tells(1, TELLER_ELECTED, NODE_NONE, 7, 7, true));
    CU_ASSERT_FALSE(tells(2, TELLER_ELECTED, NODE_NONE, 7, 7, true));
    CU_ASSERT_TRUE(tells(1, TELLER_ELECTED, NODE_NONE, 6, 6, true));  /* the first one is lost */
    CU_ASSERT_TRUE(tells(1, TELLER_ELECTED, NODE_NONE, 7, 6, true));  /* or mute, or can't be sent to */
    CU_ASSERT_FALSE(tells(0, TELLER_ELECTED, NODE_NONE, 7, 6, true)); /* which a mute one leaves to the others */
    CU_ASSERT_TRUE(tells(2, TELLER_ELECTED, NODE_NONE, 7, 7, false)); /* cut off: rather twice than not */
    CU_ASSERT_TRUE(tells(2, TELLER_SELF, NODE_NONE, 7, 7, true));
}

static void the_executor_tells_while_it_is_heard(void)
{
    CU_ASSERT_TRUE(tells(2, TELLER_EXECUTOR, 2, 7, 7, true));
    CU_ASSERT_FALSE(tells(0, TELLER_EXECUTOR, 2, 7, 7, true));
    CU_ASSERT_TRUE(tells(0, TELLER_EXECUTOR, 2, 3, 3, true));
    CU_ASSERT_FALSE(tells(1, TELLER_EXECUTOR, 2, 3, 3, true));
}

static void before_the_first_look_only_ones_own_is_told(void)
{
    struct notifier_peers peers = { .looked = false };
    struct incident incident = { .teller = TELLER_ELECTED };
    CU_ASSERT_FALSE(notifier_tells(&peers, 0, &incident));
    incident = (struct incident){ .teller = TELLER_EXECUTOR, .executor = 1 };
    CU_ASSERT_FALSE(notifier_tells(&peers, 0, &incident));
    CU_ASSERT_TRUE(notifier_tells(&peers, 1, &incident));
}

static void who_is_heard_comes_from_the_view(void)
{
    static struct view_service view;
    fixture_view(&view);
    cluster = *fixture_cluster();
    cluster.heartbeat_us = S(1);
    for (size_t n = 0; n < 3; n++)
        view.nodes[n] = (struct view_node){ .linked = true, .heard = true, .heard_age_us = S(1), .voting = true };
    struct notifier_peers peers = notifier_peers(&cluster, 1, &view);
    CU_ASSERT_TRUE(peers.looked && peers.quorum && peers.heard == 7 && peers.eligible == 7);
    view.nodes[0].heard_age_us = S(6);
    view.nodes[2].linked = false;
    view.nodes[1].linked = false; /* ourselves */
    peers = notifier_peers(&cluster, 1, &view);
    CU_ASSERT_TRUE(peers.heard == 6 && peers.eligible == 2);
}

/* A code that status does not have any more would silently tell nobody. */
static void warnings_have_their_event(void)
{
    CU_ASSERT_PTR_NULL(notify_warning_row("manual_mode"));
    CU_ASSERT_PTR_NULL(notify_warning_row("traffic_sent_back"));
    static const struct {
        const char *code;
        enum config_event event;
        int64_t hold_us;
        bool calls;
    } rows[] = {
        { "glass_broken", CONFIG_EVENT_GLASS, 0, true },       { "reconcile_needed", CONFIG_EVENT_GLASS, S(10), true },
        { "reconcile_stuck", CONFIG_EVENT_STUCK, S(30), true },
        { "home_got_worse", CONFIG_EVENT_STUCK, 0, true },     { "operation_held", CONFIG_EVENT_STUCK, S(300), true },
        { "operation_alone", CONFIG_EVENT_STUCK, S(60), true },
        { "paused", CONFIG_EVENT_READINESS, S(28800), false }, { "mute", CONFIG_EVENT_READINESS, S(30), false },
        { "voter_change", CONFIG_EVENT_READINESS, S(300), false },
        { "voter_lost_store", CONFIG_EVENT_READINESS, S(60), false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct notify_warning *row = notify_warning_row(rows[i].code);
        CU_ASSERT_PTR_NOT_NULL_FATAL(row);
        CU_ASSERT_TRUE(row->event == rows[i].event && row->hold_us == rows[i].hold_us);
        CU_ASSERT_EQUAL(notify_event_row(row->event)->person, rows[i].calls);
    }
    CU_ASSERT_STRING_EQUAL(notify_event_row(CONFIG_EVENT_GLASS)->severity, "critical");
    CU_ASSERT_EQUAL(notify_warning_row("no_quorum")->event, CONFIG_EVENT_NO_QUORUM);
    CU_ASSERT_EQUAL(notify_warning_row("certificate")->view, NOTIFY_OWN);
    CU_ASSERT_EQUAL(notify_warning_row("fence_failed")->event, CONFIG_EVENT_FENCE);
    for (int i = 0; i < CONFIG_EVENT_COUNT; i++)
        CU_ASSERT_PTR_NOT_NULL(notify_event_row((enum config_event)i)->severity);
}

SUITE_MAIN("notify_incidents", TEST(an_operation_is_told_once_and_in_order), TEST(a_channel_hears_the_end_of_what_it_heard_of),
           TEST(a_condition_has_to_stand_and_may_flap), TEST(the_next_level_is_called_until_somebody_takes_care),
           TEST(taken_care_of_in_time_nobody_else_is_called), TEST(what_needs_nobody_calls_nobody),
           TEST(a_step_that_goes_on_calls_nobody_any_more), TEST(a_word_about_an_earlier_one_does_not_count),
           TEST(of_an_operation_any_word_counts), TEST(what_is_proposed_waits_for_a_person),
           TEST(who_becomes_the_teller_tells_how_it_stands), TEST(they_are_bounded),
           TEST(a_change_of_epoch_makes_no_new_incident), TEST(ids_are_the_same_on_all_nodes),
           TEST(todos_name_the_service), TEST(one_of_those_who_hear_each_other_tells),
           TEST(the_executor_tells_while_it_is_heard), TEST(before_the_first_look_only_ones_own_is_told),
           TEST(who_is_heard_comes_from_the_view), TEST(warnings_have_their_event))
