/* The texts that stand for something: see values.h. */
#include "coordinator/config/values.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "coordinator/base/text.h"
#include "coordinator/config/config.h"

#define MAX_HOST 253
#define MAX_LABEL 63
#define MAX_ZONE_ID 32
#define MAX_PORT 65535

struct unit {
    const char *name;
    int64_t factor;
};

/* From small to large. */
static const struct unit time_units[] = {
    { "us", 1 },
    { "ms", 1000 },
    { "s", US_PER_SECOND },
    { "m", 60 * US_PER_SECOND },
    { "h", 3600 * US_PER_SECOND },
    { "d", 86400 * US_PER_SECOND },
};
static const struct unit size_units[] = {
    { "B", 1 },
    { "KiB", INT64_C(1) << 10 },
    { "MiB", INT64_C(1) << 20 },
    { "GiB", INT64_C(1) << 30 },
    { "TiB", INT64_C(1) << 40 },
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* A character class that doesn't depend on the locale. */
static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool number_with_unit(const char *text, const struct unit *units, size_t count, int64_t *out,
                             const char *example, struct fault *fault)
{
    if (*text == '-')
        return fault_set(fault, "\"%s\" is negative; write something such as \"%s\"", text, example);
    int64_t number = 0;
    size_t digits = 0;
    for (; text[digits] >= '0' && text[digits] <= '9'; digits++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, text[digits] - '0', &number))
            return fault_set(fault, "\"%.40s\" is too large", text);
    if (digits == 0)
        return fault_set(fault, "\"%.40s\" does not begin with a whole number; write something such as \"%s\"",
                         text, example);
    const char *unit = text + digits;
    if (*unit == '\0')
        return fault_set(fault, "\"%s\" has no unit; write \"%s%s\" or the like", text, text,
                         units == time_units ? "s" : "MiB");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        if (__builtin_mul_overflow(number, units[i].factor, out))
            return fault_set(fault, "\"%.40s\" is too large", text);
        return true;
    }
    char known[64];
    struct text list = TEXT_OF(known);
    for (size_t i = 0; i < count; i++)
        text_appendf(&list, "%s%s", i == 0 ? "" : ", ", units[i].name);
    return fault_set(fault, "\"%.40s\" ends in no known unit; they are %s, as in \"%s\"", text, known, example);
}

bool value_duration(const char *text, int64_t *out_us, struct fault *fault)
{
    return number_with_unit(text, time_units, COUNT(time_units), out_us, "10s", fault);
}

bool value_size(const char *text, int64_t *out_bytes, struct fault *fault)
{
    return number_with_unit(text, size_units, COUNT(size_units), out_bytes, "16MiB", fault);
}

static void with_unit(int64_t value, const struct unit *units, size_t count, size_t zero_unit, char *text,
                      size_t size)
{
    size_t best = value == 0 ? zero_unit : 0;
    for (size_t i = 0; i < count && value != 0; i++)
        if (value % units[i].factor == 0)
            best = i;
    (void)snprintf(text, size, "%" PRId64 "%s", value / units[best].factor, units[best].name);
}

void value_duration_text(int64_t us, char *text, size_t size)
{
    with_unit(us, time_units, COUNT(time_units), 2, text, size);
}

void value_size_text(int64_t bytes, char *text, size_t size)
{
    with_unit(bytes, size_units, COUNT(size_units), 0, text, size);
}

bool value_name(const char *text, struct fault *fault)
{
    size_t length = strlen(text);
    bool good = length > 0 && length <= CONFIG_MAX_NAME && text[0] != '-' && text[length - 1] != '-';
    for (size_t i = 0; i < length && good; i++)
        good = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') || text[i] == '-';
    if (good)
        return true;
    return fault_set(fault, "\"%.80s\" is no name; names are 1 to %d of a-z, 0-9 and \"-\", with no \"-\" at either end",
                     text, CONFIG_MAX_NAME);
}

bool value_ip(const char *text, int *family, struct fault *fault)
{
    unsigned char address[sizeof(struct in6_addr)];
    bool v4 = inet_pton(AF_INET, text, address) == 1;
    if (v4 || inet_pton(AF_INET6, text, address) == 1) {
        if (family != NULL)
            *family = v4 ? AF_INET : AF_INET6;
        return true;
    }
    return fault_set(fault, "\"%.80s\" is no IP address; write one such as \"192.0.2.1\" or \"2001:db8::1\"", text);
}

