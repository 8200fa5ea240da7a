/* Each gate: what opens it, what shuts it, and that one shut gate holds everything back. */
#include "tests/unit/service_fixture.h"
#include "tests/unit/suite.h"

#define NOW 100

static struct gate gates[GATE_COUNT];

static enum gate_id first_shut_accepting(const struct service *s, int64_t bytes, int64_t us)
{
    struct turn turn = turn_at(NOW);
    gates_judge(s, &turn, 1, false, 0, &(struct loss_accepted){ bytes, us }, gates);
    return gates_first_shut(gates);
}

static enum gate_id first_shut_of(const struct service *s, uint32_t skipped)
{
    struct turn turn = turn_at(NOW);
    gates_judge(s, &turn, 1, false, skipped, NULL, gates);
    return gates_first_shut(gates);
}

static enum gate_id first_shut(const struct service *s)
{
    return first_shut_of(s, 0);
}

static void every_gate_can_be_open(void)
{
    CU_ASSERT_EQUAL(first_shut(service_all_open(NOW)), GATE_COUNT);
}

static void majority_failed(void)
{
    struct service *s = service_all_open(NOW);
    opine(s, 0, 0, VERDICT_SUSPECT, NOW, 40);
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT);
    opine(s, 0, 2, VERDICT_HEALTHY, NOW, 40);
    CU_ASSERT_EQUAL(first_shut(s), GATE_MAJORITY_FAILED);
    s = service_all_open(NOW);
    opine(s, 0, 0, VERDICT_FAILED, NOW - 6, 40); /* older than evidence may be */
    opine(s, 0, 2, VERDICT_FAILED, NOW - 6, 40);
    CU_ASSERT_EQUAL(first_shut(s), GATE_MAJORITY_FAILED);
}

static void target_healthy(void)
{
    struct service *s = service_all_open(NOW);
    opine(s, 1, 1, VERDICT_SUSPECT, NOW, 40);
    CU_ASSERT_EQUAL(first_shut(s), GATE_TARGET_HEALTHY);
    opine(s, 1, 1, VERDICT_HEALTHY, NOW - 6, 40);
    CU_ASSERT_EQUAL(first_shut(s), GATE_TARGET_HEALTHY);
    /* Its own word does not stand against a majority's. */
    s = service_all_open(NOW);
    opine(s, 1, 0, VERDICT_FAILED, NOW, 40);
    opine(s, 1, 2, VERDICT_FAILED, NOW, 40);
    CU_ASSERT_EQUAL(first_shut(s), GATE_TARGET_HEALTHY);
}

static void target_coordinator(void)
{
    struct service *s = service_all_open(NOW);
    s->guard.ready = false;
    CU_ASSERT_EQUAL(first_shut(s), GATE_TARGET_COORDINATOR);
}

static void target_streaming_and_timeline(void)
{
    struct database_facts good = { .in_recovery = true, .timeline = 1, .lsn = 5000 };
    struct service *s = service_all_open(NOW);
    see(s, 1, 1, (struct database_facts){ .in_recovery = true, .timeline = 2, .lsn = 5000 }, NOW);
    CU_ASSERT_EQUAL(first_shut(s), GATE_TARGET_STREAMING);
    see(s, 1, 1, (struct database_facts){ .in_recovery = false, .timeline = 1, .lsn = 5000 }, NOW);
    CU_ASSERT_EQUAL(first_shut(s), GATE_TARGET_STREAMING);
    see(s, 1, 1, good, NOW - 6);
    CU_ASSERT_EQUAL(first_shut(s), GATE_TARGET_STREAMING);
    s = service_all_open(NOW);
    s->health.sightings[1][1].known = false;
    CU_ASSERT_EQUAL(first_shut(s), GATE_TARGET_STREAMING);
    s = service_all_open(NOW); /* no position of the writer was ever seen */
    loss_init(&s->health.writer_series, SECONDS(1));
    CU_ASSERT_EQUAL(first_shut(s), GATE_TARGET_STREAMING);
}

