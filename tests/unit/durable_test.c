/* The durable state: it comes back whole, follows the names, and forgets no promise in silence. */
#include <jansson.h>

#include "coordinator/base/text.h"
#include "coordinator/store/durable.h"
#include "tests/unit/random_message.h"
#include "tests/unit/suite.h"

#define SEED UINT64_C(19820118)
#define ROUNDS 300
#define FLIPS 30000

static struct codec_names names;
static struct fault fault;
static char blob[DURABLE_BYTES_MAX + 1];
static size_t blob_length;

static void use_example(void)
{
    names = example_names();
    CU_ASSERT_FATAL(codec_names_finish(&names, &fault));
}

static void dice_mark_of(struct dice *dice, struct durable_service *service, node_id maker)
{
    dice_mark(dice, &names, &service->marks[maker]);
    service->marks[maker].maker.node = maker;
}

static void dice_durable(struct dice *dice, struct durable *durable)
{
    memset(durable, 0, sizeof *durable);
    durable->generation = dice_wide(dice);
    for (node_id node = 0; node < names.node_count; node++)
        if (dice_below(dice, 4) != 0)
            durable->seen_generation[node] = durable->seen_identity[node] = dice_wide(dice);
    if (dice_below(dice, 4) != 0) {
        dice_voter_set(dice, &names, &durable->voters.set);
        dice_voter_report(dice, &names, &durable->voters.accepted);
        dice_ballot(dice, &names, &durable->voters.promised);
        if (ballot_compare(durable->voters.promised, durable->voters.accepted.ballot) < 0)
            durable->voters.promised = durable->voters.accepted.ballot;
    }
    for (uint8_t i = 0; i < names.service_count; i++) {
        struct durable_service *service = &durable->services[i];
        if (dice_below(dice, 8) == 0)
            continue;
        dice_report(dice, &names, &service->accepted);
        dice_ballot(dice, &names, &service->promised);
        for (node_id n = 0; n < names.node_count; n++)
            if (dice_below(dice, 4) == 0)
                dice_mark_of(dice, service, n);
        if (ballot_compare(service->promised, service->accepted.ballot) < 0)
            service->promised = service->accepted.ballot;
    }
}

static bool encode(const struct durable *durable)
{
    bool done = durable_encode(&names, durable, blob, sizeof blob, &blob_length, &fault);
    if (!done)
        printf("    %s\n", fault.text);
    return done;
}

static bool decode(struct durable *durable)
{
    return durable_decode(&names, blob, blob_length, durable, &fault);
}

static bool all_zero(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        if (at[i] != 0)
            return false;
    return true;
}

static bool fault_says(const char *what)
{
    bool says = strstr(fault.text, what) != NULL;
    if (!says)
        printf("    not in it: %s: %s\n", what, fault.text);
    return says;
}

static void sizes_are_known(void)
{
    /* As in codec_test.c: what is added has to be walked in durable.c first. */
    CU_ASSERT_EQUAL(sizeof(struct durable_service), 952u + POLICY_NODES_MAX * sizeof(struct mark));
    CU_ASSERT_EQUAL(sizeof(struct durable), 624u + POLICY_SERVICES_MAX * sizeof(struct durable_service));
}

static void it_comes_back_whole(void)
{
    use_example();
    struct dice dice = { SEED };
    for (int round = 0; round < ROUNDS; round++) {
        struct durable stored, found;
        dice_durable(&dice, &stored);
        CU_ASSERT_FATAL(encode(&stored));
        if (!decode(&found)) {
            printf("    %s\n    %s\n", fault.text, blob);
            CU_FAIL_FATAL("a stored state was refused");
        }
        CU_ASSERT_FATAL(memcmp(&stored, &found, sizeof stored) == 0);
    }
}