/* Labels of letters, digits and '-', and of '_' where `underscore` says so. */
static bool labels_are_good(const char *text, bool underscore)
{
    size_t length = strlen(text);
    if (length > 1 && text[length - 1] == '.')
        length--;
    if (length == 0 || length > MAX_HOST)
        return false;
    size_t label = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i == length || text[i] == '.') {
            if (label == 0 || label > MAX_LABEL || text[i - 1] == '-')
                return false;
            label = 0;
            continue;
        }
        bool inner = text[i] == '-' && label > 0;
        if (!is_alnum(text[i]) && !inner && !(underscore && text[i] == '_'))
            return false;
        label++;
    }
    return true;
}

/* Only digits and dots: meant as an address, so it must not pass as a name. */
static bool looks_like_ipv4(const char *text)
{
    return text[strspn(text, "0123456789.")] == '\0';
}

bool value_host(const char *text, struct fault *fault)
{
    if (value_ip(text, NULL, NULL))
        return true;
    if (labels_are_good(text, true) && !looks_like_ipv4(text))
        return true;
    return fault_set(fault, "\"%.80s\" is neither a host name nor an IP address", text);
}

bool value_dns_name(const char *text, struct fault *fault)
{
    const char *rest = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
    if (labels_are_good(rest, true) && !looks_like_ipv4(rest))
        return true;
    return fault_set(fault, "\"%.80s\" is no DNS name; write one such as \"shop.example.com\"", text);
}

bool config_split_endpoint(const char *endpoint, char *host, size_t host_size, uint16_t *port)
{
    const char *from = endpoint;
    const char *colon;
    size_t length;
    if (*endpoint == '[') {
        from = endpoint + 1;
        const char *close = strchr(from, ']');
        if (close == NULL || close[1] != ':')
            return false;
        length = (size_t)(close - from);
        colon = close + 1;
    } else {
        colon = strchr(endpoint, ':');
        if (colon == NULL || strchr(colon + 1, ':') != NULL)
            return false;
        length = (size_t)(colon - endpoint);
    }
    unsigned long long number;
    if (!text_parse_u64(colon + 1, MAX_PORT, &number) || number == 0 || length == 0 || length >= host_size)
        return false;
    memcpy(host, from, length);
    host[length] = '\0';
    int family;
    if (*endpoint == '[' && (!value_ip(host, &family, NULL) || family != AF_INET6))
        return false;
    *port = (uint16_t)number;
    return true;
}

bool value_endpoint(const char *text, struct fault *fault)
{
    char host[MAX_HOST + 2];
    uint16_t port;
    if (!config_split_endpoint(text, host, sizeof host, &port))
        return fault_set(fault, "\"%.80s\" is no address with a port (1 to %d); write \"host:port\", \"192.0.2.1:port\" "
                         "or \"[2001:db8::1]:port\"", text, MAX_PORT);
    return value_host(host, fault);
}

bool value_ip_endpoint(const char *text, struct fault *fault)
{
    char host[MAX_HOST + 2];
    uint16_t port;
    if (config_split_endpoint(text, host, sizeof host, &port) && value_ip(host, NULL, NULL))
        return true;
    return fault_set(fault, "\"%.80s\" is no IP address with a port (1 to %d); write \"192.0.2.1:53\" or "
                     "\"[2001:db8::1]:53\"", text, MAX_PORT);
}

/* Host and optional port between the scheme and the path. */
static bool authority_is_good(const char *text, size_t length)
{
    char authority[MAX_HOST + 16];
    if (length == 0 || length >= sizeof authority)
        return false;
    memcpy(authority, text, length);
    authority[length] = '\0';
    if (authority[0] == '[' && authority[length - 1] == ']') {
        authority[length - 1] = '\0';
        return strchr(authority, ':') != NULL && value_ip(authority + 1, NULL, NULL);
    }
    if (strchr(authority, ':') != NULL)
        return value_endpoint(authority, NULL);
    return value_host(authority, NULL);
}

