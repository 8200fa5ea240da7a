/* Reading DNS queries and writing answers. See dns_wire.h.
 *
 * A query's name is read without following compression: a question has nothing before it to point to, so a
 * pointer there is an error, and loops can't arise. Records behind the question are skipped by length only,
 * as far as needed to find the OPT record.
 */
#include "tests/route53/dns_wire.h"

#include <string.h>

enum {
    FLAG_QR = 0x8000, FLAG_OPCODE = 0x7800, FLAG_AA = 0x0400, FLAG_TC = 0x0200, FLAG_RD = 0x0100,
    TYPE_OPT = 41,
    OPT_SIZE = 11,
    QUERY_RECORDS_MAX = 32,          /* records behind the question that we are willing to skip over */
};

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void put16(uint8_t *bytes, unsigned value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

/* The length of an uncompressed name at `at`, 0 when it is not one. */
static size_t name_length(const uint8_t *packet, size_t length, size_t at)
{
    size_t start = at;
    while (at < length && packet[at] != 0) {
        if (packet[at] > DNAME_LABEL_MAX)
            return 0;
        at += 1u + packet[at];
    }
    return at < length && at + 1 - start <= DNAME_WIRE_MAX ? at + 1 - start : 0;
}

/* Skips a name that may end in a pointer. Returns the offset behind it, 0 for garbage. */
static size_t skip_name(const uint8_t *packet, size_t length, size_t at)
{
    while (at < length) {
        if (packet[at] == 0)
            return at + 1;
        if (packet[at] >= 0xc0)
            return at + 2 <= length ? at + 2 : 0;
        if (packet[at] > DNAME_LABEL_MAX)
            return 0;
        at += 1u + packet[at];
    }
    return 0;
}

static bool read_question(struct dns_query *query, const uint8_t *packet, size_t length)
{
    size_t name = name_length(packet, length, DNS_HEADER_SIZE);
    if (name == 0 || length < DNS_HEADER_SIZE + name + 4)
        return false;
    if (!dname_from_wire(&query->name, packet + DNS_HEADER_SIZE, name))
        return false;
    query->type = get16(packet + DNS_HEADER_SIZE + name);
    query->class = get16(packet + DNS_HEADER_SIZE + name + 2);
    query->question_bytes = packet + DNS_HEADER_SIZE;
    query->question_length = name + 4;
    query->question = true;
    return true;
}

/* Finds OPT among the records behind the question. */
static bool read_records(struct dns_query *query, const uint8_t *packet, size_t length, size_t count)
{
    size_t at = DNS_HEADER_SIZE + query->question_length;
    if (count > QUERY_RECORDS_MAX)
        return false;
    for (; count > 0; count--) {
        bool root = at < length && packet[at] == 0;
        at = skip_name(packet, length, at);
        if (at == 0 || length - at < 10)
            return false;
        size_t data = get16(packet + at + 8);
        if (length - at - 10 < data)
            return false;
        if (get16(packet + at) == TYPE_OPT) {
            if (!root || query->edns)
                return false;
            query->edns = true;
            query->udp_size = get16(packet + at + 2);
            query->edns_version = packet[at + 5];
        }
        at += 10 + data;
    }
    return true;
}

enum dns_read dns_read_query(struct dns_query *query, const uint8_t *packet, size_t length)
{
    memset(query, 0, sizeof *query);
    query->udp_size = DNS_UDP_PLAIN_MAX;
    if (length < DNS_HEADER_SIZE)
        return DNS_READ_DROP;
    query->id = get16(packet);
    query->flags = get16(packet + 2);
    if ((query->flags & FLAG_QR) != 0)
        return DNS_READ_DROP;
    if ((query->flags & FLAG_OPCODE) != 0)
        return DNS_READ_NOTIMP;
    if (get16(packet + 4) != 1 || !read_question(query, packet, length))
        return DNS_READ_FORMERR;
    size_t records = (size_t)get16(packet + 6) + get16(packet + 8) + get16(packet + 10);
    if (!read_records(query, packet, length, records))
        return DNS_READ_FORMERR;
    if (query->udp_size < DNS_UDP_PLAIN_MAX)
        query->udp_size = DNS_UDP_PLAIN_MAX;
    if (query->udp_size > DNS_UDP_MAX)
        query->udp_size = DNS_UDP_MAX;
    return DNS_READ_OK;
}

void dns_begin(struct dns_message *message, const struct dns_query *query)
{
    memset(message->bytes, 0, DNS_HEADER_SIZE);
    memset(message->counts, 0, sizeof message->counts);
    message->overflow = false;
    message->length = DNS_HEADER_SIZE;
    if (query->question) {
        memcpy(message->bytes + DNS_HEADER_SIZE, query->question_bytes, query->question_length);
        message->length += query->question_length;
    }
}

static uint8_t *room(struct dns_message *message, size_t length)
{
    if (message->overflow || sizeof message->bytes - message->length < length) {
        message->overflow = true;
        return NULL;
    }
    uint8_t *at = message->bytes + message->length;
    message->length += length;
    return at;
}

void dns_add(struct dns_message *message, const struct dns_query *query, enum dns_section section,
             const struct dname *owner, uint16_t type, uint32_t ttl_s, const uint8_t *rdata, size_t rdata_length)
{
    bool compress = query->question && dname_equal(owner, &query->name);
    size_t owner_length = compress ? 2 : owner->length;
    uint8_t *at = room(message, owner_length + 10 + rdata_length);
    if (at == NULL)
        return;
    if (compress)
        put16(at, 0xc000 | DNS_HEADER_SIZE);
    else
        memcpy(at, owner->wire, owner->length);
    at += owner_length;
    put16(at, type);
    put16(at + 2, DNS_CLASS_IN);
    put16(at + 4, ttl_s >> 16);
    put16(at + 6, ttl_s & 0xffff);
    put16(at + 8, (unsigned)rdata_length);
    if (rdata_length > 0)
        memcpy(at + 10, rdata, rdata_length);
    message->counts[section]++;
}

void dns_end(struct dns_message *message, const struct dns_query *query, enum dns_rcode rcode,
             bool authoritative, size_t max)
{
    size_t opt = query->edns ? OPT_SIZE : 0;
    bool truncated = message->overflow || message->length + opt > max;
    if (truncated) {
        message->length = DNS_HEADER_SIZE + query->question_length;
        memset(message->counts, 0, sizeof message->counts);
        message->overflow = false;
    }
    unsigned flags = FLAG_QR | (query->flags & (FLAG_OPCODE | FLAG_RD)) | ((unsigned)rcode & 15);
    put16(message->bytes, query->id);
    put16(message->bytes + 2, flags | (authoritative ? FLAG_AA : 0) | (truncated ? FLAG_TC : 0));
    uint8_t *at = opt > 0 ? room(message, opt) : NULL;
    if (at != NULL) {
        memset(at, 0, opt);
        put16(at + 1, TYPE_OPT);
        put16(at + 3, DNS_UDP_MAX);
        at[5] = (uint8_t)((unsigned)rcode >> 4);
        message->counts[DNS_ADDITIONAL]++;
    }
    put16(message->bytes + 4, query->question ? 1 : 0);
    for (unsigned i = 0; i < 3; i++)
        put16(message->bytes + 6 + 2 * i, message->counts[i]);
}
