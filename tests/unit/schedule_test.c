/* The schedule: pace, no overlap, bounds, force, stalls of our own, and the real probes behind it. */
#include "probes/schedule.h"

#include "tests/unit/probe_fixture.h"

#define FAKES_MAX 160
#define MS CLOCK_US_PER_MS

/* A probe that does as it is told. */
enum fake_way { FAKE_PASS, FAKE_FAIL, FAKE_HOLD, FAKE_STALL_AND_FAIL, FAKE_STALL_AND_PASS };

struct fake {
    enum fake_way way;
    int64_t stall_ms;
    struct timer timer;
    probe_done *done; /* NULL: idle */
    void *arg;
    unsigned runs, cancels, frees, samples;
    int64_t first_run_us, last_run_us;
    struct probe_round last;
};

static struct fake fakes[FAKES_MAX];
static struct schedule *schedule;
static size_t most_running;

static void fake_finish(void *self)
{
    struct fake *fake = self;
    bool stalls = fake->way == FAKE_STALL_AND_FAIL || fake->way == FAKE_STALL_AND_PASS;
    bool fails = fake->way == FAKE_FAIL || fake->way == FAKE_STALL_AND_FAIL;
    if (stalls)
        usleep((useconds_t)(fake->stall_ms * MS));
    struct probe_round round = { .latency_us = 1 };
    probe_end_as(&round, fails ? SAMPLE_FAILED : SAMPLE_OK, "as told");
    probe_done *done = fake->done;
    fake->done = NULL;
    done(fake->arg, &round);
}

static void fake_run(void *self, int64_t timeout_us, probe_done *done, void *arg)
{
    struct fake *fake = self;
    CU_ASSERT_TRUE(timeout_us > 0);
    CU_ASSERT_PTR_NULL(fake->done); /* never overlapping itself */
    fake->done = done;
    fake->arg = arg;
    fake->last_run_us = base_mono_us();
    if (fake->runs++ == 0)
        fake->first_run_us = fake->last_run_us;
    timer_init(&fake->timer, loop, fake_finish, fake);
    if (fake->way != FAKE_HOLD)
        timer_set_after_us(&fake->timer, 0);
    if (schedule_running(schedule) > most_running)
        most_running = schedule_running(schedule);
}

static void fake_cancel(void *self)
{
    struct fake *fake = self;
    timer_cancel(&fake->timer);
    fake->cancels += fake->done != NULL;
    fake->done = NULL;
}

static void fake_free(void *self)
{
    fake_cancel(self);
    ((struct fake *)self)->frees++;
}

static const struct probe_class fake_class = { "fake", fake_run, fake_cancel, fake_free };

static void on_sample(void *arg, size_t check, const struct probe_round *round)
{
    CU_ASSERT_PTR_EQUAL(arg, fakes);
    CU_ASSERT_TRUE_FATAL(check < FAKES_MAX);
    fakes[check].samples++;
    fakes[check].last = *round;
}

