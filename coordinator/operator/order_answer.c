/* What the answer to an order means: see order_answer.h. */
#include "coordinator/operator/order_answer.h"

#include "coordinator/base/clock.h"
#include "coordinator/status/names.h"
#include "coordinator/status/sentences.h"

static const struct order_answer_row rows[] = {
    { ANSWER_ACCEPTED, EXIT_DONE, "the operation has begun: a majority of voters knows of it",
      "It goes on by itself; failoverctl status shows it." },
    { ANSWER_GATE, EXIT_GATE, "refused by a gate", "" },
    { ANSWER_NO_QUORUM, EXIT_NO_QUORUM,
      "no answer came in time (from a majority of voters, or from the coordinator that the order went to), "
      "so it is not known whether the operation has begun",
      "Look at failoverctl status before you try again: an operation shown there has begun." },
    { ANSWER_BUSY, EXIT_GATE,
      "refused: an operation or another order is under way for this service, and there is one at a time",
      "Watch it with failoverctl status; try again when it is over." },
    { ANSWER_ALREADY, EXIT_GATE, "refused: that region is the writer already", "Nothing needs to be done." },
    { ANSWER_NOT_SERVING, EXIT_GATE, "refused: that region has no database of this service",
      "failoverctl status SERVICE shows the regions that have." },
    { ANSWER_NO_COORDINATOR, EXIT_GATE,
      "refused: no coordinator that could carry it out is heard: only one in the target region can promote its "
      "database (and only the writer's guard can adopt DNS)",
      "Start failoverd there, or mend the network to it." },
    { ANSWER_NO_DNS, EXIT_GATE, "refused: no DNS is configured for this service",
      "See dns in cluster.json." },
    { ANSWER_VOTES_ALREADY, EXIT_GATE, "refused: the vote is that node's, and that store's, already",
      "failoverctl voter list shows who votes. A store that is mute though it has the vote was rolled back: move it "
      "away, make a new one (failoverd --format), and replace the voter then." },
    { ANSWER_NO_VOTER, EXIT_GATE, "refused: that node is no voter", "failoverctl voter list shows who is." },
    { ANSWER_CHANGING, EXIT_GATE, "refused: another change of the voters is under way, and there is one at a time",
      "failoverctl voter list shows what it waits for." },
    { ANSWER_TOO_FEW, EXIT_GATE, "refused: fewer than 3 voters would be left, and then no one may be lost",
      "Add another voter first, or replace this one." },
    { ANSWER_TOO_MANY, EXIT_GATE, "refused: there would be more than 5 voters", "Remove one first." },
    { ANSWER_NO_STORE_THERE, EXIT_GATE, "refused: that node is not heard, or has no store to vote with",
      "Start failoverd there, on a sound store (failoverd --format makes a new one)." },
    { ANSWER_MUTE, EXIT_GATE,
      "refused: this node does not vote itself, and no node that votes is heard here, so nobody can ask the voters. "
      "Nothing was changed",
      "Mend the links to the voters, or give the order at one of them; failoverctl voter list shows who they are." },
    { ANSWER_NO_MAJORITY, EXIT_NO_QUORUM,
      "refused: of the voters that there would be too few are heard and vote; nothing was changed",
      "failoverctl voter list shows who is missing." },
    { ANSWER_OPERATION, EXIT_GATE, "refused: an operation is under way",
      "failoverctl status shows it, and what it waits for; try again when it is over." },
    { ANSWER_NO_LEDGER, EXIT_NO_QUORUM,
      "refused: no majority has confirmed yet who is the writer, so nothing can be changed",
      "See failoverctl status; a majority of voters has to be up and connected." },
    { ANSWER_NO_OPERATION, EXIT_USAGE, "refused: there is no such operation under way, and no such proposal",
      "failoverctl status shows what is; failoverctl history SERVICE what was." },
    { ANSWER_NO_WAY_BACK, EXIT_GATE,
      "refused: it can't go back any more: its target was granted, and may have written",
      "Let it finish; then failoverctl switchover SERVICE --to the other region loses nothing." },
    { ANSWER_DECLINED, EXIT_GATE, "refused: somebody has declined this proposal, and that stays so",
      "failoverctl status shows who and why. If you know better: failoverctl failover SERVICE --to REGION." },
    { ANSWER_NO_STAGE, EXIT_USAGE,
      "refused: there is no stage to go on to: all of the traffic comes home already, or it was sent back, or it never "
      "moves by stages",
      "failoverctl status SERVICE shows how the traffic stands; after it was sent back, failoverctl operation resume ID "
      "begins with the first stage again." },
    { ANSWER_QUORUM, EXIT_GATE,
      "refused: this node hears a majority of the voters, so nobody has to be taken at their word. Nothing was changed",
      "An ordinary failover is right: failoverctl failover SERVICE --to REGION --reason TEXT; a gate that is shut "
      "is skipped by "
      "name (--skip-gate fence, if you know that the old database is dead)." },
    { ANSWER_STILL_OPEN, EXIT_GATE,
      "refused: a node that is heard says that its region's database is open, or has granted it a lease: that one "
      "is not dead. "
      "Nothing was changed",
      "failoverctl status shows which. If that database is to be given up, stop it first; then order again." },
    { ANSWER_NOT_HERE, EXIT_GATE,
      "refused: the glass is broken only on a node that guards the target's database, and this one doesn't. "
      "Nothing was changed",
      "Run it on one of the nodes under guards of that region in cluster.json." },
    { ANSWER_NO_FENCE, EXIT_GATE,
      "refused: this node can't work its database's fence now, and what it could not shut again it does not open. "
      "Nothing was "
      "changed",
      "failoverctl status shows what is wrong with the fence." },
    { ANSWER_NO_STANDBY, EXIT_GATE,
      "refused: this region's database is not seen as a standby that could be promoted. Nothing was changed",
      "Start it as the standby that it was; failoverctl status shows what is seen of it." },
    { ANSWER_NO_STORE, EXIT_FAILED,
      "the mark is not known to be on this node's disk, and nothing is opened before it is",
      "See that state_dir can be written; failoverctl status shows whether the mark is there now." },
    { ANSWER_MARKED, EXIT_GATE,
      "refused: the glass of this service is broken already, and nobody has reconciled that. Nothing was changed",
      "failoverctl status shows where, by whom and what to do." },
    { ANSWER_NO_MARK, EXIT_GATE,
      "refused: there is no such broken glass to reconcile (any more). Nothing was changed",
      "failoverctl status shows whether there is one." },
};

