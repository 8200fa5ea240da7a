/* What is going to happen: a heap by time, then by order of asking. */
#include "tests/sim/world.h"

#include <stdlib.h>

static bool earlier(const struct world_item *a, const struct world_item *b)
{
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void swap(struct world_item *a, struct world_item *b)
{
    struct world_item t = *a;
    *a = *b;
    *b = t;
}

static void sift_up(struct world *w, size_t i)
{
    for (; i > 0 && earlier(&w->queue[i], &w->queue[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&w->queue[i], &w->queue[(i - 1) / 2]);
}

void world_push(struct world *w, struct world_item item)
{
    if (w->queued == WORLD_ITEMS_MAX) {
        world_break(w, "too many things are under way at once");
        free(item.message);
        free(item.result);
        free(item.act);
        return;
    }
    item.number = ++w->serial;
    w->queue[w->queued++] = item;
    sift_up(w, w->queued - 1);
}

struct world_item world_pop(struct world *w)
{
    struct world_item first = w->queue[0];
    w->queue[0] = w->queue[--w->queued];
    for (size_t i = 0;;) {
        size_t least = i, left = 2 * i + 1, right = left + 1;
        if (left < w->queued && earlier(&w->queue[left], &w->queue[least]))
            least = left;
        if (right < w->queued && earlier(&w->queue[right], &w->queue[least]))
            least = right;
        if (least == i)
            return first;
        swap(&w->queue[i], &w->queue[least]);
        i = least;
    }
}

/* Takes the empty shells out of the queue; dropping from a heap's array needs it made anew. */
void world_sweep(struct world *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->queued; i++)
        if (w->queue[i].life != UINT32_MAX)
            w->queue[kept++] = w->queue[i];
    w->queued = kept;
    for (size_t i = 1; i < w->queued; i++)
        sift_up(w, i);
}
