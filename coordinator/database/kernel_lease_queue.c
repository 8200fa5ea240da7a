/* The kernel lease's thread and the queue to it: see kernel_lease.h.
 *
 * The loop's side owns every request and lease; the thread takes one request at a time, has
 * kernel_lease.c do it, and puts it into the list of finished ones, of which an eventfd tells the loop. Between
 * the two, a lease's name, port and addresses never change, and its fingerprint belongs to the thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "coordinator/base/ensure.h"
#include "coordinator/database/kernel_lease_internal.h"

static void *worker_run(void *arg)
{
    struct kernel_lease_worker *worker = arg;
    pthread_mutex_lock(&worker->lock);
    while (!worker->stopping) {
        struct request *request = worker->waiting;
        if (request == NULL) {
            pthread_cond_wait(&worker->work, &worker->lock);
            continue;
        }
        worker->waiting = request->next;
        pthread_mutex_unlock(&worker->lock);
        kernel_lease_work(worker, request);
        pthread_mutex_lock(&worker->lock);
        struct request **tail = &worker->finished;
        while (*tail != NULL)
            tail = &(*tail)->next;
        request->next = NULL;
        *tail = request;
        (void)eventfd_write(worker->wake_fd, 1);
    }
    pthread_mutex_unlock(&worker->lock);
    kernel_lease_work_end(worker);
    return NULL;
}

/* ---- the loop's side --------------------------------------------------------------------- */

static void lease_drop(struct kernel_lease *lease)
{
    if (lease->freed && lease->requests == 0)
        free(lease);
}

static void request_drop(struct request *request)
{
    struct kernel_lease *lease = request->lease;
    struct kernel_lease_worker *worker = lease->worker;
    struct request **at = &worker->owned;
    while (*at != request)
        at = &(*at)->next_owned;
    *at = request->next_owned;
    worker->owned_count--;
    timer_cancel(&request->timer);
    free(request);
    lease->requests--;
    lease_drop(lease);
}

static void on_finished(evutil_socket_t fd, short what, void *arg)
{
    struct kernel_lease_worker *worker = arg;
    eventfd_t count;
    (void)what;
    (void)eventfd_read(fd, &count);
    pthread_mutex_lock(&worker->lock);
    struct request *request = worker->finished;
    if (request != NULL)
        worker->finished = request->next;
    bool more = worker->finished != NULL;
    pthread_mutex_unlock(&worker->lock);
    if (more)
        (void)eventfd_write(worker->wake_fd, 1);
    if (request == NULL)
        return;
    kernel_lease_fn *fn = request->fn;
    void *fn_arg = request->arg;
    struct kernel_lease_report report = request->report;
    request_drop(request);
    if (fn != NULL)
        fn(fn_arg, &report); /* last: it may free the lease and the worker */
}

static void on_deadline(void *arg)
{
    struct request *request = arg;
    kernel_lease_fn *fn = request->fn;
    request->fn = NULL; /* the request itself comes back from the thread, some time */
    struct kernel_lease_report report = { .outcome = KERNEL_LEASE_UNKNOWN };
    fault_set(&report.why, "nftables did not answer in time; it may still happen");
    if (fn != NULL)
        fn(request->arg, &report);
}

struct kernel_lease_worker *kernel_lease_worker_new(struct loop *loop, struct fault *fault)
{
    struct kernel_lease_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    worker->loop = loop;
    worker->wire = (struct nft_wire)NFT_WIRE_CLOSED;
    worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (worker->wake_fd < 0) {
        fault_errno(fault, errno, "the nftables thread can't be started");
        free(worker);
        return NULL;
    }
    worker->event = event_new(loop_base(loop), worker->wake_fd, EV_READ | EV_PERSIST, on_finished, worker);
    if (worker->event == NULL || event_add(worker->event, NULL) != 0) {
        fault_set(fault, "the nftables thread can't be started: the event loop took no descriptor");
        goto out;
    }
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->work, NULL);
    /* Signals are the loops' business. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&worker->thread, NULL, worker_run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        return worker;
    fault_errno(fault, error, "the nftables thread can't be started");
    pthread_cond_destroy(&worker->work);
    pthread_mutex_destroy(&worker->lock);
out:
    if (worker->event != NULL)
        event_free(worker->event);
    (void)close(worker->wake_fd);
    free(worker);
    return NULL;
}

void kernel_lease_worker_free(struct kernel_lease_worker *worker)
{
    if (worker == NULL)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_signal(&worker->work);
    pthread_mutex_unlock(&worker->lock);
    (void)pthread_join(worker->thread, NULL);
    while (worker->owned != NULL)
        request_drop(worker->owned);
    event_free(worker->event);
    (void)close(worker->wake_fd);
    pthread_cond_destroy(&worker->work);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

static bool settings_check(const struct kernel_lease_settings *settings, struct fault *fault)
{
    size_t length = strlen(settings->service);
    if (length == 0 || length > KERNEL_LEASE_SERVICE_MAX ||
        strspn(settings->service, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
        return fault_set(fault, "\"%s\" can't name a kernel lease: 1 to %d of a-z, 0-9, -", settings->service,
                         KERNEL_LEASE_SERVICE_MAX);
    if (settings->port == 0)
        return fault_set(fault, "a kernel lease needs the database's port");
    if (settings->allow_count > KERNEL_LEASE_ALLOW_MAX)
        return fault_set(fault, "more than %d addresses are let through", KERNEL_LEASE_ALLOW_MAX);
    return true;
}

/* Parsed and printed again: nothing but an address can get into the script. ::ffff:192.0.2.1 is how a program may
 * write an IPv4 address; on the wire, where the rules look, it is one. */
