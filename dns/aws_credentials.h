/* AWS keys: from a file, the environment, or the machine's role, fetched and renewed without blocking.
 *
 * Sources, the first that is configured: the file named in the settings (AWS ini form, with a
 * profile), AWS_ACCESS_KEY_ID and its companions, a container endpoint
 * (AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI), the instance metadata service (IMDSv2).
 * Keys that expire are renewed five minutes before. Secrets appear in no text made here.
 */
#ifndef FAILOVERD_DNS_AWS_CREDENTIALS_H
#define FAILOVERD_DNS_AWS_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/fetch.h"
#include "coordinator/base/loop.h"

#define AWS_KEY_MAX 129
#define AWS_SECRET_MAX 257
#define AWS_TOKEN_MAX 4097
#define AWS_FILE_MAX 65536
#define AWS_RENEW_BEFORE_S 300

struct aws_credentials;

struct aws_credentials_settings {
    const char *file;    /* absolute path, not readable by others; NULL: not from a file */
    const char *profile; /* NULL: "default" */
    bool no_environment; /* leave the environment out */
    bool no_instance;    /* leave container endpoint and instance metadata out */
    const char *instance_endpoint;  /* NULL: "http://169.254.169.254"; http and an IP literal only */
    const char *container_endpoint; /* NULL: "http://169.254.170.2", for _RELATIVE_URI */
    int64_t deadline_ms;            /* of one renewal; 0: 3000 */
};

struct aws_keys {
    char access_key[AWS_KEY_MAX];
    char secret_key[AWS_SECRET_MAX];
    char session_token[AWS_TOKEN_MAX]; /* "" for none */
    int64_t expires_wall_us;           /* 0: never */
};

/* `keys` is NULL when there are none, and `text` says why. Valid during the call; on the loop, exactly once,
 * never within aws_credentials_get. */
typedef void aws_credentials_done(const struct aws_keys *keys, const char *text, void *arg);

struct aws_credentials_wait; /* one caller that waits */

/* Copies the settings. The pool outlives it. NULL with the fault set. */
struct aws_credentials *aws_credentials_new(struct loop *loop, struct fetch_pool *pool,
                                            const struct aws_credentials_settings *settings,
                                            struct fault *fault);
/* Drops the callers that wait without calling them. Wipes the secrets. NULL is allowed. */
void aws_credentials_free(struct aws_credentials *credentials);

/* Keys that are valid now, from memory or freshly fetched. NULL when memory is short. */
struct aws_credentials_wait *aws_credentials_get(struct aws_credentials *credentials,
                                                 aws_credentials_done *done, void *arg);
void aws_credentials_cancel(struct aws_credentials_wait *wait);

/* They come from a file or the environment: when they are missing or wrong a person has to act. */
bool aws_credentials_are_static(const struct aws_credentials *credentials);

/* The provider refused them as expired or unknown: the next get fetches (or reads the file) anew. */
void aws_credentials_forget(struct aws_credentials *credentials);

/* "file /etc/failoverd/aws, profile default; key ...WXYZ, expires in 3h05m": for status, no secret. */
const char *aws_credentials_describe(struct aws_credentials *credentials, char *out, size_t size);

#endif
