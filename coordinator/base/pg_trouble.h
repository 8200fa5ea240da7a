/* Why a connect to PostgreSQL failed, out of what libpq tells of it. Internal to pg_session*.c. */
#ifndef FAILOVERD_BASE_PG_TROUBLE_H
#define FAILOVERD_BASE_PG_TROUBLE_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/base/pg_session.h"

/* The first line of a message, without control bytes. */
void pg_message_tidy(char *out, size_t size, const char *message);
/* Takes the server's SQLSTATE out of a verbose message; `sqlstate` has room for it and its end. */
bool pg_sqlstate_find(char *message, char *sqlstate);
/* What a login that the server ended with that SQLSTATE comes to. */
enum pg_outcome pg_login_outcome(const char *sqlstate);
/* What it comes to when the server gave none. `connected`: the transport stood. */
enum pg_outcome pg_silent_outcome(bool connected, const char *message);
/* Could this process open a file now? */
bool pg_descriptor_is_free(void);

#endif
