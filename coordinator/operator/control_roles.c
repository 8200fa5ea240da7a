/* Who may do what on the control socket: see control_roles.h. */
#include "coordinator/operator/control_roles.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coordinator/base/text.h"

#define RULES_MAX (3 * CONFIG_MAX_ITEMS)
#define KNOWN_USERS_MAX 1024

struct rule {
    enum control_role role;
    bool group;
    id_t id;
};

struct known_user {
    uid_t uid;
    char name[CONTROL_USER_MAX];
};

struct control_roles {
    struct rule rules[RULES_MAX];
    size_t rule_count;
    struct known_user *users;
    size_t user_count;
    uid_t self;
};

static void know_user(struct control_roles *people, uid_t uid, const char *name)
{
    if (people->user_count == KNOWN_USERS_MAX)
        return;
    struct known_user *user = &people->users[people->user_count];
    user->uid = uid;
    if (text_copy(user->name, sizeof user->name, name))
        people->user_count++;
}

static bool add_rule(struct control_roles *people, enum control_role role, const char *text,
                     struct fault *fault)
{
    struct rule rule = { .role = role };
    if (strcmp(text, "root") == 0) {
        rule.id = 0;
    } else if (strncmp(text, "user:", 5) == 0) {
        const struct passwd *user = getpwnam(text + 5);
        if (user == NULL)
            return fault_set(fault, "control.%s names %s, but this machine has no such user",
                             control_role_name(role), text);
        rule.id = user->pw_uid;
        know_user(people, user->pw_uid, user->pw_name);
    } else if (strncmp(text, "group:", 6) == 0) {
        const struct group *group = getgrnam(text + 6);
        if (group == NULL)
            return fault_set(fault, "control.%s names %s, but this machine has no such group",
                             control_role_name(role), text);
        rule.group = true;
        rule.id = group->gr_gid;
    } else {
        return fault_set(fault, "control.%s: %s is none of root, user:NAME, group:NAME",
                         control_role_name(role), text);
    }
    if (people->rule_count == RULES_MAX)
        return fault_set(fault, "control names more than %d users and groups", RULES_MAX);
    people->rules[people->rule_count++] = rule;
    return true;
}

static bool add_rules(struct control_roles *people, enum control_role role,
                      const struct config_texts *texts, struct fault *fault)
{
    for (size_t i = 0; i < texts->count; i++)
        if (!add_rule(people, role, texts->items[i], fault))
            return false;
    return true;
}

/* Names of local users for the audit; directories that are asked over the network never are. */
static void know_local_users(struct control_roles *people)
{
    FILE *file = fopen("/etc/passwd", "re");
    if (file == NULL)
        return;
    const struct passwd *user;
    while (people->user_count < KNOWN_USERS_MAX && (user = fgetpwent(file)) != NULL)
        know_user(people, user->pw_uid, user->pw_name);
    (void)fclose(file);
}

struct control_roles *control_roles_new(const struct control_config *roles, struct fault *fault)
{
    struct control_roles *people = calloc(1, sizeof *people);
    if (people != NULL)
        people->users = calloc(KNOWN_USERS_MAX, sizeof *people->users);
    if (people == NULL || people->users == NULL) {
        (void)fault_set(fault, "out of memory");
        goto fail;
    }
    people->self = geteuid();
    if (!add_rules(people, ROLE_READ, &roles->read, fault) ||
        !add_rules(people, ROLE_OPERATE, &roles->operate, fault) ||
        !add_rules(people, ROLE_FORCE, &roles->force, fault))
        goto fail;
    know_local_users(people);
    /* Only what is used is kept: names are few, the bound is generous. */
    struct known_user *less = realloc(people->users, (people->user_count + 1) * sizeof *less);
    if (less != NULL)
        people->users = less;
    return people;
fail:
    control_roles_free(people);
    return NULL;
}

void control_roles_free(struct control_roles *people)
{
    if (people == NULL)
        return;
    free(people->users);
    free(people);
}

enum control_role control_roles_role(const struct control_roles *people, uid_t uid,
                                      const gid_t *groups, size_t count)
{
    enum control_role best = ROLE_NONE;
    if (uid == 0 || uid == people->self)
        return ROLE_FORCE;
    for (size_t i = 0; i < people->rule_count; i++) {
        const struct rule *rule = &people->rules[i];
        bool fits = !rule->group && rule->id == uid;
        for (size_t g = 0; g < count && rule->group && !fits; g++)
            fits = rule->id == groups[g];
        if (fits && rule->role > best)
            best = rule->role;
    }
    return best;
}

bool control_roles_group(const struct control_roles *people, gid_t *group)
{
    for (size_t i = 0; i < people->rule_count; i++)
        if (people->rules[i].group) {
            *group = people->rules[i].id;
            return true;
        }
    return false;
}

bool control_roles_identify(const struct control_roles *people, int fd,
                             struct control_person *person, struct fault *fault)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    gid_t groups[CONTROL_GROUPS_MAX + 1];
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return fault_errno(fault, errno, "the kernel does not say who it is");
    size = sizeof groups - sizeof groups[0];
    size_t count = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0)
        count = size / sizeof groups[0];
    groups[count++] = peer.gid;
    *person = (struct control_person){ .uid = peer.uid, .gid = peer.gid, .pid = peer.pid };
    for (size_t i = 0; i < people->user_count && person->user[0] == '\0'; i++)
        if (people->users[i].uid == peer.uid)
            (void)text_copy(person->user, sizeof person->user, people->users[i].name);
    person->role = control_roles_role(people, peer.uid, groups, count);
    return true;
}
