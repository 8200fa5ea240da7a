/* The kernel lease's work on nftables, done on its thread: see kernel_lease.h. The queue to it is in
 * kernel_lease_queue.c.
 *
 * The table (P is the port):
 *
 *     set open, ticket      { type inet_service; flags timeout; }
 *     set allow4, allow6    { the named addresses }
 *     chain input           { type filter hook input priority 300; policy accept;
 *                             tcp dport P ip saddr @allow4 accept    (and ip6, allow6)
 *                             tcp dport P tcp dport @open accept
 *                             tcp dport P drop }
 *     chain output          the same for tcp sport and daddr
 *
 * A drop is final whatever other tables accept, and a late priority sees the ports that PostgreSQL
 * sees. Nothing looks at connection tracking, so old connections stop as new ones do, on the
 * loopback too.
 */
#include "coordinator/database/kernel_lease.h"

#include <linux/capability.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "coordinator/database/kernel_lease_internal.h"

#define CHAIN_PRIORITY 300
#define SCRIPT_MAX 16384
#define HOLD_TRIES 3
#define HOLD_MAX_MS (24 * 3600 * 1000LL) /* no lease is longer; shorter is always safe */

/* ---- nftables, on the thread ------------------------------------------------------------- */

static struct nft_ctx *nft_open(void)
{
    struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
    if (nft == NULL)
        return NULL;
    /* Not NUMERIC_TIME with them: it cuts times to whole seconds. */
    nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_NUMERIC_PROTO | NFT_CTX_OUTPUT_NUMERIC_PRIO);
    if (nft_ctx_buffer_output(nft) != 0 || nft_ctx_buffer_error(nft) != 0) {
        nft_ctx_free(nft);
        return NULL;
    }
    return nft;
}

/* One transaction. The fault gets the first line of what nftables says. */
static bool nft_do(struct nft_ctx *nft, const char *script, struct fault *fault)
{
    int status = nft_run_cmd_from_buffer(nft, script);
    const char *output = nft_ctx_get_output_buffer(nft);
    const char *error = nft_ctx_get_error_buffer(nft);
    (void)output; /* fetched to rewind it */
    if (status == 0)
        return true;
    if (error == NULL)
        error = "no reason given";
    return fault_set(fault, "nftables refused: %.*s", (int)strcspn(error, "\n"), error);
}

/* Where the set of this name ends and begins in a listing. */
static const char *set_find(const char *listing, const char *name, const char **end)
{
    char head[64];
    (void)snprintf(head, sizeof head, "\tset %s {\n", name);
    const char *begin = strstr(listing, head);
    if (begin == NULL)
        return NULL;
    *end = strstr(begin, "\n\t}");
    return *end != NULL ? begin : NULL;
}

/* The listing without the elements that come and go. What is left changes only when somebody changes
 * the table. */
static bool fingerprint_make(char *out, size_t size, const char *listing)
{
    static const char *const moving[] = { "open", "ticket" };
    struct text text = text_over(out, size);
    const char *at = listing;
    while (*at != '\0') {
        const char *skip = NULL, *resume = NULL;
        for (size_t i = 0; i < sizeof moving / sizeof moving[0]; i++) {
            const char *end = NULL;
            const char *begin = set_find(at, moving[i], &end);
            const char *elements = begin != NULL ? strstr(begin, "\n\t\telements = {") : NULL;
            if (elements != NULL && elements < end && (skip == NULL || elements < skip)) {
                skip = elements;
                resume = end;
            }
        }
        if (skip == NULL) {
            text_append(&text, at);
            break;
        }
        text_append_bytes(&text, at, (size_t)(skip - at));
        at = resume;
    }
    return !text.cut;
}