static void a_new_store_is_empty(void)
{
    use_example();
    struct durable found;
    memset(&found, 0xaa, sizeof found);
    CU_ASSERT_TRUE(durable_decode(&names, NULL, 0, &found, &fault));
    CU_ASSERT(all_zero(&found, sizeof found));
    CU_ASSERT_FATAL(encode(&found) && decode(&found));
    CU_ASSERT(all_zero(&found, sizeof found));
    CU_ASSERT_STRING_EQUAL(blob, "{\"format\":2,\"generation\":\"0\",\"seen\":{},\"seen_stores\":{},"
                                 "\"services\":{}}");
}

/* One register of service `shop`, written by node 2 (iad-1). */
static struct durable one_register(void)
{
    struct durable durable;
    memset(&durable, 0, sizeof durable);
    durable.generation = 7;
    durable.seen_generation[0] = 40;
    durable.seen_generation[3] = 50;
    struct durable_service *shop = &durable.services[1];
    shop->promised = (struct ballot){ .counter = 9, .restart = 4, .node = 2 };
    shop->accepted = (struct register_report){
        .present = true,
        .ballot = { .counter = 9, .restart = 3, .node = 2 },
        .ledger = {
            .version = 5, .epoch = 3, .writer = 2, .guard = { .id = 77, .node = 2 },
            .guard_epoch = 3, .lease_us = 10000000, .longest_lease_us = 10000000,
            .operation = { .from = REGION_NONE, .to = REGION_NONE, .executor = NODE_NONE,
                           .accepted_loss_bytes = -1, .accepted_loss_us = -1 },
        },
    };
    return durable;
}

/* Its registers lack what this release decides by, so it is refused whole, with what to do, and nothing is guessed. */
static void a_store_of_another_format_is_refused(void)
{
    use_example();
    const char *before = "{\"format\":1,\"generation\":\"93\",\"seen\":{\"fra-1\":\"17\"},\"services\":{}}";
    struct durable found;
    CU_ASSERT_FALSE(durable_decode(&names, before, strlen(before), &found, &fault));
    CU_ASSERT(fault_says("is 1, which another release of failoverd wrote; this one reads format 2: start that release"));
    CU_ASSERT(all_zero(&found, sizeof found));
}

/* A voter that the configuration does not have: nobody may count without it. */
static void a_voter_that_is_gone_is_refused(void)
{
    use_example();
    const char *gone = "{\"format\":2,\"generation\":\"1\",\"seen\":{},\"seen_stores\":{},\"voters\":{\"set\":"
                       "{\"version\":\"2\",\"voters\":{\"fra-1\":\"1\",\"fra-2\":\"2\",\"lhr-1\":\"3\"},\"change\":null},"
                       "\"promised\":null,\"accepted\":null},\"services\":{}}";
    struct durable found;
    CU_ASSERT_FALSE(durable_decode(&names, gone, strlen(gone), &found, &fault));
    CU_ASSERT(fault_says("lhr-1"));
    CU_ASSERT(all_zero(&found, sizeof found));
}

static void names_are_followed_when_indexes_change(void)
{
    use_example();
    struct durable stored = one_register(), found;
    CU_ASSERT_FATAL(encode(&stored));
    /* A node, a region and a service were added in front; the voters stay. */
    names.nodes[4] = "witness";
    names.nodes[3] = "iad-1";
    names.nodes[2] = "fra-2";
    names.nodes[1] = "fra-1";
    names.nodes[0] = "bom-1";
    names.node_count = 5;
    names.voters = (node_set)(names.voters << 1);
    names.regions[3] = "sin";
    names.regions[2] = "iad";
    names.regions[1] = "fra";
    names.regions[0] = "bom";
    names.region_count = 4;
    names.services[2] = (struct codec_service){ .name = "shop" };
    names.services[1] = (struct codec_service){ .name = "billing" };
    names.services[0] = (struct codec_service){ .name = "archive" };
    names.service_count = 3;
    CU_ASSERT_FATAL(codec_names_finish(&names, &fault));
    CU_ASSERT_FATAL(decode(&found));
    CU_ASSERT(found.generation == 7);
    CU_ASSERT(found.seen_generation[1] == 40 && found.seen_generation[4] == 50);
    CU_ASSERT(found.seen_generation[0] == 0);
    CU_ASSERT(all_zero(&found.services[0], sizeof found.services[0]));
    CU_ASSERT(all_zero(&found.services[1], sizeof found.services[1]));
    const struct durable_service *shop = &found.services[2];
    CU_ASSERT(shop->promised.node == 3 && shop->promised.counter == 9);
    CU_ASSERT(shop->promised.restart == 4);
    CU_ASSERT(shop->accepted.ledger.writer == 3 && shop->accepted.ledger.guard.node == 3);
}

