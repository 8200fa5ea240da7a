/* The fence TXT's text: see fence_text.h. */
#include "dns/fence_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/base/text.h"

#define PREFIX "failoverd v1 service="
#define EPOCH_KEY " epoch="
#define OPERATION_KEY " operation="
#define OPERATION_DIGITS 16
#define EPOCH_DIGITS_MAX 20

static const char service_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

bool fence_text_write(char *out, size_t size, const char *service, uint64_t epoch, uint64_t operation)
{
    size_t length = strlen(service);
    if (length == 0 || length >= DNS_SERVICE_MAX || strspn(service, service_letters) != length || epoch == 0)
        return false;
    int wrote = snprintf(out, size, PREFIX "%s" EPOCH_KEY "%" PRIu64 OPERATION_KEY "%016" PRIx64, service,
                         epoch, operation);
    return wrote > 0 && (size_t)wrote < size;
}

/* Steps over `word`; false when it isn't there. */
static bool expect(const char **at, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*at, word, length) != 0)
        return false;
    *at += length;
    return true;
}

static bool parse_epoch(const char **at, uint64_t *epoch)
{
    char digits[EPOCH_DIGITS_MAX + 1];
    size_t length = strspn(*at, "0123456789");
    unsigned long long value;
    if (length == 0 || length > EPOCH_DIGITS_MAX || **at == '0')
        return false;
    memcpy(digits, *at, length);
    digits[length] = '\0';
    if (!text_parse_u64(digits, UINT64_MAX, &value))
        return false;
    *epoch = value;
    *at += length;
    return true;
}

bool fence_text_parse(const char *text, char service[DNS_SERVICE_MAX], uint64_t *epoch, uint64_t *operation)
{
    const char *at = text;
    if (!expect(&at, PREFIX))
        return false;
    size_t length = strspn(at, service_letters);
    if (length == 0 || length >= DNS_SERVICE_MAX)
        return false;
    const char *name = at;
    at += length;
    if (!expect(&at, EPOCH_KEY) || !parse_epoch(&at, epoch) || !expect(&at, OPERATION_KEY))
        return false;
    if (strspn(at, "0123456789abcdef") != OPERATION_DIGITS || at[OPERATION_DIGITS] != '\0')
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < OPERATION_DIGITS; i++)
        value = value << 4 | (uint64_t)(at[i] <= '9' ? at[i] - '0' : at[i] - 'a' + 10);
    *operation = value;
    memcpy(service, name, length);
    service[length] = '\0';
    return true;
}

/* One character of the inside of a quoted string; 0 at its end, -1 when malformed. */
static int next_character(const char **at)
{
    const char *s = *at;
    if (*s == '\0')
        return -1;
    if (*s == '"')
        return 0;
    if (*s != '\\') {
        (*at)++;
        return (unsigned char)*s;
    }
    if (s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
        *at += 4;
        int c = (s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0');
        return c == 0 ? -1 : c;
    }
    if (s[1] != '"' && s[1] != '\\')
        return -1;
    *at += 2;
    return (unsigned char)s[1];
}

bool fence_text_unquote(const char *value, char *out, size_t size)
{
    struct text text = text_over(out, size);
    const char *at = value;
    if (*at == '\0')
        return false;
    while (*at != '\0') {
        int c;
        if (*at++ != '"')
            return false;
        while ((c = next_character(&at)) > 0)
            text_append_char(&text, (char)c);
        if (c < 0)
            return false;
        at++; /* the closing quote */
        if (*at == ' ' && at[1] == '"')
            at++;
        else if (*at != '\0')
            return false;
    }
    return !text.cut;
}

void fence_text_classify(struct dns_fence *fence, const char *service)
{
    char text[DNS_FENCE_VALUE_MAX];
    fence->state = DNS_FENCE_FOREIGN;
    fence->service[0] = '\0';
    fence->epoch = fence->operation = 0;
    if (fence->cannot_delete || fence->value_count != 1 ||
        !fence_text_unquote(fence->values[0], text, sizeof text))
        return;
    char owner[DNS_SERVICE_MAX];
    uint64_t epoch, operation;
    if (!fence_text_parse(text, owner, &epoch, &operation))
        return;
    (void)text_copy(fence->service, sizeof fence->service, owner);
    if (strcmp(owner, service) != 0)
        return;
    fence->epoch = epoch;
    fence->operation = operation;
    fence->state = DNS_FENCE_OURS;
}
