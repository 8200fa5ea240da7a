/* The vocabulary of the journal: one row per kind of note. See vocabulary.h. */
#include "coordinator/report/vocabulary.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/status/names.h"
#include "coordinator/status/sentences.h"

#define SENTENCE_VALUE_MAX 256

/* kind, event, level, {a, b, c}, sentence, sentence when a is 0 */
static const struct vocabulary_row rows[] = {
    { NOTE_STARTED, "started", LOG_LEVEL_INFO,
      { { "restarts", WORD_COUNT }, { "generation", WORD_COUNT } },
      "started for the {a}. time on this store, at its generation {b}", NULL },
    { NOTE_VOTING, "voting", LOG_LEVEL_INFO, { { NULL, WORD_NONE } }, "this node votes from now on", NULL },
    { NOTE_MUTE, "mute", LOG_LEVEL_WARNING, { { "reason", WORD_MUTE }, { "known_generation", WORD_COUNT } },
      "this node does not vote: {a}", NULL },
    { NOTE_STORE_FAILED, "store_failed", LOG_LEVEL_ERROR, { { NULL, WORD_NONE } },
      "a write to state_dir failed: this node does not vote any more; repair the disk and restart it", NULL },
    { NOTE_CHECK_CHANGED, "check_changed", LOG_LEVEL_INFO,
      { { "verdict", WORD_VERDICT }, { "was", WORD_VERDICT } },
      "check {check} of {region} is {a} now, was {b}[: {detail}]", NULL },
    { NOTE_VERDICT_CHANGED, "verdict_changed", LOG_LEVEL_INFO,
      { { "verdict", WORD_VERDICT }, { "was", WORD_VERDICT }, { "reason", WORD_REASON } },
      "we judge {region} {a} now, was {b}: {c}[ ({detail})]", NULL },
    { NOTE_PEER_VERDICT, "peer_verdict", LOG_LEVEL_INFO,
      { { "verdict", WORD_VERDICT }, { "was", WORD_VERDICT }, { "reason", WORD_REASON } },
      "{node} judges {region} {a} now, was {b}: {c}[ ({detail})]", NULL },
    { NOTE_ABSTAINING, "abstaining", LOG_LEVEL_WARNING,
      { { "begins", WORD_BEGINS }, { "failing_regions", WORD_COUNT }, { "regions", WORD_COUNT } },
      "{b} of {c} regions look failed from here: this node suspects itself and does not vote that one failed",
      "this node trusts its own view again and votes" },
    { NOTE_MAJORITY_FAILED, "majority_failed", LOG_LEVEL_ERROR,
      { { "votes", WORD_COUNT }, { "needed", WORD_COUNT } },
      "{region} failed by majority: {a} votes, {b} needed", NULL },
    { NOTE_MAJORITY_CLEARED, "majority_cleared", LOG_LEVEL_INFO,
      { { "votes", WORD_COUNT }, { "needed", WORD_COUNT } },
      "no majority says any more that {region} failed", NULL },
    { NOTE_GATE_SHUT, "gate_shut", LOG_LEVEL_WARNING,
      { { "gate", WORD_GATE } },
      "{service} does not go to {region} yet, its gate {a} is shut: {gate}", NULL },
    { NOTE_CONFIRM_ASKED, "confirm_asked", LOG_LEVEL_WARNING, { { NULL, WORD_NONE } },
      "all voters are asked afresh what they see of {region}, before a failover", NULL },
    { NOTE_CONFIRM_FAILED, "confirm_failed", LOG_LEVEL_WARNING,
      { { "votes", WORD_COUNT }, { "needed", WORD_COUNT } },
      "no failover: asked afresh, {a} voters say that {region} failed, {b} are needed", NULL },
    { NOTE_CHOSEN, "chosen", LOG_LEVEL_INFO,
      { { "version", WORD_COUNT }, { "phase", WORD_PHASE }, { "writer", WORD_REGION } },
      "the ledger is at version {a}, epoch {epoch}: writer {c}, operation phase {b}", NULL },
    { NOTE_OPERATION_SEEN, "operation_seen", LOG_LEVEL_INFO,
      { { "kind", WORD_OPERATION }, { "from", WORD_REGION }, { "forced", WORD_COUNT } },
      "an operation is in the ledger: {a} of {service} from {b} to {region}, carried out by {node}[, since: {detail}]",
      NULL },
    { NOTE_OPERATION_ENDED, "operation_ended", LOG_LEVEL_INFO, { { "took", WORD_DURATION }, { "done", WORD_COUNT } },
      "the operation is over, by the ledger {a} after its begin; {region} is the writer", NULL },
    { NOTE_CONFLICT, "conflict", LOG_LEVEL_INFO, { { "version", WORD_COUNT } },
      "another node's change was chosen instead of ours at version {a}; looking again", NULL },
    { NOTE_OPERATION_BEGUN, "operation_begun", LOG_LEVEL_WARNING, { { "from", WORD_REGION } },
      "operation begun: {service} goes from {a} to {region} at epoch {epoch}", NULL },
    { NOTE_STEP_STARTED, "step_started", LOG_LEVEL_INFO, { { "attempt", WORD_COUNT } },
      "step {step} begins", NULL },
    { NOTE_STEP_DONE, "step_done", LOG_LEVEL_INFO, { { "took", WORD_DURATION } },
      "step {step} done in {a}", NULL },
    { NOTE_STEP_RETRIED, "step_retried", LOG_LEVEL_WARNING, { { "attempt", WORD_COUNT } },
      "step {step} is tried again after attempt {a}[: {detail}]", NULL },
    { NOTE_STEP_OVERDUE, "step_overdue", LOG_LEVEL_ERROR, { { NULL, WORD_NONE } },
      "step {step} is past its deadline and goes on being tried; a person should look[: {detail}]", NULL },
    { NOTE_ACT_SENT, "act_sent", LOG_LEVEL_DEBUG, { { "act", WORD_ACT } }, "step {step}: {a} sent", NULL },
    { NOTE_ACT_DONE, "act_done", LOG_LEVEL_INFO,
      { { "act", WORD_ACT }, { "outcome", WORD_ACT_OUTCOME }, { "took", WORD_DURATION } },
      "step {step}: {a} {b} after {c}[: {detail}]", NULL },
    { NOTE_OPERATION_ABORTED, "operation_aborted", LOG_LEVEL_ERROR,
      { { "at_step", WORD_STEP }, { "gate", WORD_GATE } },
      "the operation goes back at step {a}[ (gate {b})]; the old writer is named again[: {detail}]", NULL },
    { NOTE_OPERATION_DONE, "operation_done", LOG_LEVEL_WARNING,
      { { "took", WORD_DURATION }, { "lost_bytes", WORD_BYTES }, { "lost", WORD_DURATION } },
      "operation done in {a}: {region} is the writer at epoch {epoch}; estimated loss: {loss}", NULL },
    { NOTE_OPERATION_TAKEN, "operation_taken", LOG_LEVEL_WARNING, { { "from", WORD_REGION } },
      "this node carries the operation to {region} on", NULL },
    { NOTE_OPERATION_LEFT, "operation_left", LOG_LEVEL_WARNING, { { "took", WORD_DURATION } },
      "this node leaves the operation after {a}: it is over, or another node carries it on", NULL },
    { NOTE_WAITING_OUT, "waiting_out", LOG_LEVEL_INFO, { { "left", WORD_DURATION } },
      "the old writer's lease may hold for {a} more; waiting it out", NULL },
    { NOTE_FENCE_PROVEN, "fence_proven", LOG_LEVEL_WARNING, { { "proof", WORD_PROOF } },
      "the old writer's fence: {a}", NULL },
    { NOTE_LEFT_CUT_OFF, "left_cut_off", LOG_LEVEL_WARNING, { { "confirmed", WORD_COUNT } },
      "region {region} stays cut off by its remote hook[ ({detail})]: undo that by hand once its database is a standby, or is "
      "named writer again",
      "region {region} may be cut off: its remote hook was run and did not confirm[ ({detail})]. See whether it is, and undo that "
      "by hand" },
    { NOTE_LOSS_ESTIMATED, "loss_estimated", LOG_LEVEL_WARNING,
      { { "loss_bytes", WORD_BYTES }, { "loss", WORD_DURATION }, { "known_age", WORD_DURATION } },
      "the standby lacks {loss}, by what was known {c} ago", NULL },
    { NOTE_LEASE_HELD, "lease_held", LOG_LEVEL_INFO, { { "left", WORD_DURATION } },
      "this node holds the lease of epoch {epoch}, for {a} at first", NULL },
    { NOTE_LEASE_LOST, "lease_lost", LOG_LEVEL_ERROR, { { "left", WORD_DURATION } },
      "this node's lease of epoch {epoch} has run out: its database must not acknowledge writes", NULL },
    { NOTE_FENCE_CHANGED, "fence_changed", LOG_LEVEL_WARNING,
      { { "fence", WORD_FENCE }, { "was", WORD_FENCE } },
      "our database's fence is {a} now, was {b}[: {detail}]", NULL },
    { NOTE_FOLLOWS, "follows", LOG_LEVEL_INFO, { { NULL, WORD_NONE } },
      "our standby streams from {region}", NULL },
    { NOTE_FOLLOW_FAILED, "follow_failed", LOG_LEVEL_WARNING, { { "outcome", WORD_ACT_OUTCOME } },
      "our standby does not stream from {region} ({a})[: {detail}]", NULL },
    { NOTE_STANDBY_AHEAD, "standby_ahead", LOG_LEVEL_WARNING, { { "ahead_bytes", WORD_BYTES } },
      "the standby of {region} has {a} more than the one that is about to be promoted: it can't follow that one, "
      "and needs pg_rewind or a new copy", NULL },
    { NOTE_DNS_READ, "dns_read", LOG_LEVEL_INFO, { { "mark", WORD_DNS_MARK }, { "mark_epoch", WORD_COUNT } },
      "the zone's mark is {a}, of epoch {b}", NULL },
    { NOTE_TRAFFIC_MOVED, "traffic_moved", LOG_LEVEL_WARNING, { { "percent", WORD_COUNT }, { "stage", WORD_COUNT } },
      "{a} % of the traffic is at {region} now: every name server answers so",
      "the traffic is back where it came from; the database stays at {region}, and a person decides" },
    { NOTE_TRAFFIC_BACK, "traffic_back", LOG_LEVEL_ERROR, { { "percent", WORD_COUNT } },
      "home gets worse with {a} % of the traffic: it is to be at {region} until a person decides[: {detail}]",
      NULL },
    { NOTE_DNS_STOPPED, "dns_stopped", LOG_LEVEL_ERROR, { { "ruling", WORD_DNS_RULING } },
      "DNS is not changed: {a}", NULL },
    { NOTE_ORDER, "order_taken", LOG_LEVEL_WARNING, { { "order", WORD_ORDER } },
      "ordered[ by {detail}]: {a}[, region {region}]", NULL },
    { NOTE_ORDER_REFUSED, "order_refused", LOG_LEVEL_WARNING,
      { { "answer", WORD_ANSWER }, { "gate", WORD_GATE } },
      "the order[ for {region}] was refused[ by the gate {b}]: {a}", NULL },
    { NOTE_PAUSED, "paused", LOG_LEVEL_WARNING, { { "left", WORD_DURATION } },
      "{service} is paused for {a}: no failover begins by itself[; {detail}]",
      "{service} is paused until somebody resumes it: no failover begins by itself[; {detail}]" },
    { NOTE_RESUMED, "resumed", LOG_LEVEL_WARNING, { { "by_its_time", WORD_COUNT } },
      "the pause of {service} is over, its time has come: failovers begin by themselves again[; it was of {detail}]",
      "{service} is resumed: failovers begin by themselves again[; {detail}]" },
    { NOTE_WISH, "operation_told", LOG_LEVEL_WARNING, { { "wish", WORD_WISH } },
      "the operation to {region} is told: {a}[; {detail}]", "the operation to {region} goes on[; {detail}]" },
    { NOTE_SCHEDULED, "scheduled", LOG_LEVEL_WARNING, { { "left", WORD_DURATION } },
      "a switchover of {service} to {region} is put down for {a} from now[; {detail}]", NULL },
    { NOTE_SCHEDULE_OFF, "schedule_off", LOG_LEVEL_WARNING, { { NULL, WORD_NONE } },
      "the switchover of {service} that was put down for later will not begin: something else moved the writer, it was "
      "declined, or a gate stayed shut", NULL },
    { NOTE_PROPOSED, "proposed", LOG_LEVEL_ERROR, { { "from", WORD_REGION } },
      "a failover of {service} from {a} to {region} waits for a person's word: failoverctl approve or decline", NULL },
    { NOTE_APPROVED, "approved", LOG_LEVEL_WARNING, { { "from", WORD_REGION } },
      "the failover of {service} from {a} to {region} is approved[ by {detail}]", NULL },
    { NOTE_DECLINED, "declined", LOG_LEVEL_WARNING, { { "from", WORD_REGION } },
      "the failover of {service} from {a} to {region} is declined[ by {detail}]: none is proposed before {a} was well "
      "again", NULL },
    { NOTE_WITHDRAWN, "withdrawn", LOG_LEVEL_WARNING, { { NULL, WORD_NONE } },
      "the proposed failover of {service} is withdrawn: its region is well again, or another is to take over", NULL },
    { NOTE_NO_ANSWER, "no_answer", LOG_LEVEL_ERROR, { { "goes_on", WORD_COUNT }, { "waited", WORD_DURATION } },
      "nobody answered the proposed failover of {service} to {region} in {b}: it goes on without (on_no_answer is go)",
      "nobody answered the proposed failover of {service} to {region} in {b}: nothing begins, and it can still be "
      "approved" },
    { NOTE_MESSAGE_REFUSED, "message_refused", LOG_LEVEL_WARNING, { { "message", WORD_MESSAGE } },
      "a {a} of {node} was refused: it parses but makes no sense here; are both of one version?", NULL },
    { NOTE_MARK_MADE, "glass_broken", LOG_LEVEL_ERROR, { { NULL, WORD_NONE } },
      "the glass was broken for {region} here[ by {detail}]: without a quorum, at that person's word that the old "
      "database is "
      "dead, its database is promoted and opened", NULL },
    { NOTE_MARK_OPENED, "glass_opened", LOG_LEVEL_ERROR, { { NULL, WORD_NONE } },
      "the database of {region} is open by a broken glass: no lease and nothing else proves that it is the only "
      "writer", NULL },
    { NOTE_MARK_HEARD, "mark_heard", LOG_LEVEL_ERROR, { { NULL, WORD_NONE } },
      "{node} shows that the glass was broken for {region}: nothing else is opened until a person reconciles", NULL },
    { NOTE_MARK_GIVEN, "mark_given", LOG_LEVEL_ERROR, { { "another", WORD_BEGINS } },
      "{node} writes, or may, under a majority's lease: our database is shut, keeps what it has, and is not opened "
      "by the "
      "broken glass any more. A person has to reconcile",
      "our database is not opened by the broken glass any more, and is shut now: a person reconciles; or it was "
      "made a standby again since the glass was broken for it, or others know from before this disk went back that it "
      "was given up. Then a person has to reconcile" },
    { NOTE_MARK_SHUT, "mark_shut", LOG_LEVEL_WARNING, { { NULL, WORD_NONE } },
      "the database of {region} is shut, proven; what was written by the broken glass stays in it until a person "
      "reconciles",
      NULL },
    { NOTE_MARK_ENDED, "mark_ended", LOG_LEVEL_WARNING, { { NULL, WORD_NONE } },
      "the broken glass of {region} is reconciled: the ledger says so", NULL },
    { NOTE_VOTERS, "voters", LOG_LEVEL_WARNING,
      { { "version", WORD_COUNT }, { "change", WORD_VOTER_CHANGE }, { "voters", WORD_COUNT } },
      "version {a} of the voters is in force; under way: {b}[ of {node}]; {c} voters when it is over", NULL },
    { NOTE_VOTER_ORDER, "voter_order", LOG_LEVEL_WARNING, { { "change", WORD_VOTER_CHANGE }, { "given_at", WORD_NODE } },
      "order: voter {a} {node}[ by {detail}], given at {b}", NULL },
    { NOTE_VOTER_REFUSED, "voter_refused", LOG_LEVEL_WARNING, { { "answer", WORD_ANSWER } },
      "the change of the voters is refused: {a}", NULL },
};
_Static_assert(sizeof rows / sizeof rows[0] == NOTE_KIND_COUNT, "a note without a row");