static void a_service_with_a_register_is_not_lost(void)
{
    use_example();
    struct durable stored = one_register(), found;
    CU_ASSERT_FATAL(encode(&stored));
    names.service_count = 1;
    memset(&found, 0xaa, sizeof found);
    CU_ASSERT_FALSE(decode(&found));
    CU_ASSERT(all_zero(&found, sizeof found));
    CU_ASSERT(fault_says("\"shop\"") && fault_says("cluster.json"));

    /* A promise alone counts as much. */
    stored.services[1].accepted.present = false;
    use_example();
    CU_ASSERT_FATAL(encode(&stored));
    names.service_count = 1;
    CU_ASSERT_FALSE(decode(&found));

    /* A service without promise or value leaves nothing behind. */
    memset(&stored.services[1], 0, sizeof stored.services[1]);
    use_example();
    CU_ASSERT_FATAL(encode(&stored));
    names.service_count = 1;
    CU_ASSERT_TRUE(decode(&found));
    CU_ASSERT(found.generation == 7);
}

static void nodes_that_are_gone_are_forgotten_only_where_that_is_safe(void)
{
    use_example();
    struct durable stored = one_register(), found;
    stored.seen_generation[1] = 60; /* fra-2 */
    stored.services[1].promised = (struct ballot){ .counter = 12, .restart = 1, .node = 1 };
    CU_ASSERT_FATAL(encode(&stored));
    names.nodes[1] = "fra-3";
    CU_ASSERT_FATAL(codec_names_finish(&names, &fault));
    CU_ASSERT_FATAL(decode(&found));
    CU_ASSERT(found.seen_generation[1] == 0 && found.seen_generation[0] == 40);
    /* The promise is kept as more than it was: no ballot of that counter is below it. */
    struct ballot any = { .counter = 12, .restart = UINT32_MAX, .node = POLICY_NODES_MAX - 1 };
    CU_ASSERT(ballot_compare(found.services[1].promised, any) > 0);
    CU_ASSERT(found.services[1].promised.counter == 13);

    stored.services[1].promised.counter = UINT64_MAX;
    use_example();
    CU_ASSERT_FATAL(encode(&stored));
    names.nodes[1] = "fra-3";
    CU_ASSERT_FALSE(decode(&found));

    /* An accepted value by such a node, or of its guard, is not for us to rewrite. */
    use_example();
    stored = one_register();
    CU_ASSERT_FATAL(encode(&stored));
    names.nodes[2] = "iad-2";
    CU_ASSERT_FALSE(decode(&found));
    CU_ASSERT(fault_says("\"iad-1\"") && fault_says("must not vote"));
    use_example();
    names.regions[2] = "syd";
    CU_ASSERT_FALSE(decode(&found));
    CU_ASSERT(fault_says("\"sin\"") && fault_says("$.services.shop.accepted.ledger.writer"));
}

static void a_promise_below_the_value_is_refused(void)
{
    use_example();
    struct durable stored = one_register();
    stored.services[1].promised.counter = 8;
    CU_ASSERT_FALSE(durable_encode(&names, &stored, blob, sizeof blob, &blob_length, &fault));
    CU_ASSERT(fault_says("$.services.shop.promised"));
    stored = one_register();
    stored.services[1].accepted.ledger.version = 0;
    CU_ASSERT_FALSE(durable_encode(&names, &stored, blob, sizeof blob, &blob_length, &fault));
}

