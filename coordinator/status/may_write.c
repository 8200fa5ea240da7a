/* Whether a database may start as a primary: see may_write.h.
 *
 * Yes, for one of four reasons, and for each it is said here why no second writer comes of it:
 *
 *   leased       The ledger names this very guard, and a majority has granted it a lease that still runs.
 *   kept         The same guard has held that lease, and the service says `keep`. The core itself holds the
 *                database open then: nobody takes the end of such a lease for a proof.
 *   not_asked    With the door as first fence a guard gets no lease before it has asked its database whether the
 *                door would hold, so a host that restarts would wait for ever. The ledger that names this guard was
 *                confirmed by a majority less than a lease ago. Should another begin right now, it still needs this
 *                guard's word that the door is shut, or has to wait out a lease; and this guard, which
 *                has none, shuts the door at first contact.
 *   first_start  A majority of voters votes, and none of them nor of any other has ever said that it had accepted a
 *                ledger; so none can have been chosen. The first one is put forward by the initial writer's own
 *                guard, and only when it sees its database up as a primary, so this one has to start first.
 *                An empty store of our own proves less than that and is not asked for: one that was made anew on
 *                a host that came back from a snapshot is just as empty, and the ledger is elsewhere. So a new
 *                installation, too, needs a majority before its database may start through this door.
 */
#include "coordinator/status/may_write.h"

#include <inttypes.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/status/names.h"

struct words {
    struct text text;
    struct text todo;
};

static void decide(struct may_write_answer *answer, enum may_write may, bool final, const char *reason)
{
    answer->may = may;
    answer->final = final;
    answer->reason = reason;
}

static const char *home_of(const struct may_write_facts *f)
{
    return name_region(f->cluster, (unsigned)f->cluster->nodes[f->self].region);
}

static const char *self_of(const struct may_write_facts *f)
{
    return name_node(f->cluster, (unsigned)f->self);
}

/* ---- nothing is known of a ledger ---- */

static void without_ledger(const struct may_write_facts *f, struct may_write_answer *answer,
                           struct words *words)
{
    const struct view_service *view = f->view;
    size_t home = f->cluster->nodes[f->self].region;
    bool initial = f->service->regions[f->service->initial_writer].region == home;
    if (view->quorum && !f->ledger_reported && initial) {
        decide(answer, MAY_WRITE_YES, true, "first_start");
        text_appendf(&words->text, "yes: the service is new, no voter has a ledger of it, and %s is its "
                                   "initial_writer", home_of(f));
        return;
    }
    if (!view->quorum) {
        decide(answer, MAY_WRITE_UNKNOWN, false, "no_quorum");
        text_appendf(&words->text, "can't know: only %u of the %u voters needed are heard, and who is the writer "
                                   "has not been confirmed since failoverd started here", view->voters_heard,
                     view->voters_needed);
        text_append(&words->todo, "Bring the missing voters or the network between them back; failoverctl status "
                                  "--verbose shows which.");
        return;
    }
    decide(answer, MAY_WRITE_UNKNOWN, false, "ledger_unknown");
    text_append(&words->text, "can't know: no majority has confirmed yet who is the writer");
    text_append(&words->todo, "Wait a few seconds and ask again.");
    if (!initial)
        text_appendf(&words->todo, " A new service begins with its initial_writer, which is not %s.", home_of(f));
}

/* ---- the ledger names our region ---- */

static void unnamed_instance(const struct may_write_facts *f, struct may_write_answer *answer, struct words *words)
{
    const struct ledger *ledger = &f->view->ledger;
    if (ledger->guard.node != f->self) {
        decide(answer, MAY_WRITE_UNKNOWN, false, "other_guard");
        text_appendf(&words->text, "can't know: %s is the writer at epoch %" PRIu64 ", and its guard is %s, which "
                                   "alone knows whether it has a lease", home_of(f), ledger->epoch,
                     name_node(f->cluster, ledger->guard.node));
        text_appendf(&words->todo, "Ask on %s.", name_node(f->cluster, ledger->guard.node));
        return;
    }
    decide(answer, MAY_WRITE_UNKNOWN, false, "other_instance");
    text_appendf(&words->text, "can't know: %s is the writer at epoch %" PRIu64 " under a former store of %s; with "
                               "the present one it gets no lease", home_of(f), ledger->epoch, self_of(f));
    text_appendf(&words->todo, "A person has to name the present one: failoverctl failover %s --to %s "
                               "--reason \"...\".", f->service->name, home_of(f));
}

/* Named, and yet no lease: why, and what to do. */
static void without_lease(const struct may_write_facts *f, struct may_write_answer *answer, struct words *words)
{
    const struct view_service *view = f->view;
    bool ready = view->regions[f->cluster->nodes[f->self].region].guard_ready;
    text_appendf(&words->text, "can't know: %s was named the writer at epoch %" PRIu64 ", but %s has no lease",
                 home_of(f), view->ledger.epoch, self_of(f));
    if (!view->quorum) {
        decide(answer, MAY_WRITE_UNKNOWN, false, "no_quorum");
        text_appendf(&words->text, ": only %u of the %u voters needed are heard, and another may have been named "
                                   "since", view->voters_heard, view->voters_needed);
        text_append(&words->todo, "Bring the missing voters or the network between them back; failoverctl status "
                                  "--verbose shows which.");
    } else if (!ready) {
        decide(answer, MAY_WRITE_UNKNOWN, false, "fence_not_ready");
        text_append(&words->text, ": its fence can't be worked");
        text_append(&words->todo, "failoverd's log says why (journalctl -u failoverd).");
    } else {
        decide(answer, MAY_WRITE_UNKNOWN, false, "no_lease");
        text_append(&words->text, " yet");
        text_append(&words->todo, "Wait a few seconds and ask again; if it stays so, look at failoverctl status.");
    }
}