const struct vocabulary_row *vocabulary_row(enum note_kind kind)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].kind == kind)
            return &rows[i];
    return NULL;
}

enum log_level vocabulary_level(const struct note *note)
{
    const struct vocabulary_row *row = vocabulary_row(note->kind);
    if (row == NULL)
        return LOG_LEVEL_WARNING;
    if (row->fields[0].kind == WORD_VERDICT)
        return note->a == VERDICT_FAILED || note->a == VERDICT_SUSPECT ? LOG_LEVEL_WARNING
                                                                       : LOG_LEVEL_INFO;
    if (row->fields[0].kind == WORD_BEGINS && note->a == 0)
        return LOG_LEVEL_INFO;
    if (note->kind == NOTE_FENCE_CHANGED && note->a == FENCE_FAILED)
        return LOG_LEVEL_ERROR;
    if (note->kind == NOTE_MUTE && (note->a == MUTE_NO_VOTE || note->a == MUTE_UNCONFIRMED))
        return LOG_LEVEL_INFO;
    if (note->kind == NOTE_ACT_DONE && note->b != ACT_DONE)
        return LOG_LEVEL_WARNING;
    return row->level;
}

/* ---- values ------------------------------------------------------------------------------ */

static int64_t value_of(const struct note *note, size_t index)
{
    return index == 0 ? note->a : index == 1 ? note->b : note->c;
}

