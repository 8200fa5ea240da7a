/* Hosts: lives, pauses, and carrying out what a node asks for.
 *
 * As the shell does: persist, then send, then act, then the timer, each as the node asked. A process
 * may stand still between any two of them, and goes on where it stood. */
#include "tests/sim/check.h"

#include <stdlib.h>
#include <string.h>

#define GUARD_READY_AFTER_US (10 * US_PER_MS)
#define STRANGERS UINT64_C(1000000) /* instances above are of no store */

bool host_stands(const struct host *h)
{
    return h->paused || h->machine_stopped_at >= 0;
}

bool host_keeps_element(const struct world *w, const struct host *h)
{
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].region == h->region)
            return &w->hosts[n] == h;
    return false;
}

/* ---- effects ---- */

static void send_to_all(struct world *w, struct host *h, const struct effect_send *send)
{
    struct letter *letter = letter_write(w, &send->message);
    for (uint8_t n = 0; n < w->host_count; n++) {
        if (!node_in(send->to, n))
            continue;
        if (send->durable)
            disk_send_durable(w, h, n, letter);
        else
            network_send(w, h, n, letter);
    }
    letter_drop(w, letter);
}

void host_arm(struct world *w, struct host *h, int64_t mono_us)
{
    if (h->timer_waits && mono_us == h->timer_mono_us)
        return;
    h->timer_number++;
    h->timer_mono_us = mono_us;
    h->timer_waits = mono_us < TIME_FOREVER_US;
    if (mono_us >= TIME_FOREVER_US)
        return;
    int64_t at = host_true(h, mono_us);
    world_push(w, (struct world_item){ .at = at > w->now_us ? at : w->now_us, .kind = ITEM_TIMER,
                                       .host = host_index(w, h), .life = h->life,
                                       .needs = h->timer_number });
}

/* What it claims to know chosen, and whether it votes. */
static void look(struct world *w, struct host *h, uint8_t service)
{
    static struct view_service view;
    node_view(h->node, service, (struct mono_time){ host_mono(w, h) },
              (struct wall_time){ w->now_us }, &view);
    if (!view.ledger_known)
        return;
    const struct ledger_operation *was = &h->ledger[service].operation, *is = &view.ledger.operation;
    if (!h->ledger_known[service] || was->id != is->id || was->phase != is->phase)
        h->known_since_us[service] = w->now_us;
    h->ledger_known[service] = true;
    h->ledger[service] = view.ledger;
    check_claim(w, h, service);
}

/* True: a step started at which the host was to die. */
static bool hear_note(struct world *w, struct host *h, const struct note *note)
{
    if (note->kind == NOTE_VOTERS)
        check_counts_by(w, h, (uint64_t)note->a);
    if (w->listener != NULL)
        w->listener(w->listener_arg, w, h, note, NULL);
    world_mix(w, (uint64_t)note->kind << 32 ^ (uint64_t)note->a << 16 ^ (uint64_t)note->b);
    enum mute_reason mute = node_mute(h->node);
    if (mute != h->mute) {
        h->mute = mute;
        if (mute == MUTE_NOT)
            check_voting(w, h);
    }
    if (note->kind == NOTE_CHOSEN)
        look(w, h, note->service);
    check_note(w, h, note);
    return note->kind == NOTE_STEP_STARTED && h->crash_at_step != STEP_NONE &&
           note->step == h->crash_at_step;
}

/* True: it dies here. */
static bool carry_out_one(struct world *w, struct host *h, const struct effect *e)
{
    switch (e->kind) {
    case EFFECT_PERSIST:
        disk_persist(w, h);
        return h->crash_at_persist > 0 && --h->crash_at_persist == 0;
    case EFFECT_SEND: send_to_all(w, h, &e->as.send); break;
    case EFFECT_ACT: act_ask(w, h, &e->as.act); break;
    case EFFECT_REPLY:
        w->reply[e->as.reply.ticket & 1] = e->as.reply;
        if (e->as.reply.answer != ANSWER_ACCEPTED && e->as.reply.answer != ANSWER_NO_QUORUM) {
            check_refused(w, e->as.reply.ticket);
            check_voter_refused(w, e->as.reply.ticket);
        }
        if (e->as.reply.answer == ANSWER_ACCEPTED)
            check_tick_accepted(w, e->as.reply.ticket);
        break;
    case EFFECT_NOTE: return hear_note(w, h, &e->as.note);
    case EFFECT_TIMER: host_arm(w, h, e->as.timer_at.us); break;
    default: break;
    }
    return false;
}

/* It stands still after the first few of what it has to do: the rest is kept as it is. */
static void stall(struct host *h, const struct effect *effects, size_t count)
{
    h->stalled = malloc(count * sizeof *effects);
    if (h->stalled == NULL)
        abort();
    memcpy(h->stalled, effects, count * sizeof *effects);
    h->stalled_count = count;
    h->paused = true;
    h->trouble_until_us = TIME_FOREVER_US;
}