#define LOOK_BEFORE "Look at failoverctl status before you try again."
#define NOT_KNOWN "no majority of voters answered in time, so it is not known whether this counts"
#define NO_SUCH_OPERATION "refused: no such operation runs (any more)"
#define SHOWS_WHAT_IS "failoverctl status shows what runs, failoverctl operation show ID what became of this one."
#define GOES_BACK "refused: it is on its way back, and that is not taken back"

/* What the same answer means for an order of another kind. */
static const struct { enum order_kind kind; struct order_answer_row row; } special[] = {
    { ORDER_FAILOVER, { ANSWER_NO_MAJORITY, EXIT_NO_QUORUM,
      "refused: too few voters are heard for a majority, so nobody can say that the writer failed, and nothing can begin. "
      "Nothing was changed",
      "failoverctl status shows who is missing; bring them back. If that takes too long and the old database is dead: "
      "failoverctl failover SERVICE --to REGION --break-glass --reason TEXT, on a node that guards REGION." } },
    { ORDER_PAUSE, { ANSWER_ACCEPTED, EXIT_DONE,
      "paused: no failover begins by itself, and one that began by itself and may still go back does",
      "People may still order, with --skip-gate not_paused. failoverctl resume SERVICE --reason TEXT ends it." } },
    { ORDER_PAUSE, { ANSWER_NO_QUORUM, EXIT_NO_QUORUM, NOT_KNOWN, LOOK_BEFORE } },
    { ORDER_RESUME, { ANSWER_ACCEPTED, EXIT_DONE, "resumed: failovers begin by themselves again", "" } },
    { ORDER_RESUME, { ANSWER_ALREADY, EXIT_GATE, "refused: it is not paused", "Nothing needs to be done." } },
    { ORDER_RESUME, { ANSWER_NO_QUORUM, EXIT_NO_QUORUM, NOT_KNOWN, LOOK_BEFORE } },
    { ORDER_HOLD, { ANSWER_ACCEPTED, EXIT_DONE,
      "held: no step that has not begun begins and no deadline runs; fences and leases are kept as they would be",
      "failoverctl operation resume ID lets it go on, operation abort ID sends it back while that is possible." } },
    { ORDER_HOLD, { ANSWER_ALREADY, EXIT_GATE, "refused: it is held already",
      "failoverctl status shows by whom and why." } },
    { ORDER_HOLD, { ANSWER_BUSY, EXIT_GATE, GOES_BACK, "Watch it with failoverctl wait ID." } },
    { ORDER_HOLD, { ANSWER_NO_OPERATION, EXIT_USAGE, NO_SUCH_OPERATION, SHOWS_WHAT_IS } },
    { ORDER_HOLD, { ANSWER_NO_QUORUM, EXIT_NO_QUORUM, NOT_KNOWN, LOOK_BEFORE } },
    { ORDER_GO, { ANSWER_ACCEPTED, EXIT_DONE, "it goes on; what it rests on is looked at again first",
      "Watch it with failoverctl wait ID." } },
    { ORDER_GO, { ANSWER_ALREADY, EXIT_GATE, "refused: it is not held", "Watch it with failoverctl wait ID." } },
    { ORDER_GO, { ANSWER_BUSY, EXIT_GATE, GOES_BACK, "Watch it with failoverctl wait ID." } },
    { ORDER_GO, { ANSWER_NO_OPERATION, EXIT_USAGE, NO_SUCH_OPERATION, SHOWS_WHAT_IS } },
    { ORDER_GO, { ANSWER_NO_QUORUM, EXIT_NO_QUORUM, NOT_KNOWN, LOOK_BEFORE } },
    { ORDER_BACK, { ANSWER_ACCEPTED, EXIT_DONE,
      "it goes back: the old writer is named again, and opens once its guard has its lease. Of a failback whose database "
      "is home already only the traffic goes back",
      "Watch it with failoverctl wait ID. What a remote hook has cut off stays so until you undo that." } },
    { ORDER_SKIP, { ANSWER_ACCEPTED, EXIT_DONE, "the next stage of the traffic comes home now",
      "Watch it with failoverctl wait ID." } },
    { ORDER_SKIP, { ANSWER_NO_OPERATION, EXIT_USAGE, NO_SUCH_OPERATION, SHOWS_WHAT_IS } },
    { ORDER_SKIP, { ANSWER_NO_QUORUM, EXIT_NO_QUORUM, NOT_KNOWN, LOOK_BEFORE } },
    { ORDER_BACK, { ANSWER_ALREADY, EXIT_GATE, "refused: it goes back, or went back, already",
      "failoverctl operation show ID tells which." } },
    { ORDER_BACK, { ANSWER_NO_OPERATION, EXIT_USAGE, NO_SUCH_OPERATION, SHOWS_WHAT_IS } },
    { ORDER_BACK, { ANSWER_NO_QUORUM, EXIT_NO_QUORUM, NOT_KNOWN, LOOK_BEFORE } },
    { ORDER_BREAK, { ANSWER_ACCEPTED, EXIT_DONE,
      "the glass is broken: the mark is on this node's disk, and the database is being promoted and opened",
      "failoverctl status shows when it is open, and which DNS records to change by hand. When a majority is back: "
      "failoverctl reconcile." } },
    { ORDER_RECONCILE, { ANSWER_ACCEPTED, EXIT_DONE, "a majority of voters knows which side is kept",
      "failoverctl status shows how it goes on. Should an operation to the other side stand still there, since its node "
      "is gone: failoverctl failover to the side that is kept. An old primary then becomes a standby with failoverctl "
      "rejoin." } },
    { ORDER_RECONCILE, { ANSWER_BUSY, EXIT_GATE,
      "refused: an operation that ends this mark runs already, or the writer was changed meanwhile. Nothing was changed",
      "failoverctl status shows what it waits for. If the other side's guard is gone for good and can't confirm its "
      "fence: the same order with --skip-gate fence, at your word that its database is dead." } },
    /* Who holds the marked database is the one who can say that it is shut. */
    { ORDER_RECONCILE, { ANSWER_NO_COORDINATOR, EXIT_GATE,
      "refused: the node that made the mark is not heard, or does not vote, and only it can shut the marked "
      "database and say so. Nothing was changed",
      "failoverctl status names it: start failoverd there. If it is heard and its store was lost: failoverctl voter "
      "replace NODE --reason TEXT gives its new one the vote; then order again. If it is gone for good and another side "
      "is kept: --skip-gate fence, at your word that its database is dead." } },
    { ORDER_TICK, { ANSWER_ACCEPTED, EXIT_DONE, "ticked: a majority of voters knows it, and every node shows it",
      "failoverctl operation show ID shows what is left." } },
    { ORDER_TICK, { ANSWER_NO_QUORUM, EXIT_NO_QUORUM,
      "no answer came in time from a majority of voters, so it is not known whether the item is ticked",
      "failoverctl operation show ID tells; to tick it again does no harm." } },
    { ORDER_TICK, { ANSWER_NO_OPERATION, EXIT_USAGE,
      "refused: another operation has begun meanwhile, and the runbook of this one is closed",
      "failoverctl status shows the one that runs." } },
    { ORDER_TICK, { ANSWER_NO_COORDINATOR, EXIT_GATE,
      "refused: no node that votes is heard, this one included, so nobody can put it into the ledger",
      "Tick it at another node, or see failoverctl status." } },
    { ORDER_APPROVE, { ANSWER_ACCEPTED, EXIT_DONE,
      "approved: a majority of voters knows of it, and the failover begins once the voters have confirmed afresh that "
      "the region failed, with every other gate open", "failoverctl status shows it; failoverctl wait ID follows it." } },
    { ORDER_APPROVE, { ANSWER_ALREADY, EXIT_GATE, "refused: it is approved, or has begun, already",
      "Watch it with failoverctl status, or failoverctl wait ID." } },
    { ORDER_APPROVE, { ANSWER_NO_OPERATION, EXIT_USAGE,
      "refused: no such proposal waits any more: it was withdrawn, replaced, or is over",
      "failoverctl status shows the proposals that wait; an answer counts for the one that it names." } },
    { ORDER_APPROVE, { ANSWER_NO_QUORUM, EXIT_NO_QUORUM,
      "no majority of voters answered in time, so it is not known whether the approval counts",
      "Look at failoverctl status before you try again." } },
    { ORDER_DECLINE, { ANSWER_ACCEPTED, EXIT_DONE,
      "declined: nothing begins by itself, and nothing is proposed anew, before the region was well again",
      "failoverctl failover SERVICE --to REGION still does it at your word." } },
    { ORDER_DECLINE, { ANSWER_ALREADY, EXIT_GATE, "refused: it is declined already, or it has begun",
      "failoverctl status shows which; what has begun may still go back by itself before its target is granted." } },
    { ORDER_DECLINE, { ANSWER_NO_OPERATION, EXIT_USAGE,
      "refused: no such proposal waits any more: it was withdrawn, replaced, or is over",
      "failoverctl status shows the proposals that wait; an answer counts for the one that it names." } },
    { ORDER_DECLINE, { ANSWER_NO_QUORUM, EXIT_NO_QUORUM,
      "no majority of voters answered in time, so it is not known whether it is declined",
      "Look at failoverctl status before you try again." } },
};

