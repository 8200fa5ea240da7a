/* Who is on the other side of a control connection, and what they may do.
 *
 * Users and groups of the configuration are looked up once, at start, where that may block. Later
 * the kernel gives numbers (SO_PEERCRED, SO_PEERGROUPS), and numbers are all that is compared. */
#ifndef FAILOVERD_OPERATOR_CONTROL_ROLES_H
#define FAILOVERD_OPERATOR_CONTROL_ROLES_H

#include "coordinator/operator/control_server.h"

struct control_roles;

/* Blocks. NULL with the fault set: a user or group that does not exist. */
struct control_roles *control_roles_new(const struct control_config *roles, struct fault *fault);
void control_roles_free(struct control_roles *people);

/* Of a connected Unix socket. False with the fault set when the kernel doesn't tell. */
bool control_roles_identify(const struct control_roles *people, int fd,
                             struct control_person *person, struct fault *fault) CHECKED;

/* The group that the socket should belong to: the first one that `read`, then `operate`, then `force`
 * name. False: none is named. */
bool control_roles_group(const struct control_roles *people, gid_t *group) CHECKED;

/* The largest role of these numbers; for tests and for identify. */
enum control_role control_roles_role(const struct control_roles *people, uid_t uid,
                                      const gid_t *groups, size_t count);

#endif
