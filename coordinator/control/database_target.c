/* Where a region's database is: see database_target.h. */
#include "coordinator/control/database_target.h"

bool database_secrets_read(const struct database_config *database, struct database_secrets *secrets,
                           struct fault *fault)
{
    *secrets = (struct database_secrets){ "", "", "" };
    if (database->password_file != NULL &&
        !config_read_secret(database->password_file, secrets->password, sizeof secrets->password,
                            fault))
        return fault_wrap(fault, "the database password");
    if (database->canary_password_file != NULL &&
        !config_read_secret(database->canary_password_file, secrets->canary,
                            sizeof secrets->canary, fault))
        return fault_wrap(fault, "the canary's password");
    if (database->commit_password_file != NULL &&
        !config_read_secret(database->commit_password_file, secrets->commit,
                            sizeof secrets->commit, fault))
        return fault_wrap(fault, "the password of commit_user");
    return true;
}

bool database_secrets_of_regions(const struct service_config *service,
                                 struct database_secrets secrets[CONFIG_MAX_REGIONS], struct fault *fault)
{
    for (size_t i = 0; i < service->region_count && i < CONFIG_MAX_REGIONS; i++) {
        if (service->regions[i].database == NULL)
            continue;
        struct database_config outside = *service->regions[i].database;
        outside.canary_password_file = NULL;
        if (!database_secrets_read(&outside, &secrets[i], fault))
            return false;
    }
    return true;
}

struct pg_target database_outside(const struct database_config *database,
                                  const struct database_secrets *secrets)
{
    return (struct pg_target){
        .host = database->host,
        .hostaddr = database->hostaddr,
        .port = (uint16_t)database->port,
        .dbname = database->dbname,
        .user = database->user,
        .password = secrets->password[0] != '\0' ? secrets->password : NULL,
        .sslmode = database->sslmode,
        .ca_file = database->ca_file,
    };
}

struct pg_target database_inside(const struct database_config *database,
                                 const struct database_secrets *secrets)
{
    struct pg_target target = database_outside(database, secrets);
    if (database->guard_host == NULL)
        return target;
    target.host = database->guard_host;
    target.hostaddr = NULL;
    if (database->guard_host[0] == '/') { /* a socket: no TLS there */
        target.sslmode = NULL;
        target.ca_file = NULL;
    }
    return target;
}

struct pg_target database_canary(const struct database_config *database,
                                 const struct database_secrets *secrets)
{
    struct pg_target target = database_inside(database, secrets);
    target.user = database->canary_user;
    target.password = secrets->canary[0] != '\0' ? secrets->canary : NULL;
    return target;
}

struct pg_target database_commit(const struct database_config *database,
                                 const struct database_secrets *secrets)
{
    struct pg_target target = database_inside(database, secrets);
    target.user = database->commit_user;
    target.password = secrets->commit[0] != '\0' ? secrets->commit : NULL;
    return target;
}
