/* Checking AWS Signature Version 4 as the service does: recompute everything, trust nothing that was sent. */
#ifndef ROUTE53_EMULATOR_SIGV4_H
#define ROUTE53_EMULATOR_SIGV4_H

#include <event2/http.h>

#include "tests/route53/batch.h"

/* Verifies the request's Authorization header against the account's credentials at the (skewed) time.
 * On true *credential is who signed. On false the refusal holds AWS's code, status and message.
 * `body` is the payload, `method` "GET" or "POST", `target` the request line's path and query. */
bool sigv4_verify(const struct world *world, struct evhttp_request *request, const char *method, const char *target,
                  const void *body, size_t body_length, const struct credential **credential, struct refusal *refusal);

/* Decodes %XX in place. Returns false for a bad escape or an escaped zero byte. */
bool percent_decode(char *text);

#endif
