/* One look at who is on the Unix socket: see socket_sessions.h. */
#include "coordinator/database/socket_sessions.h"

#include <stdlib.h>

#include "coordinator/base/text.h"
#include "coordinator/database/errand.h"

/* A client over TCP has a port; over a Unix socket it is -1. At least one row always comes. Names of roles may
 * hold anything, and go to people. */
static const char question[] =
    "with there as (select usename, count(*) as sessions from pg_stat_activity"
    " where backend_type = 'client backend' and client_port = -1"
    " and usename <> current_user and usename <> $1 group by usename)"
    " select current_setting('unix_socket_directories') <> '', (select coalesce(sum(sessions), 0)::bigint from there),"
    " regexp_replace(r.usename, '[[:cntrl:]]', '?', 'g'), r.sessions from (select 1) as one"
    " left join (select * from there order by sessions desc, usename limit 8) as r on true";
_Static_assert(SOCKET_ROLES_MAX == 8, "the question's limit");

struct socket_errand {
    struct errand base;
    char canary[SOCKET_ROLE_NAME_MAX];
    struct socket_sessions found;
    socket_sessions_fn *done;
    void *arg;
};

void socket_sessions_cancel(struct socket_errand *errand)
{
    if (errand == NULL)
        return;
    errand_release(&errand->base);
    free(errand);
}

static void end(struct socket_errand *errand, bool complete)
{
    struct socket_sessions found = errand->found;
    socket_sessions_fn *done = errand->done;
    void *arg = errand->arg;
    found.complete = complete;
    socket_sessions_cancel(errand);
    done(arg, &found);
}

static void on_deadline(void *arg)
{
    struct socket_errand *errand = arg;
    (void)fault_set(&errand->found.why, "the server did not answer in time");
    end(errand, false);
}

static void take_rows(struct socket_sessions *found, const struct pg_answer *result)
{
    for (size_t row = 0; row < result->rows && row < SOCKET_ROLES_MAX; row++) {
        int64_t sessions;
        if (!pg_answer_i64(result, row, 3, &sessions)) /* nobody */
            continue;
        (void)text_copy(found->roles[found->count].name, sizeof found->roles[0].name,
                        pg_answer_text(result, row, 2));
        found->roles[found->count++].sessions = sessions;
    }
}

static void on_answer(void *arg, const struct pg_answer *result)
{
    struct socket_errand *errand = arg;
    if (result->outcome != PG_OK) {
        (void)fault_set(&errand->found.why, "asking who is on the socket: %s", result->message);
        end(errand, false);
        return;
    }
    if (!pg_answer_bool(result, 0, 0, &errand->found.listens) ||
        !pg_answer_i64(result, 0, 1, &errand->found.sessions)) {
        (void)fault_set(&errand->found.why, "the server's answer can't be read");
        end(errand, false);
        return;
    }
    take_rows(&errand->found, result);
    end(errand, true);
}

static void on_connected(void *arg, const struct pg_answer *result)
{
    struct socket_errand *errand = arg;
    const char *params[] = { errand->canary };
    if (result->outcome == PG_OK) {
        errand_query(&errand->base, question, params, 1, on_answer);
        return;
    }
    (void)fault_set(&errand->found.why, "the guard's login: %s", result->message);
    end(errand, false);
}

struct socket_errand *socket_sessions_look(struct loop *loop, const struct pg_target *guard, const char *canary,
                                           int64_t deadline_us, socket_sessions_fn *done, void *arg,
                                           struct fault *fault)
{
    struct socket_errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL) {
        (void)fault_set(fault, "out of memory for a look at the sessions");
        return NULL;
    }
    (void)text_copy(errand->canary, sizeof errand->canary, canary != NULL ? canary : "");
    errand->done = done;
    errand->arg = arg;
    if (!errand_init(&errand->base, loop, guard, deadline_us, on_deadline, errand, fault)) {
        free(errand);
        return NULL;
    }
    errand_connect(&errand->base, on_connected);
    return errand;
}
