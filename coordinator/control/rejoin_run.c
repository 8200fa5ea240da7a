/* A run of rejoin, seen to its end: the hook, and then looking until the standby streams. See rejoin.c.
 *
 * The slot on the writer is made first, so that no WAL goes which the hook's copy needs, and taken away again when the
 * standby turns out not to use it. Without one the hook runs all the same.
 */
#include "coordinator/control/rejoin_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/child.h"
#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/random.h"
#include "coordinator/base/text.h"
#include "coordinator/status/names.h"

#define LOOK_AGAIN_US (1 * US_PER_S)
#define ENVIRONMENT_MAX 12
#define ENVIRONMENT_TEXT_MAX (REJOIN_CONNINFO_MAX + 64)
#define OUTPUT_SHOWN_MAX 600

/* ---- a run --------------------------------------------------------------------------------- */

static void journal_run(struct rejoin *r, const char *event, int level, const char *text)
{
    char id[NAME_HEX_MAX];
    journal_event(r->settings.journal, event, level, r->settings.service->name, text,
                  json_pack("{s:s, s:s, s:s}", "run", format_hex(id, r->run), "who", r->who, "region",
                            r->settings.cluster->regions[r->settings.home].name));
}

static void run_end(struct rejoin *r, bool well, const char *text)
{
    r->stage = STAGE_IDLE;
    r->running = false;
    r->well = well;
    r->ended_us = base_mono_us();
    (void)text_copy(r->text, sizeof r->text, text);
    journal_run(r, well ? "rejoin_done" : "rejoin_failed", well ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, text);
}

/* ---- the slot ------------------------------------------------------------------------------ */

bool rejoin_writer_target(const struct rejoin *r, struct pg_target *target)
{
    if (!returned_target(r->settings.returned, r->plan.writer, target))
        return false;
    if (r->theirs.address[0] != '\0')
        target->hostaddr = r->theirs.address;
    return true;
}

static void slot_stays(const struct rejoin *r, const char *why)
{
    log_event(LOG_LEVEL_WARNING, "the replication slot of a standby that came to nothing may still be on the writer, where it "
              "keeps WAL: drop it there by hand if nobody streams through it", LOG_STR("service", r->settings.service->name),
              LOG_STR("slot", r->slot), LOG_STR("reason", why));
}

static void on_slot_dropped(void *arg, bool well, const char *why)
{
    struct rejoin *r = arg;
    r->slotting = NULL;
    if (!well)
        slot_stays(r, why);
}

void rejoin_slot_leave(struct rejoin *r)
{
    struct pg_target target;
    struct fault fault = { "the writer's database is not in the cluster file" };
    if (r->slot[0] == '\0')
        return;
    if (rejoin_writer_target(r, &target))
        r->slotting = slot_drop(r->loop, &target, r->slot, base_mono_us() + ASK_US, on_slot_dropped, r, &fault);
    if (r->slotting == NULL)
        slot_stays(r, fault.text);
}

/* How it stands with the slot of a standby that was seen just now; true when that uses it. */
static bool slot_words(const struct rejoin *r, struct text *text)
{
    bool used = r->slot[0] != '\0' && strcmp(r->local.slot, r->slot) == 0;
    if (used)
        text_appendf(text, ", through its replication slot %s", r->slot);
    else if (r->slot[0] != '\0')
        text_appendf(text, ", without its replication slot: the hook has not set primary_slot_name to %s", r->slot);
    else
        text_appendf(text, ", without a replication slot: %s", r->slot_why);
    return used;
}

/* ---- a run, seen to its end ---------------------------------------------------------------- */

void rejoin_run_look(void *arg)
{
    rejoin_ask_servers(arg, STAGE_RUN_LOCAL);
}

void rejoin_run_verify(struct rejoin *r)
{
    char lacks[FAULT_TEXT_MAX];
    char text[REJOIN_TEXT_MAX];
    struct text sentence = TEXT_OF(text);
    struct rejoin_facts facts = rejoin_facts_now(r);
    if (rejoin_streams(&facts, lacks, sizeof lacks)) {
        text_appendf(&sentence, "%s's database is a standby now: it streams from %s on timeline %" PRIu32,
                     r->settings.cluster->regions[r->settings.home].name,
                     r->settings.cluster->regions[r->plan.writer].name, r->local.facts.timeline);
        if (!slot_words(r, &sentence))
            rejoin_slot_leave(r);
        run_end(r, true, text);
        return;
    }
    if (base_mono_us() > r->verify_by_us) {
        text_appendf(&sentence, "the hook has ended well, and yet: %s. Its fence stays shut while it is a primary; look at its log",
                     lacks);
        if (!r->local.seen || strcmp(r->local.slot, r->slot) != 0)
            rejoin_slot_leave(r);
        run_end(r, false, text);
        return;
    }
    text_appendf(&sentence, "waiting until it streams: %s", lacks);
    (void)text_copy(r->text, sizeof r->text, text);
    r->stage = STAGE_RUN_PAUSE;
    timer_set_after_us(&r->pause, LOOK_AGAIN_US);
}

