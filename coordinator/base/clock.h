/* Two clocks and their printed forms.
 *
 * The monotonic clock is CLOCK_BOOTTIME: it goes on while the machine is suspended, so a lease
 * that ran out during a suspend is seen to have run out. The wall clock is for people and for
 * signatures only; nothing that safety depends on is computed from it.
 */
#ifndef FAILOVERD_BASE_CLOCK_H
#define FAILOVERD_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_US_PER_MS 1000
#define CLOCK_US_PER_S 1000000

/* Room for "2026-11-21T10:17:45.123Z" and its end. */
#define CLOCK_WALL_TEXT_MAX 32
/* Room for the longest duration text. */
#define CLOCK_DURATION_TEXT_MAX 32

/* Microseconds since boot, suspended time included. Never goes backwards. Any thread. */
int64_t base_mono_us(void);

/* Microseconds since 1970-01-01T00:00:00Z; may jump. Any thread. */
int64_t base_wall_us(void);

/* Writes RFC 3339 in UTC with milliseconds and returns `out`. Times outside of the years 0000 to
 * 9999 are written as "invalid-time". `size` should be CLOCK_WALL_TEXT_MAX. */
const char *base_format_wall(char *out, size_t size, int64_t wall_us);

/* Writes a duration for people and returns `out`: "0s", "850us", "320ms", "4.2s", "4m10s", "3h05m",
 * "12d4h"; "-" in front when it is negative. `size` should be CLOCK_DURATION_TEXT_MAX. */
const char *base_format_duration(char *out, size_t size, int64_t duration_us);

#endif
