/* The text of failures: see fault.h. */
#include "coordinator/base/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool fault_set(struct fault *fault, const char *format, ...)
{
    if (fault == NULL)
        return false;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return false;
}

bool fault_wrap(struct fault *fault, const char *format, ...)
{
    if (fault == NULL)
        return false;
    char inner[FAULT_TEXT_MAX];
    memcpy(inner, fault->text, sizeof inner);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    size_t used = strlen(fault->text);
    (void)snprintf(fault->text + used, sizeof fault->text - used, ": %s", inner);
    return false;
}

bool fault_errno(struct fault *fault, int error, const char *format, ...)
{
    if (fault == NULL)
        return false;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    char reason[128];
    const char *text = strerror_r(error, reason, sizeof reason);
    size_t used = strlen(fault->text);
    (void)snprintf(fault->text + used, sizeof fault->text - used, ": %s", text);
    return false;
}