/* A switchover for a time to come stands where a proposal would, and nothing of it is about a region that failed. */
static const struct { enum order_kind kind; struct order_answer_row row; } later[] = {
    { ORDER_SWITCHOVER, { ANSWER_ACCEPTED, EXIT_DONE,
      "put down for later: a majority of voters knows of it. It begins at its time if every gate is open then or within "
      "5 minutes, else it is withdrawn, as by whatever moves the writer before",
      "failoverctl status shows it at every node, and the journal tells when it begins or is withdrawn. failoverctl "
      "decline ID cancels it." } },
    { ORDER_DECLINE, { ANSWER_ACCEPTED, EXIT_DONE,
      "cancelled: the switchover that was put down for later does not begin. The writer stays as it is",
      "If it is wanted at another time: failoverctl switchover SERVICE --to REGION --at TIME." } },
    { ORDER_DECLINE, { ANSWER_ALREADY, EXIT_GATE, "refused: it is cancelled already, or it has begun",
      "failoverctl status shows which; what has begun goes back with failoverctl operation abort ID, while that is "
      "possible." } },
    { ORDER_DECLINE, { ANSWER_NO_OPERATION, EXIT_USAGE,
      "refused: no such switchover waits for its time any more: it was cancelled, was withdrawn, or is over",
      "failoverctl status shows what waits; failoverctl history SERVICE what ran." } },
    { ORDER_DECLINE, { ANSWER_NO_QUORUM, EXIT_NO_QUORUM,
      "no majority of voters answered in time, so it is not known whether the switchover is cancelled",
      LOOK_BEFORE } },
    { ORDER_APPROVE, { ANSWER_ALREADY, EXIT_GATE,
      "refused: a person has ordered this switchover for a time to come, so nobody has to approve it",
      "It begins by itself at its time; failoverctl status shows when." } },
    { ORDER_APPROVE, { ANSWER_DECLINED, EXIT_GATE, "refused: somebody has cancelled this switchover, and that stays so",
      "If it is wanted: failoverctl switchover SERVICE --to REGION, with --at TIME or at once." } },
};

