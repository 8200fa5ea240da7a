/* The vocabulary: for each kind of note its stable name, its level, what its numbers mean and how
 * it reads. One table; journal, log and history all go by it.
 */
#ifndef FAILOVERD_REPORT_VOCABULARY_H
#define FAILOVERD_REPORT_VOCABULARY_H

#include <jansson.h>

#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/config/config.h"
#include "policy/note.h"

/* What a note's a, b or c is. */
enum vocabulary_kind {
    WORD_NONE,
    WORD_COUNT,      /* a plain number */
    WORD_DURATION,   /* us; in JSON under NAME_ms */
    WORD_BYTES,
    WORD_VERDICT,
    WORD_REASON,
    WORD_GATE,
    WORD_PROOF,
    WORD_FENCE,
    WORD_MUTE,
    WORD_VOTER_CHANGE,
    WORD_ACT,
    WORD_ACT_OUTCOME,
    WORD_DNS_MARK,
    WORD_DNS_RULING,
    WORD_STEP,
    WORD_REGION,
    WORD_NODE,
    WORD_OPERATION,
    WORD_PHASE,
    WORD_ORDER,
    WORD_ANSWER,
    WORD_MESSAGE,
    WORD_WISH,
    WORD_BEGINS,     /* 1 begins, 0 ends */
};

struct vocabulary_field {
    const char *key;
    enum vocabulary_kind kind;
};

struct vocabulary_row {
    enum note_kind kind;
    const char *event;     /* stable */
    enum log_level level;
    struct vocabulary_field fields[3]; /* a, b, c */
    /* The sentence, with {service} {region} {node} {check} {step} {epoch} {gate} {loss} {a}
     * {b} {c} {detail} and [...] around a part that is left out when what it tells is not there: an empty detail, no
     * region or node, no gate. */
    const char *sentence;
    const char *sentence_zero; /* instead of it when a is 0; NULL: no difference */
};

/* NULL for a kind that there is not. */
const struct vocabulary_row *vocabulary_row(enum note_kind kind);

/* The level of this very note: a verdict that turns good is news, one that turns bad a warning. */
enum log_level vocabulary_level(const struct note *note);

/* The note's sentence. */
void vocabulary_sentence(struct text *text, const struct cluster_config *cluster,
                         const struct note *note);

/* The note's own fields (region, about, check, step, a, b, c by their names, a gate's, detail) added to
 * `object`. False without memory. */
bool vocabulary_fields(json_t *object, const struct cluster_config *cluster,
                       const struct note *note) CHECKED;

#endif
