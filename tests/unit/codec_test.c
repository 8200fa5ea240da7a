/* The message codec: everything comes back as it was sent, and strangers are refused. What is wrong
 * in other ways is for codec_refusal_test.c. */
#include "coordinator/config/config.h"
#include "tests/unit/codec_wire.h"

#define SEED UINT64_C(20240617)
#define ROUNDS 400 /* per kind */

/* A field that is added to one of these has to be walked by the codec and filled by
 * random_message.h, and has to raise CODEC_VERSION if older nodes would not understand; then the
 * number here follows. */
#define SIZE(tag, bytes) { #tag, sizeof(struct tag), bytes }
static const struct { const char *name; size_t is, known; } sizes[] = {
    SIZE(ballot, 16),
    SIZE(instance, 16),
    SIZE(ledger_operation, 296),
    SIZE(ledger, 912),
    SIZE(register_report, 936),
    SIZE(message_prepare, 16),
    SIZE(message_promise, 952),
    SIZE(message_accept, 928),
    SIZE(message_accepted, 960),
    SIZE(message_reject, 32),
    SIZE(message_renew, 32),
    SIZE(message_grant, 968),
    SIZE(message_release, 32),
    SIZE(message_confirm, 16),
    SIZE(message_verdict, 32),
    SIZE(database_facts, 40),
    SIZE(gossip_region, 168),
    SIZE(mark, 376),
    SIZE(message_gossip, 2872),
    SIZE(order, 368),
    SIZE(message_order, 376),
    SIZE(message_order_reply, 56),
    SIZE(voter_order, 200),
    SIZE(message_voter_order, 208),
    SIZE(message_generation, 16),
    SIZE(voter_set, 160),
    SIZE(voter_report, 184),
    SIZE(message_voters, 216),
    SIZE(message, 2920),
};

static void no_field_was_added_unseen(void)
{
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i].is != sizes[i].known) {
            printf("    struct %s has %zu bytes, the codec knows %zu: walk what was added\n",
                   sizes[i].name, sizes[i].is, sizes[i].known);
            CU_FAIL("the codec and the core's structs differ");
        }
}

/* ---- round trips ---------------------------------------------------------------------------- */

static void every_kind_comes_back_whole(void)
{
    use_example();
    struct dice dice = { SEED };
    for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++)
        for (int round = 0; round < ROUNDS; round++) {
            struct message sent, got;
            dice_message(&dice, &names, (enum message_kind)kind, &sent);
            CU_ASSERT_FATAL(encode(&sent));
            CU_ASSERT(wire_length == strlen(wire));
            if (!decode(sent.from, &got)) {
                printf("    %s\n    %s\n", fault.text, wire);
                CU_FAIL_FATAL("a message was refused");
            }
            if (memcmp(&sent, &got, sizeof sent) != 0) {
                printf("    %s\n", wire);
                CU_FAIL_FATAL("a message came back different");
            }
        }
}

static void the_largest_numbers_survive(void)
{
    use_example();
    struct message sent = { .voters_version = 1, .kind = MESSAGE_GENERATION, .service = SERVICE_NONE,
                            .restarts = UINT32_MAX, .generation = UINT64_MAX };
    sent.as.generation_seen.seen = UINT64_MAX - 1;
    struct message got;
    CU_ASSERT_FATAL(encode(&sent) && decode(0, &got));
    CU_ASSERT(got.generation == UINT64_MAX && got.as.generation_seen.seen == UINT64_MAX - 1);
    CU_ASSERT(got.restarts == UINT32_MAX);
    CU_ASSERT_PTR_NOT_NULL(strstr(wire, "\"18446744073709551615\""));
}

/* Names instead of indexes: a node whose lists are ordered differently understands the same. */
static void indexes_are_translated(void)
{
    use_example();
    struct message sent = { .voters_version = 1, .kind = MESSAGE_CONFIRM, .service = 1, .from = 2 };
    sent.as.confirm.region = 2;
    CU_ASSERT_FATAL(encode(&sent));
    names.nodes[0] = "iad-1";
    names.nodes[2] = "fra-1";
    names.regions[1] = "sin";
    names.regions[2] = "iad";
    names.services[0].name = "shop";
    names.services[1].name = "billing";
    CU_ASSERT_FATAL(codec_names_finish(&names, &fault));
    struct message got;
    CU_ASSERT_FATAL(decode(0, &got));
    CU_ASSERT(got.from == 0 && got.service == 0 && got.as.confirm.region == 1);
}