void host_carry_out(struct world *w, struct host *h, const struct effect *effects, size_t count)
{
    size_t stop = count;
    if (h->pause_at_step > 0 && --h->pause_at_step == 0)
        stop = (size_t)world_random(w, count + 1);
    bool dies = false;
    for (size_t i = 0; i < count; i++) {
        if (effects[i].kind == EFFECT_ACT && effects[i].as.act.kind == h->pause_before) {
            h->pause_before = ACT_KIND_COUNT;
            stop = i;
        }
        if (i == stop) {
            world_say(w, h, "stands still in the midst of a step");
            stall(h, effects + i, count - i);
            break;
        }
        bool persist = effects[i].kind == EFFECT_PERSIST;
        dies = carry_out_one(w, h, &effects[i]) || dies;
        if (dies && persist)
            break; /* before anything that depends on the write is sent */
    }
    if (!dies)
        return;
    h->crash_at_step = STEP_NONE;
    world_say(w, h, "dies here");
    world_host_crash(w, h, h->crash_writes);
}

/* ---- lives ---- */

static void forget_stall(struct host *h)
{
    free(h->stalled);
    h->stalled = NULL;
    h->stalled_count = 0;
}

void world_host_crash(struct world *w, struct host *h, bool writes_first)
{
    /* Nothing happens to a process whose machine stands still, unless that is lost altogether. */
    if (!h->alive || (h->machine_stopped_at >= 0 && !w->region_dead[h->region]))
        return;
    disk_crash(w, h, writes_first);
    forget_stall(h);
    for (size_t i = 0; i < h->parked_count; i++)
        world_drop(w, &h->parked[i]);
    h->parked_count = 0;
    h->alive = h->paused = false;
    h->died_us = w->now_us;
    h->died_mono_us = host_mono(w, h);
    h->trouble_until_us = TIME_FOREVER_US;
    h->pause_at_step = h->crash_at_persist = 0;
    h->crash_at_step = STEP_NONE;
    memset(h->ledger_known, 0, sizeof h->ledger_known);
    memset(h->known_version, 0, sizeof h->known_version);
    h->mute = MUTE_UNCONFIRMED;
}

static void begin_probes(struct world *w, struct host *h, uint8_t service)
{
    const struct service_policy *policy = &h->config.services[service];
    for (uint8_t c = 0; c < policy->check_count; c++)
        world_push(w, (struct world_item){
            .at = w->now_us + (int64_t)world_random(w, (uint64_t)policy->checks[c].interval_us / 2),
            .kind = ITEM_PROBE, .host = host_index(w, h), .life = h->life, .service = service,
            .check = c });
}

void world_host_start(struct world *w, struct host *h)
{
    if (h->alive)
        return;
    h->alive = true;
    h->woke_unaware = h->woke_unaware || h->machine_woke_us != 0; /* the life before knew, and this one does not */
    h->trouble_until_us = w->now_us;
    h->life++;
    /* Opening a store writes to it. Without one the process is a stranger to everybody, and mute. */
    bool opens = !h->disk.fails;
    h->disk.restarts += opens;
    if (h->disk.forgot) {
        check_forgot(w, h);
        check_set_forgot(w, h);
    }
    if (h->store_was_lost)
        check_went_back(w, h);
    h->disk.forgot = false; /* whatever it was, this life never knew it */
    h->persist_asked = h->persist_done = 0;
    h->store_failed = !opens;
    h->timer_waits = false;
    memset(h->fence_busy_until, 0, sizeof h->fence_busy_until);
    memset(h->change, 0, sizeof h->change);
    memset(h->read_serial, 0, sizeof h->read_serial);
    memset(h->newest_us, 0, sizeof h->newest_us);
    memcpy(h->former_looked_us, h->looked_us, sizeof h->former_looked_us);
    memset(h->looked_us, 0, sizeof h->looked_us);
    h->found_generation = opens ? h->disk.durable.generation : 0;
    h->found_doubt = opens && h->disk.doubt;
    h->found_sound = opens && h->disk.sound;
    h->confirmed_by = 0;
    h->outdated = h->was_confirmed = false;
    h->voters_version = opens && h->disk.durable.voters.set.version > 0 ? h->disk.durable.voters.set.version : 1;
    h->config = h->config_next;
    h->config.seed += (h->life - 1) * UINT64_C(0xd1342543de82ef95); /* as the kernel gives each process another */
    h->config.instance = opens ? h->disk.instance : STRANGERS + h->life * POLICY_NODES_MAX + host_index(w, h);
    free(h->node);
    h->node = calloc(1, node_size(h->config.service_count));
    if (h->node == NULL)
        abort();
    struct node_store store = { .sound = opens && h->disk.sound, .restarts = h->disk.restarts,
                                .doubt = opens && h->disk.doubt };
    if (opens) /* else there is nothing durable */
        disk_copy(w, &store.durable, &h->disk.durable);
    for (uint8_t s = 0; s < w->service_count; s++)
        store.held_until[s].us = h->disk.held_until_us[s];
    h->mute = MUTE_UNCONFIRMED;
    node_init(h->node, &h->config, &store, (struct mono_time){ host_mono(w, h) },
              (struct wall_time){ w->now_us }, &w->effects);
    host_carry_out(w, h, w->effects.list, w->effects.count);
    for (uint8_t s = 0; s < w->service_count; s++) {
        look(w, h, s);
        begin_probes(w, h, s);
    }
    world_push(w, (struct world_item){ .at = w->now_us + GUARD_READY_AFTER_US,
                                       .kind = ITEM_GUARD_READY, .host = host_index(w, h),
                                       .life = h->life });
}