const struct order_answer_row *order_answer_row_later(enum order_kind kind, enum order_answer answer)
{
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
        if (later[i].kind == kind && later[i].row.answer == answer)
            return &later[i].row;
    return NULL;
}

const struct order_answer_row *order_answer_row_of(enum order_kind kind, enum order_answer answer)
{
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (special[i].kind == kind && special[i].row.answer == answer)
            return &special[i].row;
    return order_answer_row(answer);
}

const struct order_answer_row *order_answer_row(enum order_answer answer)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].answer == answer)
            return &rows[i];
    return NULL;
}

static const char *time_text(char *buffer, size_t size, int64_t us)
{
    return us >= TIME_FOREVER_US ? "for ever" : base_format_duration(buffer, size, us);
}

/* By which of the two it is too much people have to see. */
static void loss_refused(struct text *text, const struct message_order_reply *reply)
{
    char bytes[NAME_BYTES_MAX];
    char time[CLOCK_DURATION_TEXT_MAX];
    text_appendf(text, "refused by the gate %s: ", gate_name(GATE_LOSS_WITHIN_RPO));
    if (reply->value < 0) {
        text_append(text, "what would be lost is not known");
    } else {
        text_loss(text, reply->value, reply->value_us);
        text_append(text, " would be lost");
    }
    text_appendf(text, "; up to %s (%s) may be. Nothing was changed", format_bytes(bytes, sizeof bytes, reply->limit),
                 time_text(time, sizeof time, reply->limit_us));
}

