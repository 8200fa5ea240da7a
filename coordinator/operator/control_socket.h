/* The socket file of the control server: made, guarded against a second daemon, removed. */
#ifndef FAILOVERD_OPERATOR_CONTROL_SOCKET_H
#define FAILOVERD_OPERATOR_CONTROL_SOCKET_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "coordinator/base/fault.h"

/* A listening, non-blocking socket with mode 0660 and, if asked and allowed, that group; -1 with the
 * fault set. A file left behind by a dead process is replaced; one that is served is not. *file is what
 * was made, for control_socket_remove. */
int control_socket_open(const char *path, bool set_group, gid_t group, struct stat *file,
                        struct fault *fault);

/* Removes the file if it is still the one that was made. */
void control_socket_remove(const char *path, const struct stat *file);

#endif
