/* Which region a rejoin is about: see rejoin_where.h. */
#include "coordinator/control/rejoin_where.h"

#include "coordinator/base/text.h"

static bool could_rejoin(const struct rejoin_where_facts *f, const struct service_region_config *region)
{
    bool writer = f->view->ledger_known && f->view->ledger.writer == region->region;
    return region->guard_count > 0 && !writer;
}

/* What is not seen may be a server that is down: that one is to be rejoined, too. */
static bool streams(const struct rejoin_where_facts *f, const struct service_region_config *region)
{
    const struct view_region *seen = &f->view->regions[region->region];
    bool fresh = seen->database_age_us >= 0 && seen->database_age_us <= f->service->evidence_max_age_us;
    return seen->database.known && fresh && seen->database.in_recovery && seen->database.walreceiver_live;
}

static void append_option(struct text *text, const struct rejoin_where_facts *f, size_t region, size_t before)
{
    text_append(text, before > 0 ? " or --region " : "--region ");
    text_append(text, f->cluster->regions[region].name);
}

static void ask_which(const struct rejoin_where_facts *f, bool any, struct rejoin_where *where)
{
    struct text text = TEXT_OF(where->text), todo = TEXT_OF(where->todo);
    size_t named = 0;
    bool writer = f->view->ledger_known && f->view->ledger.writer != REGION_NONE;
    text_append(&text, !writer ? "refused: this node does not know who the writer is, and so not which database is to "
                                 "follow it"
                       : any   ? "refused: more than one region has a database that was not seen to stream from the writer"
                               : "refused: as far as this node sees, every other region's database streams from the writer");
    text_append(&todo, "Say which: ");
    for (size_t i = 0; i < f->service->region_count; i++) {
        const struct service_region_config *region = &f->service->regions[i];
        if (could_rejoin(f, region) && !(any && streams(f, region)))
            append_option(&todo, f, region->region, named++);
    }
    text_append(&todo, ". failoverctl status shows each region's database.");
}

void rejoin_where(const struct rejoin_where_facts *f, struct rejoin_where *where)
{
    *where = (struct rejoin_where){ .region = f->asked };
    if (f->asked != CONFIG_NONE)
        return;
    bool writer = f->view->ledger_known && f->view->ledger.writer != REGION_NONE;
    size_t count = 0, last = CONFIG_NONE;
    bool home = false;
    for (size_t i = 0; i < f->service->region_count && writer; i++) {
        const struct service_region_config *region = &f->service->regions[i];
        if (!could_rejoin(f, region) || streams(f, region))
            continue;
        count++;
        last = region->region;
        home = home || last == f->home;
    }
    /* With nothing to be seen anywhere, our own node says best why. */
    if (f->home != CONFIG_NONE && (home || count == 0))
        where->region = f->home;
    else if (count == 1)
        where->region = last;
    else
        ask_which(f, count > 1, where);
}
