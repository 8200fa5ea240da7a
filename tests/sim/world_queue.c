/* What is going to happen: a heap by time, then by order of asking. */
#include "tests/sim/world_parts.h"

#include <stdlib.h>

struct letter *letter_write(struct world *w, const struct message *m)
{
    struct letter *letter = w->spare_count > 0 ? w->spare[--w->spare_count] : malloc(sizeof *letter);
    if (letter == NULL)
        abort();
    letter->holders = 1;
    letter->event.kind = EVENT_MESSAGE;
    letter->event.as.message = *m;
    return letter;
}

struct letter *letter_hold(struct letter *letter)
{
    letter->holders++;
    return letter;
}

void letter_drop(struct world *w, struct letter *letter)
{
    if (letter == NULL || --letter->holders > 0)
        return;
    if (w->spare_count < WORLD_SPARE_MAX)
        w->spare[w->spare_count++] = letter;
    else
        free(letter);
}

void world_drop(struct world *w, struct world_item *item)
{
    switch (item->kind) {
    case ITEM_MESSAGE: letter_drop(w, item->letter); break;
    case ITEM_ACT_DONE: free(item->result); break;
    case ITEM_ACT_START:
    case ITEM_ACT_END: free(item->act); break;
    case ITEM_TIMER:
    case ITEM_PERSISTED:
    case ITEM_PROBE:
    case ITEM_GUARD_READY:
    case ITEM_WAKE:
    default: break;
    }
    *item = (struct world_item){ .at = item->at };
}

static bool earlier(const struct world_item *a, const struct world_item *b)
{
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

void world_push(struct world *w, struct world_item item)
{
    if (w->queued == WORLD_ITEMS_MAX) {
        world_break(w, INVARIANT_SANE, "too many things are under way at once");
        world_drop(w, &item);
        return;
    }
    if (item.since == 0) /* one that was parked keeps what it has */
        item.since = item.kind == ITEM_MESSAGE ? w->now_us : item.at;
    item.number = ++w->serial;
    size_t i = w->queued++;
    for (; i > 0 && earlier(&item, &w->queue[(i - 1) / 2]); i = (i - 1) / 2)
        w->queue[i] = w->queue[(i - 1) / 2];
    w->queue[i] = item;
}

struct world_item world_pop(struct world *w)
{
    struct world_item first = w->queue[0], last = w->queue[--w->queued];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= w->queued)
            break;
        if (child + 1 < w->queued && earlier(&w->queue[child + 1], &w->queue[child]))
            child++;
        if (!earlier(&w->queue[child], &last))
            break;
        w->queue[i] = w->queue[child];
        i = child;
    }
    if (w->queued > 0)
        w->queue[i] = last;
    return first;
}
