/* failoverctl status --watch: the same question again and again, and the newest answer in sight. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_WATCH_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_WATCH_H

#include "coordinator/operator/failoverctl_order.h"

#define WATCH_INTERVAL_DEFAULT_US INT64_C(1000000)
#define WATCH_INTERVAL_LEAST_US INT64_C(100000)
#define WATCH_INTERVAL_MOST_US (INT64_C(3600) * 1000000)

/* `request` is stolen: command, and service if the command line gave one. Ends with EXIT_DONE when interrupted. The
 * first answer decides whether there is anything to watch: without one it complains and ends as status does. */
enum exit_code ctl_watch(const struct ctl_settings *settings, json_t *request, int64_t interval_us);

/* What is known at one moment. */
struct watch_view {
    const json_t *status;   /* the newest answer; never NULL */
    int64_t age_us;         /* of it */
    int64_t interval_us;
    const char *trouble;    /* why there is no newer one; NULL: there is none */
};

/* The picture, for people. */
void watch_draw(const struct table_style *style, const struct watch_view *view);

#endif