static bool allow_keep(struct kernel_lease *lease, size_t i, const char *address, struct fault *fault)
{
    struct in6_addr bytes;
    if (inet_pton(AF_INET6, address, &bytes) == 1 && IN6_IS_ADDR_V4MAPPED(&bytes)) {
        lease->allow_is_v6[i] = false;
        return inet_ntop(AF_INET, &bytes.s6_addr[12], lease->allow[i], sizeof lease->allow[i]) != NULL;
    }
    for (int v6 = 0; v6 <= 1; v6++) {
        int family = v6 ? AF_INET6 : AF_INET;
        if (inet_pton(family, address, &bytes) != 1)
            continue;
        lease->allow_is_v6[i] = v6 == 1;
        return inet_ntop(family, &bytes, lease->allow[i], sizeof lease->allow[i]) != NULL;
    }
    return fault_set(fault, "\"%s\" is not an IP address", address);
}

struct kernel_lease *kernel_lease_new(struct kernel_lease_worker *worker,
                                      const struct kernel_lease_settings *settings, struct fault *fault)
{
    if (!settings_check(settings, fault))
        return NULL;
    struct kernel_lease *lease = calloc(1, sizeof *lease);
    if (lease == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    lease->worker = worker;
    lease->port = settings->port;
    (void)snprintf(lease->table, sizeof lease->table, KERNEL_LEASE_TABLE_PREFIX "%s", settings->service);
    for (char *c = lease->table; *c != '\0'; c++)
        if (*c == '-')
            *c = '_'; /* names of services have no underscore, so no two become one */
    for (size_t i = 0; i < settings->allow_count; i++) {
        if (!allow_keep(lease, i, settings->allow[i], fault)) {
            free(lease);
            return NULL;
        }
        lease->allow_count++;
    }
    return lease;
}

void kernel_lease_free(struct kernel_lease *lease)
{
    if (lease == NULL)
        return;
    for (struct request *request = lease->worker->owned; request != NULL; request = request->next_owned) {
        if (request->lease != lease)
            continue;
        request->fn = NULL;
        timer_cancel(&request->timer);
    }
    lease->freed = true;
    lease_drop(lease);
}

static void request_add(struct kernel_lease *lease, enum verb verb, int64_t until_us, int64_t deadline_us,
                        kernel_lease_fn *fn, void *arg)
{
    struct kernel_lease_worker *worker = lease->worker;
    ensure(worker->owned_count < KERNEL_LEASE_QUEUE_MAX);
    struct request *request = calloc(1, sizeof *request);
    ensure(request != NULL);
    request->lease = lease;
    request->verb = verb;
    request->until_us = until_us;
    request->deadline_us = deadline_us;
    request->fn = fn;
    request->arg = arg;
    request->report.outcome = KERNEL_LEASE_FAILED;
    timer_init(&request->timer, worker->loop, on_deadline, request);
    timer_set_at_us(&request->timer, deadline_us);
    request->next_owned = worker->owned;
    worker->owned = request;
    worker->owned_count++;
    lease->requests++;
    pthread_mutex_lock(&worker->lock);
    struct request **tail = &worker->waiting;
    while (*tail != NULL)
        tail = &(*tail)->next;
    *tail = request;
    pthread_cond_signal(&worker->work);
    pthread_mutex_unlock(&worker->lock);
}

void kernel_lease_install(struct kernel_lease *lease, int64_t until_us, int64_t deadline_us,
                          kernel_lease_fn *fn, void *arg)
{
    request_add(lease, VERB_INSTALL, until_us, deadline_us, fn, arg);
}

void kernel_lease_hold(struct kernel_lease *lease, int64_t until_us, int64_t deadline_us,
                       kernel_lease_fn *fn, void *arg)
{
    request_add(lease, VERB_HOLD, until_us, deadline_us, fn, arg);
}

void kernel_lease_shut(struct kernel_lease *lease, int64_t deadline_us, kernel_lease_fn *fn, void *arg)
{
    request_add(lease, VERB_SHUT, 0, deadline_us, fn, arg);
}

void kernel_lease_inspect(struct kernel_lease *lease, int64_t deadline_us, kernel_lease_fn *fn, void *arg)
{
    request_add(lease, VERB_INSPECT, 0, deadline_us, fn, arg);
}

void kernel_lease_remove(struct kernel_lease *lease, int64_t deadline_us, kernel_lease_fn *fn, void *arg)
{
    request_add(lease, VERB_REMOVE, 0, deadline_us, fn, arg);
}

const char *kernel_lease_outcome_name(enum kernel_lease_outcome outcome)
{
    switch (outcome) {
    case KERNEL_LEASE_DONE: return "done";
    case KERNEL_LEASE_LATE: return "late";
    case KERNEL_LEASE_VANISHED: return "vanished";
    case KERNEL_LEASE_FAILED: return "failed";
    case KERNEL_LEASE_UNKNOWN: return "unknown";
    }
    return "invalid";
}
