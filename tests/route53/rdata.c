/* From a value's text to its wire form, with AWS's names for what can be wrong with it.
 *
 * AWS names its rules in errors ("FATAL problem: ARRDATAIllegalIPv4Address (...)"). The names of the
 * common ones are as seen in public reports of real errors; for rarer types they follow the pattern.
 */
#include "tests/route53/rdata.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    RDATA_MAX = 8192,            /* 4000 characters of text can't make more */
    FIELDS_MAX = 8,
    CHARACTER_STRING_MAX = 255,
};

struct encoder {
    uint8_t bytes[RDATA_MAX];
    size_t length;
};

static bool put(struct encoder *encoder, const void *bytes, size_t length)
{
    if (length > sizeof encoder->bytes - encoder->length)
        return false;
    memcpy(encoder->bytes + encoder->length, bytes, length);
    encoder->length += length;
    return true;
}

static bool put_number(struct encoder *encoder, const char *text, unsigned bytes, unsigned long max)
{
    char *end = NULL;
    uint8_t raw[4];
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > max)
        return false;
    for (unsigned i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    return put(encoder, raw, bytes);
}

static bool put_name(struct encoder *encoder, const char *text, const char **fault)
{
    struct dname name;
    enum dname_fault problem = dname_parse(&name, text);
    if (problem != DNAME_OK) {
        *fault = dname_fault_text(problem);
        return false;
    }
    return put(encoder, name.wire, name.length);
}

/* Cuts `text` at runs of spaces. Returns the number of fields, FIELDS_MAX + 1 for too many. */
static size_t split(char *text, char **fields)
{
    size_t count = 0;
    char *rest = text, *field;
    while ((field = strsep(&rest, " \t")) != NULL) {
        if (*field == '\0')
            continue;
        if (count == FIELDS_MAX)
            return FIELDS_MAX + 1;
        fields[count++] = field;
    }
    return count;
}

static bool has_space(const char *text)
{
    return strpbrk(text, " \t\r\n") != NULL;
}

static bool encode_address(struct encoder *encoder, enum rrtype type, const char *text, const char **fault)
{
    uint8_t raw[16];
    if (has_space(text)) {
        *fault = type == RR_A ? "ARRDATANotSingleField (Value contains spaces)"
                              : "AAAARRDATANotSingleField (Value contains spaces)";
        return false;
    }
    if (inet_pton(type == RR_A ? AF_INET : AF_INET6, text, raw) != 1) {
        *fault = type == RR_A ? "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"
                              : "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)";
        return false;
    }
    return put(encoder, raw, type == RR_A ? 4 : 16);
}

static bool encode_single_name(struct encoder *encoder, enum rrtype type, const char *text, const char **fault)
{
    if (has_space(text)) {
        *fault = type == RR_CNAME ? "CNAMERRDATANotSingleField (Value contains spaces)"
               : type == RR_NS ? "NSRRDATANotSingleField (Value contains spaces)"
                               : "PTRRRDATANotSingleField (Value contains spaces)";
        return false;
    }
    return put_name(encoder, text, fault);
}

/* One "..." with \" \\ and \ooo inside. Moves *text past it. */
static bool put_character_string(struct encoder *encoder, const char **text, const char **fault)
{
    uint8_t string[CHARACTER_STRING_MAX + 1];
    size_t length = 0;
    const char *at = *text + 1;
    for (; *at != '"'; ) {
        uint8_t byte;
        if (*at == '\0') {
            *fault = "InvalidCharacterString (Value should be enclosed in quotation marks)";
            return false;
        }
        if (*at == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' && at[3] >= '0' &&
            at[3] <= '7') {
            byte = (uint8_t)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
            at += 4;
        } else if (*at == '\\' && (at[1] == '"' || at[1] == '\\')) {
            byte = (uint8_t)at[1];
            at += 2;
        } else if (*at == '\\' || (unsigned char)*at < ' ' || (unsigned char)*at >= 0x7f) {
            *fault = "InvalidCharacterString (Value contains characters that must be written as \\ooo)";
            return false;
        } else {
            byte = (uint8_t)*at++;
        }
        if (length == CHARACTER_STRING_MAX) {
            *fault = "CharacterStringTooLong (Value is too long)";
            return false;
        }
        string[1 + length++] = byte;
    }
    string[0] = (uint8_t)length;
    *text = at + 1;
    return put(encoder, string, length + 1);
}

