/* The account that the emulator plays: zones and their versions, changes and their time, faults, logs.
 *
 * A zone is a row of immutable versions. A batch makes the next version or nothing at all; listings read
 * `current` at once, DNS reads `served`, which follows when the change turns INSYNC (or at once, if set).
 * Snapshots are just further references to a version. One thread, one loop, no locks.
 */
#ifndef ROUTE53_EMULATOR_WORLD_H
#define ROUTE53_EMULATOR_WORLD_H

#include <event2/event.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/route53/records.h"

enum {
    ZONES_MAX = 64,
    SNAPSHOTS_MAX = 32,              /* of one zone */
    CHANGES_MAX = 200000,            /* of the whole run; further batches answer 500 */
    REQUEST_LOG_MAX = 20000,         /* oldest go first */
    CREDENTIALS_MAX = 8,
    ZONE_RRSETS_MAX = 10000,         /* AWS's default quota */
    ID_SIZE = 33,
    NAME_SERVERS_MAX = 8,
};

struct zone_version {
    unsigned references;
    uint64_t number;                 /* grows with every change of the zone */
    size_t count;
    struct rrset **sets;             /* in listing order */
};

struct snapshot {
    char name[ID_SIZE];
    struct zone_version *version;
};

struct zone {
    char id[ID_SIZE];
    struct dname name;
    char *comment;
    bool service;                    /* plays a zone of AWS's own (a load balancer's): any zone may alias into it */
    size_t name_server_count;
    char *name_servers[NAME_SERVERS_MAX];
    struct zone_version *current, *served;
    uint64_t last_number;
    bool busy;                       /* a batch is being processed: PriorRequestNotComplete */
    size_t snapshot_count;
    struct snapshot snapshots[SNAPSHOTS_MAX];
};

struct change {
    struct world *world;
    struct zone *zone;
    char id[ID_SIZE];
    char *comment;                   /* or NULL */
    int64_t submitted_us, insync_us; /* CLOCK_REALTIME; insync_us 0 while PENDING */
    struct zone_version *version;    /* what to serve at INSYNC; NULL afterwards */
    struct event *timer;
    int64_t pending_asks;            /* so many more times GetChange says PENDING before its time begins */
    json_t *log;                     /* shared with world->change_log */
};

/* Every one is settable on the control port; counters count down by use. */
struct faults {
    int64_t throttle_next, fail_5xx_next, fail_5xx_status, lose_reply_next, lose_request_next, prior_request_next;
    int64_t clock_skew_ms, insync_after_ms, pending_asks, delay_reply_ms, batch_ms;
    int64_t bucket_size, bucket_per_s;
    bool refuse_credentials, deny_access, serve_at_apply, prior_until_insync, messages_form, changes_only;
    bool dns_silent[NAME_SERVERS_MAX], dns_servfail[NAME_SERVERS_MAX];
};

struct credential {
    char *access_key, *secret, *session_token;   /* the token is NULL for long-lived keys */
};

struct world {
    struct event_base *base;
    size_t zone_count;
    struct zone *zones[ZONES_MAX];
    size_t change_count, change_room;
    struct change **changes;
    json_t *change_log, *request_log;
    uint64_t requests_seen, dns_queries_seen;
    json_t *unhealthy;               /* keys: a health check id, or "ZONEID name. TYPE identifier" */
    json_t *health_checks;           /* array of the ids that exist, or NULL when any id may be used */
    struct faults faults;
    double tokens;                   /* of the rate limit's bucket */
    int64_t tokens_us;
    size_t credential_count;
    struct credential credentials[CREDENTIALS_MAX];
    FILE *log;
    struct reply *replies;           /* replies being held back, api.c's */
};

int64_t now_us(void);                                /* CLOCK_REALTIME */
int64_t steady_us(void);                             /* CLOCK_MONOTONIC */
void random_id(char *out, char first, size_t length);/* `first` and length - 1 of A-Z0-9; out holds length + 1 */
unsigned random_below(unsigned limit);               /* 0 when limit is 0 */

/* One line to the log file, with the time. Never secrets. */
void world_log(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct world *world_new(struct event_base *base);
void world_free(struct world *world);

/* Reads the zones file. Returns false and a message for people. */
bool world_load(struct world *world, const char *path, char message[MESSAGE_SIZE]);

struct zone *world_zone(struct world *world, const char *id);                   /* "/hostedzone/Z1" works too */
struct zone *world_zone_for(struct world *world, const struct dname *name);     /* the closest enclosing, or NULL */
struct change *world_change(struct world *world, const char *id);
/* Somebody was told how it stands. */
void change_asked(struct change *change);

struct zone_version *version_take(struct zone_version *version);
void version_drop(struct zone_version *version);
/* A version over `sets`, which it takes (array and references). NULL without memory: the sets stay the caller's. */
struct zone_version *version_new(struct rrset **sets, size_t count, uint64_t number);

/* The first set at or after the name; and the sets of exactly that name as [*from, *to). */
size_t version_find(const struct zone_version *version, const struct dname *name);
void version_range(const struct zone_version *version, const struct dname *name, size_t *from, size_t *to);

/* Makes `version` the zone's current and starts its way to INSYNC. Takes the version.
 * `log` is the change's log entry; it is completed here. Returns NULL when there is no room. */
struct change *zone_advance(struct world *world, struct zone *zone, struct zone_version *version, const char *comment,
                            json_t *log);

bool zone_snapshot(struct zone *zone, const char *name);
struct zone_version *zone_snapshot_find(struct zone *zone, const char *name);

/* Health as marked on the control port. */
bool world_is_healthy(struct world *world, const struct zone *zone, const struct rrset *set);

/* Takes one token of the account's rate limit. False: answer Throttling. */
bool world_take_token(struct world *world);

#endif
