/* follow: the standby of our own region streams from the writer.
 *
 * After a change of the writer every other standby still waits for the one that is gone. Each is led to the
 * new one by its own region's coordinator, since only that works on its database; and so is one whose WAL
 * receipt was frozen for an operation that went on without it. Nobody orders it, and no operation waits for
 * it: it is looked at after every event, by what is known chosen and by what was seen since.
 *
 *   nobody is named, or we are                                  nothing: so while we are an operation's target
 *   frozen                                                      follow the writer
 *   its timeline is older than the one the writer is seen on    follow the writer
 *   it has not streamed for a while, and the writer is there    follow the writer: asking again changes nothing
 *   a primary, or not seen lately                               nothing
 *   others work on it too, and no majority is heard             nothing: it may be their target
 *   a mark of our region is there                               nothing: a person made it the writer (glass.c)
 *
 * It is safe to do at any time and more than once: a server attaches only to a timeline that its own leads to.
 * A standby is never led to an older timeline, so a coordinator that lags behind the register moves nothing
 * that was moved already. One that has gone past the point where the writer left its timeline can't follow: the
 * shell says so (REFUSED), and a person has to take back what it has too much.
 */
#include "policy/service.h"

static bool is_fresh(const struct service *s, const struct turn *turn, const struct sighting *seen)
{
    return seen->known && mono_since(turn->now, seen->at) <= s->policy->evidence_max_age_us;
}

/* The writer as anybody has seen it since our ledger named it; NULL: not as a primary. */
static const struct sighting *seen_writer(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    const struct sighting *writer = service_sighting(s, l->writer, NULL);
    bool primary = writer != NULL && is_fresh(s, turn, writer) && !writer->facts.in_recovery &&
                   writer->at.us > s->guard.epoch_known_at.us;
    return primary ? writer : NULL;
}

static bool should_follow(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    const struct sighting *own = &s->health.sightings[s->home][turn_self(turn)];
    if (!s->guard.mine || l->writer == REGION_NONE || l->writer == s->home || !is_fresh(s, turn, own) ||
        !own->facts.in_recovery)
        return false;
    if (mark_of_region(s->marks, s->home) != NULL)
        return false; /* a person said that this is the writer; and what it was frozen for may be under way */
    if (own->facts.frozen)
        return true;
    const struct sighting *writer = seen_writer(s, turn, l);
    if (writer == NULL || own->facts.timeline > writer->facts.timeline)
        return false;
    /* Before it was ever seen to stream, the patience is with our own start. */
    struct mono_time streamed = mono_later(s->health.streaming_at, s->start);
    return own->facts.timeline < writer->facts.timeline ||
           mono_since(turn->now, streamed) > s->policy->evidence_max_age_us + FOLLOW_PATIENCE_US;
}

static void send_act(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct follow *f = &s->follow;
    f->in_flight = true;
    struct act *act = &effects_add(turn->effects, EFFECT_ACT)->as.act;
    *act = (struct act){
        .kind = ACT_FOLLOW,
        .key = { s->index, STEP_FOLLOW, ++f->attempt, l->epoch, 0 },
        .deadline = mono_after(turn->now, FOLLOW_DEADLINE_US),
        .region = l->writer,
    };
    f->leader = l->writer;
    /* The shell answers by the act's deadline, unless it was overtaken: then it is asked again. */
    f->retry_at = mono_after(act->deadline, US_PER_S);
}

void follow_run(struct service *s, struct turn *turn)
{
    struct follow *f = &s->follow;
    const struct ledger *l = service_ledger(s);
    if (l == NULL)
        return;
    if (f->epoch != l->epoch) { /* what was refused may be another question now */
        *f = (struct follow){ .attempt = f->attempt, .epoch = l->epoch, .wait_us = FOLLOW_RETRY_US };
        f->retry_at = turn->now;
    }
    if (should_follow(s, turn, l) && !guard_may_lag(s, turn) && mono_reached(turn->now, f->retry_at))
        send_act(s, turn, l);
}

void follow_act_done(struct service *s, struct turn *turn, const struct act_result *result)
{
    struct follow *f = &s->follow;
    if (!f->in_flight || result->key.attempt != f->attempt)
        return;
    f->in_flight = false;
    bool refused = result->outcome == ACT_REFUSED;
    if (result->outcome == ACT_DONE) {
        f->refused = false;
        f->wait_us = FOLLOW_RETRY_US;
        service_note(s, turn, NOTE_FOLLOWS)->region = f->leader;
    } else if (refused != f->refused || !f->told) {
        struct note *note = service_note(s, turn, NOTE_FOLLOW_FAILED);
        note->region = f->leader;
        note->a = result->outcome;
        note->detail = result->detail;
        f->refused = refused;
    }
    f->told = result->outcome != ACT_DONE;
    f->detail = result->outcome == ACT_DONE ? (struct policy_text){ "" } : result->detail;
    /* Once it is done, only a look that began after it may ask again. (What the act read itself is no look: the guard
     * opens on those, and this one may be of before the register went on.) */
    if (result->outcome == ACT_DONE) {
        f->retry_at = mono_after(turn->now, s->policy->evidence_max_age_us);
        return;
    }
    f->retry_at = mono_after(turn->now, refused ? FOLLOW_RETRY_MAX_US : f->wait_us);
    f->wait_us = f->wait_us * 2 < FOLLOW_RETRY_MAX_US ? f->wait_us * 2 : FOLLOW_RETRY_MAX_US;
}