static void fill_names(char (*store)[CODEC_NAME_MAX + 1], size_t count, char letter)
{
    for (size_t i = 0; i < count; i++) {
        memset(store[i], letter, CODEC_NAME_MAX);
        store[i][CODEC_NAME_MAX - 1] = (char)('a' + i);
        store[i][CODEC_NAME_MAX] = '\0';
    }
}

static void the_longest_gossip_fits(void)
{
    static char nodes[POLICY_NODES_MAX][CODEC_NAME_MAX + 1];
    static char regions[POLICY_REGIONS_MAX][CODEC_NAME_MAX + 1];
    static char others[3][CODEC_NAME_MAX + 1];
    fill_names(nodes, POLICY_NODES_MAX, 'n');
    fill_names(regions, POLICY_REGIONS_MAX, 'r');
    fill_names(others, 3, 's');
    memset(&names, 0, sizeof names);
    names.cluster = others[0];
    names.node_count = POLICY_NODES_MAX;
    for (size_t i = 0; i < POLICY_NODES_MAX; i++)
        names.nodes[i] = nodes[i];
    names.region_count = POLICY_REGIONS_MAX;
    names.service_count = 1;
    names.services[0].name = others[1];
    names.services[0].check_count = POLICY_REGIONS_MAX;
    names.voters = 0x1f;
    for (region_id i = 0; i < POLICY_REGIONS_MAX; i++) {
        names.regions[i] = regions[i];
        names.services[0].serves[i] = true;
        names.services[0].checks[i] = (struct codec_check){ others[2], i };
    }
    CU_ASSERT_FATAL(codec_names_finish(&names, &fault));

    struct dice dice = { SEED };
    size_t longest = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct message sent, got;
        dice_message(&dice, &names, MESSAGE_GOSSIP, &sent);
        for (region_id i = 0; i < POLICY_REGIONS_MAX; i++) {
            struct gossip_region *region = &sent.as.gossip.regions[i];
            region->check = i;
            memset(region->detail.s, 1, sizeof region->detail.s - 1);
            region->database = (struct database_facts){ .known = true, .timeline = UINT32_MAX,
                .lsn = UINT64_MAX, .replayed_lsn = UINT64_MAX, .system_id = UINT64_MAX };
        }
        CU_ASSERT_FATAL(encode(&sent));
        CU_ASSERT_FATAL(decode(sent.from, &got));
        longest = wire_length > longest ? wire_length : longest;
    }
    printf("\n    the longest gossip: %zu bytes of %d\n", longest, CODEC_MESSAGE_MAX);
    CU_ASSERT(longest < CODEC_MESSAGE_MAX);
}

static void words_are_cut_between_characters(void)
{
    use_example();
    struct message sent = { .voters_version = 1, .kind = MESSAGE_ORDER, .service = 0 }, got;
    struct order *order = &sent.as.order.order;
    order->accepted_loss_bytes = order->accepted_loss_us = -1;
    order->to = REGION_NONE;
    memset(order->by.s, 'x', sizeof order->by.s);      /* without an end */
    memset(order->why.s, 'x', sizeof order->why.s - 1);
    memcpy(order->why.s + sizeof order->why.s - 3, "\xe2\x82", 2); /* two bytes of three */
    CU_ASSERT_FATAL(encode(&sent) && decode(0, &got));
    CU_ASSERT(strlen(got.as.order.order.by.s) == POLICY_TEXT_MAX - 1);
    CU_ASSERT(strlen(got.as.order.order.why.s) == POLICY_TEXT_MAX - 3);

    memset(order, 0, sizeof *order);
    order->accepted_loss_bytes = order->accepted_loss_us = -1;
    memcpy(order->by.s, "a\xff" "b\xc0\x80" "c\xed\xa0\x80" "d", 11);
    memcpy(order->why.s, "\xe2\x82", 2); /* cut short, but not by the end of the room */
    CU_ASSERT_FATAL(encode(&sent) && decode(0, &got));
    CU_ASSERT_STRING_EQUAL(got.as.order.order.by.s, "a?b??c???d");
    CU_ASSERT_STRING_EQUAL(got.as.order.order.why.s, "??");
}