/* An enum's stable word; NULL for what is a number. */
static const char *word_of(const struct cluster_config *cluster, enum vocabulary_kind kind,
                           int64_t value)
{
    int small = value >= 0 && value < 1000 ? (int)value : -1;
    switch (kind) {
    case WORD_VERDICT: return name_verdict(small);
    case WORD_REASON: return name_reason(small);
    case WORD_GATE: return small == GATE_COUNT ? "none" : name_gate(small);
    case WORD_PROOF: return name_fence_proof(small);
    case WORD_FENCE: return name_fence_state(small);
    case WORD_MUTE: return name_mute_reason(small);
    case WORD_VOTER_CHANGE: return name_voter_change(small);
    case WORD_ACT: return name_act_kind(small);
    case WORD_ACT_OUTCOME: return name_act_outcome(small);
    case WORD_DNS_MARK: return name_dns_mark(small);
    case WORD_DNS_RULING: return name_dns_ruling(small);
    case WORD_STEP: return name_step(small);
    case WORD_REGION: return name_region(cluster, small >= 0 ? (unsigned)small : REGION_NONE);
    case WORD_NODE: return name_node(cluster, small >= 0 ? (unsigned)small : NODE_NONE);
    case WORD_PHASE: return name_phase(small);
    case WORD_OPERATION: return name_operation_kind(small);
    case WORD_ORDER: return name_order_kind(small);
    case WORD_ANSWER: return name_order_answer(small);
    case WORD_MESSAGE: return name_message_kind(small);
    case WORD_WISH: return name_wish(small);
    case WORD_NONE:
    case WORD_COUNT:
    case WORD_DURATION:
    case WORD_BYTES:
    case WORD_BEGINS:
    default: return NULL;
    }
}