/* What value and limit alone tell in a sentence. Of the others it matters whether the value is known. */
static bool says_itself(enum gate_id gate)
{
    return gate == GATE_MAJORITY_FAILED || gate == GATE_TARGET_COORDINATOR || gate == GATE_NOT_PAUSED ||
           gate == GATE_BLAST_RADIUS || gate == GATE_NO_MARK;
}

void order_answer_text(struct text *text, enum order_kind kind, const struct message_order_reply *reply)
{
    const struct order_answer_row *row = order_answer_row_of(kind, reply->answer);
    if (row == NULL) {
        text_append(text, "the daemon gave an answer that this version does not know");
        return;
    }
    if (reply->answer == ANSWER_BUSY && reply->operation != 0) {
        char id[NAME_HEX_MAX];
        text_appendf(text, "refused: operation %s is under way for this service, and there is one at a time",
                     format_hex(id, reply->operation));
        return;
    }
    if (reply->answer != ANSWER_GATE || reply->gate >= GATE_COUNT) {
        text_append(text, row->text);
        return;
    }
    enum gate_id gate = (enum gate_id)reply->gate;
    if (gate == GATE_LOSS_WITHIN_RPO) {
        loss_refused(text, reply);
        return;
    }
    text_appendf(text, "refused by the gate %s: ", gate_name(gate));
    if (says_itself(gate)) {
        text_gate(text, gate, &(struct gate){ .known = true, .value = reply->value, .limit = reply->limit });
    } else {
        text_append(text, "it stands at ");
        text_gate_value(text, gate, reply->value);
        text_append(text, ", its limit is ");
        text_gate_value(text, gate, reply->limit);
    }
    text_append(text, ". Nothing was changed");
}