static void too_little_room_is_said(void)
{
    use_example();
    struct durable stored = one_register();
    CU_ASSERT_FATAL(encode(&stored));
    size_t whole = blob_length;
    for (size_t size = 1; size <= whole; size += 7) {
        char *small = malloc(size);
        CU_ASSERT_FATAL(small != NULL);
        CU_ASSERT_FALSE(durable_encode(&names, &stored, small, size, &blob_length, &fault));
        free(small);
    }
}

/* The largest state there can be: names of full length, every service with a long ledger. */
static void the_largest_state_fits(void)
{
    static char nodes[POLICY_NODES_MAX][CODEC_NAME_MAX + 1];
    static char regions[POLICY_REGIONS_MAX][CODEC_NAME_MAX + 1];
    static char services[POLICY_SERVICES_MAX][CODEC_NAME_MAX + 1];
    memset(&names, 0, sizeof names);
    names.cluster = "prod";
    names.voters = 1;
    names.node_count = POLICY_NODES_MAX;
    names.region_count = POLICY_REGIONS_MAX;
    names.service_count = POLICY_SERVICES_MAX;
    for (size_t i = 0; i < POLICY_SERVICES_MAX; i++) {
        (void)snprintf(services[i], sizeof services[i], "%063zu", i);
        names.services[i].name = services[i];
    }
    for (size_t i = 0; i < POLICY_NODES_MAX; i++) {
        (void)snprintf(nodes[i], sizeof nodes[i], "%063zu", i);
        names.nodes[i] = nodes[i];
    }
    for (size_t i = 0; i < POLICY_REGIONS_MAX; i++) {
        (void)snprintf(regions[i], sizeof regions[i], "%063zu", i);
        names.regions[i] = regions[i];
    }
    CU_ASSERT_FATAL(codec_names_finish(&names, &fault));
    struct dice dice = { SEED };
    size_t longest = 0;
    for (int round = 0; round < 20; round++) {
        struct durable stored, found;
        dice_durable(&dice, &stored);
        for (uint8_t i = 0; i < POLICY_SERVICES_MAX; i++) {
            stored.services[i].accepted.present = true;
            stored.services[i].accepted.ballot =
                (struct ballot){ UINT64_MAX, UINT32_MAX, POLICY_NODES_MAX - 1 };
            stored.services[i].promised = stored.services[i].accepted.ballot;
            memset(&stored.services[i].accepted.ledger, 0, sizeof(struct ledger));
            dice_ledger(&dice, &names, &stored.services[i].accepted.ledger);
            for (node_id n = 0; n < POLICY_NODES_MAX; n++)
                dice_mark_of(&dice, &stored.services[i], n);
        }
        CU_ASSERT_FATAL(encode(&stored) && decode(&found));
        longest = blob_length > longest ? blob_length : longest;
    }
    printf("\n    the largest state: %zu bytes of %d\n", longest, DURABLE_BYTES_MAX);
    CU_ASSERT(longest * 2 < DURABLE_BYTES_MAX);
}

static void expect_refused(const char *text, const char *says)
{
    struct durable found;
    memset(&found, 0xaa, sizeof found);
    CU_ASSERT_FALSE(durable_decode(&names, text, strlen(text), &found, &fault));
    CU_ASSERT(all_zero(&found, sizeof found));
    CU_ASSERT(fault_says(says));
}

#define HEAD "{\"format\":2,\"generation\":\"0\",\"seen_stores\":{},"