/* The end of a program's words, as one line. */
static void append_output(struct text *text, const struct child_result *child)
{
    size_t skip = child->output_length > OUTPUT_SHOWN_MAX ? child->output_length - OUTPUT_SHOWN_MAX : 0;
    for (const char *c = child->output + skip; *c != '\0'; c++)
        text_append_char(text, (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c);
}

static void on_hook(const struct child_result *child, void *arg)
{
    struct rejoin *r = arg;
    char text[REJOIN_TEXT_MAX];
    struct text sentence = TEXT_OF(text);
    bool well = child->end == CHILD_EXITED && child->status == 0;
    r->hook = NULL;
    log_event(well ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "hook rejoin ended", LOG_STR("service", r->settings.service->name),
              LOG_STR("result", child->text), LOG_STR("output", child->output));
    if (!well) {
        text_appendf(&sentence, "the hook %s%s. It said at last: ", child->text,
                     r->ended_for_writer ? " (ended by us: this region became the writer)" : "");
        append_output(&sentence, child);
        rejoin_slot_leave(r);
        run_end(r, false, text);
        return;
    }
    text_appendf(&sentence, "the hook %s", child->text);
    (void)text_copy(r->text, sizeof r->text, text);
    r->verify_by_us = base_mono_us() + REJOIN_VERIFY_US;
    rejoin_ask_servers(r, STAGE_RUN_LOCAL);
}

struct environment {
    char texts[ENVIRONMENT_MAX][ENVIRONMENT_TEXT_MAX];
    const char *list[ENVIRONMENT_MAX + 1];
    size_t count;
};

static void environment_add(struct environment *e, const char *name, const char *value)
{
    struct text text = TEXT_OF(e->texts[e->count]);
    text_appendf(&text, "%s=%s", name, value);
    e->list[e->count] = e->texts[e->count];
    e->list[++e->count] = NULL;
}

static void environment_fill(const struct rejoin *r, struct environment *e)
{
    const json_t *returned = returned_json(r->settings.returned);
    const char *file = json_string_value(json_object_get(returned, "file"));
    char epoch[24];
    struct text number = TEXT_OF(epoch);
    text_appendf(&number, "%" PRIu64, r->view.ledger.epoch);
    e->count = 0;
    environment_add(e, "FAILOVERD_SERVICE", r->settings.service->name);
    environment_add(e, "FAILOVERD_NODE", r->settings.node);
    environment_add(e, "FAILOVERD_REGION", r->settings.cluster->regions[r->settings.home].name);
    environment_add(e, "FAILOVERD_WRITER_REGION", r->settings.cluster->regions[r->plan.writer].name);
    environment_add(e, "FAILOVERD_EPOCH", epoch);
    environment_add(e, "FAILOVERD_METHOD", r->plan.method != NULL ? r->plan.method : "");
    environment_add(e, "FAILOVERD_SOURCE_CONNINFO", r->plan.source);
    environment_add(e, "FAILOVERD_DATA_DIRECTORY", r->local.seen ? r->local.data_directory : "");
    environment_add(e, "FAILOVERD_CONFIG_FILE", r->local.seen ? r->local.config_file : "");
    environment_add(e, "FAILOVERD_SLOT", r->slot);
    environment_add(e, "FAILOVERD_LOST_REPORT", file != NULL ? file : "");
}

bool rejoin_run_start(struct rejoin *r, struct fault *fault)
{
    const struct config_texts *hook = &r->settings.service->hooks.rejoin;
    const char *argv[CONFIG_MAX_ITEMS + 1];
    struct environment *environment = malloc(sizeof *environment);
    if (environment == NULL)
        return fault_set(fault, "out of memory");
    for (size_t i = 0; i < hook->count; i++)
        argv[i] = hook->items[i];
    argv[hook->count] = NULL;
    environment_fill(r, environment);
    struct child_request request = {
        .argv = argv,
        .environment = environment->list,
        .deadline_ms = r->settings.service->hooks.rejoin_deadline_us / US_PER_MS,
        .done = on_hook,
        .arg = r,
    };
    r->hook = child_start(r->loop, &request, fault);
    free(environment);
    if (r->hook == NULL)
        return false;
    r->run = base_random_u64() | 1; /* 0 is none */
    r->running = true;
    r->well = r->ended_for_writer = false;
    r->began_us = base_mono_us();
    r->stage = STAGE_RUN_HOOK;
    (void)text_copy(r->text, sizeof r->text, "the hook runs");
    journal_run(r, "rejoin_begun", LOG_LEVEL_WARNING, r->plan.text);
    return true;
}
