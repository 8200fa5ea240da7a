/* What all probes share: see probe.h. */
#include "probes/probe.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "coordinator/base/text.h"

static void say(struct probe_round *round, const char *format, va_list args)
{
    static const char more[] = "...";
    struct text text = TEXT_OF(round->detail);
    text_appendv(&text, format, args);
    /* Servers write what they like, in any encoding; status and the wire want plain text. */
    for (char *at = round->detail; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    if (text.cut)
        memcpy(round->detail + sizeof round->detail - sizeof more, more, sizeof more);
}

void probe_say(struct probe_round *round, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(round, format, args);
    va_end(args);
}

void probe_end_as(struct probe_round *round, enum sample_outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    round->outcome = outcome;
    say(round, format, args);
    va_end(args);
}

bool probe_is_own_fault(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EPERM:  /* a rule of our own host */
    case EACCES:
        return true;
    default:
        return false;
    }
}
