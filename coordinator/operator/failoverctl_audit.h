/* failoverctl audit verify and audit show: read the trail's file themselves, so that they also work where no failoverd
 * runs any more, and on a copy elsewhere. Block on the disk. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_AUDIT_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_AUDIT_H

#include "coordinator/operator/failoverctl_order.h"

struct ctl_audit {
    const char *file;      /* NULL: the one that the node's configuration names, or the default */
    const char *node_file; /* NULL: /etc/failoverd/node.json, if there is one */
    const char *expect;    /* verify: a hash that has to be in it; NULL: none */
    size_t limit;          /* show: at most so many lines; 0: AUDIT_SHOW_DEFAULT */
};

#define AUDIT_SHOW_DEFAULT 20
#define AUDIT_SHOW_MAX 1000

/* EXIT_DONE: whole, and has the expected hash. EXIT_FAILED: broken, or it has not. EXIT_USAGE: can't be read, or
 * `expect` is no hash. */
enum exit_code ctl_audit_verify(const struct ctl_settings *settings, const struct ctl_audit *what);

/* EXIT_DONE, or EXIT_USAGE when the file can't be read. */
enum exit_code ctl_audit_show(const struct ctl_settings *settings, const struct ctl_audit *what);

#endif
