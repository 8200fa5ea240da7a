/* The commit lease: see commit_lease.h.
 *
 * A turn is: connect if need be, look, decide, do at most one thing, and come again. decide() holds all
 * the knowledge of what is to be done when; nothing is remembered of what was done before, so a server
 * that was restarted, promoted or edited by a person in between is met as it is.
 */
#include "coordinator/database/commit_lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/random.h"
#include "coordinator/base/text.h"
#include "coordinator/database/commit_look.h"
#include "coordinator/database/commit_stream.h"
#include "coordinator/database/errand.h"

#define LOOK_WELL_US (5 * (int64_t)CLOCK_US_PER_S)    /* between looks when all is as it should be */
#define LOOK_ILL_US (1 * (int64_t)CLOCK_US_PER_S)     /* when commits may be waiting */
#define FINDINGS_EVERY_US (60 * (int64_t)CLOCK_US_PER_S)
/* At first the effect of a step is looked for at once; what takes longer is looked for less often. */
#define SOON_TRIES 25
/* A lease may have no end; a timer has one. */
#define LAPSE_MAX_US (3600 * (int64_t)CLOCK_US_PER_S)
/* Every byte of the setting may need an escape. */
#define SQL_MAX (2 * SYNC_TEXT_MAX + 128)

struct commit_lease {
    struct loop *loop;
    struct commit_settings settings;
    struct pg_target *guard;
    struct pg_target *stream_target;  /* NULL: there is no role for it */
    char service[SYNC_NAME_MAX];
    char prefix[SYNC_NAME_MAX];
    uint64_t random;                  /* of this instance */
    int64_t until_us;
    bool shut;                        /* told so, and not held since */
    bool done;                        /* not enabled and nothing of ours is left there */

    struct pg_session *session;       /* the guard's; NULL or connected between turns */
    struct commit_stream *stream;     /* NULL: none */
    char stream_name[SYNC_NAME_MAX];
    bool stream_stood;                /* at some time */
    struct timer turn;
    struct timer lapse;
    bool busy;                        /* a turn is on its way */
    bool again;                       /* another is wanted as soon as it is over */
    int soon;                         /* turns in a row that looked for the effect of the one before */
    int64_t findings_at_us;
    int64_t server_wall_us;           /* the server's clock at status.looked_us */
    char text[SYNC_TEXT_MAX];         /* what the setting should be */
    char sql[SQL_MAX];
    struct commit_status status;
    struct commit_status told;
};

/* ---- the end of a turn ------------------------------------------------------------------- */

static bool is_held(const struct commit_lease *lease)
{
    return base_mono_us() < lease->until_us;
}

static void tell(struct commit_lease *lease)
{
    struct commit_status now;
    commit_lease_status(lease, &now);
    bool same = now.phase == lease->told.phase && strcmp(now.why, lease->told.why) == 0 &&
                commit_findings_equal(&now.findings, &lease->told.findings);
    lease->told = now;
    if (!same)
        lease->settings.on_change(lease->settings.arg, &now);
}

static void turn_end(struct commit_lease *lease, int64_t after_us)
{
    lease->busy = false;
    lease->soon = after_us == ERRAND_POLL_US ? lease->soon + 1 : 0;
    if (lease->soon > SOON_TRIES)
        after_us = ERRAND_RETRY_US;
    timer_set_after_us(&lease->turn, lease->again ? 0 : after_us);
    lease->again = false;
    tell(lease);
}

/* Has a turn begin now, or as soon as the one on its way is over. */
static void turn_want(struct commit_lease *lease)
{
    if (lease->done)
        return;
    if (lease->busy)
        lease->again = true;
    else
        timer_set_after_us(&lease->turn, 0);
}

static void turn_phase(struct commit_lease *lease, enum commit_phase phase, const char *why, int64_t after_us)
{
    lease->status.phase = phase;
    if (why != NULL)
        (void)text_copy(lease->status.why, sizeof lease->status.why, why);
    turn_end(lease, after_us);
}

