/* Giving an order: show, ask, send, watch until it is over. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_ORDER_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/operator/failoverctl_client.h"
#include "coordinator/operator/failoverctl_table.h"

/* What the command line said. */
struct ctl_settings {
    const char *socket_path;
    int64_t timeout_ms;
    bool json;
    bool yes;
    bool no_wait;
    bool dry_run;
    struct table_style style;
};

/* Prints the fault or the refusal (stderr; with --json the error as a document on stdout) and gives the
 * exit code. `error` may be NULL. */
enum exit_code ctl_complain(const struct ctl_settings *settings, enum ctl_outcome outcome,
                            const json_t *error, const struct fault *fault);

/* What failoverctl itself refuses, before anybody is asked: said in the same way, in text and as a document. `code` is
 * stable; `todo` may be several lines, which a document has in one. Returns `exit`. */
enum exit_code ctl_refuse(const struct ctl_settings *settings, const char *code, enum exit_code exit, const char *text,
                          const char *todo);

/* What that outcome makes failoverctl exit with; `error` of a refusal. */
enum exit_code ctl_exit_of(enum ctl_outcome outcome, const json_t *error);

/* What --json prints of a fault or a refusal: {"ok": false, "error": {...}}. A new reference. */
json_t *ctl_error_document(enum ctl_outcome outcome, const json_t *error, const struct fault *fault);

/* Prints one JSON document on stdout. EXIT_FAILED if that failed, else `code`. */
enum exit_code ctl_print_json(const json_t *document, enum exit_code code);

/* Has the person type the region's or service's name, unless --yes. EXIT_DONE: go on. */
enum exit_code ctl_confirm(const struct ctl_settings *settings, const json_t *request);

/* One line that the person types, without its end; more than fits is dropped. False: interrupted, or nothing came. */
bool ctl_read_line(char *out, size_t size);

/* Shows what would be done; borrows `request`, of the command plan. EXIT_DONE: it would begin. EXIT_GATE: it would be
 * refused. */
enum exit_code ctl_plan(const struct ctl_settings *settings, const json_t *request);

/* `request` is stolen: command, service and what else the command line gave. */
enum exit_code ctl_order(const struct ctl_settings *settings, json_t *request);

#endif
