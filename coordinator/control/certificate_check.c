/* TLS files for the configuration's check: see certificate_check.h. */
#include "coordinator/control/certificate_check.h"

#include "coordinator/peer/tls.h"

bool certificate_check(const struct tls_config *files, const char *node_name, int64_t *days_left,
                       int64_t *ca_days_left, struct fault *fault)
{
    struct tls_files tls = { .ca = files->ca, .certificate = files->certificate,
                             .key = files->key };
    struct tls_expiry expiry = { 0 };
    if (!tls_check_files(&tls, node_name, &expiry, fault))
        return false;
    *days_left = expiry.days_left;
    *ca_days_left = expiry.ca_days_left;
    return true;
}
