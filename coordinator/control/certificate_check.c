/* TLS files for the configuration's check: see certificate_check.h. */
#include "coordinator/control/certificate_check.h"

#include "coordinator/peer/tls.h"

#define WARN_DAYS 30

bool certificate_check(const char *ca, const char *certificate, const char *key,
                       const char *node_name, struct fault *fault)
{
    struct tls_files files = { .ca = ca, .certificate = certificate, .key = key };
    struct tls_expiry expiry;
    if (!tls_check_files(&files, node_name, &expiry, fault))
        return false;
    fault->text[0] = '\0';
    if (expiry.days_left < WARN_DAYS)
        (void)fault_set(fault, "the certificate ends on %s: make a new one before, and reload",
                        expiry.not_after);
    else if (expiry.ca_days_left < WARN_DAYS)
        (void)fault_set(fault, "the authority's certificate ends in %lld days",
                        (long long)expiry.ca_days_left);
    return true;
}
