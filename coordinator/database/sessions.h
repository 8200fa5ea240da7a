/* Sessions that could write: who they are, and ending them. Internal to coordinator/database.
 *
 * They are client backends, walsenders that are connected to a database (those run SQL), and logical
 * replication's workers. Of a superuser's sessions none can be ended by a role that is none
 * itself; they are counted and named instead. A session in its login shows up nowhere.
 */
#ifndef FAILOVERD_DATABASE_SESSIONS_H
#define FAILOVERD_DATABASE_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/pg_session.h"

#define SESSIONS_WHO_MAX 256

struct sessions {
    size_t ended;         /* told to end just now */
    size_t left;          /* that could write and are not the guard's own role's; those just told to end
                             are among them: look again */
    size_t untouchable;   /* of `left`: a superuser's, which we may not end */
    char who[SESSIONS_WHO_MAX]; /* some of those left, for people */
};

/* $1 is 'true' to end also the other sessions of our own role; all but ourselves are ended. */
extern const char *const sessions_end_sql;
/* No parameter; ends nobody. */
extern const char *const sessions_count_sql;

bool sessions_read(const struct pg_answer *result, struct sessions *out, struct fault *fault) CHECKED;

#endif