static void what_is_not_ours_is_refused(void)
{
    use_example();
    expect_refused("[]", "object");
    expect_refused("{", "damaged");
    expect_refused("{}", "$.format");
    expect_refused("{\"format\":3,\"more\":1}", "release");
    expect_refused(HEAD "\"seen\":{}}", "$.services");
    expect_refused("{\"format\":2,\"generation\":0,\"seen\":{},\"seen_stores\":{},\"services\":{}}", "$.generation");
    expect_refused(HEAD "\"seen\":[],\"services\":{}}", "$.seen");
    expect_refused(HEAD "\"seen\":{\"gone\":1},\"services\":{}}", "$.seen.gone");
    expect_refused(HEAD "\"seen\":{\"fra-1\":null},\"services\":{}}", "$.seen.fra-1");
    expect_refused(HEAD "\"seen\":{},\"services\":{\"shop\":null}}", "$.services.shop");
    expect_refused(HEAD "\"seen\":{},\"services\":{\"shop\":{}}}", "promised");
    expect_refused(HEAD "\"seen\":{},\"services\":{\"shop\":{\"promised\":"
                   "{\"counter\":\"1\",\"restart\":1,\"node\":5},\"accepted\":null}}}",
                   "$.services.shop.promised.node");
    expect_refused(HEAD "\"seen\":{},\"services\":{},\"x\":1}", "\"x\"");

    static char crowd[4096];
    struct text text = TEXT_OF(crowd);
    text_append(&text, "{\"format\":2,\"generation\":\"0\",\"services\":{},\"seen_stores\":{},\"seen\":{");
    for (int i = 0; i < 60; i++)
        text_appendf(&text, "%s\"gone-%d\":\"1\"", i == 0 ? "" : ",", i);
    text_append(&text, "}}");
    expect_refused(crowd, "more nodes");
}

static void every_key_counts(void)
{
    use_example();
    struct durable stored = one_register(), found;
    CU_ASSERT_FATAL(encode(&stored));
    /* Renaming by one letter is removal and addition at once. */
    size_t keys = 0;
    for (size_t i = 1; i + 1 < blob_length; i++) {
        if (blob[i] != '"' || blob[i + 1] != ':')
            continue;
        char *seen = strstr(blob, "\"seen\"");
        CU_ASSERT_FATAL(seen != NULL);
        bool node = blob + i > seen + 6 && blob + i < strstr(blob, "\"services\"");
        char before = blob[i - 1];
        blob[i - 1] = '#';
        if (!node)
            CU_ASSERT_FALSE(decode(&found));
        blob[i - 1] = before;
        keys++;
    }
    CU_ASSERT(keys > 30);
    CU_ASSERT_TRUE(decode(&found));
}

static void damage_does_no_harm(void)
{
    use_example();
    struct dice dice = { SEED };
    struct durable stored, found, again;
    dice_durable(&dice, &stored);
    CU_ASSERT_FATAL(encode(&stored));
    for (size_t length = 1; length < blob_length; length++) {
        char *copy = malloc(length);
        CU_ASSERT_FATAL(copy != NULL);
        memcpy(copy, blob, length);
        CU_ASSERT_FALSE(durable_decode(&names, copy, length, &found, &fault));
        free(copy);
    }
    static char flipped[DURABLE_BYTES_MAX], out[DURABLE_BYTES_MAX + 1];
    for (int flip = 0; flip < FLIPS; flip++) {
        if (flip % 50 == 0) {
            dice_durable(&dice, &stored);
            CU_ASSERT_FATAL(encode(&stored));
        }
        memcpy(flipped, blob, blob_length);
        size_t at = dice_below(&dice, (unsigned)blob_length);
        flipped[at] = (char)dice_below(&dice, 256);
        if (!durable_decode(&names, flipped, blob_length, &found, &fault))
            continue;
        size_t out_length;
        CU_ASSERT_FATAL(durable_encode(&names, &found, out, sizeof out, &out_length, &fault));
        CU_ASSERT_FATAL(durable_decode(&names, out, out_length, &again, &fault));
        CU_ASSERT(memcmp(&found, &again, sizeof found) == 0);
    }
}

SUITE_MAIN("durable", TEST(sizes_are_known), TEST(it_comes_back_whole), TEST(a_new_store_is_empty),
           TEST(a_store_of_another_format_is_refused), TEST(a_voter_that_is_gone_is_refused),
           TEST(names_are_followed_when_indexes_change),
           TEST(a_service_with_a_register_is_not_lost),
           TEST(nodes_that_are_gone_are_forgotten_only_where_that_is_safe),
           TEST(a_promise_below_the_value_is_refused), TEST(too_little_room_is_said),
           TEST(the_largest_state_fits), TEST(what_is_not_ours_is_refused), TEST(every_key_counts),
           TEST(damage_does_no_harm))
