/* One service of one node, set up by hand: for suites of the parts that work on struct service. */
#ifndef FAILOVERD_TESTS_SERVICE_FIXTURE_H
#define FAILOVERD_TESTS_SERVICE_FIXTURE_H

#include "policy/service.h"
#include "tests/unit/policy_fixture.h"

static struct policy_config fixture_config;
static struct service fixture_service;
static struct effects fixture_effects;
static struct peer fixture_peers[POLICY_NODES_MAX];
static struct moving fixture_moving[POLICY_SERVICES_MAX];
static uint64_t fixture_random = 1;
static bool fixture_persist;

static inline struct turn turn_at(int64_t s)
{
    fixture_effects.count = 0;
    return (struct turn){ .now = AT(s), .said_at = AT(s), .wall = { SECONDS(1000000 + s) },
                          .config = &fixture_config, .peers = fixture_peers, .moving = fixture_moving,
                          .voters = electorate_of(VOTERS_OF_3), .member = true, .ballots = 1,
                          .effects = &fixture_effects, .random = &fixture_random, .voting = true, .may_propose = true,
                          .stores = true,
                          .restarts = 1, .persist = &fixture_persist };
}

/* A service of node `self` that started at 1 s and knows `ledger`; every node was just heard. */
static inline struct service *service_of(node_id self, struct ledger ledger, int64_t now_s)
{
    struct durable_service nothing = { .accepted = { .present = false } };
    fixture_config = (struct policy_config){ .self = self, .node_count = 3, .region_count = 3,
                                             .service_count = 1, .voters = VOTERS_OF_3,
                                             .region_of = { 0, 1, 2 },
                                             .heartbeat_us = SECONDS(1),
                                             .instance = 1000u + self, .seed = 1 };
    fixture_config.services[0] = fixture_policy();
    for (node_id n = 0; n < 3; n++)
        fixture_peers[n] = (struct peer){ .heard = true, .heard_at = AT(now_s) };
    struct turn turn = turn_at(1);
    service_init(&fixture_service, &turn, 0, &nothing, AT(0));
    fixture_service.learner = learner_that_knows(ledger);
    fixture_service.guard.ready = fixture_service.guard.kernel = true;
    return &fixture_service;
}

static inline void opine(struct service *s, region_id region, node_id node, enum verdict verdict,
                         int64_t said_s, int64_t since_s)
{
    s->health.opinions[region][node] = (struct opinion){
        true, AT(said_s), { .verdict = verdict, .since = AT(since_s) } };
}

static inline void see(struct service *s, region_id region, node_id by, struct database_facts facts,
                       int64_t s_at)
{
    facts.known = true;
    s->health.sightings[region][by] = (struct sighting){ true, AT(s_at), facts };
}

/* Region 0 failed for everybody, region 1 (ours) is a healthy standby that has everything: node 1 may begin. */
static inline struct service *service_all_open(int64_t now_s)
{
    struct service *s = service_of(1, fixture_first(), now_s);
    for (node_id n = 0; n < 3; n++)
        opine(s, 0, n, VERDICT_FAILED, now_s - 1, now_s - 60);
    opine(s, 1, 1, VERDICT_HEALTHY, now_s, now_s - 60);
    see(s, 1, 1, (struct database_facts){ .in_recovery = true, .timeline = 1, .lsn = 5000 }, now_s);
    loss_init(&s->health.writer_series, SECONDS(1));
    s->health.series_region = 0;
    for (int64_t t = now_s - 70; t < now_s - 59; t++)
        loss_sample(&s->health.writer_series, 1, (uint64_t)(5000 - (now_s - 60 - t) * 100), AT(t));
    s->health.streaming_at = AT(now_s - 60);
    return s;
}

static inline const struct act *act_sent(enum act_kind kind)
{
    const struct act *found = NULL;
    for (size_t i = 0; i < fixture_effects.count; i++)
        if (fixture_effects.list[i].kind == EFFECT_ACT && fixture_effects.list[i].as.act.kind == kind)
            found = &fixture_effects.list[i].as.act;
    return found;
}

static inline const struct message *message_sent(enum message_kind kind)
{
    const struct message *found = NULL;
    for (size_t i = 0; i < fixture_effects.count; i++)
        if (fixture_effects.list[i].kind == EFFECT_SEND &&
            fixture_effects.list[i].as.send.message.kind == kind)
            found = &fixture_effects.list[i].as.send.message;
    return found;
}

#endif
