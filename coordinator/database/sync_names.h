/* synchronous_standby_names: reading it, and putting the commit lease's name in and out of it.
 *
 * The rule: the commit lease and everybody whom the administrator named have to acknowledge. Only
 * settings that name as many standbys as have to acknowledge ('' or `s1` or `FIRST 2 (s1, s2)`) can be combined
 * with it: FIRST n+1 (ours, s1, ... sn). For `ANY 1 (s1, s2)` and the like there is no form in which
 * ours is indispensable and one of the two enough: with FIRST 2 (ours, s1, s2) the two would do without ours.
 *
 * Our name carries all that is needed to leave again, so the setting is its own record, written by the
 * server in one durable step and never at odds with itself: failoverd_<service>_<a or f><12 hexadecimal
 * digits>. `f`: before us ALTER SYSTEM had not set it, so leaving is RESET and the administrator's own
 * file counts again. `a`: it had, and leaving sets what is left without ours.
 *
 * Pure: no server is asked here.
 */
#ifndef FAILOVERD_DATABASE_SYNC_NAMES_H
#define FAILOVERD_DATABASE_SYNC_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"

#define SYNC_NAME_MAX 64        /* of an application_name, its end included (NAMEDATALEN) */
#define SYNC_NAMES_MAX 16
#define SYNC_TEXT_MAX 2048
#define SYNC_MARK_DIGITS 12

struct sync_names {
    size_t need;                /* how many have to acknowledge; 0 with count 0: nobody */
    size_t count;
    char names[SYNC_NAMES_MAX][SYNC_NAME_MAX];
};

/* What was in the setting besides the administrator's. */
struct sync_mark {
    bool present;
    bool by_alter_system;          /* of the administrator's own: the letter */
    char name[SYNC_NAME_MAX];
};

/* Parses the setting as PostgreSQL does. False with the fault set when it is none, or too long for us. */
bool sync_names_parse(const char *text, struct sync_names *out, struct fault *fault) CHECKED;

/* The name of one instance for a service; `random` tells it from others. Long services' names are cut
 * and told apart by a hash. */
void sync_mark_make(char out[SYNC_NAME_MAX], const char *service, bool by_alter_system, uint64_t random);
/* What all names of the service begin with; the letter and the digits follow. */
void sync_mark_prefix(char out[SYNC_NAME_MAX], const char *service);

/* Takes every name of ours (of any instance for the service) out of it. False with the fault set when what
 * is left makes no sense, because a person edited around us. */
bool sync_names_strip(struct sync_names *names, const char *service, struct sync_mark *mark,
                      struct fault *fault) CHECKED;

/* The setting with ours besides. False with the fault set when it can't be combined. */
bool sync_names_combine(const struct sync_names *theirs, const char *ours, char *out, size_t size,
                        struct fault *fault) CHECKED;
/* The setting without ours. */
bool sync_names_text(const struct sync_names *names, char *out, size_t size) CHECKED;

#endif
