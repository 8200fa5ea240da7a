/* word: what people say that changes the ledger and nothing else: pause, approval, what a running operation is to do.
 *
 * Any node may put such a word forward; it counts once it is chosen, and whoever it concerns reads it there, also
 * after a takeover. Each is a compare-and-set like all that moves the writer, so of a word and a step that exclude each
 * other (abort and grant) exactly one is chosen, and the other is refused with what came first. A word that is put
 * forward during an operation makes its executor learn the wait anew for the new value (operation.c): the ages that
 * voters tell go on growing meanwhile, so it costs a round, not another lease.
 *
 * A pause ends by the calendar of whoever looks, and calendars may be wrong. One that runs ahead ends it early at that
 * node, one that is behind keeps it longer: the failover that then begins, or does not, is one that would have met
 * every other gate, or waits as it would in manual mode. Nothing of a pause proves a fence or stands in for a vote.
 */
#include "policy/failover/word.h"

static struct said said_of(const struct pending_order *o)
{
    return (struct said){ o->given, o->order.by, o->order.why };
}

/* Given at that very time: of two who say the same, each hears of his own. */
static bool is_ours(const struct pending_order *o, const struct said *said)
{
    return said->at.us == o->given.us;
}

/* ---- pause ---- */

static enum order_answer pause_stands(const struct pending_order *o, const struct ledger *l)
{
    bool on = o->order.kind == ORDER_PAUSE;
    if (l->pause.on == on && is_ours(o, &l->pause.said))
        return ANSWER_ACCEPTED;
    return !on && !l->pause.on ? ANSWER_ALREADY : WORD_TO_SAY; /* paused once more: for longer, or shorter */
}

static struct ledger pause_goal(const struct pending_order *o, const struct ledger *l)
{
    struct said said = said_of(o);
    return ledger_pause(l, o->order.kind == ORDER_PAUSE, o->order.at, &said);
}

/* ---- approval ---- */

static enum order_answer answer_stands(const struct pending_order *o, const struct ledger *l)
{
    bool yes = o->order.kind == ORDER_APPROVE;
    const struct ledger_proposal *p = &l->proposal;
    if (operation_moves(l->operation.kind) && l->operation.id == o->order.operation)
        return ANSWER_ALREADY; /* begun, by somebody else's word or because its time was over */
    if (p->state == PROPOSAL_NONE || p->id != o->order.operation)
        return ANSWER_NO_OPERATION;
    if (p->state == (yes ? PROPOSAL_APPROVED : PROPOSAL_DECLINED))
        return is_ours(o, &p->said) ? ANSWER_ACCEPTED : ANSWER_ALREADY;
    if (yes && p->state == PROPOSAL_DECLINED)
        return ANSWER_DECLINED; /* a no stands; who knows better orders a failover by name */
    return yes && p->state == PROPOSAL_SCHEDULED ? ANSWER_ALREADY : WORD_TO_SAY;
}

static struct ledger answer_goal(const struct pending_order *o, const struct ledger *l)
{
    struct said said = said_of(o);
    return ledger_answer(l, o->order.kind == ORDER_APPROVE ? PROPOSAL_APPROVED : PROPOSAL_DECLINED, &said);
}

/* ---- what an operation is to do ---- */

static enum operation_wish wish_of(const struct pending_order *o)
{
    return o->order.kind == ORDER_HOLD ? WISH_HOLD : o->order.kind == ORDER_BACK ? WISH_BACK : WISH_GO;
}

static enum order_answer wish_stands(const struct pending_order *o, const struct ledger *l)
{
    const struct ledger_operation *op = &l->operation;
    enum operation_wish wish = wish_of(o);
    if (wish == WISH_BACK && l->last_operation == o->order.operation && l->last_outcome == OUTCOME_ABORTED)
        return o->version != 0 ? ANSWER_ACCEPTED : ANSWER_ALREADY; /* it went back before we saw the word chosen */
    if (op->kind == OPERATION_NONE || op->id != o->order.operation)
        return ANSWER_NO_OPERATION;
    if (op->wish == wish)
        return is_ours(o, &op->said) ? ANSWER_ACCEPTED : ANSWER_ALREADY;
    if (op->wish == WISH_BACK && !ledger_may_wish(l, wish))
        return ANSWER_BUSY; /* on its way back, which is never taken back */
    return ledger_may_wish(l, wish) ? WORD_TO_SAY : ANSWER_NO_WAY_BACK;
}

static struct ledger wish_goal(const struct pending_order *o, const struct ledger *l)
{
    struct said said = said_of(o);
    return ledger_wish(l, wish_of(o), &said);
}

/* The stage that comes next by the newest chosen value: one word, one stage. */
static enum order_answer skip_stands(const struct pending_order *o, const struct ledger *l)
{
    const struct ledger_operation *op = &l->operation;
    if (op->kind == OPERATION_NONE || op->id != o->order.operation)
        return ANSWER_NO_OPERATION;
    if (ledger_shifts(l) && op->wish == WISH_GO && op->shift.at > 0 && is_ours(o, &op->said))
        return ANSWER_ACCEPTED;
    return ledger_may_shift(l) ? WORD_TO_SAY : ANSWER_NO_STAGE;
}

