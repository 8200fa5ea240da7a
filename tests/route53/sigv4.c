/* The service's side of Signature Version 4 (header form). See sigv4.h.
 *
 * Order of the checks follows what real refusals show: the header's form, the key, the scope, the date,
 * and last the signature. Route 53's scope is us-east-1/route53 wherever the caller is.
 */
#include "tests/route53/sigv4.h"

#include <ctype.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

enum {
    HASH_SIZE = 32,
    HEX_SIZE = 2 * HASH_SIZE + 1,
    SKEW_MAX_S = 300,
    SIGNED_HEADERS_MAX = 64,
    QUERY_PAIRS_MAX = 64,
    CANONICAL_MAX = 64 * 1024,
};

struct authorization {
    char text[4096];                 /* cut up in place; the rest points into it */
    char *key, *date, *region, *service, *terminator, *signed_headers, *signature;
    char scope[256];
};

static void to_hex(const uint8_t *bytes, char out[HEX_SIZE])
{
    for (size_t i = 0; i < HASH_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void sha256_hex(const void *bytes, size_t length, char out[HEX_SIZE])
{
    uint8_t hash[EVP_MAX_MD_SIZE] = { 0 };
    unsigned size = 0;
    EVP_Digest(bytes, length, hash, &size, EVP_sha256(), NULL);
    to_hex(hash, out);
}

static void hmac(const void *key, size_t key_length, const char *text, uint8_t out[HASH_SIZE])
{
    uint8_t hash[EVP_MAX_MD_SIZE] = { 0 };
    unsigned size = 0;
    HMAC(EVP_sha256(), key, (int)key_length, (const uint8_t *)text, strlen(text), hash, &size);
    memcpy(out, hash, HASH_SIZE);
}

bool percent_decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        if (!isxdigit((unsigned char)from[1]) || !isxdigit((unsigned char)from[2]))
            return false;
        char digits[3] = { from[1], from[2], '\0' };
        char byte = (char)strtol(digits, NULL, 16);
        if (byte == '\0')
            return false;
        *to++ = byte;
        from += 2;
    }
    *to = '\0';
    return true;
}

static void add_encoded(struct evbuffer *out, const char *text, const char *also_plain)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-_.~", c) != NULL || strchr(also_plain, c) != NULL)
            evbuffer_add(out, text, 1);
        else
            evbuffer_add_printf(out, "%%%02X", c);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each pair decoded, encoded strictly, sorted. Returns false when the query can't be read. */
static bool add_canonical_query(struct evbuffer *out, const char *query)
{
    char *copy = strdup(query), *rest = copy, *pair, *pairs[QUERY_PAIRS_MAX];
    size_t count = 0;
    bool good = copy != NULL;
    while (good && (pair = strsep(&rest, "&")) != NULL) {
        if (*pair == '\0')
            continue;
        char *value = strchr(pair, '=');
        struct evbuffer *encoded = evbuffer_new();
        if (value != NULL)
            *value++ = '\0';
        good = encoded != NULL && count < QUERY_PAIRS_MAX && percent_decode(pair) &&
            (value == NULL || percent_decode(value));
        if (good) {
            add_encoded(encoded, pair, "");
            evbuffer_add(encoded, "\001", 1);    /* for '=', which would sort behind '-' and '.' */
            add_encoded(encoded, value ? value : "", "");
            evbuffer_add(encoded, "", 1);
            pairs[count] = strdup((const char *)evbuffer_pullup(encoded, -1));
            good = pairs[count++] != NULL;
        }
        if (encoded != NULL)
            evbuffer_free(encoded);
    }
    if (good)
        qsort(pairs, count, sizeof pairs[0], compare_texts);
    for (size_t i = 0; i < count; i++) {
        if (good) {
            *strchr(pairs[i], '\001') = '=';
            evbuffer_add_printf(out, "%s%s", i > 0 ? "&" : "", pairs[i]);
        }
        free(pairs[i]);
    }
    free(copy);
    return good;
}

/* Leading and trailing white space gone, runs of it one space. */
static void add_trimmed(struct evbuffer *out, const char *value)
{
    bool space = false, any = false;
    for (; *value != '\0'; value++) {
        if (*value == ' ' || *value == '\t' || *value == '\r' || *value == '\n') {
            space = any;
            continue;
        }
        if (space)
            evbuffer_add(out, " ", 1);
        evbuffer_add(out, value, 1);
        space = false;
        any = true;
    }
}