static void what_makes_no_sense_is_not_sent(void)
{
    use_example();
    struct message sent = { .voters_version = 1, .kind = MESSAGE_CONFIRM, .service = 0 };
    sent.as.confirm.region = 3;
    CU_ASSERT_FALSE(codec_encode_message(&names, &sent, wire, sizeof wire, &wire_length, &fault));
    CU_ASSERT(wire_length == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "$.body.region"));
    sent.as.confirm.region = 0;
    sent.service = 2;
    CU_ASSERT_FALSE(codec_encode_message(&names, &sent, wire, sizeof wire, &wire_length, &fault));
    sent.service = SERVICE_NONE;
    CU_ASSERT_FALSE(codec_encode_message(&names, &sent, wire, sizeof wire, &wire_length, &fault));
    sent.service = 0;
    sent.from = 4;
    CU_ASSERT_FALSE(codec_encode_message(&names, &sent, wire, sizeof wire, &wire_length, &fault));
    sent.from = 0;
    sent.kind = MESSAGE_KIND_COUNT;
    CU_ASSERT_FALSE(codec_encode_message(&names, &sent, wire, sizeof wire, &wire_length, &fault));
    sent = (struct message){ .voters_version = 1, .kind = MESSAGE_ACCEPT };
    CU_ASSERT_FALSE(codec_encode_message(&names, &sent, wire, sizeof wire, &wire_length, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "$.body.ledger"));
    sent = (struct message){ .voters_version = 1, .kind = MESSAGE_VERDICT };
    sent.as.verdict.standing_us = -1;
    CU_ASSERT_FALSE(codec_encode_message(&names, &sent, wire, sizeof wire, &wire_length, &fault));

    /* Too little room, at every size. */
    sent.as.verdict.standing_us = 1;
    CU_ASSERT_FATAL(encode(&sent));
    size_t whole = wire_length;
    for (size_t size = 1; size <= whole; size++) {
        char *small = malloc(size);
        CU_ASSERT_FATAL(small != NULL);
        CU_ASSERT_FALSE(codec_encode_message(&names, &sent, small, size, &wire_length, &fault));
        free(small);
    }
}

/* ---- strangers ------------------------------------------------------------------------------ */

static void strangers_are_refused(void)
{
    use_example();
    struct message sent = { .voters_version = 1, .kind = MESSAGE_GENERATION, .service = SERVICE_NONE, .from = 2 }, got;
    CU_ASSERT_FATAL(encode(&sent));
    memset(&got, 0xaa, sizeof got);
    CU_ASSERT_FALSE(decode(1, &got));
    CU_ASSERT(all_zero(&got, sizeof got));
    CU_ASSERT(fault_says("\"iad-1\"", "\"fra-2\""));
    CU_ASSERT_TRUE(decode(2, &got));

    struct codec_names other = names;
    other.voters = 1u << 0 | 1u << 1 | 1u << 2;
    CU_ASSERT_FATAL(codec_names_finish(&other, &fault));
    CU_ASSERT_FALSE(codec_decode_message(&other, wire, wire_length, 2, &got, &fault));
    CU_ASSERT(fault_says("fra-1,iad-1,witness", "fra-1,fra-2,iad-1"));

    other = names;
    other.cluster = "staging";
    CU_ASSERT_FATAL(codec_names_finish(&other, &fault));
    CU_ASSERT_FALSE(codec_decode_message(&other, wire, wire_length, 2, &got, &fault));
    CU_ASSERT(fault_says("prod", "staging"));

    char *version = strstr(wire, "\"v\":2");
    CU_ASSERT_FATAL(version != NULL);
    version[4] = '1';
    CU_ASSERT_FALSE(decode(2, &got));
    CU_ASSERT(fault_says("version 1", "version 2"));
}

/* Another region's check of that name isn't ours; an unknown one is just not named. */
static void unknown_checks_are_not_named(void)
{
    use_example();
    struct message sent, got;
    struct dice dice = { SEED };
    dice_message(&dice, &names, MESSAGE_GOSSIP, &sent);
    sent.service = 0;
    for (region_id i = 0; i < POLICY_REGIONS_MAX; i++)
        sent.as.gossip.regions[i].check = CHECK_NONE;
    sent.as.gossip.regions[1].check = 1;
    CU_ASSERT_FATAL(encode(&sent) && decode(sent.from, &got));
    CU_ASSERT_EQUAL(got.as.gossip.regions[1].check, 1);
    names.services[0].checks[1].name = "renamed";
    CU_ASSERT_FATAL(codec_names_finish(&names, &fault) && decode(sent.from, &got));
    CU_ASSERT_EQUAL(got.as.gossip.regions[1].check, CHECK_NONE);
    sent.as.gossip.regions[1].check = 0; /* of another region */
    CU_ASSERT_FALSE(codec_encode_message(&names, &sent, wire, sizeof wire, &wire_length, &fault));
}

/* ---- names ---------------------------------------------------------------------------------- */

