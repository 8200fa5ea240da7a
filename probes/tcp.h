/* Does a port take connections? One connect to every address of the name, closed at once.
 *
 * OK when all of them connect, FAILED when one refuses, is unreachable or does not answer in time.
 * Our own lack (descriptors, buffers, local ports, a name server) is OBSERVER.
 */
#ifndef FAILOVERD_PROBES_TCP_H
#define FAILOVERD_PROBES_TCP_H

#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "probes/probe.h"

struct tcp_probe_settings {
    const char *host; /* a name or an IP literal without brackets; copied */
    uint16_t port;
};

struct tcp_probe;

/* NULL with the fault set when the settings make no sense. Loop and resolver outlive it. */
struct tcp_probe *tcp_probe_new(struct loop *loop, struct resolver *resolver,
                                const struct tcp_probe_settings *settings, struct fault *fault);
void tcp_probe_free(struct tcp_probe *probe); /* NULL is allowed */
void tcp_probe_run(struct tcp_probe *probe, int64_t timeout_us, probe_done *done, void *arg);
void tcp_probe_cancel(struct tcp_probe *probe);

extern const struct probe_class tcp_probe_class;

#endif