static bool encode_text(struct encoder *encoder, const char *text, const char **fault)
{
    size_t count = 0;
    while (*text == ' ' || *text == '\t')
        text++;
    while (*text != '\0') {
        if (*text != '"') {
            *fault = "InvalidCharacterString (Value should be enclosed in quotation marks)";
            return false;
        }
        if (!put_character_string(encoder, &text, fault))
            return false;
        count++;
        if (*text != '\0' && *text != ' ' && *text != '\t') {
            *fault = "InvalidCharacterString (Value should be enclosed in quotation marks)";
            return false;
        }
        while (*text == ' ' || *text == '\t')
            text++;
    }
    if (count == 0)
        *fault = "InvalidCharacterString (Value should be enclosed in quotation marks)";
    return count > 0;
}

/* Types whose text is fields: each row names the fields by a letter. n name, 1 2 4 numbers of so many bytes. */
static bool encode_fields(struct encoder *encoder, const char *form, char *text, const char *count_fault,
                          const char *number_fault, const char **fault)
{
    static const unsigned long max[] = { 0, 0xff, 0xffff, 0, 0xffffffffUL };
    char *fields[FIELDS_MAX];
    if (split(text, fields) != strlen(form)) {
        *fault = count_fault;
        return false;
    }
    for (size_t i = 0; form[i] != '\0'; i++) {
        if (form[i] == 'n') {
            if (!put_name(encoder, fields[i], fault))
                return false;
        } else {
            unsigned bytes = (unsigned)(form[i] - '0');
            if (!put_number(encoder, fields[i], bytes, max[bytes])) {
                *fault = number_fault;
                return false;
            }
        }
    }
    return true;
}

/* flags tag "value" */
static bool encode_caa(struct encoder *encoder, char *text, const char **fault)
{
    char *value = strchr(text, '"');
    char *fields[FIELDS_MAX];
    struct encoder string = { .length = 0 };
    *fault = "CAARRDATAInvalid (Value should contain flags, a tag and a quoted value)";
    if (value == NULL || value == text || value[-1] != ' ')
        return false;
    const char *rest = value;
    if (!put_character_string(&string, &rest, fault) || *rest != '\0')
        return false;
    *value = '\0';
    if (split(text, fields) != 2 || strlen(fields[1]) > 15 || !put_number(encoder, fields[0], 1, 0xff))
        return false;
    uint8_t tag_length = (uint8_t)strlen(fields[1]);
    return put(encoder, &tag_length, 1) && put(encoder, fields[1], tag_length)
        && put(encoder, string.bytes + 1, string.length - 1);
}

static bool encode(struct encoder *encoder, enum rrtype type, char *text, const char **fault)
{
    switch (type) {
    case RR_A:
    case RR_AAAA: return encode_address(encoder, type, text, fault);
    case RR_CNAME:
    case RR_NS:
    case RR_PTR: return encode_single_name(encoder, type, text, fault);
    case RR_TXT:
    case RR_SPF: return encode_text(encoder, text, fault);
    case RR_MX:
        return encode_fields(encoder, "2n", text, "MXRRDATANotTwoFields (MX record doesn't have 2 fields)",
                             "MXRRDATAIllegalPreference (Preference is not valid)", fault);
    case RR_SRV:
        return encode_fields(encoder, "222n", text, "SRVRRDATANotFourFields (SRV record doesn't have 4 fields)",
                             "SRVRRDATAIllegalNumber (Priority, weight or port is not valid)", fault);
    case RR_SOA:
        return encode_fields(encoder, "nn44444", text, "SOARRDATANotSevenFields (SOA record doesn't have 7 fields)",
                             "SOARRDATAIllegalNumber (Serial number or interval is not valid)", fault);
    case RR_CAA: return encode_caa(encoder, text, fault);
    case RR_NONE: break;
    }
    *fault = "UnsupportedType (This type can't be encoded)";
    return false;
}

bool rdata_encode(struct rdata *out, enum rrtype type, const char *text, const char **fault)
{
    struct encoder *encoder = calloc(1, sizeof *encoder);
    char *copy = strdup(text);
    bool good = false;
    *fault = "ValueTooLong (Value is too long)";
    out->bytes = NULL;
    if (encoder == NULL || copy == NULL)
        goto out;
    if (!encode(encoder, type, copy, fault))
        goto out;
    out->bytes = malloc(encoder->length > 0 ? encoder->length : 1);
    if (out->bytes == NULL)
        goto out;
    memcpy(out->bytes, encoder->bytes, encoder->length);
    out->length = encoder->length;
    good = true;
out:
    free(copy);
    free(encoder);
    return good;
}
