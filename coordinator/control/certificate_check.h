/* certificate_check: what config/ asks of TLS files (a config_tls_check), answered by peer/tls. */
#ifndef FAILOVERD_CONTROL_CERTIFICATE_CHECK_H
#define FAILOVERD_CONTROL_CERTIFICATE_CHECK_H

#include "coordinator/config/config.h"

config_tls_check certificate_check;

#endif
