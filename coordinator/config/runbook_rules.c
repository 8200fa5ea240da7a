/* Rules for a service's runbook: see rules.h. People know items by their id, the ledger by their place. */
#include <string.h>

#include "coordinator/config/rules.h"

/* Why a check of that name could never say yes here; NULL where it can. */
static const char *never(const struct service_config *s, int check)
{
    switch (check) {
    case CONFIG_RUNBOOK_DNS_IN_FORCE:
        return s->dns == NULL ? "the service has no \"dns\"" : NULL;
    case CONFIG_RUNBOOK_ENDPOINTS_VERIFIED:
        return s->dns == NULL || s->dns->verify_endpoints.count == 0 ? "the service has no dns.verify_endpoints" : NULL;
    case CONFIG_RUNBOOK_COMMIT_LEASE:
        return !s->commit_lease.enabled ? "commit_lease.enabled is false" : NULL;
    default:
        return NULL;
    }
}

/* These weigh what an operation would begin with; while it runs there is nothing to weigh. */
static bool only_before(int check)
{
    return check == CONFIG_RUNBOOK_GATES_OPEN || check == CONFIG_RUNBOOK_TARGET_STREAMING;
}

static void check_item(struct document *d, const struct service_config *s, const struct runbook_item *item,
                       const char *path)
{
    const char *why = never(s, item->check);
    if (why != NULL)
        document_warn(d, PATH("%s.check", path), "can never be yes: %s. Configure that, or let a person see to the item", why);
    if (only_before(item->check) && item->when != CONFIG_RUNBOOK_BEFORE)
        document_warn(d, PATH("%s.check", path), "can only be known before an operation; this item is for %s it, so it stays "
                      "open. Put it at \"before\", or choose another check", config_runbook_when_name(item->when));
    for (size_t i = 1; i < item->kind_count; i++)
        for (size_t j = 0; j < i; j++)
            if (item->kinds[i] == item->kinds[j])
                document_error(d, PATH("%s.kinds[%zu]", path, i), "stands in it already");
}

void rules_runbook(struct document *d, const struct service_config *s)
{
    for (size_t i = 0; i < s->runbook_count; i++) {
        const struct runbook_item *item = &s->runbook[i];
        char path[DOCUMENT_PATH_MAX];
        (void)snprintf(path, sizeof path, "$.services.%s.runbook[%zu]", s->name, i);
        check_item(d, s, item, path);
        for (size_t j = 0; j < i && item->id != NULL; j++)
            if (s->runbook[j].id != NULL && strcmp(s->runbook[j].id, item->id) == 0)
                document_error(d, PATH("%s.id", path), "\"%s\" is the id of item %zu already; a person ticks items by id, so "
                               "each needs one of its own", item->id, j);
    }
}