/* "1d2h3m4s567ms" as milliseconds; -1 when it is not such a text. */
static int64_t duration_parse_ms(const char *text)
{
    static const struct { const char *unit; int64_t ms; } units[] = {
        { "ms", 1 }, { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
    };
    int64_t total_ms = 0;
    bool any = false;
    while (*text >= '0' && *text <= '9') {
        int64_t value = 0;
        for (; *text >= '0' && *text <= '9'; text++)
            if (value < INT64_MAX / 100000000000)
                value = value * 10 + (*text - '0');
        size_t i = 0;
        while (i < sizeof units / sizeof units[0] && strncmp(text, units[i].unit, strlen(units[i].unit)) != 0)
            i++;
        if (i == sizeof units / sizeof units[0])
            return -1;
        text += strlen(units[i].unit);
        total_ms += value * units[i].ms;
        any = true;
    }
    return any ? total_ms : -1;
}

/* How long the element stays: 0 when it is not there. */
static int64_t remaining_find_ms(const char *listing)
{
    const char *end = NULL;
    const char *begin = set_find(listing, "open", &end);
    const char *elements = begin != NULL ? strstr(begin, "elements = {") : NULL;
    if (elements == NULL || elements > end)
        return 0;
    const char *expires = strstr(elements, "expires ");
    if (expires == NULL || expires > end)
        return INT64_MAX; /* an element without end: not ours, and open for ever */
    int64_t ms = duration_parse_ms(expires + strlen("expires "));
    return ms < 0 ? INT64_MAX : ms;
}

/* The thread's view of one request: what nftables, which lease, where to write. */
struct job {
    struct kernel_lease_worker *worker;
    struct nft_ctx *nft;
    struct kernel_lease *lease;
    struct kernel_lease_report *report;
};

/* Reads the table. False when there is none. `fingerprint` gets its shape. */
static bool table_read(const struct job *job, char *fingerprint, size_t size)
{
    char script[128];
    struct kernel_lease_report *report = job->report;
    (void)snprintf(script, sizeof script, "list table inet %s\n", job->lease->table);
    report->whole = false;
    report->open = false;
    report->remaining_ms = 0;
    int status = nft_run_cmd_from_buffer(job->nft, script);
    const char *listing = nft_ctx_get_output_buffer(job->nft);
    const char *error = nft_ctx_get_error_buffer(job->nft);
    (void)error;
    report->at_us = base_mono_us();
    if (status != 0 || listing == NULL)
        return false;
    report->remaining_ms = remaining_find_ms(listing);
    report->open = report->remaining_ms > 0;
    return fingerprint_make(fingerprint, size, listing);
}

/* Is the table there as we installed it? Fills in the report, also with why not. */
static bool table_compare(const struct job *job)
{
    char fingerprint[KERNEL_LEASE_LISTING_MAX];
    bool there = table_read(job, fingerprint, sizeof fingerprint);
    if (!there)
        return fault_set(&job->report->why, "the table inet %s is gone: somebody flushed or removed it, and "
                         "the port %u is not fenced. Install it again", job->lease->table,
                         (unsigned)job->lease->port);
    if (job->lease->fingerprint[0] == '\0')
        return fault_set(&job->report->why, "the table inet %s was not installed by this process yet",
                         job->lease->table);
    if (strcmp(fingerprint, job->lease->fingerprint) != 0)
        return fault_set(&job->report->why, "the table inet %s was changed by somebody, and the port %u may "
                         "not be fenced. Install it again", job->lease->table, (unsigned)job->lease->port);
    job->report->whole = true;
    return true;
}

/* The same, and notes for the holds to come the generation at which it was whole. */
static bool table_inspect(const struct job *job)
{
    struct kernel_lease_worker *worker = job->worker;
    uint32_t before = 0, after = 0;
    struct fault ignored;
    job->lease->whole_in = 0;
    bool sure = nft_wire_generation(&worker->wire, &before, &ignored);
    bool whole = table_compare(job);
    sure = sure && nft_wire_generation(&worker->wire, &after, &ignored) && before == after;
    if (!whole || !sure)
        return whole;
    if (worker->generation != after || worker->span == 0) {
        worker->generation = after;
        worker->span++;
    }
    job->lease->whole_in = worker->span;
    return true;
}

static void allow_write(struct text *script, const struct kernel_lease *lease, bool v6)
{
    for (size_t i = 0; i < lease->allow_count; i++)
        if (lease->allow_is_v6[i] == v6)
            text_appendf(script, "add element inet %s %s { %s }\n", lease->table, v6 ? "allow6" : "allow4",
                         lease->allow[i]);
}

static void chain_write(struct text *script, const struct kernel_lease *lease, const char *hook,
                        const char *port_side, const char *address_side)
{
    const char *t = lease->table;
    unsigned port = lease->port;
    text_appendf(script, "add chain inet %s %s { type filter hook %s priority %d; policy accept; }\n", t, hook,
                 hook, CHAIN_PRIORITY);
    text_appendf(script, "add rule inet %s %s tcp %s %u ip %s @allow4 accept\n", t, hook, port_side, port, address_side);
    text_appendf(script, "add rule inet %s %s tcp %s %u ip6 %s @allow6 accept\n", t, hook, port_side, port, address_side);
    text_appendf(script, "add rule inet %s %s tcp %s %u tcp %s @open accept\n", t, hook, port_side, port, port_side);
    text_appendf(script, "add rule inet %s %s tcp %s %u drop\n", t, hook, port_side, port);
}

/* One transaction that makes the table, or puts rules and addresses right and leaves the open element
 * alone. `anew`: whatever has its name goes first. */
static bool install_write(struct text *script, const struct kernel_lease *lease, bool anew)
{
    const char *t = lease->table;
    text_appendf(script, "add table inet %s\n", t);
    if (anew)
        text_appendf(script, "delete table inet %s\nadd table inet %s\n", t, t);
    text_appendf(script, "flush table inet %s\n", t);
    text_appendf(script, "add set inet %s open { type inet_service; flags timeout; }\n", t);
    text_appendf(script, "add set inet %s ticket { type inet_service; flags timeout; }\n", t);
    text_appendf(script, "add set inet %s allow4 { type ipv4_addr; }\n", t);
    text_appendf(script, "add set inet %s allow6 { type ipv6_addr; }\n", t);
    text_appendf(script, "flush set inet %s allow4\nflush set inet %s allow6\n", t, t);
    allow_write(script, lease, false);
    allow_write(script, lease, true);
    chain_write(script, lease, "input", "dport", "saddr");
    chain_write(script, lease, "output", "sport", "daddr");
    return !script->cut;
}

static bool install_do(const struct job *job, bool anew, struct fault *fault)
{
    char buffer[SCRIPT_MAX];
    struct text script = TEXT_OF(buffer);
    ensure(install_write(&script, job->lease, anew));
    return nft_do(job->nft, buffer, fault);
}

static bool element_remove(const struct job *job, struct fault *fault)
{
    char script[160];
    (void)snprintf(script, sizeof script, "flush set inet %s open\n", job->lease->table);
    return nft_do(job->nft, script, fault);
}

/* ---- the verbs, on the thread ------------------------------------------------------------ */

static enum kernel_lease_outcome verb_inspect(const struct job *job)
{
    return table_inspect(job) ? KERNEL_LEASE_DONE : KERNEL_LEASE_VANISHED;
}

/* When a transaction failed: because the table is gone, or for another reason. */
static enum kernel_lease_outcome verb_failed(const struct job *job, const struct fault *refused)
{
    if (!table_inspect(job))
        return KERNEL_LEASE_VANISHED;
    job->report->why = *refused;
    return KERNEL_LEASE_FAILED;
}

static enum kernel_lease_outcome verb_shut(const struct job *job)
{
    struct fault refused = { "" };
    if (!element_remove(job, &refused))
        return verb_failed(job, &refused);
    if (!table_inspect(job))
        return KERNEL_LEASE_VANISHED;
    if (job->report->open) {
        fault_set(&job->report->why, "the element was taken away and is there again: somebody else sets it");
        return KERNEL_LEASE_FAILED;
    }
    return KERNEL_LEASE_DONE;
}

enum hold_step {
    HOLD_SET,
    HOLD_LATE,    /* nothing is left of the lease */
    HOLD_CHANGED, /* somebody changed the ruleset since it was inspected; nothing was set */
    HOLD_REFUSED,
};

/* A transaction at the worker's generation is the only thing that leads to the next one. */
static enum hold_step hold_answer(struct kernel_lease_worker *worker, bool checked, enum nft_wire_outcome outcome)
{
    switch (outcome) {
    case NFT_WIRE_DONE:
        if (checked)
            worker->generation = nft_wire_generation_next(worker->generation);
        return HOLD_SET;
    case NFT_WIRE_CHANGED: return HOLD_CHANGED;
    case NFT_WIRE_REFUSED:
    case NFT_WIRE_BROKEN: break;
    }
    return HOLD_REFUSED;
}

/* The element, by way of the ticket. `checked`: only into the ruleset that was inspected. */
static enum hold_step hold_try(const struct job *job, int64_t until_us, bool checked, struct fault *fault)
{
    struct kernel_lease_worker *worker = job->worker;
    const char *t = job->lease->table;
    uint16_t port = job->lease->port;
    enum nft_wire_outcome outcome = nft_wire_put(&worker->wire, t, "ticket", port, KERNEL_LEASE_TICKET_MS,
                                                 checked ? worker->generation : 0, fault);
    enum hold_step step = hold_answer(worker, checked, outcome);
    if (step != HOLD_SET)
        return step;
    /* From here the kernel lets us set the element for KERNEL_LEASE_TICKET_MS. */
    int64_t left_ms = (until_us - base_mono_us()) / CLOCK_US_PER_MS - KERNEL_LEASE_TICKET_MS -
                      KERNEL_LEASE_ROUNDING_MS;
    if (left_ms < 1)
        return HOLD_LATE;
    if (left_ms > HOLD_MAX_MS)
        left_ms = HOLD_MAX_MS;
    outcome = nft_wire_exchange(&worker->wire, t, "ticket", "open", port, left_ms,
                                checked ? worker->generation : 0, fault);
    return hold_answer(worker, checked, outcome);
}

/* Sets without the rules: an open element in them would outlive the repair. */
static enum kernel_lease_outcome hold_vanished(const struct job *job)
{
    struct fault ignored;
    (void)element_remove(job, &ignored);
    return KERNEL_LEASE_VANISHED;
}

/* Reads back what a checked hold has set: the table is the one that was inspected, so the element is enough. */
static bool hold_read(const struct job *job, struct fault *fault)
{
    struct kernel_lease_report *report = job->report;
    if (!nft_wire_remaining_ms(&job->worker->wire, job->lease->table, "open", job->lease->port,
                               &report->remaining_ms, fault))
        return false;
    report->at_us = base_mono_us();
    report->whole = true;
    report->open = report->remaining_ms > 0;
    return true;
}

/* A table that was whole at this generation needs no new look: the kernel refuses the transactions when
 * anybody changed anything since. Where somebody does that all the time, the last try goes without it and is
 * inspected afterwards. */
static enum kernel_lease_outcome verb_hold(const struct job *job, int64_t until_us)
{
    struct fault refused = { "" };
    enum hold_step step = HOLD_CHANGED;
    bool checked = true;
    for (int i = 0; i < HOLD_TRIES && (step == HOLD_CHANGED || step == HOLD_REFUSED); i++) {
        bool known = i == 0 && job->lease->whole_in != 0 && job->lease->whole_in == job->worker->span;
        if (!known && !table_inspect(job))
            return hold_vanished(job);
        checked = job->lease->whole_in != 0 && i < HOLD_TRIES - 1;
        step = hold_try(job, until_us, checked, &refused);
    }
    if (step == HOLD_LATE) {
        (void)table_inspect(job);
        fault_set(&job->report->why, "less than %d ms is left of the lease: nothing was set",
                  KERNEL_LEASE_LEAST_LEFT_MS);
        return KERNEL_LEASE_LATE;
    }
    if (step != HOLD_SET)
        return verb_failed(job, &refused);
    if (!(checked && hold_read(job, &refused)) && !table_inspect(job))
        return hold_vanished(job);
    if (!job->report->open && base_mono_us() < until_us - KERNEL_LEASE_LEAST_LEFT_MS * CLOCK_US_PER_MS) {
        fault_set(&job->report->why, "the element was set and is gone again: somebody else takes it away");
        return KERNEL_LEASE_FAILED;
    }
    return KERNEL_LEASE_DONE;
}

static enum kernel_lease_outcome verb_install(const struct job *job, int64_t until_us)
{
    struct kernel_lease *lease = job->lease;
    struct fault *why = &job->report->why;
    char before[KERNEL_LEASE_LISTING_MAX], after[KERNEL_LEASE_LISTING_MAX];
    bool existed = table_read(job, before, sizeof before);
    lease->fingerprint[0] = '\0';
    lease->whole_in = 0;
    bool anew = false;
    if (!install_do(job, false, why)) {
        anew = true;
        if (!install_do(job, true, why)) {
            fault_wrap(why, "the table inet %s could not be installed", lease->table);
            return KERNEL_LEASE_FAILED;
        }
    }
    if (!table_read(job, after, sizeof after)) {
        fault_set(why, "the table inet %s was installed and is not there", lease->table);
        return KERNEL_LEASE_VANISHED;
    }
    job->report->repaired = existed && (anew || strcmp(before, after) != 0);
    if (job->report->repaired && !element_remove(job, why))
        return KERNEL_LEASE_FAILED; /* whose element it was nobody knows */
    memcpy(lease->fingerprint, after, sizeof lease->fingerprint);
    why->text[0] = '\0';
    if (until_us != 0)
        return verb_hold(job, until_us);
    return verb_inspect(job);
}

static enum kernel_lease_outcome verb_remove(const struct job *job)
{
    char script[256], shape[KERNEL_LEASE_LISTING_MAX];
    job->lease->fingerprint[0] = '\0';
    job->lease->whole_in = 0;
    (void)snprintf(script, sizeof script, "add table inet %s\ndelete table inet %s\n", job->lease->table,
                   job->lease->table);
    if (!nft_do(job->nft, script, &job->report->why))
        return KERNEL_LEASE_FAILED;
    if (table_read(job, shape, sizeof shape)) {
        fault_set(&job->report->why, "the table inet %s was removed and is there again", job->lease->table);
        return KERNEL_LEASE_FAILED;
    }
    return KERNEL_LEASE_DONE;
}

void kernel_lease_work(struct kernel_lease_worker *worker, struct request *request)
{
    struct job job = { .worker = worker, .nft = worker->nft, .lease = request->lease, .report = &request->report };
    if (worker->nft == NULL)
        worker->nft = job.nft = nft_open();
    if (job.nft == NULL) {
        request->report.outcome = KERNEL_LEASE_FAILED;
        fault_set(&request->report.why, "nftables can't be opened here (no file descriptor or memory)");
        return;
    }
    if (base_mono_us() >= request->deadline_us) {
        request->report.outcome = KERNEL_LEASE_FAILED;
        fault_set(&request->report.why, "its turn came after its deadline; nothing was done");
        return;
    }
    switch (request->verb) {
    case VERB_INSTALL: request->report.outcome = verb_install(&job, request->until_us); return;
    case VERB_HOLD: request->report.outcome = verb_hold(&job, request->until_us); return;
    case VERB_SHUT: request->report.outcome = verb_shut(&job); return;
    case VERB_INSPECT: request->report.outcome = verb_inspect(&job); return;
    case VERB_REMOVE: request->report.outcome = verb_remove(&job); return;
    }
}

void kernel_lease_work_end(struct kernel_lease_worker *worker)
{
    if (worker->nft != NULL)
        nft_ctx_free(worker->nft);
    worker->nft = NULL;
    nft_wire_close(&worker->wire);
}

/* ---- whether it can work here ------------------------------------------------------------ */

static bool may_administer_network(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
    if (syscall(SYS_capget, &header, data) != 0)
        return false;
    return (data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN)) != 0;
}

bool kernel_lease_available(struct fault *fault)
{
    if (!may_administer_network())
        return fault_set(fault, "this process may not change the packet filter: it lacks CAP_NET_ADMIN (in the "
                         "systemd unit: AmbientCapabilities=CAP_NET_ADMIN)");
    struct nft_ctx *nft = nft_open();
    struct kernel_lease *lease = calloc(1, sizeof *lease);
    bool ok = nft != NULL && lease != NULL;
    if (!ok) {
        fault_set(fault, "nftables can't be opened here (no file descriptor or memory)");
        goto out;
    }
    /* The whole of it, checked by the kernel and not committed. */
    char buffer[SCRIPT_MAX];
    struct text script = TEXT_OF(buffer);
    (void)text_copy(lease->table, sizeof lease->table, KERNEL_LEASE_TABLE_PREFIX "availability");
    lease->port = 5432;
    ensure(install_write(&script, lease, false));
    nft_ctx_set_dry_run(nft, true);
    ok = nft_do(nft, buffer, fault);
    if (!ok)
        fault_wrap(fault, "this kernel does not take the rules of the kernel lease (is nf_tables there, with "
                          "the inet family?)");
out:
    if (nft != NULL)
        nft_ctx_free(nft);
    free(lease);
    return ok;
}
