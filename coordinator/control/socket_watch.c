/* Looking at the Unix socket's sessions now and then: see socket_watch.h. */
#include "coordinator/control/socket_watch.h"

#include <stdlib.h>

#include "coordinator/base/clock.h"
#include "policy/types.h"

/* The first look waits until the start, with its own logins, is over. */
#define FIRST_US (2 * US_PER_S)
#define EVERY_US (60 * US_PER_S)
#define AGAIN_US (10 * US_PER_S) /* after a look that did not succeed */
#define LOOK_US (5 * US_PER_S)

struct socket_watch {
    struct loop *loop;
    struct pg_target guard;
    const char *canary;
    struct timer timer;
    struct socket_errand *errand;
    struct socket_sessions last;
    int64_t last_us;
};

static void on_found(void *arg, const struct socket_sessions *found)
{
    struct socket_watch *watch = arg;
    watch->errand = NULL;
    watch->last = *found;
    watch->last_us = base_mono_us();
    timer_set_after_us(&watch->timer, found->complete ? EVERY_US : AGAIN_US);
}

static void on_timer(void *arg)
{
    struct socket_watch *watch = arg;
    struct socket_sessions none = { .complete = false };
    watch->errand = socket_sessions_look(watch->loop, &watch->guard, watch->canary, base_mono_us() + LOOK_US, on_found,
                                         watch, &none.why);
    if (watch->errand == NULL)
        on_found(watch, &none);
}

struct socket_watch *socket_watch_new(struct loop *loop, const struct database_config *database,
                                      const struct database_secrets *secrets)
{
    struct socket_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->loop = loop;
    watch->guard = database_inside(database, secrets);
    watch->canary = database->canary_user;
    timer_init(&watch->timer, loop, on_timer, watch);
    timer_set_after_us(&watch->timer, FIRST_US);
    return watch;
}

void socket_watch_free(struct socket_watch *watch)
{
    if (watch == NULL)
        return;
    timer_cancel(&watch->timer);
    socket_sessions_cancel(watch->errand);
    free(watch);
}

const struct socket_sessions *socket_watch_last(const struct socket_watch *watch, int64_t *at_us)
{
    *at_us = watch->last_us;
    return &watch->last;
}