bool value_url(const char *text, struct fault *fault)
{
    size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
    if (scheme == 0)
        return fault_set(fault, "\"%.80s\" is no URL; it must begin with http:// or https://", text);
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}", *c) != NULL)
            return fault_set(fault, "the URL \"%.80s\" has a character that must be written as %%XX", text);
    size_t length = strcspn(text + scheme, "/?#");
    if (memchr(text + scheme, '@', length) != NULL)
        return fault_set(fault, "the URL has a user or password in it; the config holds no secrets, leave it out");
    if (strchr(text, '#') != NULL)
        return fault_set(fault, "the URL \"%.80s\" has a fragment (#), which is never sent; leave it out", text);
    if (!authority_is_good(text + scheme, length))
        return fault_set(fault, "the URL \"%.80s\" has no good host and port after %.*s", text, (int)scheme, text);
    return true;
}

bool value_file(const char *text, struct fault *fault)
{
    if (text[0] != '/')
        return fault_set(fault, "\"%.80s\" is no absolute path; it must begin with \"/\"", text);
    for (const char *at = text; (at = strchr(at, '/')) != NULL;) {
        at++;
        size_t length = strcspn(at, "/");
        if ((length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.'))
            return fault_set(fault, "\"%.80s\" has a \".\" or \"..\" in it; write the path in full", text);
    }
    return true;
}

bool value_status_range(const char *text, int *low, int *high, struct fault *fault)
{
    char first[8];
    size_t length = strcspn(text, "-");
    unsigned long long from;
    unsigned long long to;
    if (length >= sizeof first)
        goto refuse;
    memcpy(first, text, length);
    first[length] = '\0';
    if (strlen(first) != 3 || !text_parse_u64(first, 599, &from))
        goto refuse;
    to = from;
    if (text[length] == '-' && (strlen(text + length + 1) != 3 || !text_parse_u64(text + length + 1, 599, &to)))
        goto refuse;
    if (from < 100 || to < from)
        goto refuse;
    *low = (int)from;
    *high = (int)to;
    return true;
refuse:
    return fault_set(fault, "\"%.40s\" is no HTTP status; write one such as \"204\", or a range such as \"200-299\", "
                     "within 100 to 599", text);
}

bool value_json_pointer(const char *text, struct fault *fault)
{
    bool good = *text == '\0' || *text == '/';
    for (const char *c = text; *c != '\0' && good; c++)
        good = *c != '~' || c[1] == '0' || c[1] == '1';
    if (good)
        return true;
    return fault_set(fault, "\"%.80s\" is no JSON pointer; write one such as \"/status\" (RFC 6901)", text);
}

bool value_principal(const char *text, struct fault *fault)
{
    if (strcmp(text, "root") == 0)
        return true;
    const char *name = strncmp(text, "user:", 5) == 0 ? text + 5 : strncmp(text, "group:", 6) == 0 ? text + 6 : "";
    bool good = *name != '\0' && strlen(name) <= 32 && *name != '-';
    for (const char *c = name; *c != '\0' && good; c++)
        good = is_alnum(*c) || strchr("._-", *c) != NULL;
    if (good)
        return true;
    return fault_set(fault, "\"%.80s\" is nobody; write \"root\", \"user:NAME\" or \"group:NAME\"", text);
}

bool value_zone_id(const char *text, struct fault *fault)
{
    size_t length = strlen(text);
    if (length > 0 && length <= MAX_ZONE_ID && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == length)
        return true;
    return fault_set(fault, "\"%.80s\" is no hosted zone id; write one such as \"Z0123456789ABC\", without \"/hostedzone/\"",
                     text);
}

size_t value_distance(const char *a, const char *b)
{
    enum { LIMIT = CONFIG_MAX_NAME + 1 };
    size_t rows = strlen(a);
    size_t columns = strlen(b);
    if (rows > LIMIT || columns > LIMIT)
        return CONFIG_NONE;
    size_t table[3][LIMIT + 1];
    for (size_t j = 0; j <= columns; j++)
        table[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        const size_t *above = table[(i - 1) % 3];
        const size_t *twice_above = table[(i + 1) % 3];
        size_t *row = table[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            bool same = a[i - 1] == b[j - 1];
            size_t best = above[j - 1] + (same ? 0 : 1);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && twice_above[j - 2] + 1 < best)
                best = twice_above[j - 2] + 1;
            row[j] = best;
        }
    }
    return table[rows % 3][columns];
}

const char *value_nearest(const char *wrong, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t best = CONFIG_NONE;
    for (size_t i = 0; i < count; i++) {
        size_t distance = value_distance(wrong, names[i]);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    size_t length = strlen(wrong);
    size_t near_enough = length < 4 ? 1 : length < 8 ? 2 : length / 3;
    return nearest != NULL && best <= near_enough ? nearest : NULL;
}
