/* Who is on the other side of a control connection, and what they may do.
 *
 * Users and groups of the configuration are looked up once, at start, where that may block. Later
 * the kernel gives numbers (SO_PEERCRED, SO_PEERGROUPS), and numbers are all that is compared. */
#ifndef FAILOVERD_OPERATOR_CONTROL_PEOPLE_H
#define FAILOVERD_OPERATOR_CONTROL_PEOPLE_H

#include "coordinator/operator/control_server.h"

struct control_people;

/* Blocks. NULL with the fault set: a user or group that does not exist. */
struct control_people *control_people_new(const struct control_config *roles, struct fault *fault);
void control_people_free(struct control_people *people);

/* Of a connected Unix socket. False with the fault set when the kernel doesn't tell. */
bool control_people_identify(const struct control_people *people, int fd,
                             struct control_person *person, struct fault *fault) CHECKED;

/* The group that the socket should belong to: the first one that `read`, then `operate`, then `force`
 * name. False: none is named. */
bool control_people_group(const struct control_people *people, gid_t *group) CHECKED;

/* The largest role of these numbers; for tests and for identify. */
enum control_role control_people_role(const struct control_people *people, uid_t uid,
                                      const gid_t *groups, size_t count);

#endif
