/* How late a message is: see lateness.h. */
#include "policy/health/lateness.h"

int64_t lateness_of(struct lateness *l, int64_t sent_us, struct mono_time now)
{
    int64_t way = now.us - sent_us;
    if (!l->known)
        *l = (struct lateness){ true, sent_us, now, way, way };
    if (sent_us >= l->newest_us && mono_since(now, l->window) >= LATENESS_WINDOW_US) {
        l->former_least = l->least;
        l->least = way;
        l->window = now;
    }
    if (sent_us >= l->newest_us)
        l->newest_us = sent_us;
    if (way < l->least)
        l->least = way;
    return way - (l->least < l->former_least ? l->least : l->former_least);
}
