/* Times to come: see failoverctl_time.h. */
#include "coordinator/operator/failoverctl_time.h"

#include <string.h>
#include <time.h>

#include "coordinator/base/clock.h"

#define DAY_S (24 * 60 * 60)

/* `form`: 0 stands for a digit, all else for itself. */
static bool has_form(const char *text, const char *form)
{
    for (; *form != '\0'; form++, text++)
        if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
            return false;
    return true;
}

static int number(const char *text, size_t digits)
{
    int value = 0;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

/* What follows the minutes: seconds, a fraction that is left out of account, and how far from UTC. */
static bool parse_rest(const char *at, int *seconds, int *offset_s)
{
    *seconds = *offset_s = 0;
    if (has_form(at, ":00")) {
        *seconds = number(at + 1, 2);
        at += 3;
        if (*at == '.') {
            size_t digits = strspn(at + 1, "0123456789");
            if (digits == 0)
                return false;
            at += 1 + digits;
        }
    }
    if (strcmp(at, "Z") == 0)
        return true;
    bool east = *at == '+';
    if ((!east && *at != '-') || !has_form(at + 1, "00:00") || at[6] != '\0' || number(at + 1, 2) > 23 ||
        number(at + 4, 2) > 59)
        return false;
    *offset_s = (number(at + 1, 2) * 60 + number(at + 4, 2)) * 60 * (east ? 1 : -1);
    return true;
}

static bool parse_date(const char *text, int64_t *at_us)
{
    int offset_s;
    struct tm day = { 0 };
    if (!has_form(text, "0000-00-00T00:00") || !parse_rest(text + 16, &day.tm_sec, &offset_s))
        return false;
    day.tm_year = number(text, 4) - 1900;
    day.tm_mon = number(text + 5, 2) - 1;
    day.tm_mday = number(text + 8, 2);
    day.tm_hour = number(text + 11, 2);
    day.tm_min = number(text + 14, 2);
    struct tm same = day;
    time_t at = timegm(&same); /* makes a 31st of another month of the 32nd */
    if (same.tm_mon != day.tm_mon || same.tm_mday != day.tm_mday || same.tm_hour != day.tm_hour ||
        same.tm_min != day.tm_min || same.tm_sec != day.tm_sec || same.tm_year != day.tm_year)
        return false;
    *at_us = ((int64_t)at - offset_s) * CLOCK_US_PER_S;
    return true;
}

bool ctl_parse_time(const char *text, int64_t now_us, int64_t *at_us)
{
    if (!has_form(text, "00:00") || (text[5] != '\0' && strcmp(text + 5, "Z") != 0))
        return parse_date(text, at_us);
    int64_t hour = number(text, 2), minute = number(text + 3, 2), now_s = now_us / CLOCK_US_PER_S;
    if (hour > 23 || minute > 59)
        return false;
    int64_t at_s = now_s - now_s % DAY_S + hour * 3600 + minute * 60;
    *at_us = (at_s > now_s ? at_s : at_s + DAY_S) * CLOCK_US_PER_S;
    return true;
}