/* Where people get a sentence and programs the word. */
static const char *sentence_of(enum vocabulary_kind kind, int64_t value)
{
    int small = value >= 0 && value < 1000 ? (int)value : -1;
    if (kind == WORD_PROOF)
        return name_fence_proof_text(small);
    if (kind == WORD_MUTE)
        return name_mute_text(small);
    if (kind == WORD_DNS_RULING)
        return name_dns_ruling_text(small);
    if (kind == WORD_ORDER)
        return name_order_text(small);
    return NULL;
}

static void append_value(struct text *text, const struct cluster_config *cluster,
                         const struct vocabulary_row *row, const struct note *note, size_t index)
{
    enum vocabulary_kind kind = row->fields[index].kind;
    int64_t value = value_of(note, index);
    char buffer[SENTENCE_VALUE_MAX];
    const char *words = sentence_of(kind, value);
    if (words == NULL)
        words = word_of(cluster, kind, value);
    if (words != NULL)
        text_append(text, words);
    else if (kind == WORD_DURATION)
        text_append(text, value < 0 ? "an unknown time"
                                    : base_format_duration(buffer, sizeof buffer, value));
    else if (kind == WORD_BYTES)
        text_append(text, value < 0 ? "an unknown number of bytes"
                                    : format_bytes(buffer, sizeof buffer, value));
    else
        text_appendf(text, "%" PRId64, value);
}