/* A query of a turn failed. An error of the server leaves the session as it is. */
static void turn_fail(struct commit_lease *lease, const char *doing, const struct pg_answer *result)
{
    struct text why = TEXT_OF(lease->status.why);
    text_appendf(&why, "%s: %s", doing, result->message);
    /* What just went well may do so again at once; a server that is down is not asked five times a second. */
    bool was_well = lease->status.phase == COMMIT_IN_FORCE;
    if (was_well)
        lease->status.phase = COMMIT_ATTACHING;
    turn_end(lease, was_well ? ERRAND_RETRY_US : LOOK_ILL_US);
}

static void query(struct commit_lease *lease, const char *sql, const char *const *params, size_t count,
                  pg_answer_fn *fn)
{
    pg_session_query(lease->session, sql, params, count, ERRAND_PART_MAX_US, fn, lease);
}

/* ---- the stream -------------------------------------------------------------------------- */

static void stream_drop(struct commit_lease *lease)
{
    commit_stream_free(lease->stream);
    lease->stream = NULL;
    lease->stream_name[0] = '\0';
}

static void on_stream(void *arg, const char *why)
{
    struct commit_lease *lease = arg;
    if (why == NULL) {
        lease->stream_stood = true;
        turn_want(lease);
        return;
    }
    bool stood = lease->stream_stood;
    (void)text_copy(lease->status.why, sizeof lease->status.why, why);
    stream_drop(lease);
    if (lease->status.phase == COMMIT_IN_FORCE)
        lease->status.phase = is_held(lease) ? COMMIT_ATTACHING : COMMIT_NO_LEASE;
    /* What stood may well stand again soon; what never did is tried again with the next look. */
    if (stood && !lease->busy)
        timer_set_after_us(&lease->turn, ERRAND_RETRY_US);
}

/* True when the stream of that name stands. */
static bool stream_stands(struct commit_lease *lease, const char *name)
{
    struct fault fault = { "there is no commit_user in cluster.json, so nobody can attach: add it" };
    if (lease->stream != NULL && strcmp(name, lease->stream_name) == 0)
        return commit_stream_stands(lease->stream);
    stream_drop(lease);
    lease->stream_stood = false;
    if (lease->stream_target != NULL) {
        struct pg_target target = *lease->stream_target;
        target.application_name = name;
        struct commit_stream_settings settings = { &target, &lease->until_us, on_stream, lease };
        lease->stream = commit_stream_new(lease->loop, &settings, &fault);
    }
    if (lease->stream == NULL)
        (void)text_copy(lease->status.why, sizeof lease->status.why, fault.text);
    else
        (void)text_copy(lease->stream_name, sizeof lease->stream_name, name);
    return false;
}

/* ---- what a turn may do ------------------------------------------------------------------ */

static void on_step(void *arg, const struct pg_answer *result)
{
    struct commit_lease *lease = arg;
    if (result->outcome != PG_OK)
        turn_fail(lease, "changing synchronous_standby_names", result);
    else
        turn_end(lease, ERRAND_POLL_US);
}

static void on_set(void *arg, const struct pg_answer *result)
{
    struct commit_lease *lease = arg;
    if (result->outcome != PG_OK)
        turn_fail(lease, "setting synchronous_standby_names", result);
    else
        query(lease, "select pg_reload_conf()", NULL, 0, on_step);
}

static bool set_write(struct commit_lease *lease, const char *text)
{
    char literal[SQL_MAX - 64];
    if (!pg_quote_literal(literal, sizeof literal, text))
        return false;
    (void)snprintf(lease->sql, sizeof lease->sql, "alter system set synchronous_standby_names = %s", literal);
    return true;
}

static void set_begin(struct commit_lease *lease)
{
    if (set_write(lease, lease->text))
        query(lease, lease->sql, NULL, 0, on_set);
    else
        turn_phase(lease, COMMIT_ATTACHING, "synchronous_standby_names would become too long", LOOK_WELL_US);
}

/* Taken back in the file, and not in force because the lease's end came first: name us again, or the next
 * reload by anybody would let through what waits. */