void world_host_pause(struct world *w, struct host *h)
{
    (void)w;
    h->paused = h->alive;
    h->trouble_until_us = TIME_FOREVER_US;
}

void host_park(struct host *h, const struct world_item *item)
{
    if (h->parked_count == h->parked_size) {
        h->parked_size = h->parked_size * 2 + 16;
        h->parked = realloc(h->parked, h->parked_size * sizeof *h->parked);
        if (h->parked == NULL)
            abort();
    }
    h->parked[h->parked_count++] = *item;
}

/* What piled up while the process stood still is there at once when it goes on. */
void host_unpark(struct world *w, struct host *h)
{
    for (size_t i = 0; i < h->parked_count; i++) {
        h->parked[i].at = w->now_us;
        world_push(w, h->parked[i]);
    }
    h->parked_count = 0;
}

void world_host_resume(struct world *w, struct host *h)
{
    if (!h->paused)
        return;
    h->paused = false;
    h->trouble_until_us = w->now_us;
    if (h->machine_stopped_at >= 0)
        return;
    struct effect *stalled = h->stalled;
    size_t count = h->stalled_count;
    h->stalled = NULL;
    h->stalled_count = 0;
    if (stalled != NULL)
        host_carry_out(w, h, stalled, count);
    free(stalled);
    host_unpark(w, h);
}

void world_host_guard(struct world *w, struct host *h, bool ready)
{
    h->guard_ready = ready;
    h->trouble_until_us = ready && h->alive && !host_stands(h) ? w->now_us : TIME_FOREVER_US;
    world_push(w, (struct world_item){ .at = w->now_us, .kind = ITEM_GUARD_READY,
                                       .host = host_index(w, h), .life = h->life });
}

void host_free(struct world *w, struct host *h)
{
    disk_crash(w, h, false);
    forget_stall(h);
    for (size_t i = 0; i < h->parked_count; i++)
        world_drop(w, &h->parked[i]);
    free(h->parked);
    free(h->held);
    free(h->node);
}

/* ---- probes ---- */

void host_probe(struct world *w, struct host *h, uint8_t service, uint8_t check)
{
    const struct check_policy *policy = &h->config.services[service].checks[check];
    region_id r = policy->region;
    struct node_event event; /* large: what a sample has is filled in below */
    event.kind = EVENT_SAMPLE;
    struct sample *sample = &event.as.sample.sample;
    event.as.sample.service = service;
    *sample = (struct sample){ .check = check, .outcome = SAMPLE_FAILED,
                               .at = { host_mono(w, h) }, .latency_us = 5000 };
    bool reached = h->region == r ? !w->region_dead[r] : world_reaches(w, h->region, r);
    const struct world_service *s = &w->services[service];
    const struct database *db = &s->databases[r];
    if (h->observer_broken) {
        sample->outcome = SAMPLE_OBSERVER;
    } else if (policy->kind == CHECK_HTTP && reached && s->endpoints_up[r]) {
        sample->outcome = SAMPLE_OK;
    } else if (policy->kind == CHECK_POSTGRES && reached && db->up && !db->frozen &&
               (h->region == r || !db->cut_off)) {
        sample->outcome = SAMPLE_OK;
        sample->database = database_facts_of(w, service, r);
        if (h->region == r)
            h->looked_us[service] = w->now_us;
        sample->database.write_checked = h->region == r && !db->in_recovery;
        sample->database.write_ok =
            sample->database.write_checked && world_acknowledges(w, service, r);
    }
    check_sampled(w, h, service, sample);
    world_event(w, h, &event);
    if (h->alive)
        world_push(w, (struct world_item){ .at = w->now_us + policy->interval_us,
                                           .kind = ITEM_PROBE, .host = host_index(w, h),
                                           .life = h->life, .service = service, .check = check });
}
