/* Building text in a buffer of fixed size: see text.h. */
#include "coordinator/base/text.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/base/ensure.h"

struct text text_over(char *data, size_t capacity)
{
    ensure(data != NULL && capacity > 0);
    data[0] = '\0';
    return (struct text){ .data = data, .capacity = capacity };
}

void text_clear(struct text *text)
{
    text->length = 0;
    text->cut = false;
    text->data[0] = '\0';
}

void text_append_bytes(struct text *text, const char *bytes, size_t count)
{
    size_t room = text->capacity - 1 - text->length;
    if (count > room) {
        count = room;
        text->cut = true;
    }
    if (count > 0)
        memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void text_append(struct text *text, const char *string)
{
    text_append_bytes(text, string, strlen(string));
}

void text_append_char(struct text *text, char c)
{
    text_append_bytes(text, &c, 1);
}

void text_appendv(struct text *text, const char *format, va_list args)
{
    size_t room = text->capacity - text->length;
    int wanted = vsnprintf(text->data + text->length, room, format, args);
    if (wanted < 0) {
        text->data[text->length] = '\0';
        text->cut = true;
    } else if ((size_t)wanted >= room) {
        text->length = text->capacity - 1;
        text->cut = true;
    } else {
        text->length += (size_t)wanted;
    }
}

void text_appendf(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_appendv(text, format, args);
    va_end(args);
}

/* The length of the UTF-8 sequence at `at`, 0 when it is none (also overlong forms, surrogates and
 * beyond U+10FFFF). */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    unsigned char first = at[0];
    size_t length = first < 0x80 ? 1 : first >= 0xc2 && first <= 0xdf ? 2
                  : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f) ||
        (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

void text_append_json(struct text *text, const char *bytes, size_t count)
{
    const unsigned char *at = (const unsigned char *)bytes;
    while (count > 0) {
        size_t length = utf8_length(at, count);
        if (length == 0) {
            text_append(text, "\xef\xbf\xbd");
            length = 1;
        } else if (*at == '"' || *at == '\\') {
            text_append_char(text, '\\');
            text_append_char(text, (char)*at);
        } else if (*at == '\n') {
            text_append(text, "\\n");
        } else if (*at < 0x20 || *at == 0x7f) {
            text_appendf(text, "\\u%04x", *at);
        } else {
            text_append_bytes(text, (const char *)at, length);
        }
        at += length;
        count -= length;
    }
}

void text_append_uri(struct text *text, const char *string, bool keep_slash)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char *at = string; *at != '\0'; at++)
        if (strchr(plain, *at) != NULL || (keep_slash && *at == '/'))
            text_append_char(text, *at);
        else
            text_appendf(text, "%%%02X", (unsigned)(unsigned char)*at);
}

bool text_copy(char *out, size_t size, const char *string)
{
    struct text text = text_over(out, size);
    text_append(&text, string);
    return !text.cut;
}

bool text_parse_u64(const char *string, unsigned long long max, unsigned long long *out)
{
    unsigned long long value = 0;
    if (*string == '\0')
        return false;
    for (const char *at = string; *at != '\0'; at++) {
        if (*at < '0' || *at > '9')
            return false;
        unsigned digit = (unsigned)(*at - '0');
        if (value > (max - digit) / 10 || digit > max)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool text_equal_secret(const char *a, const char *b)
{
    size_t length = strlen(a);
    if (length != strlen(b))
        return false;
    unsigned char different = 0;
    for (size_t i = 0; i < length; i++)
        different = (unsigned char)(different | (a[i] ^ b[i]));
    return different == 0;
}