static void names_are_checked(void)
{
    use_example();
    CU_ASSERT_STRING_EQUAL(names.voter_names, "fra-1,iad-1,witness");
    names.nodes[0] = "zzz"; /* the order of names, not of indexes */
    CU_ASSERT_FATAL(codec_names_finish(&names, &fault));
    CU_ASSERT_STRING_EQUAL(names.voter_names, "iad-1,witness,zzz");

    static const char *const bad[] = { "", "a,b", "a b", "a\"b", "\xc3\xa9", NULL, "fra-2" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        names.nodes[0] = bad[i];
        CU_ASSERT_FALSE(codec_names_finish(&names, &fault));
    }
    use_example();
    names.services[0].checks[1].region = 0; /* two of one name in one region */
    CU_ASSERT_FALSE(codec_names_finish(&names, &fault));
    use_example();
    names.services[0].checks[1].region = 3;
    CU_ASSERT_FALSE(codec_names_finish(&names, &fault));
    use_example();
    names.services[0].serves[3] = true;
    CU_ASSERT_FALSE(codec_names_finish(&names, &fault));
    use_example();
    names.voters = 0;
    CU_ASSERT_FALSE(codec_names_finish(&names, &fault));
    names.voters = 1u << 4;
    CU_ASSERT_FALSE(codec_names_finish(&names, &fault));
    names.voters = 1;
    names.cluster = NULL;
    CU_ASSERT_FALSE(codec_names_finish(&names, &fault));
    use_example();
    CU_ASSERT(codec_find_node(&names, "iad-1") == 2);
    CU_ASSERT(codec_find_node(&names, "iad") == NODE_NONE);
    CU_ASSERT(codec_find_check(&names, 0, 1, "health") == 1);
    CU_ASSERT(codec_find_check(&names, 0, 2, "health") == CHECK_NONE);
}

static void names_come_from_the_configuration(void)
{
    struct node_config nodes[] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
    struct region_config regions[] = { { .name = "fra" }, { .name = "iad" } };
    struct check_config fra[] = { { .name = "health", .index = 0 } };
    struct check_config iad[] = { { .name = "database", .index = 1 },
                                  { .name = "health", .index = 2 } };
    struct service_region_config serves[] = {
        { .name = "fra", .region = 0, .checks = fra, .check_count = 1 },
        { .name = "iad", .region = 1, .checks = iad, .check_count = 2 },
    };
    struct service_config services[] = {
        { .name = "shop", .regions = serves, .region_count = 2, .check_count = 3 },
        { .name = "wiki", .regions = serves, .region_count = 1, .check_count = 1 },
    };
    struct cluster_config cluster = {
        .cluster = "prod", .voters = { 0, 1, 2 }, .voter_count = 3, .nodes = nodes,
        .node_count = 3, .regions = regions, .region_count = 2, .services = services,
        .service_count = 2,
    };
    CU_ASSERT_FATAL(codec_names_from_config(&names, &cluster, &fault));
    CU_ASSERT_STRING_EQUAL(names.voter_names, "a,b,c");
    CU_ASSERT(codec_find_region(&names, "iad") == 1 && codec_find_service(&names, "wiki") == 1);
    CU_ASSERT(codec_find_check(&names, 0, 1, "health") == 2);
    CU_ASSERT(names.services[0].serves[1] && !names.services[1].serves[1]);
    iad[1].index = 3;
    CU_ASSERT_FALSE(codec_names_from_config(&names, &cluster, &fault));
    iad[1].index = 1; /* two in one place leave another empty */
    CU_ASSERT_FALSE(codec_names_from_config(&names, &cluster, &fault));
}

static void kinds_have_names(void)
{
    CU_ASSERT_STRING_EQUAL(codec_kind_name(MESSAGE_ORDER_REPLY), "order-reply");
    CU_ASSERT_STRING_EQUAL(codec_kind_name(MESSAGE_KIND_COUNT), "unknown");
    for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++)
        CU_ASSERT_PTR_NOT_NULL(codec_kind_name((enum message_kind)kind));
}

SUITE_MAIN("codec", TEST(no_field_was_added_unseen), TEST(every_kind_comes_back_whole),
           TEST(the_largest_numbers_survive), TEST(indexes_are_translated),
           TEST(the_longest_gossip_fits), TEST(words_are_cut_between_characters),
           TEST(what_makes_no_sense_is_not_sent), TEST(strangers_are_refused),
           TEST(unknown_checks_are_not_named), TEST(names_are_checked),
           TEST(names_come_from_the_configuration), TEST(kinds_have_names))
