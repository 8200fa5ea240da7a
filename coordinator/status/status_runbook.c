/* The checklist of an operation: see status_runbook() in status.h and runbook_check.h.
 *
 * Which items a person has ticked is in the ledger, one bit an item by its place in the list, so every node shows the
 * same. What failoverd answers itself is looked at anew each time. Nothing ever waits for an item. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/base/ensure.h"
#include "coordinator/status/runbook_check.h"

/* How an item stands. */
enum item_state {
    ITEM_DONE,    /* ticked, or answered with yes */
    ITEM_OPEN,    /* somebody should see to it */
    ITEM_LATER,   /* for after the operation, which is not over */
    ITEM_PAST,    /* failoverd answers it before an operation only, and this one has begun */
    ITEM_NOT_DUE, /* nobody needs to any more, or ever: the operation went back */
};

static const char *const state_names[] = { "done", "open", "later", "past", "not_due" };

struct book {
    const struct status_service *service;
    struct runbook_subject subject;
    uint64_t operation; /* 0: none has begun */
    uint32_t ticked;
    unsigned open, for_people;
};

static enum config_operation config_kind(enum operation_kind kind)
{
    switch (kind) {
    case OPERATION_FAILOVER: return CONFIG_OPERATION_FAILOVER;
    case OPERATION_SWITCHOVER: return CONFIG_OPERATION_SWITCHOVER;
    case OPERATION_FAILBACK: return CONFIG_OPERATION_FAILBACK;
    case OPERATION_ADOPT: return CONFIG_OPERATION_ADOPT;
    case OPERATION_NONE:
    case OPERATION_KIND_COUNT:
    default: return CONFIG_OPERATION_COUNT;
    }
}

/* Where the kind is not known every item may be meant. */
static bool applies(const struct runbook_item *item, enum operation_kind kind)
{
    for (size_t i = 0; i < item->kind_count; i++)
        if (item->kinds[i] == (int)config_kind(kind))
            return true;
    return kind == OPERATION_NONE;
}

/* ---- which operation ----------------------------------------------------------------------- */

/* Of the last one the ledger keeps no more than its end; what it was the history may know. */
static void about_the_last(struct book *book, const struct ledger *ledger)
{
    struct history_brief brief;
    const struct history *history = book->service->input->history;
    book->operation = ledger->last_operation;
    book->subject.done = ledger->last_outcome == OUTCOME_DONE;
    book->subject.fence_skipped = true;
    if (book->operation == 0 || history == NULL || !history_brief(history, book->operation, &brief))
        return;
    for (int kind = OPERATION_NONE + 1; kind < OPERATION_KIND_COUNT; kind++)
        if (strcmp(name_operation_kind(kind), brief.kind) == 0)
            book->subject.kind = (enum operation_kind)kind;
    book->subject.fence_skipped = !brief.proven;
}

/* False: there is no operation, or none is known of. */
static bool open_book(const struct status_service *service, struct book *book)
{
    const struct ledger *ledger = &service->view->ledger;
    const struct ledger_operation *operation = &ledger->operation;
    *book = (struct book){ .service = service, .subject = { .to = REGION_NONE } };
    if (!service->view->ledger_known)
        return false;
    if (operation->kind != OPERATION_NONE) {
        book->operation = operation->id;
        book->subject.kind = operation->kind;
        book->subject.to = operation->to;
        book->subject.running = true;
        book->subject.fence_skipped = (operation->skipped_gates >> GATE_FENCE & 1u) != 0;
    } else {
        about_the_last(book, ledger);
    }
    book->ticked = ledger->ticked_operation == book->operation ? ledger->ticked : 0;
    return book->operation != 0;
}

/* ---- an item ------------------------------------------------------------------------------- */

/* What a person or failoverd has not said yes to. */
static enum item_state not_done(const struct book *book, const struct runbook_item *item)
{
    bool begun = book->operation != 0;
    bool over = begun && !book->subject.running;
    if (item->when == CONFIG_RUNBOOK_BEFORE && begun && item->check != CONFIG_RUNBOOK_PERSON)
        return ITEM_PAST;
    if (over && !book->subject.done)
        return ITEM_NOT_DUE;
    return item->when == CONFIG_RUNBOOK_AFTER && !over ? ITEM_LATER : ITEM_OPEN;
}

