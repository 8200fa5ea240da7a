/* What `failoverd --check`, `failoverd --options` and `failoverctl check-config` print.
 *
 * The boundary: prints to the stream that it is given, decides the exit code, changes nothing.
 */
#ifndef FAILOVERD_CONFIG_CONFIG_REPORT_H
#define FAILOVERD_CONFIG_CONFIG_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "coordinator/config/config.h"

struct config_report_options {
    bool json;                   /* one JSON object instead of lines */
    bool without_files;          /* don't look at the files that the configs name */
    config_tls_check *tls_check; /* tls_check_files, or NULL to leave certificates alone */
};

/* Loads and checks both files and prints every problem, or that all is well. `cluster_path` or
 * `node_path` may be NULL to check only the other one. Returns the process's exit code: 0 without
 * errors (warnings don't count), 1 with errors, 2 if the report could not be written. */
int config_check_files(const char *cluster_path, const char *node_path,
                       const struct config_report_options *options, FILE *stream) CHECKED;

/* Prints the problems alone, one a line, as the daemon does at start and reload. */
void config_print_problems(const struct config_problems *problems, FILE *stream);

/* Every option as a JSON document: the table that schema, samples and etc/README.md are checked
 * against. False if the stream failed. */
bool config_print_options(FILE *stream) CHECKED;

#endif
