/* certificate_check: what config/ asks of TLS files, answered by peer/tls. */
#ifndef FAILOVERD_CONTROL_CERTIFICATE_CHECK_H
#define FAILOVERD_CONTROL_CERTIFICATE_CHECK_H

#include "coordinator/base/fault.h"

/* A config_tls_check: on true, text in the fault is a warning: the certificate is near its end. */
bool certificate_check(const char *ca, const char *certificate, const char *key,
                       const char *node_name, struct fault *fault);

#endif