/* A standby that stopped following long before the writer was lost has to lack nothing. */
static void a_standby_cut_off_long_before(void)
{
    struct service *s = service_all_open(NOW);
    s->health.streaming_at = AT(20);
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT); /* it verifiably has everything */
    see(s, 1, 1, (struct database_facts){ .in_recovery = true, .timeline = 1, .lsn = 4900 }, NOW);
    CU_ASSERT_EQUAL(first_shut(s), GATE_TARGET_STREAMING);
    s->health.streaming_at = AT(36);
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT);
}

static void loss_within_rpo(void)
{
    struct service *s = service_all_open(NOW);
    fixture_config.services[0].rpo_bytes = 300;
    struct database_facts behind = { .in_recovery = true, .timeline = 1, .lsn = 4700 };
    see(s, 1, 1, behind, NOW);
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT);
    behind.lsn = 4699;
    see(s, 1, 1, behind, NOW);
    CU_ASSERT_EQUAL(first_shut(s), GATE_LOSS_WITHIN_RPO);
    CU_ASSERT_EQUAL(gates[GATE_LOSS_WITHIN_RPO].value, 301);
    CU_ASSERT_EQUAL(gates[GATE_LOSS_WITHIN_RPO].limit, 300);
    CU_ASSERT_EQUAL(first_shut_accepting(s, 301, -1), GATE_COUNT); /* a person agreed to as much */
    CU_ASSERT_EQUAL(first_shut_accepting(s, 300, -1), GATE_LOSS_WITHIN_RPO);
    CU_ASSERT_EQUAL(first_shut_of(s, 1u << GATE_LOSS_WITHIN_RPO), GATE_COUNT);
    behind.lsn = 4700;
    see(s, 1, 1, behind, NOW);
    fixture_config.services[0].rpo_us = SECONDS(2); /* it is 3 s behind */
    CU_ASSERT_EQUAL(first_shut(s), GATE_LOSS_WITHIN_RPO);
}

/* Each kind that a person accepts takes the place of that kind's limit, and of no other. */
static void loss_accepted_of_each_kind(void)
{
    struct service *s = service_all_open(NOW);
    fixture_config.services[0].rpo_bytes = 299;
    fixture_config.services[0].rpo_us = SECONDS(2);
    see(s, 1, 1, (struct database_facts){ .in_recovery = true, .timeline = 1, .lsn = 4700 }, NOW);
    CU_ASSERT_EQUAL(first_shut(s), GATE_LOSS_WITHIN_RPO); /* it is 300 bytes and 3 s behind */
    CU_ASSERT_EQUAL(first_shut_accepting(s, 300, -1), GATE_LOSS_WITHIN_RPO);
    CU_ASSERT_EQUAL(gates[GATE_LOSS_WITHIN_RPO].limit_us, SECONDS(2));
    CU_ASSERT_EQUAL(first_shut_accepting(s, -1, SECONDS(3)), GATE_LOSS_WITHIN_RPO);
    CU_ASSERT_EQUAL(gates[GATE_LOSS_WITHIN_RPO].limit, 299);
    CU_ASSERT_EQUAL(first_shut_accepting(s, 300, SECONDS(3)), GATE_COUNT);
    CU_ASSERT_EQUAL(first_shut_accepting(s, 300, SECONDS(3) - 1), GATE_LOSS_WITHIN_RPO);
    fixture_config.services[0].rpo_bytes = 300;
    CU_ASSERT_EQUAL(first_shut_accepting(s, -1, SECONDS(3)), GATE_COUNT);
    CU_ASSERT_EQUAL(gates[GATE_LOSS_WITHIN_RPO].limit_us, SECONDS(3));
    fixture_config.services[0].rpo_us = SECONDS(10);
    CU_ASSERT_EQUAL(first_shut_accepting(s, -1, 0), GATE_LOSS_WITHIN_RPO); /* less than the RPO holds as well */
}

