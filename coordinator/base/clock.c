/* Two clocks and their printed forms: see clock.h. */
#include "coordinator/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "coordinator/base/ensure.h"

static int64_t read_us(clockid_t clock)
{
    struct timespec now;
    ensure(clock_gettime(clock, &now) == 0);
    return (int64_t)now.tv_sec * CLOCK_US_PER_S + (int64_t)now.tv_nsec / 1000;
}

int64_t base_mono_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

int64_t base_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

const char *base_format_wall(char *out, size_t size, int64_t wall_us)
{
    int64_t seconds = wall_us / CLOCK_US_PER_S;
    int64_t rest_us = wall_us % CLOCK_US_PER_S;
    if (rest_us < 0) {
        rest_us += CLOCK_US_PER_S;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm utc;
    if (gmtime_r(&when, &utc) == NULL || utc.tm_year < -1900 || utc.tm_year > 9999 - 1900) {
        (void)snprintf(out, size, "invalid-time");
        return out;
    }
    (void)snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                   utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                   (int)(rest_us / CLOCK_US_PER_MS));
    return out;
}

const char *base_format_duration(char *out, size_t size, int64_t duration_us)
{
    const char *sign = duration_us < 0 ? "-" : "";
    uint64_t us = duration_us < 0 ? 0 - (uint64_t)duration_us : (uint64_t)duration_us;
    uint64_t s = us / CLOCK_US_PER_S;
    if (us == 0)
        (void)snprintf(out, size, "0s");
    else if (us < 1000)
        (void)snprintf(out, size, "%s%" PRIu64 "us", sign, us);
    else if (s < 1)
        (void)snprintf(out, size, "%s%" PRIu64 "ms", sign, us / 1000);
    else if (s < 60 && us % CLOCK_US_PER_S < 100000)
        (void)snprintf(out, size, "%s%" PRIu64 "s", sign, s);
    else if (s < 60)
        (void)snprintf(out, size, "%s%" PRIu64 ".%" PRIu64 "s", sign, s,
                       us % CLOCK_US_PER_S / 100000);
    else if (s < 3600 && s % 60 == 0)
        (void)snprintf(out, size, "%s%" PRIu64 "m", sign, s / 60);
    else if (s < 3600)
        (void)snprintf(out, size, "%s%" PRIu64 "m%02" PRIu64 "s", sign, s / 60, s % 60);
    else if (s < 48 * 3600)
        (void)snprintf(out, size, "%s%" PRIu64 "h%02" PRIu64 "m", sign, s / 3600, s % 3600 / 60);
    else
        (void)snprintf(out, size, "%s%" PRIu64 "d%" PRIu64 "h", sign, s / 86400, s % 86400 / 3600);
    return out;
}