static const char *check_name(const struct cluster_config *cluster, const struct note *note)
{
    const struct check_config *check =
        note->service < cluster->service_count && note->check != CHECK_NONE
            ? name_find_check(&cluster->services[note->service], note->check)
            : NULL;
    return check != NULL ? check->name : NULL;
}

static enum gate_id gate_of(const struct note *note)
{
    return note->a >= 0 && note->a < GATE_COUNT ? (enum gate_id)note->a : GATE_COUNT;
}

/* Of a row with bytes, and the same in time after them. */
static void append_loss(struct text *text, const struct vocabulary_row *row, const struct note *note)
{
    size_t i = row->fields[0].kind == WORD_BYTES ? 0 : 1;
    ensure(row->fields[i].kind == WORD_BYTES && row->fields[i + 1].kind == WORD_DURATION);
    if (value_of(note, i) < 0)
        text_append(text, "an unknown number of bytes");
    else
        text_loss(text, value_of(note, i), value_of(note, i + 1));
}

/* ---- sentences --------------------------------------------------------------------------- */

static void append_placeholder(struct text *text, const struct cluster_config *cluster,
                               const struct vocabulary_row *row, const struct note *note,
                               const char *name, size_t length)
{
    static const char *const letters[] = { "a", "b", "c" };
    for (size_t i = 0; i < 3; i++)
        if (length == 1 && name[0] == letters[i][0]) {
            append_value(text, cluster, row, note, i);
            return;
        }
    if (strncmp(name, "service", length) == 0)
        text_append(text, name_service(cluster, note->service));
    else if (strncmp(name, "region", length) == 0)
        text_append(text, name_region(cluster, note->region));
    else if (strncmp(name, "node", length) == 0)
        text_append(text, name_node(cluster, note->node));
    else if (strncmp(name, "check", length) == 0)
        text_append(text, check_name(cluster, note) != NULL ? check_name(cluster, note) : "?");
    else if (strncmp(name, "step", length) == 0)
        text_append(text, name_step(note->step));
    else if (strncmp(name, "epoch", length) == 0)
        text_appendf(text, "%" PRIu64, note->epoch);
    else if (strncmp(name, "gate", length) == 0)
        text_gate(text, gate_of(note), &note->gate);
    else if (strncmp(name, "loss", length) == 0)
        append_loss(text, row, note);
    else if (strncmp(name, "detail", length) == 0)
        text_append_bytes(text, note->detail.s, strnlen(note->detail.s, sizeof note->detail.s));
    else
        ensure(!"a placeholder that there is not");
}