static struct ledger skip_goal(const struct pending_order *o, const struct ledger *l)
{
    struct said said = said_of(o);
    return ledger_shift(l, &said);
}

/* ---- the runbook ---- */

static enum order_answer tick_stands(const struct pending_order *o, const struct ledger *l)
{
    uint64_t id = o->order.operation;
    /* Marks are kept for one operation: of the last one they would take the place of those of the one that runs. */
    uint64_t open = l->operation.kind != OPERATION_NONE ? l->operation.id : l->last_operation;
    if (id == 0 || id != open)
        return ANSWER_NO_OPERATION;
    bool ticked = l->ticked_operation == id && (l->ticked & o->order.items) == o->order.items;
    return ticked ? ANSWER_ACCEPTED : WORD_TO_SAY; /* of two who say the same at once both have said it */
}

static struct ledger tick_goal(const struct pending_order *o, const struct ledger *l)
{
    return ledger_tick(l, o->order.operation, o->order.items);
}

/* ---- what is told of it, at every node ---- */

static void append(struct policy_text *text, const char *words)
{
    size_t used = 0;
    while (text->s[used] != '\0')
        used++;
    size_t i = 0;
    while (words[i] != '\0' && used + 1 < sizeof text->s)
        text->s[used++] = words[i++];
    for (; i > 0 && ((unsigned char)words[i] & 0xc0) == 0x80; i--)
        used--; /* never half of a character */
    text->s[used] = '\0';
}

static void note_said(struct note *note, const struct said *said)
{
    note->detail = said->by;
    if (said->why.s[0] != '\0') {
        append(&note->detail, ": ");
        append(&note->detail, said->why.s);
    }
}

static void note_pause(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct heard_words *heard = &s->heard;
    bool on = ledger_is_paused(l, turn->wall), again = on && heard->pause_said.us != l->pause.said.at.us;
    int64_t left = on && l->pause.until.us != 0 ? l->pause.until.us - turn->wall.us : 0;
    if (left > 0)
        service_wake(s, mono_after(turn->now, left));
    if (on == heard->paused && !again)
        return;
    struct note *note = service_note(s, turn, on ? NOTE_PAUSED : NOTE_RESUMED);
    note->a = on ? left : l->pause.on;
    note_said(note, &l->pause.said);
    heard->paused = on;
    heard->pause_said = l->pause.said.at;
}

/* It has come, or gone without its operation. */
static void note_scheduled(struct service *s, struct turn *turn, const struct ledger *l)
{
    const struct ledger_proposal *p = &l->proposal;
    uint64_t now = p->state == PROPOSAL_SCHEDULED ? p->id : 0, before = s->heard.scheduled;
    s->heard.scheduled = now;
    if (now == before)
        return;
    if (before != 0 && l->operation.id != before && l->last_operation != before)
        service_note(s, turn, NOTE_SCHEDULE_OFF)->operation = before;
    if (now == 0)
        return;
    struct note *note = service_note(s, turn, NOTE_SCHEDULED);
    note->operation = now;
    note->region = p->to;
    note->a = p->due.us > turn->wall.us ? p->due.us - turn->wall.us : 0;
    note_said(note, &p->said);
}

void word_notes(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (l == NULL)
        return;
    note_pause(s, turn, l);
    note_scheduled(s, turn, l);
    enum operation_wish before = s->heard.operation == l->operation.id ? s->heard.wish : WISH_GO;
    s->heard.operation = l->operation.id;
    s->heard.wish = l->operation.wish;
    if (l->operation.wish == before)
        return;
    struct note *note = service_note(s, turn, NOTE_WISH);
    note->operation = l->operation.id;
    note->a = l->operation.wish;
    note->region = l->operation.to;
    note_said(note, &l->operation.said);
}

/* ---- the table ---- */

struct word {
    enum order_answer (*stands)(const struct pending_order *o, const struct ledger *l);
    struct ledger (*goal)(const struct pending_order *o, const struct ledger *l);
};

static const struct word words[ORDER_KIND_COUNT] = {
    [ORDER_PAUSE] = { pause_stands, pause_goal },    [ORDER_RESUME] = { pause_stands, pause_goal },
    [ORDER_APPROVE] = { answer_stands, answer_goal }, [ORDER_DECLINE] = { answer_stands, answer_goal },
    [ORDER_HOLD] = { wish_stands, wish_goal },       [ORDER_GO] = { wish_stands, wish_goal },
    [ORDER_BACK] = { wish_stands, wish_goal },       [ORDER_SKIP] = { skip_stands, skip_goal },
    [ORDER_TICK] = { tick_stands, tick_goal },
};

bool word_is(enum order_kind kind)
{
    return (unsigned)kind < ORDER_KIND_COUNT && words[kind].stands != NULL;
}

enum order_answer word_stands(const struct pending_order *o, const struct ledger *l)
{
    return words[o->order.kind].stands(o, l);
}

struct ledger word_goal(const struct pending_order *o, const struct ledger *l)
{
    return words[o->order.kind].goal(o, l);
}