static bool add_canonical_header(struct evbuffer *out, struct evhttp_request *request, const char *name)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    struct evkeyval *header;
    bool found = false;
    evbuffer_add_printf(out, "%s:", name);
    TAILQ_FOREACH(header, headers, next) {
        if (strcasecmp(header->key, name) != 0)
            continue;
        if (found)
            evbuffer_add(out, ",", 1);
        add_trimmed(out, header->value);
        found = true;
    }
    evbuffer_add(out, "\n", 1);
    return found;
}

static bool incomplete(struct refusal *refusal, const char *what)
{
    refusal_add(refusal, 403, "IncompleteSignature", "%s", what);
    return false;
}

/* "Credential=K/D/R/S/aws4_request, SignedHeaders=a;b, Signature=hex" */
static bool parse_authorization(struct authorization *auth, const char *header, struct refusal *refusal)
{
    static const char scheme[] = "AWS4-HMAC-SHA256";
    char *rest, *part, *credential = NULL;
    if (strncmp(header, scheme, sizeof scheme - 1) != 0 || header[sizeof scheme - 1] != ' '
        || strlen(header) >= sizeof auth->text) {
        refusal_add(refusal, 403, "IncompleteSignature", "Unsupported AWS 'algorithm': '%.40s'.", header);
        return false;
    }
    memcpy(auth->text, header + sizeof scheme, strlen(header + sizeof scheme) + 1);
    rest = auth->text;
    while ((part = strsep(&rest, ",")) != NULL) {
        part += strspn(part, " ");
        if (strncmp(part, "Credential=", 11) == 0)
            credential = part + 11;
        else if (strncmp(part, "SignedHeaders=", 14) == 0)
            auth->signed_headers = part + 14;
        else if (strncmp(part, "Signature=", 10) == 0)
            auth->signature = part + 10;
    }
    if (credential == NULL || auth->signed_headers == NULL || auth->signature == NULL)
        return incomplete(refusal, credential == NULL ? "Authorization header requires 'Credential' parameter."
                          : auth->signature == NULL ? "Authorization header requires 'Signature' parameter."
                                                    : "Authorization header requires 'SignedHeaders' parameter.");
    const char *scope = strchr(credential, '/');
    snprintf(auth->scope, sizeof auth->scope, "%s", scope == NULL ? "" : scope + 1);
    auth->key = strsep(&credential, "/");
    auth->date = strsep(&credential, "/");
    auth->region = strsep(&credential, "/");
    auth->service = strsep(&credential, "/");
    auth->terminator = credential;
    if (auth->terminator == NULL || strcmp(auth->terminator, "aws4_request") != 0)
        return incomplete(refusal, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term");
    return true;
}

static bool mismatch(struct refusal *refusal, const char *what)
{
    refusal_add(refusal, 403, "SignatureDoesNotMatch", "%s", what);
    return false;
}

static void format_time(time_t when, char out[24])
{
    struct tm parts;
    gmtime_r(&when, &parts);
    strftime(out, 24, "%Y%m%dT%H%M%SZ", &parts);
}

/* X-Amz-Date, or Date in its HTTP form. Writes the ISO basic form. */
static bool request_time(struct evhttp_request *request, time_t *when, char out[24])
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *amz = evhttp_find_header(headers, "X-Amz-Date"), *date = evhttp_find_header(headers, "Date"), *end = NULL;
    struct tm parts = { 0 };
    if (amz != NULL)
        end = strptime(amz, "%Y%m%dT%H%M%SZ", &parts);
    else if (date != NULL && (end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &parts)) == NULL)
        end = strptime(date, "%Y%m%dT%H%M%SZ", &parts);
    if (end == NULL || *end != '\0' || (amz != NULL && strlen(amz) != 16))
        return false;
    *when = timegm(&parts);
    format_time(*when, out);
    return true;
}

