/* A DNS response on the wire to a list of records: see dns_message.h. */
#include "coordinator/base/dns_message.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "coordinator/base/text.h"

#define HEADER_LENGTH 12
#define QUESTIONS_MAX 4
#define ANSWERS_MAX 512
#define CLASS_IN 1
#define LABEL_MAX 63
#define NAME_WIRE_MAX 255

struct reader {
    const uint8_t *message;
    size_t length;
    size_t at;
};

static bool read_u16(struct reader *reader, uint16_t *out)
{
    if (reader->length - reader->at < 2)
        return false;
    *out = (uint16_t)(reader->message[reader->at] << 8 | reader->message[reader->at + 1]);
    reader->at += 2;
    return true;
}

static bool read_u32(struct reader *reader, uint32_t *out)
{
    uint16_t high, low;
    if (!read_u16(reader, &high) || !read_u16(reader, &low))
        return false;
    *out = (uint32_t)high << 16 | low;
    return true;
}

static void append_label(struct text *text, const uint8_t *label, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int c = label[i];
        if (isalnum(c) || c == '-' || c == '_' || c == '*' || c == '/')
            text_append_char(text, (char)tolower(c));
        else
            text_appendf(text, "\\%03d", c);
    }
}

/* Reads a name and steps over it. Each pointer must lead to before the place where the name, or the
 * part that was last jumped to, began: so there can be no circle. */
static bool read_name(struct reader *reader, struct text *name)
{
    size_t at = reader->at, limit = reader->at, wire = 0;
    bool jumped = false;
    for (;;) {
        if (at >= reader->length)
            return false;
        uint8_t size = reader->message[at];
        if ((size & 0xc0) == 0xc0) {
            if (reader->length - at < 2)
                return false;
            size_t target = (size_t)(size & 0x3f) << 8 | reader->message[at + 1];
            if (target >= limit)
                return false;
            if (!jumped)
                reader->at = at + 2;
            jumped = true;
            limit = at = target;
            continue;
        }
        wire += (size_t)size + 1;
        if (size > LABEL_MAX || wire > NAME_WIRE_MAX || reader->length - at - 1 < size)
            return false;
        if (size == 0)
            break;
        if (name->length > 0)
            text_append_char(name, '.');
        append_label(name, reader->message + at + 1, size);
        at += (size_t)size + 1;
    }
    if (!jumped)
        reader->at = at + 1;
    return !name->cut;
}

static bool skip_questions(struct reader *reader, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char buffer[NAME_WIRE_MAX * 4 + 1];
        struct text name = TEXT_OF(buffer);
        uint16_t type, class;
        if (!read_name(reader, &name) || !read_u16(reader, &type) || !read_u16(reader, &class))
            return false;
    }
    return true;
}

static bool read_txt(const uint8_t *data, size_t length, struct text *value)
{
    for (size_t at = 0; at < length;) {
        size_t size = data[at++];
        if (size > length - at)
            return false;
        for (size_t i = 0; i < size; i++)
            text_append_char(value, isprint(data[at + i]) ? (char)data[at + i] : '?');
        at += size;
    }
    return length > 0;
}

static bool read_soa(struct reader *data, struct resolve_record *record, struct text *value)
{
    if (!read_name(data, value))
        return false;
    char buffer[RESOLVER_NAME_MAX];
    struct text rname = TEXT_OF(buffer);
    uint32_t numbers[5];
    if (!read_name(data, &rname))
        return false;
    text_appendf(value, " %s", buffer);
    for (size_t i = 0; i < 5; i++) {
        if (!read_u32(data, &numbers[i]))
            return false;
        text_appendf(value, " %u", numbers[i]);
    }
    record->soa_serial = numbers[0];
    return true;
}

/* `data` may look back into the whole message for compressed names, but ends where the record ends. */
static bool read_value(struct reader *data, size_t size, struct resolve_record *record)
{
    const uint8_t *bytes = data->message + data->at;
    struct text value = TEXT_OF(record->value);
    bool good = false;
    switch (record->type) {
    case RESOLVE_TYPE_A:
        good = size == 4 && inet_ntop(AF_INET, bytes, record->value, sizeof record->value) != NULL;
        break;
    case RESOLVE_TYPE_AAAA:
        good = size == 16 && inet_ntop(AF_INET6, bytes, record->value, sizeof record->value) != NULL;
        break;
    case RESOLVE_TYPE_NS:
    case RESOLVE_TYPE_CNAME:
        good = read_name(data, &value) && data->at == data->length;
        break;
    case RESOLVE_TYPE_SOA:
        good = read_soa(data, record, &value) && data->at == data->length;
        break;
    case RESOLVE_TYPE_TXT:
        good = read_txt(bytes, size, &value);
        break;
    }
    return good;
}

static bool is_known_type(uint16_t type)
{
    return type == RESOLVE_TYPE_A || type == RESOLVE_TYPE_AAAA || type == RESOLVE_TYPE_NS ||
           type == RESOLVE_TYPE_CNAME || type == RESOLVE_TYPE_SOA || type == RESOLVE_TYPE_TXT;
}

static bool read_record(struct reader *reader, struct resolve_answer *answer)
{
    struct resolve_record record = { .ttl_s = 0 };
    char buffer[NAME_WIRE_MAX * 4 + 1];
    struct text name = TEXT_OF(buffer);
    uint16_t type, class, size;
    if (!read_name(reader, &name) || !read_u16(reader, &type) || !read_u16(reader, &class) ||
        !read_u32(reader, &record.ttl_s) || !read_u16(reader, &size) ||
        size > reader->length - reader->at)
        return false;
    struct reader data = { .message = reader->message, .length = reader->at + size, .at = reader->at };
    reader->at += size;
    if (class != CLASS_IN || !is_known_type(type))
        return true;
    if (record.ttl_s > INT32_MAX)
        record.ttl_s = 0; /* RFC 2181: the sign bit means nothing good */
    record.type = (enum resolve_type)type;
    if (!read_value(&data, size, &record))
        return false;
    if (!text_copy(record.name, sizeof record.name, buffer) ||
        answer->record_count == RESOLVER_RECORDS_MAX) {
        answer->more = true;
        return true;
    }
    answer->records[answer->record_count++] = record;
    return true;
}

bool dns_message_parse(const uint8_t *message, size_t length, struct resolve_answer *answer)
{
    struct reader reader = { .message = message, .length = length };
    uint16_t id, flags, questions, answers, authorities, additional;
    answer->record_count = 0;
    answer->more = false;
    if (!read_u16(&reader, &id) || !read_u16(&reader, &flags) || !read_u16(&reader, &questions) ||
        !read_u16(&reader, &answers) || !read_u16(&reader, &authorities) ||
        !read_u16(&reader, &additional))
        return false;
    if ((flags & 0x8000) == 0 || questions > QUESTIONS_MAX || answers > ANSWERS_MAX)
        return false;
    answer->rcode = flags & 0xf;
    answer->authoritative = (flags & 0x0400) != 0;
    if (!skip_questions(&reader, questions))
        return false;
    for (unsigned i = 0; i < answers; i++)
        if (!read_record(&reader, answer))
            return false;
    return true;
}