static void render_answer(const struct book *book, const struct runbook_item *item, enum item_state *state,
                          json_t *object)
{
    struct runbook_finding finding = { .answer = RUNBOOK_UNKNOWN, .age_us = AGE_UNKNOWN_US };
    *state = not_done(book, item);
    if (*state == ITEM_OPEN) {
        runbook_check(book->service, item->check, &book->subject, &finding);
        if (finding.answer == RUNBOOK_YES)
            *state = ITEM_DONE;
    }
    bool looked = finding.text[0] != '\0';
    const char *why = *state == ITEM_PAST    ? "is judged before an operation begins; the journal of the node that took the order has it (runbook_checked)"
                      : *state == ITEM_LATER ? "is looked at when the operation is over"
                                             : "the operation went back";
    put(object, "answer", looked ? json_string(runbook_answer_name(finding.answer)) : json_null());
    put(object, "evidence", json_of_text(looked ? finding.text : why));
    put(object, "age_ms", looked ? json_of_ms_or_null(finding.age_us) : json_null());
}

static json_t *render_item(struct book *book, size_t index)
{
    const struct runbook_item *item = &book->service->config->runbook[index];
    bool person = item->check == CONFIG_RUNBOOK_PERSON;
    bool ticked = (book->ticked >> index & 1u) != 0;
    enum item_state state = ticked ? ITEM_DONE : not_done(book, item);
    json_t *object = json_object();
    put(object, "id", json_of_text(item->id));
    put(object, "when", json_string(config_runbook_when_name(item->when)));
    put(object, "text", json_of_text(item->text));
    put(object, "by", json_string(person ? "person" : "failoverd"));
    put(object, "check", person ? json_null() : json_string(config_runbook_check_name(item->check)));
    put(object, "ticked", person ? json_boolean(ticked) : json_null());
    if (person) {
        put(object, "answer", json_null());
        put(object, "evidence", json_of_text(ticked ? "ticked by a person" : ""));
        put(object, "age_ms", json_null());
    } else {
        render_answer(book, item, &state, object);
    }
    put(object, "state", json_string(state_names[state]));
    book->open += state == ITEM_OPEN;
    book->for_people += state == ITEM_OPEN && person;
    return object;
}

/* ---- the list ------------------------------------------------------------------------------ */

/* Items are marked by place: where another node has another list, by the place in that one. */
static json_t *render_differs(const struct status_service *service)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    if (!service->view->settings_differ)
        return json_null();
    text_appendf(&text, "%s runs with other settings: if its runbook is another one, marks given there may "
                        "show at other items here", name_node(service->input->cluster, service->view->settings_differ_node));
    return json_of_text(sentence);
}

static const char *book_state(const struct book *book)
{
    return book->operation == 0 ? "not_begun" : book->subject.running ? "running" : book->subject.done ? "done" : "aborted";
}

static json_t *render_text(const struct book *book, size_t items)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    text_appendf(&text, "%u of %zu runbook item%s open", book->open, items, items == 1 ? "" : "s");
    if (book->for_people > 0)
        text_appendf(&text, ", %u for a person", book->for_people);
    if (book->operation != 0 && book->subject.kind == OPERATION_NONE)
        text_append(&text, " (all are shown: this node does not know what kind of operation it was)");
    return json_of_text(sentence);
}