/* Behind all that is known of the writer: no number that a person gives is known to cover it. */
static void unknown_time_is_not_accepted(void)
{
    struct service *s = service_all_open(NOW);
    see(s, 1, 1, (struct database_facts){ .in_recovery = true, .timeline = 1, .lsn = 1 }, NOW);
    CU_ASSERT_EQUAL(first_shut_accepting(s, INT64_MAX, -1), GATE_LOSS_WITHIN_RPO);
    CU_ASSERT_TRUE(gates[GATE_LOSS_WITHIN_RPO].at_least);
    CU_ASSERT_EQUAL(first_shut_accepting(s, INT64_MAX, INT64_MAX), GATE_LOSS_WITHIN_RPO);
    CU_ASSERT_EQUAL(first_shut_of(s, 1u << GATE_LOSS_WITHIN_RPO), GATE_COUNT);
}

static void outage_min(void)
{
    struct service *s = service_all_open(NOW);
    fixture_config.services[0].outage_min_us = SECONDS(60);
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT);
    opine(s, 0, 0, VERDICT_FAILED, NOW, 41);
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT); /* two saw 60 s of it */
    opine(s, 0, 2, VERDICT_FAILED, NOW, 41);
    CU_ASSERT_EQUAL(first_shut(s), GATE_OUTAGE_MIN);
}

static void cooldown_and_pause(void)
{
    struct service *s = service_all_open(NOW);
    fixture_config.services[0].cooldown_us = SECONDS(30);
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT); /* there was no operation yet */
    s->learner.chosen.last_outcome = OUTCOME_DONE;
    s->learner.chosen.last_finished.us = SECONDS(1000000 + NOW - 29);
    CU_ASSERT_EQUAL(first_shut(s), GATE_COOLDOWN);
    s->learner.chosen.last_finished.us = SECONDS(1000000 + NOW - 30);
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT);
    s->learner.chosen.pause.on = true;
    CU_ASSERT_EQUAL(first_shut(s), GATE_NOT_PAUSED);
}

/* A fence that nothing enforces is proven by its live guard alone, or accepted by name. */
static void fence(void)
{
    struct service *s = service_all_open(NOW);
    s->learner.chosen.fence = FENCE_GUARDED;
    s->remotes[0].heard = true;
    s->remotes[0].instance = s->learner.chosen.guard;
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT); /* its guard is heard */
    s->remotes[0].back_at = AT(NOW - 5); /* it has just come back: the votes are of the time it was away */
    CU_ASSERT_EQUAL(first_shut(s), GATE_FENCE);
    s->remotes[0].back_at = AT(NOW - 6);
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT);
    s->remotes[0].instance.id++; /* its node is heard, but runs another instance now */
    CU_ASSERT_EQUAL(first_shut(s), GATE_FENCE);
    s->remotes[0].instance = s->learner.chosen.guard;
    fixture_peers[0].heard = false;
    CU_ASSERT_EQUAL(first_shut(s), GATE_FENCE);
    fixture_config.services[0].accept_unconfirmed_fence = true;
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT);
    s->learner.chosen.keep_on_quorum_loss = true; /* its lapse never authorises anything */
    CU_ASSERT_EQUAL(first_shut(s), GATE_FENCE);
    s->learner.chosen.fence = FENCE_ENFORCED;
    CU_ASSERT_EQUAL(first_shut(s), GATE_FENCE);
    s->learner.chosen.keep_on_quorum_loss = false;
    CU_ASSERT_EQUAL(first_shut(s), GATE_COUNT);
}

static enum gate_id first_shut_of_a_switchover(const struct service *s)
{
    struct turn turn = turn_at(NOW);
    gates_judge(s, &turn, 1, true, 0, NULL, gates);
    return gates_first_shut(gates);
}

/* A writer that is well is left at a person's word, and only where its own guard can confirm. */
static void a_switchover_needs_the_writers_guard_and_no_votes(void)
{
    struct service *s = service_all_open(NOW);
    for (node_id n = 0; n < 3; n++)
        opine(s, 0, n, VERDICT_HEALTHY, NOW, 40);
    CU_ASSERT_EQUAL(first_shut(s), GATE_MAJORITY_FAILED);
    s->remotes[0] = (struct remote){ .heard = true, .guard_ready = true, .instance = s->learner.chosen.guard };
    CU_ASSERT_EQUAL(first_shut_of_a_switchover(s), GATE_COUNT);
    s->remotes[0].guard_ready = false;
    CU_ASSERT_EQUAL(first_shut_of_a_switchover(s), GATE_FENCE); /* although the kernel would end its lease */
    s->remotes[0].guard_ready = true;
    fixture_peers[0].heard = false;
    CU_ASSERT_EQUAL(first_shut_of_a_switchover(s), GATE_FENCE);
    fixture_peers[0].heard = true;
    opine(s, 1, 1, VERDICT_SUSPECT, NOW, 40);
    CU_ASSERT_EQUAL(first_shut_of_a_switchover(s), GATE_TARGET_HEALTHY);
}

