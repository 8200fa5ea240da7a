/* The files that the configs name: are they there, and are secrets kept secret?
 *
 * Only those that this node needs are looked at. Certificates are judged by a function that is
 * handed in (tls_check_files of coordinator/peer).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/config/reader.h"

struct search {
    struct document cluster; /* for lines only */
    struct document local;
};

/* ---- one file ---------------------------------------------------------------------------- */

/* Opens a regular file for reading, without ever waiting. */
static int open_regular(const char *path, struct stat *info, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        (void)fault_errno(fault, errno, "%s can't be read", path);
        return -1;
    }
    if (fstat(fd, info) == 0 && S_ISREG(info->st_mode))
        return fd;
    (void)fault_set(fault, "%s is no regular file", path);
    (void)close(fd);
    return -1;
}

static bool is_secret(const char *path, const struct stat *info, struct fault *fault)
{
    if ((info->st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return fault_set(fault, "%s is open to %s (mode %04o); it is a secret: chmod 600 %s", path,
                         (info->st_mode & S_IRWXO) != 0 ? "everybody" : "its group",
                         (unsigned)info->st_mode & 07777u, path);
    if (geteuid() != 0 && info->st_uid != geteuid() && info->st_uid != 0)
        return fault_set(fault, "%s belongs to another user (%u), who can read and change it: chown it to failoverd's own",
                         path, (unsigned)info->st_uid);
    return true;
}

static bool file_is_good(const char *path, bool secret, struct fault *fault)
{
    struct stat info;
    int fd = open_regular(path, &info, fault);
    if (fd < 0)
        return false;
    (void)close(fd);
    if (info.st_size == 0)
        return fault_set(fault, "%s is empty", path);
    return !secret || is_secret(path, &info, fault);
}

/* `file` may be NULL: not configured. */
static bool check_file(struct document *d, const char *file, bool secret, const char *path)
{
    struct fault fault;
    if (file == NULL || file_is_good(file, secret, &fault))
        return true;
    document_error(d, path, "%s", fault.text);
    return false;
}

static void check_folder(struct document *d, const char *folder, const char *path)
{
    struct stat info;
    if (stat(folder, &info) != 0)
        document_warn(d, path, "the folder %s is not there (%s); failoverd will not start without it (systemd makes it "
                      "when it starts the service)", folder, strerror(errno));
    else if (!S_ISDIR(info.st_mode))
        document_error(d, path, "%s is no folder", folder);
    else if (access(folder, W_OK | X_OK) != 0)
        document_error(d, path, "this user can't write into the folder %s: %s", folder, strerror(errno));
}

static void check_parent(struct document *d, const char *file, const char *path)
{
    char folder[CONFIG_MAX_TEXT + 1];
    const char *slash = strrchr(file, '/');
    size_t length = slash == file ? 1 : (size_t)(slash - file);
    memcpy(folder, file, length);
    folder[length] = '\0';
    check_folder(d, folder, path);
}

bool config_read_secret(const char *path, char *text, size_t size, struct fault *fault)
{
    struct stat info;
    size_t length = 0;
    ssize_t got = 1;
    int fd = open_regular(path, &info, fault);
    if (fd < 0)
        return false;
    bool good = is_secret(path, &info, fault);
    while (good && got > 0 && length < size) {
        got = read(fd, text + length, size - length);
        if (got < 0)
            good = fault_errno(fault, errno, "%s can't be read", path);
        else
            length += (size_t)got;
    }
    (void)close(fd);
    if (good && length > 0 && length < size && text[length - 1] == '\n')
        length--;
    if (good && length >= size)
        good = fault_set(fault, "%s is longer than %zu bytes", path, size - 1);
    else if (good && (length == 0 || memchr(text, '\0', length) != NULL || memchr(text, '\n', length) != NULL))
        good = fault_set(fault, "%s must hold the secret alone, on one line", path);
    if (good)
        text[length] = '\0';
    else if (size > 0)
        explicit_bzero(text, size);
    return good;
}

/* ---- what a service names ---------------------------------------------------------------- */

static void check_region(struct search *s, const struct service_config *service,
                         const struct service_region_config *region, size_t self)
{
    char path[DOCUMENT_PATH_MAX];
    (void)snprintf(path, sizeof path, "$.services.%s.regions.%s", service->name, region->name);
    bool probed = false;
    for (size_t i = 0; i < region->check_count; i++) {
        const struct check_config *check = &region->checks[i];
        probed |= check->type == CONFIG_CHECK_POSTGRES;
        (void)check_file(&s->cluster, check->http.ca_file, false, PATH("%s.checks.%s.ca_file", path, check->name));
    }
    const struct database_config *db = region->database;
    bool guard = config_is_guard(region, self);
    if (db == NULL || (!probed && !guard))
        return;
    (void)check_file(&s->cluster, db->ca_file, false, PATH("%s.database.ca_file", path));
    (void)check_file(&s->cluster, db->password_file, true, PATH("%s.database.password_file", path));
    if (!guard)
        return;
    (void)check_file(&s->cluster, db->canary_password_file, true, PATH("%s.database.canary_password_file", path));
    (void)check_file(&s->cluster, db->commit_password_file, true, PATH("%s.database.commit_password_file", path));
}

static void check_program(struct search *s, const struct config_texts *program, const char *path, const char *why)
{
    struct stat info;
    if (program->count == 0)
        return;
    if (stat(program->items[0], &info) != 0 || !S_ISREG(info.st_mode) || access(program->items[0], X_OK) != 0)
        document_error(&s->cluster, PATH("%s[0]", path), "%s is no program that this user can run; it is needed here, %s",
                       program->items[0], why);
}

/* Only guards run them. */
static void check_hooks(struct search *s, const struct service_config *service, size_t self)
{
    bool guard = false;
    for (size_t i = 0; i < service->region_count; i++)
        guard |= config_is_guard(&service->regions[i], self);
    if (!guard)
        return;
    check_program(s, &service->hooks.after_open, PATH("$.services.%s.hooks.after_open", service->name),
                  "where the service may be opened");
    check_program(s, &service->hooks.rejoin, PATH("$.services.%s.hooks.rejoin", service->name),
                  "where an old primary may come back");
    for (size_t i = 0; i < service->region_count; i++) {
        const struct service_region_config *region = &service->regions[i];
        if (region->remote_hook != NULL && !config_is_guard(region, self))
            check_program(s, &region->remote_hook->shut,
                          PATH("$.services.%s.regions.%s.remote_hook.shut", service->name, region->name),
                          "where that region is taken over from");
    }
    if (!config_has_fence(service, CONFIG_FENCE_HOOK))
        return;
    check_program(s, &service->fence.hook.shut, PATH("$.services.%s.fence.hook.shut", service->name),
                  "where it fences the database");
    check_program(s, &service->fence.hook.open, PATH("$.services.%s.fence.hook.open", service->name),
                  "where it opens the database again");
}

static void check_service(struct search *s, const struct service_config *service, const struct local_config *node,
                          size_t self)
{
    for (size_t i = 0; i < service->region_count; i++)
        check_region(s, service, &service->regions[i], self);
    check_hooks(s, service, self);
    if (service->dns == NULL)
        return;
    (void)check_file(&s->cluster, service->dns->ca_file, false, PATH("$.services.%s.dns.ca_file", service->name));
    if (node->aws_credentials == NULL)
        (void)check_file(&s->cluster, service->dns->credentials.file, true,
                         PATH("$.services.%s.dns.credentials.file", service->name));
}

/* ---- channels ---------------------------------------------------------------------------- */

/* Of channels nothing refuses a start: to coordinate without telling is better than neither. */
static void look_at_file(struct document *d, const char *file, bool secret, const char *path)
{
    struct fault fault;
    if (file != NULL && !file_is_good(file, secret, &fault))
        document_warn(d, path, "%s; nobody is told over this channel by this node until it is", fault.text);
}

static void check_channel(struct search *s, const struct channel_config *channel)
{
    char path[DOCUMENT_PATH_MAX];
    (void)snprintf(path, sizeof path, "$.notify.channels.%s", channel->name);
    look_at_file(&s->cluster, channel->url_file, true, PATH("%s.url_file", path));
    look_at_file(&s->cluster, channel->routing_key_file, true, PATH("%s.routing_key_file", path));
    look_at_file(&s->cluster, channel->ca_file, false, PATH("%s.ca_file", path));
    if (channel->program.count > 0 && access(channel->program.items[0], X_OK) != 0)
        document_warn(&s->cluster, PATH("%s.program[0]", path), "%s is no program that this user can run; nobody is told "
                      "over this channel by this node until it is", channel->program.items[0]);
}

/* ---- what this node names ---------------------------------------------------------------- */

static void check_certificate(struct search *s, const struct local_config *node, config_tls_check *tls_check)
{
    bool good = check_file(&s->local, node->tls.ca, false, "$.tls.ca");
    good &= check_file(&s->local, node->tls.certificate, false, "$.tls.certificate");
    good &= check_file(&s->local, node->tls.key, true, "$.tls.key");
    if (!good || tls_check == NULL)
        return;
    struct fault fault = { "" };
    int64_t days = INT64_MAX;
    int64_t ca_days = INT64_MAX;
    if (!tls_check(&node->tls, node->name, &days, &ca_days, &fault)) {
        document_error(&s->local, "$.tls.certificate", "%s", fault.text);
        return;
    }
    if (days < CONFIG_CERTIFICATE_WARN_DAYS)
        document_warn(&s->local, "$.tls.certificate", "%s ends in %" PRId64 " days; the other nodes refuse it then: put a new "
                      "one in its place and reload", node->tls.certificate, days);
    if (ca_days < CONFIG_CERTIFICATE_WARN_DAYS)
        document_warn(&s->local, "$.tls.ca", "the authority that signed the certificate ends in %" PRId64 " days, and with it "
                      "all certificates of the cluster", ca_days);
}

static void check_local(struct search *s, const struct local_config *node, config_tls_check *tls_check)
{
    check_certificate(s, node, tls_check);
    check_folder(&s->local, node->state_dir, "$.state_dir");
    check_parent(&s->local, node->control_socket, "$.control_socket");
    check_parent(&s->local, node->journal, "$.journal");
    check_parent(&s->local, node->audit, "$.audit");
    if (node->aws_credentials != NULL)
        (void)check_file(&s->local, node->aws_credentials->file, true, "$.aws_credentials.file");
}

bool config_check_named_files(const struct cluster_config *cluster, const struct local_config *node,
                              config_tls_check *tls_check, struct config_problems *problems)
{
    size_t before = problems->errors;
    size_t self = config_find_node(cluster, node->name);
    struct search search;
    document_reopen(&search.cluster, cluster->path, problems);
    document_reopen(&search.local, node->path, problems);
    for (size_t i = 0; i < cluster->service_count; i++)
        check_service(&search, &cluster->services[i], node, self);
    for (size_t i = 0; i < cluster->notify.channel_count; i++)
        check_channel(&search, &cluster->notify.channels[i]);
    check_local(&search, node, tls_check);
    document_close(&search.cluster);
    document_close(&search.local);
    return problems->errors == before;
}