/* The items of that kind of operation; `before`: only those for before it. */
static json_t *render_book(struct book *book, bool before)
{
    const struct service_config *config = book->service->config;
    char id[NAME_HEX_MAX];
    json_t *list = json_array();
    for (size_t i = 0; i < config->runbook_count && i < CONFIG_MAX_RUNBOOK; i++)
        if (applies(&config->runbook[i], book->subject.kind) &&
            (!before || config->runbook[i].when == CONFIG_RUNBOOK_BEFORE))
            add(list, render_item(book, i));
    if (json_array_size(list) == 0) {
        json_decref(list);
        return json_null();
    }
    json_t *object = json_object();
    put(object, "operation", book->operation != 0 ? json_string(format_hex(id, book->operation)) : json_null());
    put(object, "kind", book->subject.kind != OPERATION_NONE ? json_string(name_operation_kind((int)book->subject.kind))
                                                            : json_null());
    put(object, "state", json_string(book_state(book)));
    put(object, "open", json_integer(book->open));
    put(object, "items", json_integer((json_int_t)json_array_size(list)));
    put(object, "text", render_text(book, json_array_size(list)));
    put(object, "differs", render_differs(book->service));
    put(object, "list", list);
    return object;
}

json_t *status_runbook(const struct status_service *service)
{
    struct book book;
    if (service->config->runbook_count == 0 || !open_book(service, &book))
        return json_null();
    return render_book(&book, false);
}

json_t *status_runbook_before(const struct status_service *service, const struct status_runbook_plan *plan)
{
    struct book book = { .service = service,
                         .subject = { .kind = plan->kind,
                                      .to = plan->to,
                                      .target = plan->target,
                                      .obstacle = plan->obstacle } };
    return render_book(&book, true);
}

/* ---- a tick -------------------------------------------------------------------------------- */

static void list_items(const struct service_config *config, enum operation_kind kind, struct text *text)
{
    unsigned told = 0;
    for (size_t i = 0; i < config->runbook_count; i++)
        if (config->runbook[i].check == CONFIG_RUNBOOK_PERSON && applies(&config->runbook[i], kind))
            text_appendf(text, "%s%s", told++ == 0 ? "a person ticks " : ", ", config->runbook[i].id);
    if (told == 0)
        text_append(text, "it has no item that a person ticks");
}

enum tick_ruling status_tick(const struct status_input *input, uint64_t operation, const char *item, size_t *service,
                             uint32_t *bit, struct text *text)
{
    struct book book;
    struct status_service at = { .input = input };
    bool found = false;
    bool blind = false;
    for (size_t i = 0; i < input->cluster->service_count && !found; i++) {
        at = (struct status_service){ input, &input->cluster->services[i], &input->views[i], i };
        found = open_book(&at, &book) && book.operation == operation;
        if (!found && at.view->ledger_known && at.view->ledger.last_operation == operation && operation != 0) {
            text_append(text, "that operation is over and another one runs: its runbook is closed");
            return TICK_NO_OPERATION;
        }
        blind = blind || !at.view->ledger_known;
        *service = i;
    }
    if (!found) {
        text_append(text, blind ? "no majority has confirmed yet what the ledger says, so whether there is such an operation is not "
                                  "known here"
                                : "there is no such operation: a runbook is that of the operation that runs, or of the last one");
        return blind ? TICK_NO_LEDGER : TICK_NO_OPERATION;
    }
    for (size_t i = 0; i < at.config->runbook_count && i < CONFIG_MAX_RUNBOOK; i++) {
        const struct runbook_item *row = &at.config->runbook[i];
        if (strcmp(row->id, item) != 0 || !applies(row, book.subject.kind))
            continue;
        if (row->check != CONFIG_RUNBOOK_PERSON) {
            text_appendf(text, "failoverd itself checks %s (%s): a person can't tick it", item,
                         config_runbook_check_name(row->check));
            return TICK_MACHINE;
        }
        if ((book.ticked >> i & 1u) != 0) {
            text_appendf(text, "%s is ticked already", item);
            return TICK_ALREADY;
        }
        *bit = UINT32_C(1) << i;
        return TICK_GOOD;
    }
    const char *kind = book.subject.kind != OPERATION_NONE ? name_operation_kind((int)book.subject.kind) : "operation";
    text_appendf(text, "the runbook of this %s of %s has no item %s: ", kind, at.config->name, item);
    list_items(at.config, book.subject.kind, text);
    return TICK_NO_ITEM;
}
