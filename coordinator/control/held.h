/* held: until when this node was last let to hold a service open, noted where a restarted process of
 * the same boot finds it and a rebooted host does not (the control socket's folder, which is in memory).
 *
 * Only a guarded fence needs it: nothing but its guard ends the lease there, so a new process has to know
 * what is left of it. Without a note nothing is left.
 */
#ifndef FAILOVERD_CONTROL_HELD_H
#define FAILOVERD_CONTROL_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/config/config.h"

/* Best effort; a note that can't be written costs a needless fence after a restart, nothing else. */
void held_note(const struct local_config *local, const char *service, int64_t until_us);

/* base_mono_us, or 0. */
int64_t held_read(const struct local_config *local, const char *service);

#endif