static void on_taken_back(void *arg, const struct pg_answer *result)
{
    struct commit_lease *lease = arg;
    if (result->outcome != PG_OK)
        turn_fail(lease, "having the server read its settings", result);
    else if (pg_answer_is_null(result, 0, 0) && set_write(lease, lease->text))
        query(lease, lease->sql, NULL, 0, on_step);
    else
        turn_end(lease, ERRAND_POLL_US);
}

static void on_leave_set(void *arg, const struct pg_answer *result)
{
    struct commit_lease *lease = arg;
    char deadline[ERRAND_NUMBER_MAX];
    const char *params[] = { deadline };
    if (result->outcome != PG_OK) {
        turn_fail(lease, "taking synchronous_standby_names back", result);
        return;
    }
    /* Whoever waits when this takes effect goes on: under the lease, by the server's own clock. */
    errand_server_deadline(deadline, sizeof deadline, lease->server_wall_us, lease->status.looked_us, lease->until_us);
    query(lease, "select case when clock_timestamp() < " ERRAND_SQL_DEADLINE " then pg_reload_conf() end", params, 1,
          on_taken_back);
}

static void leave_begin(struct commit_lease *lease, const struct sync_names *theirs, bool by_alter_system)
{
    char text[SYNC_TEXT_MAX];
    bool fits = sync_names_text(theirs, text, sizeof text) && set_write(lease, text);
    ensure(fits); /* it was longer with us in it */
    query(lease, by_alter_system ? lease->sql : "alter system reset synchronous_standby_names", NULL, 0, on_leave_set);
}

static void on_ended(void *arg, const struct pg_answer *result)
{
    struct commit_lease *lease = arg;
    uint64_t ended = 0;
    if (result->outcome != PG_OK) {
        turn_fail(lease, "ending the sessions whose commits wait", result);
        return;
    }
    if (pg_answer_u64(result, 0, 0, &ended))
        lease->status.ended += ended;
    turn_end(lease, LOOK_ILL_US);
}

static void on_older_ended(void *arg, const struct pg_answer *result)
{
    struct commit_lease *lease = arg;
    if (result->outcome != PG_OK)
        turn_fail(lease, "ending older streams of the commit lease", result);
    else
        turn_end(lease, ERRAND_POLL_US);
}

/* ---- deciding ---------------------------------------------------------------------------- */

static void decide_without(struct commit_lease *lease, const struct commit_look *look)
{
    stream_drop(lease);
    lease->status.phase = COMMIT_NO_LEASE;
    if (!lease->shut || !look->mark.present || lease->status.waiting == 0)
        turn_phase(lease, COMMIT_NO_LEASE, lease->shut ? "the fence is shut" : "this guard holds no lease", LOOK_ILL_US);
    else
        query(lease, commit_end_waiting_sql, NULL, 0, on_ended);
}

/* Everything that being attached takes, one step a turn. True when commits wait for us and we confirm. */
static bool decide_attach(struct commit_lease *lease, const struct commit_look *look)
{
    struct fault fault;
    char name[SYNC_NAME_MAX];
    enum commit_phase phase = lease->settings.enabled ? COMMIT_ATTACHING : COMMIT_LEAVING;
    if (lease->status.phase != phase)
        lease->status.why[0] = '\0'; /* it was of another phase */
    lease->status.phase = phase;
    /* The letter says what was before us; a setting that names an earlier instance keeps it. */
    bool by_alter_system = look->mark.present ? look->mark.by_alter_system : look->by_alter_system;
    sync_mark_make(name, lease->service, by_alter_system, lease->random);
    (void)text_copy(lease->status.name, sizeof lease->status.name, name);
    if (!sync_names_combine(&look->theirs, name, lease->text, sizeof lease->text, &fault)) {
        stream_drop(lease);
        turn_phase(lease, lease->status.phase, fault.text, LOOK_WELL_US);
        return false;
    }
    if (!stream_stands(lease, name)) {
        turn_end(lease, lease->stream == NULL ? LOOK_WELL_US : LOOK_ILL_US); /* or when it stands */
        return false;
    }
    const char *params[] = { name, lease->prefix };
    if (look->older > 0)
        query(lease, commit_end_older_sql, params, 2, on_older_ended);
    else if (strcmp(look->setting, lease->text) != 0)
        set_begin(lease);
    else if (!commit_stream_confirm(lease->stream) || !look->waited_for)
        turn_end(lease, ERRAND_POLL_US);
    else
        return true;
    return false;
}

