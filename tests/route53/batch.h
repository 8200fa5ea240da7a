/* ChangeResourceRecordSets: reading a batch, and applying it to a zone's version, all or nothing. */
#ifndef ROUTE53_EMULATOR_BATCH_H
#define ROUTE53_EMULATOR_BATCH_H

#include "tests/route53/world.h"

enum {
    BATCH_RECORDS_MAX = 1000,        /* ResourceRecord elements; an UPSERT's count twice */
    BATCH_CHARACTERS_MAX = 32000,    /* of all values; an UPSERT's count twice */
    BATCH_CHANGES_MAX = 1000,
    BATCH_MESSAGES_MAX = 64,         /* messages reported at once */
};

enum batch_action { BATCH_CREATE, BATCH_DELETE, BATCH_UPSERT };

struct batch_change {
    enum batch_action action;
    struct rrset *set;
};

struct batch {
    char *comment;                   /* or NULL */
    size_t count;
    struct batch_change *changes;
};

/* Why a batch is refused: AWS's error code, and its messages. */
struct refusal {
    int status;                      /* HTTP */
    const char *code;
    size_t count;
    char *messages[BATCH_MESSAGES_MAX];
};

void refusal_add(struct refusal *refusal, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void refusal_clear(struct refusal *refusal);

/* Reads the request's XML. Returns false with a refusal. Clear the batch in either case. */
bool batch_parse(struct batch *batch, const char *body, size_t length, struct refusal *refusal);
void batch_clear(struct batch *batch);

/* The version that results, or NULL with a refusal; the zone itself is not touched. */
struct zone_version *batch_apply(struct world *world, struct zone *zone, const struct batch *batch,
                                 struct refusal *refusal);

/* The batch as the control port's log shows it: [{"Action": ..., "ResourceRecordSet": {...}}]. */
json_t *batch_to_json(const struct batch *batch);

#endif
