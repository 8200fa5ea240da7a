/* notify: tells systemd how we are (sd_notify's protocol, a datagram to a socket named by the
 * environment). Without systemd every call does nothing.
 */
#ifndef FAILOVERD_BASE_NOTIFY_H
#define FAILOVERD_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC once; before threads start. */
void notify_open(void);

/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=...". Never blocks; what does not get through is
 * lost. */
void notify_send(const char *state);

/* How often the watchdog has to be kicked: a third of what systemd allows. 0: no watchdog. */
int64_t notify_watchdog_us(void);

#endif
