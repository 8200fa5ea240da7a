/* server_look: what a server says of itself to somebody who wants to make it a standby: its state, where its files
 * are, and whether pg_rewind could work on it.
 *
 * One errand with a life of its own, as those of promote.h; reads only.
 */
#ifndef FAILOVERD_DATABASE_SERVER_LOOK_H
#define FAILOVERD_DATABASE_SERVER_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"
#include "probes/postgres.h"

#define SERVER_PATH_MAX 1024
#define SERVER_SLOT_MAX 64

struct server_seen {
    bool seen;                       /* false: `why` says why, and nothing else is known */
    struct postgres_facts facts;
    char data_directory[SERVER_PATH_MAX];
    char config_file[SERVER_PATH_MAX];
    char slot[SERVER_SLOT_MAX];      /* its primary_slot_name; "": none */
    bool hints;                      /* wal_log_hints or data checksums: pg_rewind asks for one of them */
    bool full_page_writes;           /* which it asks for as well */
    uint64_t oldest_lsn;             /* where the oldest WAL that is left begins; 0: not known */
    struct fault why;
};

typedef void server_look_fn(void *arg, const struct server_seen *seen);

struct server_look;

/* NULL with the fault set when the target makes no sense. */
struct server_look *server_look_start(struct loop *loop, const struct pg_target *target, int64_t deadline_us,
                                      server_look_fn *done, void *arg, struct fault *fault);
/* NULL is allowed. */
void server_look_cancel(struct server_look *look);

#endif
