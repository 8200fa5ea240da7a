/* TLS between coordinators, and who a certificate says it is. The only file of the peers that
 * includes OpenSSL is tls.c.
 *
 * TLS 1.3 only. Both sides show a certificate signed by the cluster's private CA; the system's
 * authorities count for nothing. A certificate names its node in the subject alternative names, as
 * the one and only dNSName in it; the common name is ignored, wildcards mean nothing, addresses and
 * other kinds of names are ignored. A certificate with no dNSName or with several is refused,
 * because it would not say which node it is. Where extended key usage is given at all, it has to
 * allow both client and server authentication, since each node is both.
 *
 * No session is resumed, so every connection verifies anew with the files of the latest reload.
 * There is no revocation list: a lost key is answered by a new CA, or by taking the node out of the
 * cluster file.
 *
 * SIGPIPE has to be ignored by the process. All calls on the loop's thread, except for
 * tls_check_files, which may be called from anywhere.
 */
#ifndef FAILOVERD_PEER_TLS_H
#define FAILOVERD_PEER_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"

#define TLS_NAME_MAX 64       /* a node's name with its end */
#define TLS_PATH_MAX 4096
#define TLS_FILE_MAX (256 * 1024) /* bytes of any of the files; a bigger one is refused */

struct bufferevent;
struct event_base;

/* PEM files. `certificate` may hold intermediates after the node's own. */
struct tls_files {
    const char *ca;
    const char *certificate;
    const char *key;
};

/* What tls_check_files found out beside "it is good". */
struct tls_expiry {
    int64_t days_left;  /* of the certificate, whole days, rounded down */
    int64_t ca_days_left; /* of the authority that signed it */
    char not_after[40]; /* "2027-01-31T09:00:00Z" */
};

/* Are these files what node `node_name` needs? Refuses, each in words: a file that can't be read, a
 * key that others may read, a key that doesn't belong to the certificate, a certificate that isn't
 * signed by the CA, isn't valid yet or any more, doesn't name the node, or may not be used for both
 * sides. `expiry` may be NULL. Reads files: not for a loop that serves leases, except at start and
 * on reload. */
bool tls_check_files(const struct tls_files *files, const char *node_name, struct tls_expiry *expiry,
                     struct fault *fault) CHECKED;

struct tls_context;

/* Checks as above and loads. The files may change or vanish afterwards. NULL with the fault set. */
struct tls_context *tls_context_new(const struct tls_files *files, const char *node_name,
                                    struct fault *fault);

/* Connections made from it stay good. NULL is allowed. */
void tls_context_free(struct tls_context *context);

/* When the loaded certificate ends. */
void tls_context_expiry(const struct tls_context *context, struct tls_expiry *expiry);

/* A bufferevent over a connected, non-blocking socket, about to shake hands. It owns `fd` from here
 * on, also on failure: then NULL with the fault set. BEV_EVENT_CONNECTED comes when this side is
 * through; the other side may still refuse our certificate after that. The dialler's handshake fails
 * unless the certificate names `peer_name`; the acceptor's succeeds with any name of the CA, and
 * tls_peer_name has to be judged. */
struct bufferevent *tls_dial(struct tls_context *context, struct event_base *base, int fd,
                             const char *peer_name, struct fault *fault);
struct bufferevent *tls_accept(struct tls_context *context, struct event_base *base, int fd,
                               struct fault *fault);

/* The node named by the certificate of the other side, after the handshake. False with the fault
 * set when it doesn't name exactly one. */
bool tls_peer_name(struct bufferevent *bev, char out[TLS_NAME_MAX], struct fault *fault) CHECKED;

/* Why the connection failed, for people; call on BEV_EVENT_ERROR or EOF with the callback's `events`
 * before anything else. Always sets the fault. */
void tls_explain(struct bufferevent *bev, short events, struct fault *fault);

/* Sends close_notify as far as that is possible without waiting. */
void tls_goodbye(struct bufferevent *bev);

/* Goodbye, then frees the bufferevent and closes its socket. NULL is allowed. */
void tls_close(struct bufferevent *bev);

#endif
