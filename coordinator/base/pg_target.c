/* Targets of PostgreSQL sessions and other texts around them: the part of pg_session.h that needs no
 * libpq.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/pg_session.h"
#include "coordinator/base/text.h"

/* ---- the environment --------------------------------------------------------------------- */

static void environment_forget(void)
{
    static const char *const names[] = {
        "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE",
        "PGREQUIREAUTH", "PGCHANNELBINDING", "PGSERVICE", "PGSERVICEFILE", "PGOPTIONS", "PGAPPNAME",
        "PGSSLMODE", "PGREQUIRESSL", "PGSSLNEGOTIATION", "PGSSLCOMPRESSION", "PGSSLCERT", "PGSSLKEY",
        "PGSSLCERTMODE", "PGSSLROOTCERT", "PGSSLCRL", "PGSSLCRLDIR", "PGSSLSNI", "PGREQUIREPEER",
        "PGSSLMINPROTOCOLVERSION", "PGSSLMAXPROTOCOLVERSION", "PGMINPROTOCOLVERSION",
        "PGMAXPROTOCOLVERSION", "PGGSSENCMODE", "PGKRBSRVNAME", "PGGSSLIB", "PGGSSDELEGATION",
        "PGCONNECT_TIMEOUT", "PGCLIENTENCODING", "PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS",
        "PGDATESTYLE", "PGTZ", "PGGEQO", "PGSYSCONFDIR", "PGLOCALEDIR", "PGREALM",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unsetenv(names[i]);
}

void pg_session_forget_environment(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, environment_forget);
}

/* ---- targets ----------------------------------------------------------------------------- */

static bool text_keep(const char **text, const char *what, struct fault *fault)
{
    const char *given = *text;
    *text = NULL;
    if (given == NULL || given[0] == '\0')
        return true;
    if (strlen(given) >= PG_TEXT_MAX)
        return fault_set(fault, "the %s of the database connection is longer than %d bytes", what,
                         PG_TEXT_MAX - 1);
    *text = strdup(given);
    if (*text == NULL)
        return fault_set(fault, "out of memory");
    return true;
}

static bool is_literal(const char *host)
{
    return strspn(host, "0123456789abcdefABCDEF.:%") == strlen(host) && strpbrk(host, ".:") != NULL;
}

static bool target_check(const struct pg_target *target, struct fault *fault)
{
    if (target->host == NULL && target->hostaddr == NULL)
        return fault_set(fault, "a database connection needs a host");
    if (target->user == NULL)
        return fault_set(fault, "a database connection needs a user");
    if (target->port == 0)
        return fault_set(fault, "a database connection needs a port");
    if (target->hostaddr != NULL && !is_literal(target->hostaddr))
        return fault_set(fault, "hostaddr \"%s\" is not an IP address", target->hostaddr);
    if (target->host != NULL && strchr(target->host, ',') != NULL)
        return fault_set(fault, "host \"%s\" is a list; one connection has one host", target->host);
    if (target->hostaddr == NULL && target->host[0] != '/' && !is_literal(target->host))
        return fault_set(fault, "host \"%s\" is a name and comes without an address (hostaddr): "
                                "resolving it here would block", target->host);
    return true;
}

static bool target_keep(struct pg_target *copy, struct fault *fault)
{
    const struct { const char **text; const char *what; } texts[] = {
        { &copy->host, "host" }, { &copy->hostaddr, "hostaddr" }, { &copy->dbname, "dbname" },
        { &copy->user, "user" }, { &copy->password, "password" }, { &copy->sslmode, "sslmode" },
        { &copy->ca_file, "ca_file" }, { &copy->application_name, "application_name" },
        { &copy->options, "options" },
    };
    bool ok = true;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ok = text_keep(texts[i].text, texts[i].what, ok ? fault : NULL) && ok;
    return ok;
}

struct pg_target *pg_target_copy(const struct pg_target *target, struct fault *fault)
{
    struct pg_target *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    *copy = *target;
    if (!target_keep(copy, fault) || !target_check(copy, fault)) {
        pg_target_free(copy);
        return NULL;
    }
    return copy;
}

void pg_target_free(struct pg_target *target)
{
    if (target == NULL)
        return;
    if (target->password != NULL)
        explicit_bzero((char *)target->password, strlen(target->password));
    const char *texts[] = { target->host, target->hostaddr, target->dbname, target->user, target->password,
                            target->sslmode, target->ca_file, target->application_name, target->options };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free((char *)texts[i]);
    free(target);
}

/* ---- texts ------------------------------------------------------------------------------- */

const char *pg_outcome_name(enum pg_outcome outcome)
{
    switch (outcome) {
    case PG_OK: return "ok";
    case PG_OBSERVER: return "observer";
    case PG_UNREACHABLE: return "unreachable";
    case PG_TIMEOUT: return "timeout";
    case PG_LOST: return "lost";
    case PG_AUTH: return "auth";
    case PG_NOT_NOW: return "not-now";
    case PG_FULL: return "full";
    case PG_REFUSED: return "refused";
    case PG_ERROR: return "error";
    }
    return "invalid";
}

bool pg_quote_literal(char *out, size_t size, const char *text)
{
    struct text literal = text_over(out, size);
    /* With a backslash the E form means the same whatever standard_conforming_strings says. */
    text_append(&literal, strchr(text, '\\') != NULL ? "E'" : "'");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'' || *c == '\\')
            text_append_char(&literal, *c);
        text_append_char(&literal, *c);
    }
    text_append_char(&literal, '\'');
    return !literal.cut;
}
