/* Route 53's XML, both ways, without any I/O; the only file that includes expat is route53_xml.c.
 *
 * Readers take whole documents from an untrusted peer: a document type is refused (so there are no entities to
 * expand), depth, element count and the length of every text are bounded.
 */
#ifndef FAILOVERD_DNS_ROUTE53_XML_H
#define FAILOVERD_DNS_ROUTE53_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/text.h"
#include "dns/provider.h"

#define ROUTE53_XML_DEPTH_MAX 12
#define ROUTE53_XML_ELEMENTS_MAX 50000
#define ROUTE53_XML_TEXT_MAX 4096
#define ROUTE53_TYPE_MAX 16
/* Longer batches are refused by the provider. */
#define ROUTE53_BATCH_CHARACTERS_MAX 32000
#define ROUTE53_BATCH_XML_MAX (128 * 1024)

/* One listed record set. Names have their escapes undone (\052 is *), are lower case and without final dot. */
struct route53_listed {
    char name[DNS_NAME_MAX];
    char type[ROUTE53_TYPE_MAX];
    char set_identifier[DNS_SET_IDENTIFIER_MAX];
    char failover[ROUTE53_TYPE_MAX]; /* "PRIMARY", "SECONDARY" or "" */
    bool has_weight;
    uint32_t weight;
    bool other_routing; /* latency, geography, multivalue...: not ours */
    char health_check_id[DNS_HEALTH_CHECK_MAX];
    bool has_ttl;
    uint32_t ttl_s;
    bool is_alias;
    char alias_zone_id[DNS_ZONE_ID_MAX];
    char alias_name[DNS_NAME_MAX];
    bool alias_evaluate_health;
    size_t value_count; /* also those beyond DNS_VALUES_MAX */
    bool does_not_fit;  /* some field or value is longer than there is room for */
    char values[DNS_VALUES_MAX][DNS_FENCE_VALUE_MAX];
};

struct route53_page {
    bool truncated;
    char next_name[DNS_NAME_MAX]; /* as the provider gave it */
    char next_type[ROUTE53_TYPE_MAX];
    char next_identifier[DNS_SET_IDENTIFIER_MAX];
};

struct route53_change_info {
    char id[DNS_CHANGE_ID_MAX]; /* without "/change/" */
    bool in_sync;
};

struct route53_error {
    char code[64];
    char message[1024]; /* all messages, joined by a space */
    char request_id[64];
};

typedef void route53_on_listed(const struct route53_listed *listed, void *arg);

/* Calls `on_listed` for each record set in order. False with the fault set when the document isn't a whole,
 * proper listing (the callback may have been called by then: drop what it gathered). */
bool route53_xml_read_list(const char *body, size_t length, route53_on_listed *on_listed, void *arg,
                           struct route53_page *page, struct fault *fault) CHECKED;
/* Of ChangeResourceRecordSetsResponse and GetChangeResponse. */
bool route53_xml_read_change(const char *body, size_t length, struct route53_change_info *out,
                             struct fault *fault) CHECKED;
bool route53_xml_read_error(const char *body, size_t length, struct route53_error *out,
                            struct fault *fault) CHECKED;

/* The whole request for a change: DELETE of the fence as read, CREATE of ours, UPSERT of the
 * records. False with the fault set when a record is incomplete (an empty set is never written), a value is not what
 * its type needs, or the batch is too large. */
bool route53_xml_write_change(struct text *out, const struct dns_change *change, struct fault *fault) CHECKED;

/* Lower case, without the final dot, \ooo undone: for comparing names. False when it doesn't fit. */
bool route53_normal_name(const char *name, char *out, size_t size);

#endif