static void reconcile_todo(struct text *text, enum gate_id gate)
{
    if (gate == GATE_FENCE)
        text_append(text, "It is not proven that the database of the side that is given up is shut. Give the order "
                          "again when failoverctl status shows its fence confirmed; if it is gone for good: --skip-gate "
                          "fence, at your word that it is dead.");
    else
        text_appendf(text, "failoverctl status shows why. If you know better: --skip-gate %s.", gate_name(gate));
}

/* A number accepts what is known and nothing else. It is rounded up, so that what was asked for is enough. */
static void loss_todo(struct text *text, const struct message_order_reply *reply)
{
    if (reply->value < 0 || reply->value_us < 0) {
        text_appendf(text, "What is not known no --accept-loss covers. If you know better: --skip-gate %s.",
                     gate_name(GATE_LOSS_WITHIN_RPO));
        return;
    }
    text_append(text, "If as much may be lost:");
    if (reply->value > reply->limit)
        text_appendf(text, " --accept-loss %lld", (long long)reply->value);
    if (reply->value_us > reply->limit_us)
        text_appendf(text, " --accept-loss %llds", (long long)(reply->value_us / CLOCK_US_PER_S + 1));
    if (reply->value <= reply->limit && reply->value_us <= reply->limit_us)
        text_append(text, " --accept-loss BYTES, --accept-loss TIME, or both");
    text_append(text, ".");
}

static void gate_todo(struct text *text, enum order_kind kind, const struct message_order_reply *reply)
{
    enum gate_id gate = (enum gate_id)reply->gate;
    if (gate == GATE_NO_MARK && kind == ORDER_RECONCILE) {
        text_append(text, "Another glass is broken, which failoverctl status shows. One of another region is set aside "
                          "first, by the same command once more; where two coordinators of this region have both broken "
                          "it, they have to hear each other first.");
        return;
    }
    if (gate == GATE_NO_MARK) {
        text_append(text, "A person has to say which side is kept: failoverctl reconcile SERVICE --keep REGION "
                          "--reason TEXT.");
        return;
    }
    if (kind == ORDER_RECONCILE) {
        reconcile_todo(text, gate);
        return;
    }
    bool planned = kind == ORDER_SWITCHOVER || kind == ORDER_FAILBACK;
    text_appendf(text, "failoverctl %s ... --dry-run shows every gate. ",
                 kind == ORDER_FAILBACK ? "failback" : planned ? "switchover" : "failover");
    if (planned && gate == GATE_FENCE)
        text_append(text, "A switchover needs the old writer's own guard, with a fence that it can confirm: start "
                          "failoverd there, or mend its fence; one that is just back counts after some seconds. If "
                          "that writer is lost, it is a failover.");
    else if (gate == GATE_BLAST_RADIUS)
        text_append(text, "Wait until the others are promoted (failoverctl status), or --skip-gate blast_radius.");
    else if (gate == GATE_LOSS_WITHIN_RPO && !planned)
        loss_todo(text, reply);
    else if (gate == GATE_NOT_PAUSED)
        text_append(text, "failoverctl resume SERVICE --reason TEXT ends the pause; for this order alone: "
                          "--skip-gate not_paused.");
    else if (gate == GATE_MAJORITY_FAILED)
        text_append(text, "A writer that is well is moved by failoverctl switchover, which loses nothing. If you know that "
                          "it failed: --skip-gate majority_failed. Where no majority of the voters is left to ask, "
                          "failoverctl status says what can be done.");
    else if (gate == GATE_TARGET_STREAMING)
        text_append(text, "An old primary has to be made a standby before: failoverctl rejoin SERVICE --reason TEXT. "
                          "If you know better: --skip-gate target_streaming_and_timeline.");
    else
        text_appendf(text, "If you know better: --skip-gate %s.", gate_name(gate));
}

void order_answer_todo(struct text *text, enum order_kind kind, const struct message_order_reply *reply)
{
    const struct order_answer_row *row = order_answer_row_of(kind, reply->answer);
    if (reply->answer == ANSWER_GATE && reply->gate < GATE_COUNT) {
        gate_todo(text, kind, reply);
        return;
    }
    if (reply->answer == ANSWER_BUSY && reply->operation != 0) {
        char id[NAME_HEX_MAX];
        text_appendf(text, "Follow it with failoverctl wait %s; if it is still wanted then, order again.",
                     format_hex(id, reply->operation));
        return;
    }
    text_append(text, row != NULL ? row->todo : "Look at failoverctl status.");
}