static bool check_date(const struct world *world, struct evhttp_request *request, const struct authorization *auth,
                       char stamp[24], struct refusal *refusal)
{
    char server[24], bound[24];
    time_t when, now = (time_t)(now_us() / 1000000 + world->faults.clock_skew_ms / 1000);
    if (!request_time(request, &when, stamp))
        return incomplete(refusal, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
    if (strncmp(auth->date, stamp, 8) != 0 || strlen(auth->date) != 8) {
        refusal_add(refusal, 403, "SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
                    "version of date from HTTP: '%.16s' != '%.8s', from '%s'.", auth->date, stamp, stamp);
        return false;
    }
    format_time(now, server);
    if (when < now - SKEW_MAX_S) {
        format_time(now - SKEW_MAX_S, bound);
        refusal_add(refusal, 403, "SignatureDoesNotMatch", "Signature expired: %s is now earlier than %s (%s - 5 min.)",
                    stamp, bound, server);
        return false;
    }
    if (when > now + SKEW_MAX_S) {
        format_time(now + SKEW_MAX_S, bound);
        refusal_add(refusal, 403, "SignatureDoesNotMatch", "Signature not yet current: %s is still later than %s (%s + 5 min.)",
                    stamp, bound, server);
        return false;
    }
    return true;
}

static const struct credential *find_credential(const struct world *world, struct evhttp_request *request,
                                                const char *key)
{
    const char *token = evhttp_find_header(evhttp_request_get_input_headers(request), "X-Amz-Security-Token");
    for (size_t i = 0; i < world->credential_count; i++) {
        const struct credential *credential = &world->credentials[i];
        if (strcmp(credential->access_key, key) != 0)
            continue;
        bool same = token == NULL || credential->session_token == NULL ? token == credential->session_token
                                                                       : strcmp(token, credential->session_token) == 0;
        return same ? credential : NULL;
    }
    return NULL;
}

static bool is_signed(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at != NULL; at = strchr(at, ';')) {
        at += *at == ';';
        if (strncasecmp(at, name, length) == 0 && (at[length] == ';' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* host and every x-amz-* header must be among the signed ones. */
static bool check_signed_headers(struct evhttp_request *request, const char *list, struct refusal *refusal)
{
    struct evkeyval *header;
    if (!is_signed(list, "host"))
        return mismatch(refusal, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    TAILQ_FOREACH(header, evhttp_request_get_input_headers(request), next)
        if (strncasecmp(header->key, "x-amz-", 6) == 0 && !is_signed(list, header->key)) {
            refusal_add(refusal, 403, "SignatureDoesNotMatch", "There were headers present in the request which were not "
                        "signed: %.100s", header->key);
            return false;
        }
    return true;
}

/* Signed headers come lower-cased and in order; a list in another order could never have been canonical. */
static bool add_canonical_headers(struct evbuffer *out, struct evhttp_request *request, const char *list)
{
    char *copy = strdup(list), *rest = copy, *name;
    const char *last = "";
    size_t count = 0;
    bool good = copy != NULL;
    while (good && (name = strsep(&rest, ";")) != NULL) {
        good = *name != '\0' && strcmp(last, name) < 0 && ++count <= SIGNED_HEADERS_MAX
            && strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL && add_canonical_header(out, request, name);
        last = name;
    }
    free(copy);
    return good;
}

/* Dot segments and doubled slashes removed, then encoded once more than on the wire (every service but S3). */
static void add_canonical_path(struct evbuffer *out, const char *path)
{
    char *copy = strdup(path), *rest = copy, *part, *parts[256];
    size_t count = 0, length = strlen(path);
    while (copy != NULL && (part = strsep(&rest, "/")) != NULL) {
        if (strcmp(part, "..") == 0)
            count -= count > 0;
        else if (*part != '\0' && strcmp(part, ".") != 0 && count < sizeof parts / sizeof parts[0])
            parts[count++] = part;
    }
    for (size_t i = 0; i < count; i++) {
        evbuffer_add(out, "/", 1);
        add_encoded(out, parts[i], "");
    }
    if (count == 0 || (length > 0 && path[length - 1] == '/'))
        evbuffer_add(out, "/", 1);
    free(copy);
}

static bool build_canonical(struct evbuffer *out, struct evhttp_request *request, const char *method,
                            const char *target,
                            const char *signed_headers, const char *payload_hash)
{
    char *path = strdup(target), *query = path == NULL ? NULL : strchr(path, '?');
    bool good = path != NULL;
    if (query != NULL)
        *query++ = '\0';
    if (good) {
        evbuffer_add_printf(out, "%s\n", method);
        add_canonical_path(out, path);
        evbuffer_add(out, "\n", 1);
        good = add_canonical_query(out, query ? query : "");
        evbuffer_add(out, "\n", 1);
        good = good && add_canonical_headers(out, request, signed_headers);
        evbuffer_add_printf(out, "\n%s\n%s", signed_headers, payload_hash);
    }
    free(path);
    return good && evbuffer_get_length(out) <= CANONICAL_MAX;
}

static void signature(const char *secret, const struct authorization *auth, const char *to_sign, char out[HEX_SIZE])
{
    char start[512];
    uint8_t key[HASH_SIZE];
    snprintf(start, sizeof start, "AWS4%s", secret);
    hmac(start, strlen(start), auth->date, key);
    hmac(key, sizeof key, auth->region, key);
    hmac(key, sizeof key, auth->service, key);
    hmac(key, sizeof key, "aws4_request", key);
    hmac(key, sizeof key, to_sign, key);
    to_hex(key, out);
    OPENSSL_cleanse(start, sizeof start);
    OPENSSL_cleanse(key, sizeof key);
}

static bool check_signature(struct evhttp_request *request, const char *method, const char *target, const void *body,
                            size_t body_length, const struct authorization *auth, const char *stamp,
                            const struct credential *credential, struct refusal *refusal)
{
    static const char wrong[] = "The request signature we calculated does not match the signature you provided. Check your "
                                "AWS Secret Access Key and signing method. Consult the service documentation for details.";
    const char *sent_hash = evhttp_find_header(evhttp_request_get_input_headers(request), "X-Amz-Content-SHA256");
    char hash[HEX_SIZE], to_sign[1024], expected[HEX_SIZE];
    struct evbuffer *canonical = evbuffer_new();
    sha256_hex(body_length > 0 ? body : "", body_length, hash);
    bool good = canonical != NULL && (sent_hash == NULL || strcmp(sent_hash, hash) == 0)
        && build_canonical(canonical, request, method, target, auth->signed_headers, hash);
    if (good) {
        size_t length = evbuffer_get_length(canonical);
        sha256_hex(evbuffer_pullup(canonical, -1), length, hash);
        snprintf(to_sign, sizeof to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, auth->scope, hash);
        signature(credential->secret, auth, to_sign, expected);
        good = strlen(auth->signature) == HEX_SIZE - 1 && CRYPTO_memcmp(auth->signature, expected, HEX_SIZE - 1) == 0;
    }
    if (canonical != NULL)
        evbuffer_free(canonical);
    return good || mismatch(refusal, wrong);
}

bool sigv4_verify(const struct world *world, struct evhttp_request *request, const char *method, const char *target,
                  const void *body, size_t body_length, const struct credential **credential, struct refusal *refusal)
{
    const char *header = evhttp_find_header(evhttp_request_get_input_headers(request), "Authorization");
    struct authorization auth = { .key = NULL };
    char stamp[24];
    *credential = NULL;
    if (header == NULL) {
        refusal_add(refusal, 403, "MissingAuthenticationToken", "Missing Authentication Token");
        return false;
    }
    if (!parse_authorization(&auth, header, refusal))
        return false;
    const struct credential *who = find_credential(world, request, auth.key);
    if (who == NULL || world->faults.refuse_credentials) {
        refusal_add(refusal, 403, "InvalidClientTokenId", "The security token included in the request is invalid.");
        return false;
    }
    if (strcmp(auth.region, "us-east-1") != 0)
        return mismatch(refusal, "Credential should be scoped to a valid region. ");
    if (strcmp(auth.service, "route53") != 0)
        return mismatch(refusal, "Credential should be scoped to correct service: 'route53'. ");
    if (!check_date(world, request, &auth, stamp, refusal) ||
        !check_signed_headers(request, auth.signed_headers, refusal)
        || !check_signature(request, method, target, body, body_length, &auth, stamp, who, refusal))
        return false;
    *credential = who;
    return true;
}
