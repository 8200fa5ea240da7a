/* Real PostgreSQL servers for unit tests, in folders of their own, always ended with the test.
 *
 * As root they run as the user postgres. Each server listens on a Unix socket in its folder and on a
 * free port of 127.0.0.1; socket logins are trusted, TCP logins need SCRAM. The roles and table of
 * etc/postgresql-setup.sql are there; the passwords are PG_FIXTURE_PASSWORD. What can't work ends
 * the test program with a message: without a server there is nothing to test.
 */
#ifndef FAILOVERD_TESTS_PG_FIXTURE_H
#define FAILOVERD_TESTS_PG_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"

#define PG_FIXTURE_PASSWORD "not-a-secret"

struct pg_server {
    char folder[64];  /* also the socket folder */
    char data[80];
    uint16_t port;
    pid_t pid;        /* of the postmaster; 0 when it is not running */
};

/* A new primary. `conf` (or NULL) is appended to its postgresql.conf. */
void pg_fixture_start(struct pg_server *server, const char *conf);
/* A streaming standby of `primary`. */
void pg_fixture_standby(struct pg_server *standby, const struct pg_server *primary);
/* Ends it with SIGKILL or the like (`signal`), without taking its folder away. */
void pg_fixture_kill(struct pg_server *server, int signal);
/* Starts it again in its folder. */
void pg_fixture_restart(struct pg_server *server);
/* Ends it and takes its folder away. Idempotent. */
void pg_fixture_stop(struct pg_server *server);
/* A statement as superuser, who gets round a shut door; the output's first line in `out` (or NULL).
 * False when it failed. */
bool pg_fixture_sql(const struct pg_server *server, const char *sql, char *out, size_t size);
/* Asks until the answer is `wanted`; false after 10 s. */
bool pg_fixture_await(const struct pg_server *server, const char *sql, const char *wanted);
/* Through the socket, as `user`. The texts live as long as the server. */
struct pg_target pg_fixture_target(const struct pg_server *server, const char *user);
/* Over TCP, with the password. */
struct pg_target pg_fixture_tcp(const struct pg_server *server, const char *user);

/* Runs the loop until *done, or for `limit_ms`. True when done. */
bool pg_fixture_run(struct loop *loop, const bool *done, int64_t limit_ms);
/* The one loop of the test program, made on first use. */
struct loop *pg_fixture_loop(void);

#endif
