/* Domain names: text to wire and back, containment and the listing order. See names.h. */
#include "tests/route53/names.h"

#include <string.h>

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* Reads one possibly escaped byte; returns the characters used, 0 when the text is not valid. */
static size_t read_byte(const char *text, uint8_t *byte)
{
    unsigned char c = (unsigned char)text[0];
    if (c == '\\') {
        if (!is_octal(text[1]) || !is_octal(text[2]) || !is_octal(text[3]) || text[1] > '3')
            return 0;
        *byte = (uint8_t)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
        return 4;
    }
    if (c <= ' ' || c >= 0x7f)
        return 0;
    *byte = c;
    return 1;
}

enum dname_fault dname_parse(struct dname *name, const char *text)
{
    size_t at = 0;
    memset(name, 0, sizeof *name);
    if (text[0] == '\0')
        return DNAME_EMPTY;
    if (text[0] == '.' && text[1] == '\0') {
        name->length = 1;
        return DNAME_OK;
    }
    while (*text != '\0') {
        size_t label = at++;
        while (*text != '\0' && *text != '.') {
            uint8_t byte;
            size_t used = read_byte(text, &byte);
            if (used == 0)
                return DNAME_BAD_CHARACTER;
            if (at - label > DNAME_LABEL_MAX)
                return DNAME_LABEL_TOO_LONG;
            if (at >= DNAME_WIRE_MAX - 1)
                return DNAME_TOO_LONG;
            name->wire[at++] = lower(byte);
            text += used;
        }
        if (at - label == 1)
            return DNAME_LABEL_EMPTY;
        if (at >= DNAME_WIRE_MAX)
            return DNAME_TOO_LONG;
        name->wire[label] = (uint8_t)(at - label - 1);
        if (*text == '.')
            text++;
    }
    name->wire[at++] = 0;
    name->length = (uint8_t)at;
    return DNAME_OK;
}

const char *dname_fault_text(enum dname_fault fault)
{
    switch (fault) {
    case DNAME_OK: return "";
    case DNAME_EMPTY: return "DomainNameEmpty (Domain name is empty)";
    case DNAME_LABEL_EMPTY: return "DomainLabelEmpty (Domain label is empty)";
    case DNAME_LABEL_TOO_LONG: return "DomainLabelTooLong (Domain label is too long)";
    case DNAME_TOO_LONG: return "DomainNameTooLong (Domain name is too long)";
    case DNAME_BAD_CHARACTER: return "UnsupportedCharacter (Value contains unsupported characters)";
    }
    return "";
}

char *dname_text(const struct dname *name, char *out)
{
    char *to = out;
    size_t at = 0;
    while (at < name->length && name->wire[at] != 0) {
        size_t end = at + 1 + name->wire[at];
        for (at++; at < end; at++) {
            uint8_t byte = name->wire[at];
            if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_') {
                *to++ = (char)byte;
            } else {
                *to++ = '\\';
                *to++ = (char)('0' + (byte >> 6));
                *to++ = (char)('0' + ((byte >> 3) & 7));
                *to++ = (char)('0' + (byte & 7));
            }
        }
        *to++ = '.';
    }
    if (to == out)
        *to++ = '.';
    *to = '\0';
    return out;
}

bool dname_from_wire(struct dname *name, const uint8_t *wire, size_t length)
{
    size_t at = 0;
    if (length == 0 || length > DNAME_WIRE_MAX)
        return false;
    memset(name, 0, sizeof *name);
    while (wire[at] != 0) {
        size_t label = wire[at];
        if (label > DNAME_LABEL_MAX || at + 1 + label >= length)
            return false;
        name->wire[at] = (uint8_t)label;
        for (size_t i = 1; i <= label; i++)
            name->wire[at + i] = lower(wire[at + i]);
        at += 1 + label;
    }
    if (at + 1 != length)
        return false;
    name->length = (uint8_t)length;
    return true;
}

bool dname_equal(const struct dname *a, const struct dname *b)
{
    return a->length == b->length && memcmp(a->wire, b->wire, a->length) == 0;
}

bool dname_parent(const struct dname *name, struct dname *parent)
{
    if (name->length <= 1)
        return false;
    size_t skip = 1u + name->wire[0];
    struct dname copy = { 0 };
    copy.length = (uint8_t)(name->length - skip);
    memcpy(copy.wire, name->wire + skip, copy.length);
    *parent = copy;
    return true;
}

bool dname_within(const struct dname *child, const struct dname *parent)
{
    size_t at = 0;
    while (child->length - at > parent->length && child->wire[at] != 0)
        at += 1u + child->wire[at];
    return child->length - at == parent->length && memcmp(child->wire + at, parent->wire, parent->length) == 0;
}

bool dname_prepend(struct dname *out, const char *label, const struct dname *parent)
{
    size_t length = strlen(label);
    struct dname copy = { 0 };
    if (length == 0 || length > DNAME_LABEL_MAX || parent->length + length + 1 > DNAME_WIRE_MAX)
        return false;
    copy.wire[0] = (uint8_t)length;
    for (size_t i = 0; i < length; i++)
        copy.wire[1 + i] = lower((uint8_t)label[i]);
    memcpy(copy.wire + 1 + length, parent->wire, parent->length);
    copy.length = (uint8_t)(parent->length + length + 1);
    *out = copy;
    return true;
}

bool dname_is_wildcard(const struct dname *name)
{
    return name->length > 2 && name->wire[0] == 1 && name->wire[1] == '*';
}

unsigned dname_label_count(const struct dname *name)
{
    unsigned count = 0;
    for (size_t at = 0; at < name->length && name->wire[at] != 0; at += 1u + name->wire[at])
        count++;
    return count;
}

/* Writes "com.example.www." from the wire form of www.example.com.; returns its length. */
static size_t reversed(const struct dname *name, uint8_t *out)
{
    size_t starts[DNAME_WIRE_MAX / 2 + 1];
    size_t count = 0, length = 0;
    for (size_t at = 0; at < name->length && name->wire[at] != 0; at += 1u + name->wire[at])
        starts[count++] = at;
    while (count > 0) {
        size_t at = starts[--count];
        memcpy(out + length, name->wire + at + 1, name->wire[at]);
        length += name->wire[at];
        out[length++] = '.';
    }
    return length;
}

int dname_order(const struct dname *a, const struct dname *b)
{
    uint8_t left[DNAME_WIRE_MAX + 1], right[DNAME_WIRE_MAX + 1];
    size_t left_length = reversed(a, left), right_length = reversed(b, right);
    size_t common = left_length < right_length ? left_length : right_length;
    int order = memcmp(left, right, common);
    if (order != 0)
        return order < 0 ? -1 : 1;
    return left_length == right_length ? 0 : left_length < right_length ? -1 : 1;
}
