/* Disks: writes are done in order and late; messages that depend on them wait; and a disk may lie.
 *
 * What check.c is told is what the disk *said*: a voter answers for that. */
#include "tests/sim/check.h"

#include <stdlib.h>
#include <string.h>

void disk_copy(const struct world *w, struct durable *to, const struct durable *from)
{
    memcpy(to, from, offsetof(struct durable, services) + w->service_count * sizeof from->services[0]);
}

void disk_persist(struct world *w, struct host *h)
{
    if (h->store_failed)
        return;
    struct world_persist *p = malloc(sizeof *p);
    if (p == NULL || h->persist_count == WORLD_PERSISTS_MAX)
        abort();
    p->number = ++h->persist_asked;
    disk_copy(w, &p->durable, node_durable(h->node));
    h->persists[h->persist_count++] = p;
    world_push(w, (struct world_item){ .at = w->now_us + h->disk.latency_us,
                                       .kind = ITEM_PERSISTED, .host = host_index(w, h),
                                       .life = h->life, .needs = p->number });
}

void disk_send_durable(struct world *w, struct host *h, uint8_t to, struct letter *letter)
{
    if (h->store_failed)
        return;
    if (h->persist_done >= h->persist_asked) {
        network_send(w, h, to, letter);
        return;
    }
    if (h->held_count == h->held_size) {
        h->held_size = h->held_size * 2 + 16;
        h->held = realloc(h->held, h->held_size * sizeof *h->held);
        if (h->held == NULL)
            abort();
    }
    h->held[h->held_count++] =
        (struct world_held){ h->persist_asked, to, letter_hold(letter) };
}

static void release_held(struct world *w, struct host *h)
{
    size_t sent = 0;
    while (sent < h->held_count && h->held[sent].needs <= h->persist_done) {
        network_send(w, h, h->held[sent].to, h->held[sent].letter);
        letter_drop(w, h->held[sent].letter);
        sent++;
    }
    if (sent == 0)
        return;
    h->held_count -= sent;
    memmove(h->held, h->held + sent, h->held_count * sizeof *h->held);
}

static void forget(struct world *w, struct host *h)
{
    for (uint16_t i = 0; i < h->persist_count; i++)
        free(h->persists[i]);
    h->persist_count = 0;
    for (size_t i = 0; i < h->held_count; i++)
        letter_drop(w, h->held[i].letter);
    h->held_count = 0;
}

/* The first write in the line reaches the platter, or what the disk takes for it. */
static void take_write(struct world *w, struct host *h)
{
    struct world_persist *p = h->persists[0];
    enum disk_fault fault = h->disk.next;
    h->disk.next = DISK_WELL;
    h->persist_done = p->number;
    h->disk.forgot = fault != DISK_WELL;
    if (fault == DISK_WELL) {
        /* A slot that was ruined is the next one to be written over, so one good write mends it. */
        h->disk.doubt = h->disk.doubt && h->mute != MUTE_NOT; /* kept until the others have confirmed */
        h->disk.sound = true;
        disk_copy(w, &h->disk.durable, &p->durable);
    } else if (fault == DISK_MISDIRECTED) {
        h->disk.sound = false;
    }
    if (fault != DISK_WELL)
        world_say(w, h, "its disk %s", fault == DISK_LOST ? "forgets a write" : "ruins its slots");
    check_durable(w, h, &p->durable);
    free(p);
    memmove(h->persists, h->persists + 1, (size_t)(h->persist_count - 1) * sizeof h->persists[0]);
    h->persist_count--;
}

void disk_written(struct world *w, struct host *h)
{
    if (h->persist_count == 0)
        return;
    if (h->disk.next == DISK_TORN) {
        h->disk.next = DISK_WELL;
        h->disk.doubt = true;
        world_say(w, h, "dies in the midst of a write");
        world_host_crash(w, h, false);
        return;
    }
    if (h->disk.fails || h->disk.next == DISK_REFUSES) {
        h->disk.next = DISK_WELL;
        h->store_failed = true;
        forget(w, h);
        world_say(w, h, "its disk refuses");
        world_event(w, h, &(struct node_event){ .kind = EVENT_STORE_FAILED });
        return;
    }
    take_write(w, h);
    release_held(w, h);
}

/* Messages that waited for a disk die with the process; what was on its way to the platter may get
 * there or not. */
void disk_crash(struct world *w, struct host *h, bool writes_first)
{
    while (writes_first && !h->store_failed && !h->disk.fails && h->persist_count > 0)
        take_write(w, h);
    forget(w, h);
}

void world_disk_wipe(struct world *w, struct host *h)
{
    struct world_disk old = h->disk;
    h->store_was_lost = true;
    h->disk = (struct world_disk){ .instance = old.instance + 1000, .latency_us = old.latency_us };
    for (uint8_t s = 0; s < w->service_count; s++) /* kept by the machine, not in the store */
        h->disk.held_until_us[s] = old.held_until_us[s];
}

void world_disk_save(struct host *h)
{
    h->saved = h->disk;
}

void world_disk_restore(struct host *h)
{
    int64_t latency = h->disk.latency_us;
    h->disk = h->saved;
    h->store_was_lost = true;
    h->disk.latency_us = latency;
}
