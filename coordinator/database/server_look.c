/* What a server says of itself: see server_look.h. */
#include "coordinator/database/server_look.h"

#include <stdlib.h>

#include "coordinator/base/text.h"
#include "coordinator/database/errand.h"

struct server_look {
    struct errand base;
    server_look_fn *done;
    void *arg;
    struct server_seen seen;
};

/* The oldest segment is the lowest number whatever its timeline; its beginning is number times size. */
static const char settings_sql[] =
    "select current_setting('data_directory'), current_setting('config_file'),"
    " current_setting('wal_log_hints')::bool or current_setting('data_checksums')::bool,"
    " current_setting('full_page_writes')::bool,"
    " (select min(('x' || substr(name, 9, 8))::bit(32)::bigint * 4294967296 +"
    "  ('x' || substr(name, 17, 8))::bit(32)::bigint * pg_size_bytes(current_setting('wal_segment_size')))"
    "  from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'), current_setting('primary_slot_name')";

static void look_free(struct server_look *look)
{
    errand_release(&look->base);
    free(look);
}

void server_look_cancel(struct server_look *look)
{
    if (look != NULL)
        look_free(look);
}

static void look_end(struct server_look *look, bool seen)
{
    look->seen.seen = seen;
    errand_release(&look->base);
    look->done(look->arg, &look->seen);
    free(look);
}

static void on_deadline(void *arg)
{
    struct server_look *look = arg;
    if (look->seen.why.text[0] == '\0')
        fault_set(&look->seen.why, "no answer in time");
    look_end(look, false);
}

/* No second try: who asks is a person, or asks again by itself. */
static void look_fail(struct server_look *look, const struct pg_answer *result, const char *doing)
{
    fault_set(&look->seen.why, "%s: %s", doing, result->message);
    look_end(look, false);
}

static void on_settings(void *arg, const struct pg_answer *result)
{
    struct server_look *look = arg;
    struct server_seen *seen = &look->seen;
    if (result->outcome != PG_OK) {
        look_fail(look, result, "reading its settings");
        return;
    }
    if (!text_copy(seen->data_directory, sizeof seen->data_directory, pg_answer_text(result, 0, 0)) ||
        !text_copy(seen->config_file, sizeof seen->config_file, pg_answer_text(result, 0, 1)) ||
        seen->data_directory[0] != '/' || !pg_answer_bool(result, 0, 2, &seen->hints) ||
        !pg_answer_bool(result, 0, 3, &seen->full_page_writes)) {
        fault_set(&seen->why, "its settings make no sense");
        look_end(look, false);
        return;
    }
    if (!pg_answer_u64(result, 0, 4, &seen->oldest_lsn))
        seen->oldest_lsn = 0;
    if (!text_copy(seen->slot, sizeof seen->slot, pg_answer_text(result, 0, 5)))
        seen->slot[0] = '\0'; /* no slot has such a name */
    look_end(look, true);
}

static void on_facts(void *arg, const struct pg_answer *result)
{
    struct server_look *look = arg;
    if (result->outcome != PG_OK) {
        look_fail(look, result, "reading its state");
        return;
    }
    look->seen.facts = (struct postgres_facts){ .walreceiver_age_us = -1 };
    if (postgres_facts_read(result, &look->seen.facts, &look->seen.why))
        errand_query(&look->base, settings_sql, NULL, 0, on_settings);
    else
        look_end(look, false);
}

static void on_connected(void *arg, const struct pg_answer *result)
{
    struct server_look *look = arg;
    if (result->outcome != PG_OK)
        look_fail(look, result, "connecting");
    else
        errand_query(&look->base, postgres_facts_sql, NULL, 0, on_facts);
}

struct server_look *server_look_start(struct loop *loop, const struct pg_target *target, int64_t deadline_us,
                                      server_look_fn *done, void *arg, struct fault *fault)
{
    struct server_look *look = calloc(1, sizeof *look);
    if (look == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    if (!errand_init(&look->base, loop, target, deadline_us, on_deadline, look, fault)) {
        free(look);
        return NULL;
    }
    look->done = done;
    look->arg = arg;
    errand_connect(&look->base, on_connected);
    return look;
}
