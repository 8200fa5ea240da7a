/* Resource record sets: the API's form, the wire's form, and the rules that one set must obey by itself.
 *
 * A set is immutable once built and counted by reference, so that versions of a zone, snapshots and the
 * set being served can share it. Rules that need the rest of the zone are batch.c's.
 */
#ifndef ROUTE53_EMULATOR_RECORDS_H
#define ROUTE53_EMULATOR_RECORDS_H

#include <event2/buffer.h>
#include <jansson.h>

#include "tests/route53/names.h"

enum rrtype {
    RR_NONE = 0,
    RR_A = 1, RR_NS = 2, RR_CNAME = 5, RR_SOA = 6, RR_PTR = 12, RR_MX = 15, RR_TXT = 16, RR_AAAA = 28,
    RR_SRV = 33, RR_SPF = 99, RR_CAA = 257,
};

enum routing { ROUTING_SIMPLE, ROUTING_WEIGHTED, ROUTING_LATENCY, ROUTING_FAILOVER, ROUTING_MULTIVALUE };

enum {
    RECORD_VALUES_MAX = 400,         /* values in one set, AWS's limit */
    RECORD_VALUE_CHARACTERS_MAX = 4000,
    RECORD_IDENTIFIER_MAX = 128,
    RECORD_TTL_MAX = 2147483647,
    MESSAGE_SIZE = 8192,             /* one error message, values included */
};

struct rdata {
    uint8_t *bytes;
    size_t length;
};

struct rrset {
    unsigned references;
    struct dname name;
    enum rrtype type;
    char *set_identifier;            /* NULL for a simple set */
    enum routing routing;
    unsigned weight;                 /* ROUTING_WEIGHTED */
    char *region;                    /* ROUTING_LATENCY */
    bool primary;                    /* ROUTING_FAILOVER */
    bool multivalue;                 /* MultiValueAnswer as sent */
    uint32_t ttl_s;                  /* not for an alias */
    size_t value_count;
    char **values;                   /* as sent: listings repeat them letter by letter */
    struct rdata *rdata;             /* the same, encoded; names in it are not compressed */
    bool alias;
    char *alias_zone_id;
    struct dname alias_name;
    bool evaluate_target_health;
    char *health_check_id;           /* or NULL */
};

/* What a client sent, still text. NULL means the element was absent. Pointers are borrowed. */
struct draft {
    const char *name, *type, *set_identifier, *weight, *region, *failover, *multivalue, *ttl;
    bool has_records;
    const char **values;
    size_t value_count;
    bool has_alias;
    const char *alias_zone_id, *alias_name, *evaluate_target_health;
    const char *health_check_id;
    const char *unsupported;         /* an element of AWS's that this emulator has no rules for */
};

enum build_result {
    BUILD_OK,
    BUILD_INVALID_INPUT,             /* the request's shape is wrong: error InvalidInput */
    BUILD_INVALID_BATCH,             /* its content is: error InvalidChangeBatch */
    BUILD_NO_MEMORY,
};

enum rrtype rrtype_parse(const char *text);
const char *rrtype_text(enum rrtype type);

/* Builds a set from a draft. `action` is for the message only. On BUILD_OK *out has one reference. */
enum build_result rrset_build(struct rrset **out, const struct draft *draft, const char *action,
                              char message[MESSAGE_SIZE]);

struct rrset *rrset_take(struct rrset *set);
void rrset_drop(struct rrset *set);       /* NULL is fine */

/* Same name, type and set identifier. */
bool rrset_same_key(const struct rrset *a, const struct rrset *b);

/* Everything that DELETE must repeat is the same; values are compared as a set of exact texts. */
bool rrset_same_content(const struct rrset *a, const struct rrset *b);

/* Listing order: name, then type, then set identifier. */
int rrset_order(const struct rrset *a, const struct rrset *b);
int rrset_order_key(const struct rrset *set, const struct dname *name, const char *type, const char *identifier);

/* "[name='www.example.test.', type='A', set-identifier='x']" */
void rrset_label(const struct rrset *set, char *out, size_t size);

void rrset_write_xml(const struct rrset *set, struct evbuffer *out);
json_t *rrset_to_json(const struct rrset *set);

/* Fills a draft from the JSON form (that of the AWS command line). `values` must hold RECORD_VALUES_MAX.
 * `scratch` keeps converted numbers alive as long as the draft. Returns false and a message. */
struct draft_scratch {
    char weight[24], ttl[24];
};
bool draft_from_json(struct draft *draft, json_t *json, const char **values, struct draft_scratch *scratch,
                     char message[MESSAGE_SIZE]);

#endif
