/* Acts: what the core has the shell do to the outside world, and how each came out.
 *
 * Every act carries {service, epoch, operation, step, attempt}; its completion carries the same, so
 * a completion that arrives late or twice is recognised and dropped. The shell gives every act a
 * completion within its deadline, whatever the server on the other side does.
 */
#ifndef FAILOVERD_POLICY_ACT_H
#define FAILOVERD_POLICY_ACT_H

#include "policy/facts.h"
#include "policy/types.h"

enum act_kind {
    ACT_FENCE_HOLD,   /* open, or keep open, our region's database until `until` */
    ACT_FENCE_READS,  /* let reads through to our standby until `until` */
    ACT_FENCE_SHUT,   /* shut it and prove it */
    ACT_COMPARE,      /* fresh facts of our region's database */
    ACT_FREEZE,       /* stop receiving WAL, so that what is compared stays what is promoted */
    ACT_THAW,         /* undo FREEZE: stream from region `region` again */
    ACT_FOLLOW,       /* have our region's standby stream from region `region`, unless it has gone past the fork */
    ACT_PROMOTE,      /* promote our region's standby; not to start after `until` */
    ACT_HOOKS,
    ACT_DNS_READ,
    ACT_DNS_SUBMIT,   /* replace the TXT exactly as last read, by ours, with the records */
    ACT_DNS_POLL,     /* is the change INSYNC? */
    ACT_DNS_VERIFY,   /* do all the zone's name servers answer it? */
    ACT_ENDPOINTS,    /* does the service answer through its public name? */
    ACT_FENCE_REMOTE, /* run region `region`'s remote hook: from ACT_DONE on no client reaches its database */
    ACT_KIND_COUNT
};

struct act_key {
    uint8_t service;
    uint8_t step;       /* enum step_id, or STEP_GUARD for the guard's own acts */
    uint32_t attempt;
    uint64_t epoch;
    uint64_t operation;
};

struct act {
    enum act_kind kind;
    struct act_key key;
    struct mono_time until;     /* the lease's deadline; what must not start after it, doesn't */
    struct mono_time deadline;  /* by when the shell reports, come what may */
    region_id region;           /* whose records or database it is about */
    uint8_t zone;
    uint8_t share;              /* DNS_*: percent of the traffic that is to be at `region`; the rest is at `from` */
    region_id from;
    uint64_t version;           /* DNS_*: of the ledger that asks for the share; 0: all at once */
};

/* UNKNOWN: it may have been done; find out before doing it again. REFUSED: trying again will not
 * help until a person changes something. */
enum act_outcome { ACT_DONE, ACT_FAILED, ACT_RETRY, ACT_UNKNOWN, ACT_REFUSED };

/* The fence TXT of a zone, as read. */
enum dns_mark { DNS_MARK_ABSENT, DNS_MARK_OURS, DNS_MARK_FOREIGN };

struct act_result {
    enum act_kind kind;
    struct act_key key;
    enum act_outcome outcome;
    struct database_facts database;  /* COMPARE, FREEZE, THAW, PROMOTE, FENCE_* where read */
    enum dns_mark mark;              /* DNS_READ */
    uint64_t mark_epoch;
    uint64_t mark_operation;
    uint8_t mark_share;
    uint64_t mark_version;
    bool records_match;              /* DNS_READ: the records are already as desired */
    bool insync;                     /* DNS_POLL */
    bool conflict;                   /* DNS_SUBMIT: somebody else changed the TXT meanwhile */
    struct policy_text detail;
};

#endif
