/* A round of a check that somebody asked for, as people get it. */
#include "coordinator/status/names.h"
#include "tests/unit/status_fixture.h"

static json_t *render_probe(int type, const struct probe_round *round)
{
    const struct cluster_config *cluster = fixture_cluster();
    static struct check_config check;
    check = (struct check_config){ .name = "health", .type = type, .timeout_us = 4000000, .fall = 3, .rise = 2,
                                   .for_us = 300000000 };
    const struct service_config *service = &cluster->services[0];
    struct status_probe probe = { .node = "use1-a", .service = service, .region = &service->regions[0],
                                  .check = &check, .round = round, .now_wall_us = INT64_C(1763720265123000) };
    json_t *object = status_probe(&probe, &view);
    CU_ASSERT_PTR_NOT_NULL_FATAL(object);
    return object;
}

/* "name_lookup:- connect:0.2 " */
static const char *phases_of(const json_t *probe)
{
    static char line[256];
    struct text text = TEXT_OF(line);
    size_t index;
    const json_t *phase;
    json_array_foreach(json_object_get(probe, "phases"), index, phase) {
        double ms;
        text_appendf(&text, "%s:", peek_str(phase, "name", "?"));
        if (peek_real(phase, "ms", &ms))
            text_appendf(&text, "%.1f ", ms);
        else
            text_append(&text, "- ");
    }
    return line;
}

static void a_round_shows_its_phases(void)
{
    fixture_view(&view);
    struct probe_round round = { .outcome = SAMPLE_OK, .latency_us = 5100, .address = "192.0.2.1",
                                 .detail = "HTTP status 200", .phases = { 400, 200, 1500, 2500, 500 },
                                 .certificate_not_after_s = 1763720265 + 10 * 86400 };
    static const struct {
        int type;
        const char *phases;
    } kinds[] = { { CONFIG_CHECK_HTTP, "name_lookup:0.4 connect:0.2 tls:1.5 first_byte:2.5 body:0.5 " },
                  { CONFIG_CHECK_TCP, "name_lookup:0.4 connect:0.2 " },
                  { CONFIG_CHECK_DNS, "answer:0.4 " },
                  { CONFIG_CHECK_POSTGRES, "name_lookup:0.4 connect:0.2 login:1.5 query:2.5 write:0.5 " },
                  { 99, "name_lookup:0.4 " } };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        json_t *probe = render_probe(kinds[i].type, &round);
        CU_ASSERT_STRING_EQUAL(phases_of(probe), kinds[i].phases);
        json_decref(probe);
    }
    json_t *probe = render_probe(CONFIG_CHECK_HTTP, &round);
    int64_t days = 0;
    CU_ASSERT_TRUE(peek_yes(probe, "passed"));
    CU_ASSERT_STRING_EQUAL(peek_str(probe, "address", "?"), "192.0.2.1");
    CU_ASSERT_STRING_EQUAL(peek_str(probe, "region", "?"), "us-east-1");
    CU_ASSERT_TRUE(peek_int(json_object_get(probe, "certificate"), "days_left", &days) && (days == 9 || days == 10));
    json_decref(probe);
}

/* What it had none of is null, and whose fault it was is told apart. */
static void a_round_that_did_not_pass(void)
{
    static const enum sample_outcome outcomes[] = { SAMPLE_FAILED, SAMPLE_OBSERVER };
    static const char *const words[] = { "failed", "observer" };
    fixture_view(&view);
    for (size_t i = 0; i < 2; i++) {
        struct probe_round round = { .outcome = outcomes[i], .detail = "why" };
        json_t *probe = render_probe(CONFIG_CHECK_TCP, &round);
        CU_ASSERT_FALSE(peek_yes(probe, "passed"));
        CU_ASSERT_STRING_EQUAL(peek_str(probe, "outcome", "?"), words[i]);
        CU_ASSERT_STRING_EQUAL(phases_of(probe), "name_lookup:- connect:- ");
        CU_ASSERT(json_is_null(json_object_get(probe, "address")) && json_is_null(json_object_get(probe, "took_ms")) &&
                  json_is_null(json_object_get(probe, "certificate")));
        json_decref(probe);
    }
}

static void beside_a_round_stands_what_is_judged(void)
{
    struct probe_round round = { .outcome = SAMPLE_OK };
    fixture_view(&view);
    view.checks[0] = (struct view_check){ .verdict = VERDICT_UNKNOWN };
    json_t *probe = render_probe(CONFIG_CHECK_TCP, &round);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(json_object_get(probe, "judged"), "text", ""), "no round"));
    json_decref(probe);
    view.checks[0] = (struct view_check){ .verdict = VERDICT_SUSPECT, .sampled = true, .last = SAMPLE_FAILED,
                                          .last_age_us = 2000000, .failures = 4, .run_us = 61000000 };
    probe = render_probe(CONFIG_CHECK_TCP, &round);
    const json_t *judged = json_object_get(probe, "judged");
    int64_t fall = 0, for_ms = 0;
    CU_ASSERT_TRUE(peek_int(judged, "fall", &fall) && fall == 3);
    CU_ASSERT_TRUE(peek_int(judged, "for_ms", &for_ms) && for_ms == 300000);
    CU_ASSERT_STRING_EQUAL(peek_str(judged, "verdict", "?"), "suspect");
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(judged, "text", ""), "a failure 2s ago; 4 failures for 1m01s, and 3 for "));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(judged, "text", ""), "count as failed; 2 in a row that pass end it"));
    json_decref(probe);
}

SUITE_MAIN("status_probe", TEST(a_round_shows_its_phases), TEST(a_round_that_did_not_pass),
           TEST(beside_a_round_stands_what_is_judged))
