/* The fence TXT's text: see fence_text.h. */
#include "dns/fence_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/base/text.h"

#define PREFIX "failoverd v1 service="
#define EPOCH_KEY " epoch="
#define OPERATION_KEY " operation="
#define SHARE_KEY " share="
#define VERSION_KEY " version="
#define OPERATION_DIGITS 16
#define NUMBER_DIGITS_MAX 20
#define SHARE_ALL 100u

static const char service_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

bool fence_text_write(char *out, size_t size, const char *service, const struct dns_stamp *stamp)
{
    size_t length = strlen(service);
    if (length == 0 || length >= DNS_SERVICE_MAX || strspn(service, service_letters) != length || stamp->epoch == 0)
        return false;
    if (stamp->share > SHARE_ALL || (stamp->share != SHARE_ALL && stamp->version == 0))
        return false;
    struct text text = text_over(out, size);
    text_appendf(&text, PREFIX "%s" EPOCH_KEY "%" PRIu64 OPERATION_KEY "%016" PRIx64, service, stamp->epoch,
                 stamp->operation);
    if (stamp->version != 0)
        text_appendf(&text, SHARE_KEY "%u" VERSION_KEY "%" PRIu64, stamp->share, stamp->version);
    return !text.cut;
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

/* A decimal number in the one form that it has. */
static bool parse_number(const char **at, uint64_t most, uint64_t *number)
{
    char digits[NUMBER_DIGITS_MAX + 1];
    size_t length = strspn(*at, "0123456789");
    unsigned long long value;
    if (length == 0 || length > NUMBER_DIGITS_MAX || (**at == '0' && length > 1))
        return false;
    memcpy(digits, *at, length);
    digits[length] = '\0';
    if (!text_parse_u64(digits, most, &value))
        return false;
    *number = value;
    *at += length;
    return true;
}

static bool parse_share(const char **at, struct dns_stamp *stamp)
{
    uint64_t share;
    stamp->share = SHARE_ALL;
    stamp->version = 0;
    if (**at == '\0')
        return true; /* as it always was: all at once */
    if (!expect(at, SHARE_KEY) || !parse_number(at, SHARE_ALL, &share) || !expect(at, VERSION_KEY) ||
        !parse_number(at, UINT64_MAX, &stamp->version))
        return false;
    stamp->share = (uint8_t)share;
    return stamp->version != 0 && **at == '\0';
}

bool fence_text_parse(const char *text, char service[DNS_SERVICE_MAX], struct dns_stamp *stamp)
{
    const char *at = text;
    if (!expect(&at, PREFIX))
        return false;
    size_t length = strspn(at, service_letters);
    if (length == 0 || length >= DNS_SERVICE_MAX)
        return false;
    const char *name = at;
    at += length;
    if (!expect(&at, EPOCH_KEY) || !parse_number(&at, UINT64_MAX, &stamp->epoch) || stamp->epoch == 0 ||
        !expect(&at, OPERATION_KEY))
        return false;
    if (strspn(at, "0123456789abcdef") != OPERATION_DIGITS)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < OPERATION_DIGITS; i++)
        value = value << 4 | (uint64_t)(at[i] <= '9' ? at[i] - '0' : at[i] - 'a' + 10);
    stamp->operation = value;
    at += OPERATION_DIGITS;
    if (!parse_share(&at, stamp))
        return false;
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
    fence->stamp = (struct dns_stamp){ 0 };
    if (fence->cannot_delete || fence->value_count != 1 ||
        !fence_text_unquote(fence->values[0], text, sizeof text))
        return;
    char owner[DNS_SERVICE_MAX];
    struct dns_stamp stamp;
    if (!fence_text_parse(text, owner, &stamp))
        return;
    (void)text_copy(fence->service, sizeof fence->service, owner);
    if (strcmp(owner, service) != 0)
        return;
    fence->stamp = stamp;
    fence->state = DNS_FENCE_OURS;
}
