/* What a DNS provider is to the coordinator: records, the fence TXT, and three asynchronous acts.
 *
 * The core decides between the acts, so they are separate: *read* (what is there), *submit* (one
 * atomic change that swaps the fence TXT and sets the records) and *poll* (is it everywhere yet).
 * Nothing in dns/ retries a change on its own: an outcome says what happened and what may be done.
 * route53.h carries them out.
 */
#ifndef FAILOVERD_DNS_PROVIDER_H
#define FAILOVERD_DNS_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX 256
#define DNS_VALUE_MAX 256
#define DNS_VALUES_MAX 8
#define DNS_SET_IDENTIFIER_MAX 129
#define DNS_HEALTH_CHECK_MAX 65
#define DNS_ZONE_ID_MAX 33
#define DNS_RECORDS_MAX 24
#define DNS_TEXT_MAX 512
#define DNS_CHANGE_ID_MAX 64
#define DNS_SERVICE_MAX 65
/* A foreign TXT that is larger than this can't be adopted by us; a person has to remove it. */
#define DNS_FENCE_VALUES_MAX 4
#define DNS_FENCE_VALUE_MAX 1024

enum dns_type { DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_CNAME };

enum dns_kind {
    DNS_KIND_SIMPLE,
    DNS_KIND_ALIAS,    /* the provider follows alias_name; no ttl and no values */
    DNS_KIND_WEIGHTED, /* set_identifier and weight; values or an alias */
    DNS_KIND_FAILOVER, /* set_identifier and role; values or an alias */
};

enum dns_failover_role { DNS_ROLE_PRIMARY, DNS_ROLE_SECONDARY };

/* One record set as it should be. Names are absolute, with or without the final dot; they are
 * compared without it and without regard to case. */
struct dns_record {
    char name[DNS_NAME_MAX];
    enum dns_type type;
    enum dns_kind kind;
    uint32_t ttl_s;                              /* not for aliases */
    char set_identifier[DNS_SET_IDENTIFIER_MAX]; /* weighted, failover */
    uint32_t weight;                             /* weighted: 0 to 255 */
    enum dns_failover_role role;                 /* failover */
    char health_check_id[DNS_HEALTH_CHECK_MAX];  /* "" for none */
    /* Kind alias always; weighted and failover when alias_name isn't "". */
    char alias_zone_id[DNS_ZONE_ID_MAX];
    char alias_name[DNS_NAME_MAX];
    bool alias_evaluate_health;
    size_t value_count;
    char values[DNS_VALUES_MAX][DNS_VALUE_MAX]; /* IP literals, or one name for CNAME */
};

/* What the fence TXT says of the change that it came with. Within one operation traffic may move by and by: then
 * `version` grows with each change. */
struct dns_stamp {
    uint64_t epoch;
    uint64_t operation;
    uint8_t share;    /* percent of the traffic that is at the writer's region; 100 unless it moves by and by */
    uint64_t version; /* of the ledger that asked for the share; 0: of an operation that moves all at once */
};

/* The fence TXT: which change last wrote this zone for the service. */
enum dns_fence_state {
    DNS_FENCE_ABSENT,
    DNS_FENCE_OURS,    /* parsed; service and stamp are set */
    DNS_FENCE_FOREIGN, /* something else: no automatic change; values are as read */
};

struct dns_fence {
    enum dns_fence_state state;
    char service[DNS_SERVICE_MAX];
    struct dns_stamp stamp;
    /* Exactly as the provider listed it (quotes and escapes included), to be given back to submit. */
    uint32_t ttl_s;
    size_t value_count;
    char values[DNS_FENCE_VALUES_MAX][DNS_FENCE_VALUE_MAX];
    /* A foreign one that doesn't fit here or has a routing policy: it can't be deleted by submit. */
    bool cannot_delete;
};

/* How a desired record compares with what the zone holds. */
struct dns_record_state {
    bool present; /* same name, type and set identifier */
    bool matches; /* and everything else equal */
    /* Another type or routing policy at the name, with which the provider would refuse the change. */
    bool blocked;
    char now[DNS_TEXT_MAX]; /* what is there, for people; "absent" */
};

enum dns_outcome {
    DNS_DONE,     /* read: result valid; submit: accepted; poll: answered */
    DNS_CONFLICT, /* submit: the fence TXT isn't as it was read: nothing changed; read again */
    DNS_RETRY,    /* nothing changed: throttled, another change in progress, 503, no connection */
    DNS_UNKNOWN,  /* submit: no answer, or none that can be understood; it may have been applied: read */
    DNS_REFUSED,  /* credentials, permission, clock, no such zone: a person has to act */
    DNS_INVALID,  /* the provider can't do this change as it is (not because of the fence) */
};

/* "done", "conflict", ...: stable names for logs, status and the journal. */
const char *dns_outcome_name(enum dns_outcome outcome);

/* Every answer begins with these. */
struct dns_result {
    enum dns_outcome outcome;
    int64_t retry_after_ms; /* advice for DNS_RETRY and DNS_UNKNOWN; add jitter */
    int64_t took_us;
    int http_status;         /* 0 when none came */
    char code[64];           /* the provider's error code, "" for none */
    char request_id[64];     /* for asking the provider's support, "" for none */
    char text[DNS_TEXT_MAX]; /* what happened, what it means, what to do; never a secret */
};

/* Only DNS_DONE tells about the zone; otherwise the fence is one that submit refuses. */
struct dns_read_result {
    struct dns_result base;
    struct dns_fence fence;
    size_t record_count; /* as many as were asked about, in that order */
    struct dns_record_state records[DNS_RECORDS_MAX];
    bool all_match;
};

struct dns_submit_result {
    struct dns_result base;
    char change_id[DNS_CHANGE_ID_MAX]; /* for poll; "C..." */
    bool in_sync;                      /* already everywhere, says the reply */
};

struct dns_poll_result {
    struct dns_result base;
    bool in_sync; /* false: still pending */
};

/* Valid during the call only; called on the loop, exactly once, never within the starting call. */
typedef void dns_read_done(const struct dns_read_result *result, void *arg);
typedef void dns_submit_done(const struct dns_submit_result *result, void *arg);
typedef void dns_poll_done(const struct dns_poll_result *result, void *arg);

/* What to change, in one batch. */
struct dns_change {
    const char *service;
    struct dns_stamp stamp;
    const char *fence_name; /* a dedicated name in the zone */
    uint32_t fence_ttl_s;
    /* The fence as read: ABSENT creates without deleting; FOREIGN only when a person adopted it. */
    const struct dns_fence *fence;
    bool adopt_foreign;
    const struct dns_record *records; /* at least one, each with a value or an alias */
    size_t record_count;
};

#endif