static bool door_first(const struct service_config *service)
{
    return service->fence.ladder_count > 0 && service->fence.ladder[0] == CONFIG_FENCE_DOOR;
}

static void named(const struct may_write_facts *f, struct may_write_answer *answer, struct words *words)
{
    const struct view_service *view = f->view;
    const struct ledger *ledger = &view->ledger;
    const struct view_region *home = &view->regions[f->cluster->nodes[f->self].region];
    char left[CLOCK_DURATION_TEXT_MAX];
    bool confirmed = view->quorum && view->ledger_age_us >= 0 && view->ledger_age_us < ledger->lease_us;
    if (ledger->guard.node != f->self || ledger->guard.id != f->instance) {
        unnamed_instance(f, answer, words);
    } else if (home->lease_left_us > 0) {
        decide(answer, MAY_WRITE_YES, true, "leased");
        text_appendf(&words->text, "yes: %s is the writer at epoch %" PRIu64 ", and %s holds its lease for another %s",
                     home_of(f), ledger->epoch, self_of(f),
                     base_format_duration(left, sizeof left, home->lease_left_us));
    } else if (ledger->keep_on_quorum_loss && home->lease_left_us < 0) {
        decide(answer, MAY_WRITE_YES, true, "kept");
        text_appendf(&words->text, "yes: %s is the writer at epoch %" PRIu64 " as far as is known; without a quorum "
                                   "its guard keeps the database open (on_quorum_loss: keep)", home_of(f),
                     ledger->epoch);
    } else if (door_first(f->service) && !home->guard_ready && confirmed) {
        decide(answer, MAY_WRITE_YES, true, "not_asked");
        text_appendf(&words->text, "yes: a majority says that %s is the writer at epoch %" PRIu64 "; %s asks for its "
                                   "lease when the database is up and its door was looked at", home_of(f),
                     ledger->epoch, self_of(f));
    } else {
        without_lease(f, answer, words);
    }
}

/* ---- it does not ---- */

static void elsewhere(const struct may_write_facts *f, struct may_write_answer *answer, struct words *words)
{
    const struct ledger *ledger = &f->view->ledger;
    const struct view_region *home = &f->view->regions[f->cluster->nodes[f->self].region];
    if (ledger->writer == REGION_NONE) {
        decide(answer, MAY_WRITE_NO, false, "no_writer");
        text_appendf(&words->text, "no: at epoch %" PRIu64 " no region is the writer: a failover from %s to %s is "
                                   "under way", ledger->epoch, name_region(f->cluster, ledger->operation.from),
                     name_region(f->cluster, ledger->operation.to));
        text_append(&words->todo, "Ask again when it is over; failoverctl status shows it.");
        return;
    }
    decide(answer, MAY_WRITE_NO, true, "other_writer");
    text_appendf(&words->text, "no: %s is the writer at epoch %" PRIu64 "; as a primary the database of %s would take "
                               "writes that are lost", name_region(f->cluster, ledger->writer), ledger->epoch,
                 home_of(f));
    text_appendf(&words->todo, "Make this one a standby of %s: ", name_region(f->cluster, ledger->writer));
    /* What only it has can be listed while it runs, and behind the kernel's fence it may: by a person's hand. */
    if (home->guard_kernel && home->fence == FENCE_CONFIRMED)
        text_appendf(&words->todo, "start it by hand behind its fence, past its unit (pg_ctl start, or pg_ctlcluster "
                                   "--skip-systemctl-redirect ... start), so that what only it has is listed; then "
                                   "failoverctl rejoin %s --dry-run.", f->service->name);
    else
        text_append(&words->todo, "pg_rewind or a new pg_basebackup from there, with standby.signal and "
                                  "primary_conninfo; then start it.");
}

void may_write(const struct may_write_facts *f, struct may_write_answer *answer)
{
    size_t region = f->cluster->nodes[f->self].region;
    const struct service_region_config *home = config_service_region(f->service, region);
    struct words words = { TEXT_OF(answer->text), TEXT_OF(answer->todo) };
    text_clear(&words.text);
    text_clear(&words.todo);
    if (home == NULL || !config_is_guard(home, f->self)) {
        decide(answer, MAY_WRITE_UNKNOWN, true, "not_a_guard");
        text_appendf(&words.text, "can't know: %s guards no database of %s in %s", self_of(f), f->service->name,
                     home_of(f));
        text_append(&words.todo, "Ask a guard of the region in which the database is (regions.*.guards in "
                                 "cluster.json).");
    } else if (f->view->glass.own && f->view->marks[f->self].state == MARK_STANDS) {
        decide(answer, MAY_WRITE_YES, true, "glass_broken");
        text_appendf(&words.text, "yes: the glass was broken for %s here, at a person's word that the old database "
                                  "is dead",
                     home_of(f));
    } else if (!f->view->ledger_known) {
        without_ledger(f, answer, &words);
    } else if (f->view->ledger.writer == region) {
        named(f, answer, &words);
    } else {
        elsewhere(f, answer, &words);
    }
}
