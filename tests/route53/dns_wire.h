/* DNS messages: reading a query, writing an answer. No sockets, no zones. */
#ifndef ROUTE53_EMULATOR_DNS_WIRE_H
#define ROUTE53_EMULATOR_DNS_WIRE_H

#include "tests/route53/names.h"

enum {
    DNS_HEADER_SIZE = 12,
    DNS_MESSAGE_MAX = 65535,
    DNS_UDP_PLAIN_MAX = 512,
    DNS_UDP_MAX = 4096,              /* the most that we send over UDP, whatever the client allows */
    DNS_CLASS_IN = 1,
    DNS_TYPE_ANY = 255,
};

enum dns_rcode { DNS_NOERROR = 0, DNS_FORMERR = 1, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_NOTIMP = 4,
                 DNS_REFUSED = 5, DNS_BADVERS = 16 };

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

struct dns_query {
    uint16_t id;
    uint16_t flags;
    bool edns;
    uint8_t edns_version;
    uint16_t udp_size;               /* what the client takes over UDP, at least 512 */
    bool question;                   /* the question below was read */
    struct dname name;               /* lower-cased */
    uint16_t type, class;
    size_t question_length;          /* bytes of the question as sent, which the answer repeats letter by letter */
    const uint8_t *question_bytes;   /* into the packet */
};

enum dns_read { DNS_READ_OK, DNS_READ_DROP, DNS_READ_FORMERR, DNS_READ_NOTIMP };

/* Reads a query. DROP: answer nothing (too short, or itself an answer). With FORMERR and NOTIMP at least
 * the id and flags are there. The packet must outlive the query. */
enum dns_read dns_read_query(struct dns_query *query, const uint8_t *packet, size_t length);

struct dns_message {
    uint8_t bytes[DNS_MESSAGE_MAX];
    size_t length;
    uint16_t counts[3];              /* by enum dns_section; sections must be written in order */
    bool overflow;
};

/* Starts an answer: header and question. */
void dns_begin(struct dns_message *message, const struct dns_query *query);

/* Adds a record. An owner equal to the question's name is compressed. */
void dns_add(struct dns_message *message, const struct dns_query *query, enum dns_section section,
             const struct dname *owner, uint16_t type, uint32_t ttl_s, const uint8_t *rdata, size_t rdata_length);

/* Completes header and OPT. A message longer than `max` bytes goes out with the question only and TC set. */
void dns_end(struct dns_message *message, const struct dns_query *query, enum dns_rcode rcode,
             bool authoritative, size_t max);

#endif
