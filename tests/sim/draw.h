/* draw: numbers from a seed, for the mix alone (splitmix64: Steele, Lea and Flood 2014). */
#ifndef FAILOVERD_TESTS_DRAW_H
#define FAILOVERD_TESTS_DRAW_H

#include <stdbool.h>
#include <stdint.h>

struct draw {
    uint64_t state;
};

static inline uint64_t draw_next(struct draw *d)
{
    uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint64_t draw_below(struct draw *d, uint64_t below)
{
    return below == 0 ? 0 : draw_next(d) % below;
}

/* From low to high, both included. */
static inline int64_t draw_range(struct draw *d, int64_t low, int64_t high)
{
    return high <= low ? low : low + (int64_t)draw_below(d, (uint64_t)(high - low) + 1);
}

/* The same, small ones more often: each halving of the way down is as likely. */
static inline int64_t draw_small(struct draw *d, int64_t low, int64_t high)
{
    int64_t top = high;
    for (int i = 0; i < 7 && top / 2 > low && draw_below(d, 3) != 0; i++)
        top /= 2;
    return draw_range(d, low, top);
}

static inline bool draw_percent(struct draw *d, unsigned percent)
{
    return draw_below(d, 100) < percent;
}

#endif
