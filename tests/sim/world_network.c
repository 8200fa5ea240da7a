/* The network: what is sent arrives late, twice, out of order, or not at all. Only to a process that comes
 * later it does not: what is on its way over a connection ends with whom it was made with. */
#include "tests/sim/check.h"

static void deliver(struct world *w, const struct host *from, const struct host *to,
                    struct letter *letter, int64_t extra_us)
{
    const struct link *link = &w->links[host_index(w, from)][host_index(w, to)];
    int64_t at = w->now_us + 1;
    if (from != to) {
        at = w->now_us + link->delay_us + extra_us +
             (int64_t)world_random(w, (uint64_t)link->delay_us / 4 + 1);
        at = at > link->clogged_until ? at : link->clogged_until;
    }
    world_push(w, (struct world_item){ .at = at, .kind = ITEM_MESSAGE, .host = host_index(w, from),
                                       .to = host_index(w, to), .life = to->life,
                                       .letter = letter_hold(letter) });
}

static int64_t double_is_late_us(struct world *w)
{
    int64_t most = w->duplicate_late_us > 0 ? w->duplicate_late_us : US_PER_S;
    int64_t kept = w->duplicate_at_us > w->now_us ? w->duplicate_at_us - w->now_us : 0;
    return kept + (int64_t)world_random(w, (uint64_t)most);
}

/* A lie is a letter of its own, beside the true one. */
static void deliver_lie(struct world *w, const struct host *from, const struct host *to, const struct message *m)
{
    struct letter *lie = letter_write(w, m);
    if (world_lie(w, to, &lie->event.as.message))
        deliver(w, from, to, lie, 0);
    letter_drop(w, lie);
}

void network_send(struct world *w, struct host *from, uint8_t to, struct letter *letter)
{
    struct host *h = &w->hosts[to];
    const struct message *m = &letter->event.as.message;
    check_sent(w, from, m);
    if (from == h) {
        deliver(w, from, h, letter, 0);
        return;
    }
    if (w->cut[from->region][h->region] || w->links[host_index(w, from)][to].cut ||
        (w->lose_permille > 0 && world_random(w, 1000) < w->lose_permille))
        return;
    if (w->duplicate_permille > 0 && world_random(w, 1000) < w->duplicate_permille)
        deliver(w, from, h, letter, double_is_late_us(w));
    if (w->lies_permille > 0 && world_random(w, 1000) < w->lies_permille)
        deliver_lie(w, from, h, m);
    int64_t late = 0;
    if (w->late_permille > 0 && world_random(w, 1000) < w->late_permille)
        late = (int64_t)world_random(w, (uint64_t)w->late_us + 1);
    deliver(w, from, h, letter, late);
}

/* What was sent before the cut goes on through other ways, or is lost with it: both happen. */
void world_region_isolate(struct world *w, region_id region, bool isolated)
{
    world_settle(w);
    for (region_id r = 0; r < w->options.region_count; r++)
        if (r != region)
            w->cut[region][r] = w->cut[r][region] = isolated;
}

void world_heal(struct world *w)
{
    world_settle(w);
    for (region_id a = 0; a < POLICY_REGIONS_MAX; a++)
        for (region_id b = 0; b < POLICY_REGIONS_MAX; b++)
            w->cut[a][b] = false;
    for (uint8_t a = 0; a < w->host_count; a++)
        for (uint8_t b = 0; b < w->host_count; b++) {
            w->links[a][b].cut = false;
            w->links[a][b].clogged_until = 0;
        }
    w->lose_permille = w->duplicate_permille = w->late_permille = w->lies_permille = 0;
}

bool world_reaches(const struct world *w, region_id from, region_id to)
{
    return !w->cut[from][to] && !w->cut[to][from] && !w->region_dead[to];
}