/* Whether what a placeholder of [...] stands for is there. */
static bool is_there(const struct vocabulary_row *row, const struct note *note, const char *at)
{
    for (size_t i = 0; i < 3; i++)
        if (at[0] == "abc"[i] && at[1] == '}')
            return row->fields[i].kind != WORD_GATE || value_of(note, i) != GATE_COUNT;
    if (strncmp(at, "region}", strlen("region}")) == 0)
        return note->region != REGION_NONE;
    if (strncmp(at, "node}", strlen("node}")) == 0)
        return note->node != NODE_NONE;
    return note->detail.s[0] != '\0';
}

/* [...] is left out where something that it tells is not there. `at`: behind the bracket. */
static bool is_left_out(const struct vocabulary_row *row, const struct note *note, const char *at)
{
    for (; *at != '\0' && *at != ']'; at++)
        if (*at == '{' && !is_there(row, note, at + 1))
            return true;
    return false;
}

void vocabulary_sentence(struct text *text, const struct cluster_config *cluster,
                         const struct note *note)
{
    const struct vocabulary_row *row = vocabulary_row(note->kind);
    if (row == NULL) {
        text_appendf(text, "an event of kind %d that this version does not know", (int)note->kind);
        return;
    }
    bool skip = false;
    const char *at = note->a == 0 && row->sentence_zero != NULL ? row->sentence_zero : row->sentence;
    for (; *at != '\0'; at++) {
        if (*at == '[') {
            skip = is_left_out(row, note, at + 1);
        } else if (*at == ']') {
            skip = false;
        } else if (*at == '{') {
            const char *end = strchr(at, '}');
            ensure(end != NULL);
            if (!skip)
                append_placeholder(text, cluster, row, note, at + 1, (size_t)(end - at - 1));
            at = end;
        } else if (!skip) {
            text_append_char(text, *at);
        }
    }
}