static void nothing_known_opens_nothing(void)
{
    struct service *s = service_all_open(NOW);
    s->learner.known = false;
    CU_ASSERT_EQUAL(first_shut(s), GATE_MAJORITY_FAILED);
    for (int g = 0; g < GATE_COUNT; g++)
        CU_ASSERT_FALSE(gates[g].open);
}

/* A node that suspects itself says `unknown` of the others, and has no vote against them. */
static void a_node_that_suspects_itself_abstains(void)
{
    for (int heard = 0; heard < 2; heard++) {
        struct service *s = service_of(1, fixture_first(), NOW);
        for (node_id n = 0; n < 3; n++)
            fixture_peers[n].heard_at = AT(heard != 0 && n == 2 ? NOW : NOW - 60);
        for (int64_t t = NOW - 10; t <= NOW; t++) {
            struct turn turn = turn_at(t);
            struct sample bad = { .check = 0, .outcome = SAMPLE_FAILED, .at = AT(t) };
            service_sample(s, &turn, &bad);
        }
        struct turn turn = turn_at(NOW);
        watch_run(s, &turn);
        CU_ASSERT_EQUAL(service_own_verdict(s, &turn, 0)->verdict, heard ? VERDICT_FAILED : VERDICT_UNKNOWN);
        CU_ASSERT_EQUAL(service_own_verdict(s, &turn, 0)->reason,
                        heard ? REASON_CHECK_FAILED : REASON_SELF_SUSPECT);
    }
}

static void skipping_is_by_name(void)
{
    struct service *s = service_all_open(NOW);
    s->learner.chosen.pause.on = true;
    CU_ASSERT_EQUAL(first_shut_of(s, 1u << GATE_COOLDOWN), GATE_NOT_PAUSED);
    CU_ASSERT_EQUAL(first_shut_of(s, 1u << GATE_NOT_PAUSED), GATE_COUNT);
    CU_ASSERT(gates[GATE_NOT_PAUSED].skipped);
    CU_ASSERT_FALSE(gates[GATE_NOT_PAUSED].open);
    for (int g = 0; g < GATE_COUNT; g++)
        CU_ASSERT_STRING_NOT_EQUAL(gate_name((enum gate_id)g), "none");
}

static struct mono_time look_of_2(struct service *s, int64_t now_s, uint64_t lsn, int64_t age_us)
{
    struct turn turn = turn_at(now_s);
    struct message_gossip gossip = { .voting = true };
    gossip.regions[0].database = (struct database_facts){ .known = true, .lsn = lsn };
    gossip.regions[0].database_age_us = age_us;
    watch_gossip(s, &turn, 2, &gossip);
    return s->health.sightings[0][2].at;
}

/* By a clock that is slower than ours one look would be younger each time that its age is told. */
static void a_look_told_again_is_no_newer(void)
{
    struct service *s = service_of(1, fixture_first(), 10);
    fixture_config.services[0].clock_error_ppm = 1000;
    CU_ASSERT_EQUAL(look_of_2(s, 10, 700, SECONDS(2)).us, SECONDS(8));
    CU_ASSERT_EQUAL(look_of_2(s, 12, 700, SECONDS(4) - 7000).us, SECONDS(8));
    CU_ASSERT_EQUAL(look_of_2(s, 12, 701, SECONDS(4) - 7000).us, SECONDS(8) + 7000); /* other facts */
    CU_ASSERT_EQUAL(look_of_2(s, 14, 701, SECONDS(1)).us, SECONDS(13));              /* younger than rates explain */
    CU_ASSERT_EQUAL(look_of_2(s, 15, 702, SECONDS(9)).us, SECONDS(13));              /* overtaken */
}