static void begin_schedule(void)
{
    begin();
    memset(fakes, 0, sizeof fakes);
    most_running = 0;
    schedule = schedule_new(loop, pool, resolver, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(schedule);
}

static void add(size_t id, enum fake_way way, int64_t interval_ms, int64_t timeout_ms)
{
    fakes[id].way = way;
    CU_ASSERT_TRUE_FATAL(schedule_add_probe(schedule, &fake_class, &fakes[id], interval_ms * MS,
                                            timeout_ms * MS, id, &fault));
}

static void end_schedule(void)
{
    schedule_free(schedule);
    end();
}

/* Runs the loop until the check has that many samples; false after 10 s. */
static bool run_until_samples(size_t id, unsigned wanted)
{
    for (int i = 0; i < 2000 && fakes[id].samples < wanted; i++)
        run_for_ms(5);
    return fakes[id].samples >= wanted;
}

static uint64_t turns(size_t id)
{
    return fakes[id].runs + schedule_counts(schedule, id).skipped;
}

/* Another check keeps the loop so busy that turns come late most of the time. Turns counted from the late ones would
 * fall behind the grid by one in five. Those skipped count as well, so a slow machine does no harm. */
static void the_pace_does_not_drift(void)
{
    begin_schedule();
    add(0, FAKE_PASS, 20, 1000);
    add(1, FAKE_STALL_AND_PASS, 17, 1000);
    fakes[1].stall_ms = 12;
    schedule_start(schedule, on_sample, fakes);
    CU_ASSERT_TRUE(run_until_samples(0, 40));
    int64_t passed_us = fakes[0].last_run_us - fakes[0].first_run_us;
    uint64_t due = (uint64_t)(passed_us / (20 * MS)) + 1;
    CU_ASSERT_TRUE(turns(0) + 2 >= due);
    CU_ASSERT_TRUE(turns(0) <= due + 2);
    CU_ASSERT_EQUAL(schedule_counts(schedule, 0).rounds, fakes[0].samples);
    end_schedule();
    CU_ASSERT_EQUAL(fakes[0].frees, 1);
}

static void first_turns_are_spread(void)
{
    begin_schedule();
    for (size_t i = 0; i < 10; i++)
        add(i, FAKE_PASS, 400, 100);
    int64_t began_us = base_mono_us();
    schedule_start(schedule, on_sample, fakes);
    for (size_t i = 0; i < 10; i++) {
        CU_ASSERT_TRUE(run_until_samples(i, 1));
        CU_ASSERT_TRUE(fakes[i].first_run_us - began_us >= 40 * MS * (int64_t)i); /* its own tenth */
    }
    end_schedule();
}

static void a_check_never_overlaps_itself(void)
{
    begin_schedule();
    add(0, FAKE_HOLD, 20, 60000);
    add(1, FAKE_PASS, 20, 60000);
    schedule_start(schedule, on_sample, fakes);
    CU_ASSERT_TRUE(run_until_samples(1, 8));
    CU_ASSERT_EQUAL(fakes[0].runs, 1);
    CU_ASSERT_TRUE(schedule_counts(schedule, 0).skipped >= 3);
    CU_ASSERT_EQUAL(schedule_counts(schedule, 0).rounds, 0);
    CU_ASSERT_EQUAL(fakes[0].samples, 0);
    fakes[0].way = FAKE_PASS;
    timer_set_after_us(&fakes[0].timer, 0);
    CU_ASSERT_TRUE(run_until_samples(0, 3)); /* and goes on */
    end_schedule();
    CU_ASSERT_TRUE(fakes[0].frees == 1 && fakes[1].frees == 1);
}

static void rounds_at_once_are_bounded(void)
{
    begin_schedule();
    for (size_t i = 0; i < FAKES_MAX; i++)
        add(i, FAKE_HOLD, 50, 60000);
    schedule_start(schedule, on_sample, fakes);
    for (int i = 0; i < 1000 && schedule_waiting(schedule) < FAKES_MAX - SCHEDULE_RUNNING_MAX; i++)
        run_for_ms(5);
    CU_ASSERT_EQUAL(schedule_running(schedule), SCHEDULE_RUNNING_MAX);
    CU_ASSERT_EQUAL(schedule_waiting(schedule), FAKES_MAX - SCHEDULE_RUNNING_MAX);
    for (size_t i = 0; i < FAKES_MAX; i++) {
        fakes[i].way = FAKE_PASS;
        if (fakes[i].done != NULL)
            timer_set_after_us(&fakes[i].timer, 0);
    }
    for (size_t i = 0; i < FAKES_MAX; i++)
        CU_ASSERT_TRUE(run_until_samples(i, 1)); /* nobody is forgotten */
    CU_ASSERT_EQUAL(most_running, SCHEDULE_RUNNING_MAX);
    end_schedule();
}

static void a_probe_that_does_not_end_is_ended(void)
{
    begin_schedule();
    add(0, FAKE_HOLD, 30, 20);
    schedule_start(schedule, on_sample, fakes);
    CU_ASSERT_TRUE(run_until_samples(0, 2)); /* and gets its next turn */
    CU_ASSERT_EQUAL(fakes[0].last.outcome, SAMPLE_OBSERVER);
    CU_ASSERT_PTR_NOT_NULL(strstr(fakes[0].last.detail, "did not end"));
    CU_ASSERT_TRUE(fakes[0].last.latency_us >= 20 * MS + SCHEDULE_GRACE_US);
    CU_ASSERT_EQUAL(fakes[0].cancels, fakes[0].samples);
    CU_ASSERT_EQUAL(schedule_counts(schedule, 0).ended_by_force, fakes[0].samples);
    end_schedule();
}

static void failures_while_our_own_loop_stood_still_are_ours(void)
{
    begin_schedule();
    add(0, FAKE_STALL_AND_FAIL, 1000, 400);
    add(1, FAKE_STALL_AND_PASS, 1000, 400);
    fakes[0].stall_ms = fakes[1].stall_ms = 300;
    schedule_start(schedule, on_sample, fakes);
    CU_ASSERT_TRUE(run_until_samples(0, 1) && run_until_samples(1, 1));
    CU_ASSERT_EQUAL(fakes[0].last.outcome, SAMPLE_OBSERVER);
    CU_ASSERT_PTR_NOT_NULL(strstr(fakes[0].last.detail, "stood still for"));
    CU_ASSERT_EQUAL(schedule_counts(schedule, 0).stalled, 1);
    CU_ASSERT_EQUAL(fakes[1].last.outcome, SAMPLE_OK); /* what passed has passed */
    end_schedule();
}

static void hold_up(void *arg)
{
    usleep((useconds_t)(*(int64_t *)arg * MS));
}

/* The loop stands still elsewhere, and the round ends only later, when the loop runs well again. */
static void a_stall_earlier_in_the_round_counts(void)
{
    begin_schedule();
    add(0, FAKE_HOLD, 2000, 1000);
    schedule_start(schedule, on_sample, fakes);
    for (int i = 0; i < 1000 && fakes[0].runs == 0; i++)
        run_for_ms(5);
    int64_t hold_ms = 600;
    struct timer holder;
    timer_init(&holder, loop, hold_up, &hold_ms);
    timer_set_after_us(&holder, 0);
    run_for_ms(620);
    fakes[0].way = FAKE_FAIL;
    timer_set_after_us(&fakes[0].timer, 0);
    CU_ASSERT_TRUE(run_until_samples(0, 1));
    CU_ASSERT_EQUAL(fakes[0].last.outcome, SAMPLE_OBSERVER);
    CU_ASSERT_PTR_NOT_NULL(strstr(fakes[0].last.detail, "stood still for"));
    end_schedule();
}

static void failures_stay_failures_otherwise(void)
{
    begin_schedule();
    add(0, FAKE_FAIL, 100, 60000);
    schedule_start(schedule, on_sample, fakes);
    CU_ASSERT_TRUE(run_until_samples(0, 3));
    CU_ASSERT_EQUAL(fakes[0].last.outcome, SAMPLE_FAILED);
    CU_ASSERT_STRING_EQUAL(fakes[0].last.detail, "as told");
    CU_ASSERT_EQUAL(schedule_counts(schedule, 0).stalled, 0);
    end_schedule();
}

/* ---- the real ones ------------------------------------------------------------------------ */

static const char *respond(struct stub *stub, const char *request)
{
    (void)stub;
    (void)request;
    return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
}

static void every_kind_runs(void)
{
    begin_schedule();
    struct stub server;
    char url[64];
    CU_ASSERT_TRUE_FATAL(stub_open_at(&server, respond, "127.0.0.1", 0));
    (void)snprintf(url, sizeof url, "http://shop.test:%u/health", server.port);
    zone_set(1, "127.0.0.1", NULL);
    struct schedule_check checks[] = {
        { .kind = SCHEDULE_HTTP, .settings.http = { .url = url } },
        { .kind = SCHEDULE_TCP, .settings.tcp = { .host = "127.0.0.1", .port = server.port } },
        { .kind = SCHEDULE_DNS, .settings.dns = { .name = "shop.test", .type = RESOLVE_TYPE_A } },
        { .kind = SCHEDULE_POSTGRES,
          .settings.postgres = { .observer = "witness",
                                 .target = { .host = "shop.test", .port = closed_port(), .user = "x", .dbname = "x",
                                             .sslmode = "disable" } } },
    };
    for (size_t i = 0; i < 4; i++) {
        checks[i].interval_us = 50 * MS;
        checks[i].timeout_us = 5000 * MS;
        CU_ASSERT_TRUE_FATAL(schedule_add(schedule, &checks[i], i, &fault));
    }
    url[0] = '\0'; /* everything was copied */
    schedule_start(schedule, on_sample, fakes);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_TRUE(run_until_samples(i, 2));
    for (size_t i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(fakes[i].last.outcome, SAMPLE_OK);
    CU_ASSERT_EQUAL(fakes[3].last.outcome, SAMPLE_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(fakes[3].last.detail, "connect"));
    schedule_free(schedule); /* some of them in mid-round */
    stub_close(&server);
    run_for_ms(20);
    end();
}

/* ---- single rounds ------------------------------------------------------------------------ */

struct single {
    unsigned told;
    struct probe_round round;
};

static void on_single(void *arg, const struct probe_round *round)
{
    struct single *single = arg;
    single->told++;
    single->round = *round;
}

static bool run_until_told(const struct single *single)
{
    for (int64_t until = base_mono_us() + 10 * CLOCK_US_PER_S; single->told == 0 && base_mono_us() < until;)
        run_for_ms(5);
    return single->told == 1;
}

/* Beside a check that has its turns: that one's rounds and samples are its own. */
static void a_single_round_is_told_to_who_asked(void)
{
    begin_schedule();
    struct stub server;
    struct single single = { 0 };
    CU_ASSERT_TRUE_FATAL(stub_open_at(&server, respond, "127.0.0.1", 0));
    zone_set(1, "127.0.0.1", NULL);
    fakes[0].way = FAKE_PASS;
    CU_ASSERT_TRUE_FATAL(schedule_add_probe(schedule, &fake_class, &fakes[0], 60000 * MS, 1000 * MS, 0, &fault));
    schedule_start(schedule, on_sample, fakes);
    struct schedule_check check = { .kind = SCHEDULE_TCP, .timeout_us = 5000 * MS,
                                    .settings.tcp = { .host = "shop.test", .port = server.port } };
    CU_ASSERT_TRUE_FATAL(schedule_once(schedule, &check, on_single, &single, &fault));
    CU_ASSERT_EQUAL(single.told, 0); /* never from within */
    CU_ASSERT_EQUAL(schedule_running(schedule), 0);
    CU_ASSERT_TRUE(run_until_told(&single));
    CU_ASSERT_EQUAL(single.round.outcome, SAMPLE_OK);
    CU_ASSERT_STRING_EQUAL(single.round.address, "127.0.0.1");
    CU_ASSERT_TRUE(single.round.phases.name_us > 0);
    check.settings.tcp.port = closed_port();
    single.told = 0;
    CU_ASSERT_TRUE_FATAL(schedule_once(schedule, &check, on_single, &single, &fault));
    CU_ASSERT_TRUE(run_until_told(&single));
    CU_ASSERT_EQUAL(single.round.outcome, SAMPLE_FAILED);
    CU_ASSERT_EQUAL(fakes[0].samples, schedule_counts(schedule, 0).rounds);
    for (size_t i = 1; i < FAKES_MAX; i++)
        CU_ASSERT_EQUAL(fakes[i].samples, 0);
    stub_close(&server);
    run_for_ms(20);
    end_schedule();
}

/* A port that accepts and says nothing holds them all. */
static void single_rounds_are_bounded(void)
{
    begin_schedule();
    struct single singles[SCHEDULE_ONCE_MAX + 1] = { 0 };
    char url[64];
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof at;
    CU_ASSERT_TRUE_FATAL(silent >= 0 && bind(silent, (struct sockaddr *)&at, sizeof at) == 0 &&
                         listen(silent, 64) == 0 && getsockname(silent, (struct sockaddr *)&at, &length) == 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(at.sin_port));
    struct schedule_check check = { .kind = SCHEDULE_HTTP, .timeout_us = 300 * MS, .settings.http = { .url = url } };
    schedule_start(schedule, on_sample, fakes);
    for (size_t i = 0; i < SCHEDULE_ONCE_MAX; i++)
        CU_ASSERT_TRUE(schedule_once(schedule, &check, on_single, &singles[i], &fault));
    CU_ASSERT_FALSE(schedule_once(schedule, &check, on_single, &singles[SCHEDULE_ONCE_MAX], &fault));
    for (size_t i = 0; i < SCHEDULE_ONCE_MAX; i++) {
        CU_ASSERT_TRUE(run_until_told(&singles[i]));
        CU_ASSERT_EQUAL(singles[i].round.outcome, SAMPLE_FAILED);
    }
    CU_ASSERT_TRUE(schedule_once(schedule, &check, on_single, &singles[SCHEDULE_ONCE_MAX], &fault)); /* room again */
    check.settings.http.url = "nonsense";
    CU_ASSERT_FALSE(schedule_once(schedule, &check, on_single, &singles[0], &fault));
    CU_ASSERT_EQUAL(strncmp(fault.text, "http check: ", 12), 0);
    check.timeout_us = 0;
    CU_ASSERT_FALSE(schedule_once(schedule, &check, on_single, &singles[0], &fault));
    schedule_free(schedule); /* one of them in mid-round: it goes, and nobody is told */
    CU_ASSERT_EQUAL(singles[SCHEDULE_ONCE_MAX].told, 0);
    (void)close(silent);
    run_for_ms(20);
    end();
}

/* The same rule as for a check's turn: we may not have been listening. */
static void a_single_round_in_a_stall_is_ours(void)
{
    begin_schedule();
    struct single single = { 0 };
    struct schedule_check check = { .kind = SCHEDULE_TCP, .timeout_us = 500 * MS,
                                    .settings.tcp = { .host = "127.0.0.1", .port = closed_port() } };
    schedule_start(schedule, on_sample, fakes);
    CU_ASSERT_TRUE_FATAL(schedule_once(schedule, &check, on_single, &single, &fault));
    usleep(400 * MS);
    CU_ASSERT_TRUE(run_until_told(&single));
    CU_ASSERT_EQUAL(single.round.outcome, SAMPLE_OBSERVER);
    CU_ASSERT_PTR_NOT_NULL(strstr(single.round.detail, "stood still"));
    end_schedule();
}

static void senseless_checks_are_refused(void)
{
    begin_schedule();
    struct schedule_check check = { .kind = SCHEDULE_TCP, .interval_us = 1000 * MS, .timeout_us = 100 * MS,
                                    .settings.tcp = { .host = "127.0.0.1", .port = 0 } };
    CU_ASSERT_FALSE(schedule_add(schedule, &check, 0, &fault));
    CU_ASSERT_EQUAL(strncmp(fault.text, "tcp check: ", 11), 0);
    check.settings.tcp.port = 1;
    check.interval_us = SCHEDULE_INTERVAL_LEAST_US - 1;
    CU_ASSERT_FALSE(schedule_add(schedule, &check, 0, &fault));
    check.interval_us = 1000 * MS;
    check.timeout_us = 0;
    CU_ASSERT_FALSE(schedule_add(schedule, &check, 0, &fault));
    check.timeout_us = 100 * MS;
    CU_ASSERT_TRUE(schedule_add(schedule, &check, 7, &fault));
    CU_ASSERT_FALSE(schedule_add(schedule, &check, 7, &fault)); /* twice the same id */
    check.kind = SCHEDULE_HTTP;
    check.settings.http = (struct http_probe_settings){ .url = "nonsense" };
    CU_ASSERT_FALSE(schedule_add(schedule, &check, 8, &fault));
    for (size_t i = 100; i < 100 + SCHEDULE_CHECKS_MAX - 1; i++)
        CU_ASSERT_TRUE(schedule_add_probe(schedule, &fake_class, &fakes[0], MS * 1000, MS, i, &fault));
    CU_ASSERT_FALSE(schedule_add_probe(schedule, &fake_class, &fakes[0], MS * 1000, MS, 5000, &fault));
    CU_ASSERT_EQUAL(schedule_counts(schedule, 5000).rounds, 0);
    schedule_free(NULL);
    end_schedule(); /* never started */
    begin_schedule();
    schedule_start(schedule, on_sample, fakes); /* without any check */
    run_for_ms(10);
    end_schedule();
}

SUITE_MAIN("schedule", TEST(the_pace_does_not_drift), TEST(first_turns_are_spread), TEST(a_check_never_overlaps_itself),
           TEST(rounds_at_once_are_bounded), TEST(a_probe_that_does_not_end_is_ended),
           TEST(failures_while_our_own_loop_stood_still_are_ours), TEST(a_stall_earlier_in_the_round_counts),
           TEST(failures_stay_failures_otherwise), TEST(every_kind_runs),
           TEST(a_single_round_is_told_to_who_asked), TEST(single_rounds_are_bounded),
           TEST(a_single_round_in_a_stall_is_ours), TEST(senseless_checks_are_refused))