/* ---- fields ------------------------------------------------------------------------------ */

static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static bool set_field(json_t *object, const struct cluster_config *cluster,
                      const struct vocabulary_row *row, const struct note *note, size_t index)
{
    const struct vocabulary_field *field = &row->fields[index];
    int64_t value = value_of(note, index);
    const char *word = word_of(cluster, field->kind, value);
    char key[64];
    if (field->kind == WORD_NONE)
        return true;
    if (word != NULL)
        return set(object, field->key, json_of_text(word));
    if (field->kind == WORD_BEGINS)
        return set(object, field->key, json_boolean(value != 0));
    if (field->kind == WORD_BYTES)
        return set(object, field->key, value < 0 ? json_null() : json_integer(value));
    if (field->kind != WORD_DURATION)
        return set(object, field->key, json_integer(value));
    struct text name = TEXT_OF(key);
    text_appendf(&name, "%s_ms", field->key);
    /* Three digits: the coordinator's own share of a failover is below a millisecond in places. */
    return set(object, key, value < 0 || value >= TIME_FOREVER_US
                                ? json_null()
                                : json_real((double)value / 1000.0));
}

/* As status has a gate; of what would be lost both kinds, since either may be the one that is too much. */
static bool set_gate(json_t *object, const struct note *note)
{
    enum gate_id id = gate_of(note);
    const struct gate *gate = &note->gate;
    bool good = set(object, "value", gate->known ? gate_number(id, gate->value) : json_null());
    good = set(object, "limit", gate_number(id, gate->limit)) && good;
    if (id != GATE_LOSS_WITHIN_RPO)
        return good;
    bool timed = gate->known && !gate->at_least;
    good = set(object, "value_ms", timed ? json_of_ms_or_null(gate->value_us) : json_null()) && good;
    return set(object, "limit_ms", json_of_ms_or_null(gate->limit_us)) && good;
}

bool vocabulary_fields(json_t *object, const struct cluster_config *cluster,
                       const struct note *note)
{
    const struct vocabulary_row *row = vocabulary_row(note->kind);
    const char *check = check_name(cluster, note);
    char detail[sizeof note->detail.s + 1];
    struct text text = TEXT_OF(detail);
    bool good = true;
    if (note->region != REGION_NONE)
        good = set(object, "region", json_of_text(name_region(cluster, note->region))) && good;
    if (note->node != NODE_NONE)
        good = set(object, "about", json_of_text(name_node(cluster, note->node))) && good;
    if (check != NULL)
        good = set(object, "check", json_of_text(check)) && good;
    if (note->step != STEP_NONE)
        good = set(object, "step", json_string(name_step(note->step))) && good;
    for (size_t i = 0; row != NULL && i < 3; i++)
        good = set_field(object, cluster, row, note, i) && good;
    if (note->kind == NOTE_GATE_SHUT)
        good = set_gate(object, note) && good;
    text_append_bytes(&text, note->detail.s, strnlen(note->detail.s, sizeof note->detail.s));
    if (detail[0] != '\0')
        good = set(object, "detail", json_of_text(detail)) && good;
    return good;
}