/* A round that ends with a write that hangs has read the position long before: found by rounds of faults, in which
 * rows were lost that had been acknowledged after what was "known until just now". */
static void what_a_check_read_is_as_old_as_its_beginning(void)
{
    struct service *s = service_all_open(NOW);
    struct turn turn = turn_at(NOW);
    struct sample sample = { .check = 0, .outcome = SAMPLE_FAILED, .at = AT(NOW), .latency_us = SECONDS(3),
                             .database = { .known = true, .timeline = 1, .lsn = 6000 } };
    service_sample(s, &turn, &sample);
    CU_ASSERT_EQUAL(s->health.sightings[0][1].at.us, SECONDS(NOW - 3));
}

/* Region 1 was granted while region 0 had written, on timeline 2. */
static struct service *service_granted(void)
{
    struct service *s = service_of(2, fixture_granted(), NOW);
    loss_init(&s->health.writer_series, SECONDS(1));
    s->health.series_region = 0;
    loss_sample(&s->health.writer_series, 2, 5000, AT(NOW - 30));
    s->guard_known_at = AT(NOW - 20);
    return s;
}

static const struct database_facts primary_of_1 = { .timeline = 1, .lsn = 9000 };

/* A promotion gives a newer timeline; a primary that was named as it was keeps its own. */
static void a_granted_primary_is_seen_by_its_timeline_or_since_the_grant(void)
{
    struct service *s = service_granted();
    CU_ASSERT_FALSE(service_seen_primary(s, 1));
    see(s, 1, 1, primary_of_1, NOW - 21);
    CU_ASSERT_FALSE(service_seen_primary(s, 1)); /* of a former life */
    see(s, 1, 1, (struct database_facts){ .timeline = 3, .lsn = 5000 }, NOW - 21);
    CU_ASSERT_TRUE(service_seen_primary(s, 1));
    see(s, 1, 1, primary_of_1, NOW - 19);
    CU_ASSERT_TRUE(service_seen_primary(s, 1));
    see(s, 1, 1, (struct database_facts){ .in_recovery = true, .timeline = 3, .lsn = 5000 }, NOW - 19);
    CU_ASSERT_FALSE(service_seen_primary(s, 1));
}

/* Against the series of the region before nothing is measured that a primary of another timeline may have written. */
static void what_a_granted_primary_wrote_unseen_is_not_nothing(void)
{
    struct service *s = service_granted();
    struct turn turn = turn_at(NOW);
    CU_ASSERT_FALSE(watch_loss(s, &turn, 2, 5000).known); /* never looked at */
    see(s, 1, 1, (struct database_facts){ .in_recovery = true, .timeline = 2, .lsn = 5000 }, NOW - 21);
    struct loss loss = watch_loss(s, &turn, 2, 4000);
    CU_ASSERT(loss.known);
    CU_ASSERT_EQUAL(loss.bytes, 1000);
    CU_ASSERT_EQUAL(loss.age_us, SECONDS(30));
    see(s, 1, 1, primary_of_1, NOW - 21);
    CU_ASSERT_FALSE(watch_loss(s, &turn, 2, 4000).known);
}

SUITE_MAIN("gates", TEST(every_gate_can_be_open),
           TEST(what_a_check_read_is_as_old_as_its_beginning), TEST(majority_failed), TEST(target_healthy),
           TEST(target_coordinator), TEST(target_streaming_and_timeline),
           TEST(a_standby_cut_off_long_before), TEST(loss_within_rpo),
           TEST(loss_accepted_of_each_kind), TEST(unknown_time_is_not_accepted), TEST(outage_min),
           TEST(cooldown_and_pause), TEST(fence),
           TEST(a_switchover_needs_the_writers_guard_and_no_votes), TEST(nothing_known_opens_nothing),
           TEST(a_node_that_suspects_itself_abstains), TEST(skipping_is_by_name),
           TEST(a_look_told_again_is_no_newer),
           TEST(a_granted_primary_is_seen_by_its_timeline_or_since_the_grant),
           TEST(what_a_granted_primary_wrote_unseen_is_not_nothing))