static void decide(struct commit_lease *lease, const struct commit_look *look)
{
    if (look->in_recovery) {
        stream_drop(lease);
        turn_phase(lease, COMMIT_STANDBY, "", LOOK_WELL_US);
    } else if (!lease->settings.enabled && !look->mark.present) {
        stream_drop(lease);
        lease->done = true;
        lease->busy = false;
        lease->status.phase = COMMIT_OFF;
        lease->status.why[0] = '\0';
        tell(lease);
        pg_session_close(lease->session);
    } else if (!is_held(lease)) {
        decide_without(lease, look);
    } else if (decide_attach(lease, look)) {
        if (lease->settings.enabled)
            turn_phase(lease, COMMIT_IN_FORCE, "", LOOK_WELL_US);
        else
            leave_begin(lease, &look->theirs, look->mark.by_alter_system);
    }
}

/* ---- a turn ------------------------------------------------------------------------------ */

static void on_look(void *arg, const struct pg_answer *result)
{
    struct commit_lease *lease = arg;
    struct commit_look look;
    struct fault fault;
    if (result->outcome != PG_OK) {
        turn_fail(lease, "looking at the server's commits", result);
        return;
    }
    bool read = commit_look_read(result, lease->service, &look, &fault);
    lease->status.named = look.mark.present;
    if (look.known) {
        lease->status.waiting_known = true;
        lease->status.waiting = look.waiting;
        lease->status.longest_us = look.longest_us;
        lease->status.looked_us = look.looked_us;
        lease->server_wall_us = look.server_wall_us;
    }
    enum commit_phase phase = !lease->settings.enabled && !look.mark.present ? COMMIT_OFF
                              : is_held(lease)                                ? COMMIT_ATTACHING
                                                                              : COMMIT_NO_LEASE;
    if (!read) /* not ours to change as it is */
        turn_phase(lease, phase, fault.text, LOOK_WELL_US);
    else
        decide(lease, &look);
}

static void look_begin(struct commit_lease *lease)
{
    const char *params[] = { lease->status.name, lease->prefix };
    query(lease, commit_look_sql, params, 2, on_look);
}

static void on_findings(void *arg, const struct pg_answer *result)
{
    struct commit_lease *lease = arg;
    lease->findings_at_us = base_mono_us() + FINDINGS_EVERY_US;
    if (result->outcome == PG_OK)
        commit_findings_read(result, &lease->status.findings);
    look_begin(lease);
}

static void turn_begin(struct commit_lease *lease)
{
    const char *role = lease->stream_target != NULL ? lease->stream_target->user : "";
    const char *params[] = { role, lease->prefix };
    if (lease->settings.enabled && base_mono_us() >= lease->findings_at_us && lease->status.looked_us != 0)
        query(lease, commit_findings_sql, params, 2, on_findings);
    else
        look_begin(lease);
}

static void on_connected(void *arg, const struct pg_answer *result)
{
    if (result->outcome != PG_OK)
        turn_fail(arg, "the guard's login", result);
    else
        turn_begin(arg);
}

static void on_turn(void *arg)
{
    struct commit_lease *lease = arg;
    lease->busy = true;
    if (lease->session != NULL && pg_session_is_connected(lease->session)) {
        turn_begin(lease);
        return;
    }
    pg_session_free(lease->session);
    lease->session = pg_session_new(lease->loop, lease->guard, NULL);
    ensure(lease->session != NULL); /* the target was accepted before */
    pg_session_connect(lease->session, ERRAND_PART_MAX_US, on_connected, lease);
}

