/* Clocks: a host's elapsed time runs a little fast or slow of true time; its calendar steps. */
#include "tests/sim/world_parts.h"

#define CALENDAR_US (INT64_C(1700000000) * US_PER_S)

int64_t host_mono(const struct world *w, const struct host *h)
{
    int64_t elapsed = w->now_us - h->clock.true_us;
    return h->clock.mono_us + elapsed + elapsed / 1000000 * h->clock.ppm +
           elapsed % 1000000 * h->clock.ppm / 1000000;
}

int64_t host_wall(const struct world *w, const struct host *h)
{
    return w->now_us + CALENDAR_US + h->clock.wall_us;
}

/* Rounded up. */
int64_t host_true(const struct host *h, int64_t mono_us)
{
    if (mono_us >= TIME_FOREVER_US)
        return TIME_FOREVER_US;
    double rate = 1.0 + (double)h->clock.ppm / 1e6;
    return h->clock.true_us + (int64_t)((double)(mono_us - h->clock.mono_us) / rate) +
           (h->clock.ppm != 0);
}

/* What was armed or promised by the old rate is worked out anew: a timer is a reading of the clock, and
 * so is a kernel element's end, which the database's host shares with its guard. */
void world_host_rate(struct world *w, struct host *h, int32_t ppm)
{
    world_settle(w);
    int64_t until[WORLD_SERVICES_MAX];
    const struct host_clock old = h->clock;
    int64_t now = host_mono(w, h);
    double was = 1.0 + (double)old.ppm / 1e6;
    for (uint8_t s = 0; s < w->service_count; s++) {
        int64_t left = w->services[s].databases[h->region].fence_until - w->now_us;
        until[s] = left <= 0 || left >= TIME_FOREVER_US / 2 ? 0 : now + (int64_t)((double)left * was);
    }
    int64_t timer = h->timer_mono_us;
    h->clock.true_us = w->now_us;
    h->clock.mono_us = now;
    h->clock.ppm = ppm;
    for (uint8_t s = 0; s < w->service_count; s++)
        if (until[s] != 0 && host_keeps_element(w, h))
            w->services[s].databases[h->region].fence_until = host_true(h, until[s]);
    h->timer_waits = false; /* it is due at another time now */
    if (h->alive && timer < TIME_FOREVER_US)
        host_arm(w, h, timer);
}

void world_host_step_calendar(struct host *h, int64_t us)
{
    h->clock.wall_was_us = h->clock.wall_us;
    h->clock.wall_us += us;
    if (h->machine_stopped_at >= 0)
        h->set_back_us -= us;
}

void world_host_lose_time(struct world *w, struct host *h, int64_t us)
{
    if (h->machine_stopped_at >= 0)
        return;
    world_settle(w);
    w->beyond[BEYOND_MACHINE] = true;
    h->machine_stopped_at = w->now_us;
    h->set_back_us = 0;
    if (host_keeps_element(w, h))
        for (uint8_t s = 0; s < w->service_count; s++)
            w->services[s].databases[h->region].frozen = true;
    world_push(w, (struct world_item){ .at = w->now_us + us, .kind = ITEM_WAKE,
                                       .host = host_index(w, h) });
    world_say(w, h, "its machine stands still");
}

void host_wake(struct world *w, struct host *h)
{
    int64_t lost = w->now_us - h->machine_stopped_at;
    for (uint8_t s = 0; host_keeps_element(w, h) && s < w->service_count; s++) {
        struct database *db = &w->services[s].databases[h->region];
        db->frozen = false;
        if (db->fence_until > h->machine_stopped_at && db->fence_until < TIME_FOREVER_US / 2)
            db->fence_until += lost;
    }
    h->woke_unaware = h->set_back_us > lost / 2;
    h->clock.true_us += lost;
    h->machine_stopped_at = -1;
    h->trouble_until_us = h->machine_woke_us = w->now_us;
    world_say(w, h, "its machine goes on");
    if (!h->paused)
        host_unpark(w, h);
    h->timer_waits = false;
    if (h->alive && h->timer_mono_us < TIME_FOREVER_US)
        host_arm(w, h, h->timer_mono_us);
}
