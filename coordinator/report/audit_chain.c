/* Sealing and reading lines of the audit trail: see audit_chain.h. */
#include "coordinator/report/audit_chain.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define HASH_DIGITS (AUDIT_HASH_SIZE - 1)
#define SEAL_BEFORE ",\"hash\":\""
#define SEAL_AFTER "\"}"
#define SEAL_LENGTH (sizeof SEAL_BEFORE - 1 + HASH_DIGITS + sizeof SEAL_AFTER - 1)

const char audit_genesis[AUDIT_HASH_SIZE] = "0000000000000000000000000000000000000000000000000000000000000000";

/* Over both parts, as if they were one. */
static bool hash_two(const char *bytes, size_t length, const char *more, size_t more_length,
                     char hash[AUDIT_HASH_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(context, bytes, length) == 1 &&
                EVP_DigestUpdate(context, more, more_length) == 1 &&
                EVP_DigestFinal_ex(context, sum, &size) == 1 && size == HASH_DIGITS / 2;
    EVP_MD_CTX_free(context);
    for (size_t i = 0; good && i < size; i++) {
        hash[2 * i] = digits[sum[i] >> 4];
        hash[2 * i + 1] = digits[sum[i] & 15];
    }
    hash[HASH_DIGITS] = '\0';
    return good;
}

bool audit_hash(const char *bytes, size_t length, char hash[AUDIT_HASH_SIZE])
{
    return hash_two(bytes, length, "", 0, hash);
}

static bool is_hash(const char *text, size_t length)
{
    return length == HASH_DIGITS && strspn(text, "0123456789abcdef") >= HASH_DIGITS;
}

/* The keys in the order in which people read them: seq first, prev last. */
static json_t *with_place(const json_t *body, uint64_t seq, const char *prev)
{
    json_t *line = json_object();
    if (line == NULL)
        return NULL;
    int bad = json_object_set_new(line, "seq", json_integer((json_int_t)seq));
    bad |= json_object_update(line, (json_t *)body);
    bad |= json_object_set_new(line, "prev", json_string(prev));
    if (bad == 0)
        return line;
    json_decref(line);
    return NULL;
}

char *audit_seal(const json_t *body, uint64_t seq, const char *prev, struct audit_link *link, size_t *length,
                 struct fault *fault)
{
    json_t *line = with_place(body, seq, prev);
    size_t size = line != NULL ? json_dumpb(line, NULL, 0, JSON_COMPACT) : 0;
    char *text = NULL;
    *link = (struct audit_link){ .seq = seq };
    if (size < 2) {
        (void)fault_set(fault, "out of memory for a line of the audit trail");
        goto out;
    }
    *length = size - 1 + SEAL_LENGTH;
    if (*length > AUDIT_LINE_MAX) {
        (void)fault_set(fault, "its line of the audit trail would have %zu bytes; at most %d are kept", *length,
                        AUDIT_LINE_MAX);
        goto out;
    }
    text = malloc(*length + 1);
    if (text == NULL || json_dumpb(line, text, size, JSON_COMPACT) != size || !audit_hash(text, size, link->hash)) {
        (void)fault_set(fault, "out of memory for a line of the audit trail");
        free(text);
        text = NULL;
        goto out;
    }
    memcpy(link->prev, prev, AUDIT_HASH_SIZE);
    char *at = text + size - 1;
    memcpy(at, SEAL_BEFORE, sizeof SEAL_BEFORE - 1);
    at += sizeof SEAL_BEFORE - 1;
    memcpy(at, link->hash, HASH_DIGITS);
    memcpy(at + HASH_DIGITS, SEAL_AFTER, sizeof SEAL_AFTER);
out:
    json_decref(line);
    return text;
}

/* Do the bytes end as audit_seal ends them, and does the hash there fit the rest? */
static bool seal_fits(const char *text, size_t length, const char *hash)
{
    char counted[AUDIT_HASH_SIZE];
    if (length <= SEAL_LENGTH)
        return false;
    const char *seal = text + length - SEAL_LENGTH;
    const char *digits = seal + sizeof SEAL_BEFORE - 1;
    return memcmp(seal, SEAL_BEFORE, sizeof SEAL_BEFORE - 1) == 0 && memcmp(digits, hash, HASH_DIGITS) == 0 &&
           memcmp(digits + HASH_DIGITS, SEAL_AFTER, sizeof SEAL_AFTER - 1) == 0 &&
           hash_two(text, length - SEAL_LENGTH, "}", 1, counted) && memcmp(counted, hash, HASH_DIGITS) == 0;
}

enum audit_shape audit_read(const char *text, size_t length, struct audit_link *link, json_t **body)
{
    json_t *line = length <= AUDIT_LINE_MAX ? json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *seq = json_object_get(line, "seq");
    const json_t *prev = json_object_get(line, "prev");
    const json_t *hash = json_object_get(line, "hash");
    enum audit_shape shape = AUDIT_ALIEN;
    *link = (struct audit_link){ .seq = 0 };
    if (json_is_integer(seq) && json_integer_value(seq) > 0 && json_is_string(prev) && json_is_string(hash) &&
        is_hash(json_string_value(prev), json_string_length(prev)) &&
        is_hash(json_string_value(hash), json_string_length(hash))) {
        link->seq = (uint64_t)json_integer_value(seq);
        memcpy(link->prev, json_string_value(prev), AUDIT_HASH_SIZE);
        memcpy(link->hash, json_string_value(hash), AUDIT_HASH_SIZE);
        shape = seal_fits(text, length, link->hash) ? AUDIT_WHOLE : AUDIT_CHANGED;
    }
    if (body != NULL)
        *body = shape != AUDIT_ALIEN ? json_incref(line) : NULL;
    json_decref(line);
    return shape;
}