/* ---- what we are told -------------------------------------------------------------------- */

/* Has an attached guard hang up when its lease is over; nothing depends on its coming in time. */
static void lapse_set(struct commit_lease *lease)
{
    int64_t most = base_mono_us() + LAPSE_MAX_US;
    timer_set_at_us(&lease->lapse, lease->until_us < most ? lease->until_us : most);
}

static void on_lapse(void *arg)
{
    struct commit_lease *lease = arg;
    if (is_held(lease)) {
        lapse_set(lease);
        return;
    }
    stream_drop(lease);
    turn_want(lease);
}

void commit_lease_hold(struct commit_lease *lease, int64_t until_us)
{
    bool anew = !is_held(lease) || lease->shut;
    lease->until_us = until_us;
    lease->shut = false;
    lapse_set(lease);
    if (lease->stream != NULL)
        (void)commit_stream_confirm(lease->stream);
    if (anew)
        turn_want(lease);
}

void commit_lease_shut(struct commit_lease *lease)
{
    lease->until_us = 0;
    lease->shut = true;
    stream_drop(lease);
    if (lease->status.phase == COMMIT_IN_FORCE)
        lease->status.phase = COMMIT_NO_LEASE;
    if (lease->settings.enabled)
        turn_want(lease);
}

void commit_lease_status(const struct commit_lease *lease, struct commit_status *out)
{
    *out = lease->status;
    out->held_here = true;
    out->enabled = lease->settings.enabled;
    out->lease_left_us = lease->until_us - base_mono_us();
}

/* ---- life -------------------------------------------------------------------------------- */

static bool targets_keep(struct commit_lease *lease, const struct commit_settings *settings, struct fault *fault)
{
    lease->guard = pg_target_copy(&settings->guard, fault);
    if (lease->guard == NULL || settings->stream.user == NULL)
        return lease->guard != NULL;
    struct pg_target stream = settings->stream;
    stream.replication = true;
    stream.application_name = NULL;
    lease->stream_target = pg_target_copy(&stream, fault);
    return lease->stream_target != NULL;
}

struct commit_lease *commit_lease_new(struct loop *loop, const struct commit_settings *settings,
                                      struct fault *fault)
{
    struct commit_lease *lease = calloc(1, sizeof *lease);
    if (lease == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    lease->loop = loop;
    lease->settings = *settings;
    lease->settings.service = lease->service;
    lease->random = base_random_u64();
    lease->status.phase = settings->enabled ? COMMIT_UNSEEN : COMMIT_OFF;
    lease->told = lease->status;
    timer_init(&lease->turn, loop, on_turn, lease);
    timer_init(&lease->lapse, loop, on_lapse, lease);
    if (!targets_keep(lease, settings, fault) ||
        (!text_copy(lease->service, sizeof lease->service, settings->service) &&
         !fault_set(fault, "the service's name %s is too long", settings->service))) {
        commit_lease_free(lease);
        return NULL;
    }
    sync_mark_prefix(lease->prefix, lease->service);
    if (settings->enabled)
        timer_set_after_us(&lease->turn, 0);
    return lease;
}

void commit_lease_free(struct commit_lease *lease)
{
    if (lease == NULL)
        return;
    timer_cancel(&lease->turn);
    timer_cancel(&lease->lapse);
    stream_drop(lease);
    pg_session_free(lease->session);
    pg_target_free(lease->guard);
    pg_target_free(lease->stream_target);
    free(lease);
}

const char *commit_phase_name(enum commit_phase phase)
{
    static const char *const names[] = {
        [COMMIT_OFF] = "off", [COMMIT_UNSEEN] = "unseen", [COMMIT_STANDBY] = "standby", [COMMIT_NO_LEASE] = "no_lease",
        [COMMIT_ATTACHING] = "attaching", [COMMIT_IN_FORCE] = "in_force", [COMMIT_LEAVING] = "leaving",
    };
    return (unsigned)phase < COMMIT_PHASE_COUNT ? names[phase] : "invalid";
}
