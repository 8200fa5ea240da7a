/* TLS between coordinators: see tls.h.
 *
 * Files are read and judged in one place (material_load), for a check as well as for a context, so
 * that `failoverd --check` and the daemon can't disagree. Names are judged while the handshake
 * verifies (on_verify), where the certificate that is refused can still be looked at, so that the
 * reason names it.
 */
#include "coordinator/peer/tls.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"

#define VERIFY_DEPTH_MAX 4
#define SHOWN_MAX 160 /* the names of a certificate, for messages */
#define SECONDS_PER_DAY 86400

struct tls_context {
    SSL_CTX *ssl;
    struct tls_expiry expiry;
};

/* Hangs on each SSL: what its verification expects and what it saw. */
struct tls_witness {
    char expected[TLS_NAME_MAX]; /* "" on the accepting side: any one name */
    char shown[SHOWN_MAX];
    long error; /* X509_V_OK until something is refused */
    int depth;
};

static int witness_index = -1;

static void witness_free(void *parent, void *witness, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    free(witness);
}

/* --- reasons --------------------------------------------------------------------------------- */

static const char *reason_of(unsigned long error)
{
    const char *text = error == 0 ? NULL : ERR_reason_error_string(error);
    return text != NULL ? text : "no reason given";
}

static bool fault_openssl(struct fault *fault, const char *what, const char *file)
{
    unsigned long error = ERR_peek_last_error();
    fault_set(fault, "%s %s: %s", what, file, reason_of(error));
    ERR_clear_error();
    return false;
}

/* --- names ----------------------------------------------------------------------------------- */

/* All dNSNames for people, the first one alone in `first`; how many there are, or -1 when one of
 * them is too long or holds a byte that no node's name has. */
static int names_of(X509 *certificate, char first[TLS_NAME_MAX], struct text *all)
{
    int count = 0;
    bool odd = false;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    first[0] = '\0';
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS)
            continue;
        const char *bytes = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        size_t length = (size_t)ASN1_STRING_length(name->d.dNSName);
        text_append(all, count > 0 ? ", " : "");
        text_append_json(all, bytes, length);
        if (length == 0 || length >= TLS_NAME_MAX || memchr(bytes, '\0', length) != NULL || bytes[0] == '*')
            odd = true;
        else if (count == 0) {
            memcpy(first, bytes, length);
            first[length] = '\0';
        }
        count++;
    }
    GENERAL_NAMES_free(names);
    return odd ? -1 : count;
}

static bool one_name(X509 *certificate, char out[TLS_NAME_MAX], struct fault *fault)
{
    char shown[SHOWN_MAX];
    struct text all = TEXT_OF(shown);
    text_append(&all, "");
    int count = names_of(certificate, out, &all);
    if (count == 1)
        return true;
    if (count == 0)
        return fault_set(fault, "the certificate has no dNSName among its subject alternative names, so it doesn't say "
                                "which node it is (the common name doesn't count)");
    if (count < 0)
        return fault_set(fault, "the certificate's dNSName (%s) is not the name of a node", shown);
    return fault_set(fault, "the certificate has %d dNSNames (%s); it has to have exactly one, its node's", count, shown);
}

/* --- files ----------------------------------------------------------------------------------- */

struct material {
    X509_STORE *authorities;
    X509 *leaf;
    STACK_OF(X509) *intermediates;
    EVP_PKEY *key;
};

static void material_free(struct material *material)
{
    X509_STORE_free(material->authorities);
    X509_free(material->leaf);
    sk_X509_pop_free(material->intermediates, X509_free);
    EVP_PKEY_free(material->key);
    memset(material, 0, sizeof *material);
}

static bool read_bytes(int fd, const char *path, BIO *out, size_t size, struct fault *fault)
{
    char chunk[4096];
    for (size_t total = 0; total < size;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(fault, errno, "%s can't be read", path);
        if (n == 0)
            break;
        if (BIO_write(out, chunk, (int)n) != n)
            return fault_set(fault, "no memory for %s", path);
        total += (size_t)n;
    }
    OPENSSL_cleanse(chunk, sizeof chunk);
    return true;
}

/* The whole file in memory: regular, bounded, and closed to others when it is a secret. */
static BIO *read_file(const char *path, bool secret, struct fault *fault)
{
    BIO *bytes = NULL;
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0) {
        fault_errno(fault, errno, "%s can't be opened", path);
        goto out;
    }
    if (!S_ISREG(status.st_mode) || status.st_size > TLS_FILE_MAX) {
        fault_set(fault, "%s is not a file of at most %d bytes", path, TLS_FILE_MAX);
        goto out;
    }
    if (secret && (status.st_mode & S_IRWXO) != 0) {
        fault_set(fault, "%s can be read or changed by everybody on this host (mode %04o): chmod 0600 it, and "
                         "replace the key if others have accounts here", path, (unsigned)(status.st_mode & 07777));
        goto out;
    }
    bytes = BIO_new(secret ? BIO_s_secmem() : BIO_s_mem());
    if (bytes == NULL) {
        fault_set(fault, "no memory for %s", path);
    } else if (!read_bytes(fd, path, bytes, TLS_FILE_MAX, fault)) {
        BIO_free(bytes);
        bytes = NULL;
    }
out:
    if (fd >= 0)
        close(fd);
    return bytes;
}

/* A key with a passphrase is refused rather than asked for: nobody is there to answer. */
static int no_passphrase(char *buffer, int size, int writing, void *arg)
{
    (void)buffer, (void)size, (void)writing, (void)arg;
    return -1;
}

static bool load_key(const char *path, struct material *material, struct fault *fault)
{
    BIO *bytes = read_file(path, true, fault);
    if (bytes == NULL)
        return false;
    material->key = PEM_read_bio_PrivateKey(bytes, NULL, no_passphrase, NULL);
    BIO_free(bytes);
    if (material->key == NULL)
        return fault_openssl(fault, "no unencrypted private key in PEM form in", path);
    return true;
}

/* Reads certificates one after the other; `take` owns each. At least one has to be there. */
static bool load_certificates(const char *path, bool (*take)(X509 *, struct material *), struct material *material,
                              struct fault *fault)
{
    BIO *bytes = read_file(path, false, fault);
    if (bytes == NULL)
        return false;
    size_t count = 0;
    bool ok = true;
    X509 *one;
    while (ok && (one = PEM_read_bio_X509(bytes, NULL, no_passphrase, NULL)) != NULL) {
        ok = take(one, material);
        count++;
    }
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    BIO_free(bytes);
    if (!ok || count == 0 || !at_end)
        return fault_openssl(fault, "no certificates in PEM form, or a damaged one, in", path);
    ERR_clear_error();
    return true;
}

static bool take_authority(X509 *certificate, struct material *material)
{
    bool ok = X509_STORE_add_cert(material->authorities, certificate) == 1;
    X509_free(certificate);
    return ok;
}

static bool take_own(X509 *certificate, struct material *material)
{
    if (material->leaf == NULL) {
        material->leaf = certificate;
        return true;
    }
    if (sk_X509_push(material->intermediates, certificate) > 0)
        return true;
    X509_free(certificate);
    return false;
}

/* --- dates ----------------------------------------------------------------------------------- */

static const char *date_text(char *out, size_t size, const ASN1_TIME *time)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1 || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        (void)text_copy(out, size, "an unreadable date");
    return out;
}

static int64_t days_until(const ASN1_TIME *time)
{
    int days = 0;
    int seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, time) != 1)
        return 0;
    return seconds < 0 ? days - 1 : days;
}

/* --- judging the files ----------------------------------------------------------------------- */

static bool explain_own(X509_STORE_CTX *run, const struct material *material, const struct tls_files *files,
                        const char *side, struct fault *fault)
{
    int error = X509_STORE_CTX_get_error(run);
    char date[40];
    if (error == X509_V_ERR_CERT_HAS_EXPIRED && X509_STORE_CTX_get_error_depth(run) == 0)
        return fault_set(fault, "%s expired on %s: have it renewed", files->certificate,
                         date_text(date, sizeof date, X509_get0_notAfter(material->leaf)));
    if (error == X509_V_ERR_CERT_NOT_YET_VALID && X509_STORE_CTX_get_error_depth(run) == 0)
        return fault_set(fault, "%s is not valid before %s: wait, or check this host's clock", files->certificate,
                         date_text(date, sizeof date, X509_get0_notBefore(material->leaf)));
    if (error == X509_V_ERR_INVALID_PURPOSE)
        return fault_set(fault, "%s may not be used for the %s side of TLS; a node needs both (extended key usage "
                                "serverAuth and clientAuth)", files->certificate, side);
    return fault_set(fault, "%s is not signed by the authority in %s: %s", files->certificate, files->ca,
                     X509_verify_cert_error_string(error));
}

static bool verify_as(const struct material *material, const struct tls_files *files, bool server,
                      int64_t *ca_days, struct fault *fault)
{
    bool ok = false;
    X509_STORE_CTX *run = X509_STORE_CTX_new();
    if (run == NULL ||
        X509_STORE_CTX_init(run, material->authorities, material->leaf, material->intermediates) != 1 ||
        X509_STORE_CTX_set_purpose(run, server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT) != 1) {
        fault_set(fault, "no memory to verify %s", files->certificate);
        goto out;
    }
    X509_STORE_CTX_set_depth(run, VERIFY_DEPTH_MAX);
    if (X509_verify_cert(run) != 1) {
        explain_own(run, material, files, server ? "server" : "client", fault);
        goto out;
    }
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(run);
    for (int i = 1; i < sk_X509_num(chain); i++) {
        int64_t days = days_until(X509_get0_notAfter(sk_X509_value(chain, i)));
        if (i == 1 || days < *ca_days)
            *ca_days = days;
    }
    ok = true;
out:
    X509_STORE_CTX_free(run);
    ERR_clear_error();
    return ok;
}

static bool names_node(const struct material *material, const struct tls_files *files, const char *node_name,
                       struct fault *fault)
{
    char name[TLS_NAME_MAX];
    if (!one_name(material->leaf, name, fault))
        return fault_wrap(fault, "%s", files->certificate);
    if (strcmp(name, node_name) != 0)
        return fault_set(fault, "%s is the certificate of node %s, and this is node %s: use the right file, or correct "
                                "the node's name", files->certificate, name, node_name);
    return true;
}

static bool material_load(const struct tls_files *files, const char *node_name, struct material *material,
                          struct tls_expiry *expiry, struct fault *fault)
{
    memset(material, 0, sizeof *material);
    memset(expiry, 0, sizeof *expiry);
    ERR_clear_error();
    material->authorities = X509_STORE_new();
    material->intermediates = sk_X509_new_null();
    if (material->authorities == NULL || material->intermediates == NULL)
        return fault_set(fault, "no memory for certificates");
    if (!load_certificates(files->ca, take_authority, material, fault) ||
        !load_certificates(files->certificate, take_own, material, fault) || !load_key(files->key, material, fault))
        return false;
    if (X509_check_private_key(material->leaf, material->key) != 1) {
        ERR_clear_error();
        return fault_set(fault, "the key in %s doesn't belong to the certificate in %s", files->key, files->certificate);
    }
    if (!verify_as(material, files, true, &expiry->ca_days_left, fault) ||
        !verify_as(material, files, false, &expiry->ca_days_left, fault) ||
        !names_node(material, files, node_name, fault))
        return false;
    expiry->days_left = days_until(X509_get0_notAfter(material->leaf));
    date_text(expiry->not_after, sizeof expiry->not_after, X509_get0_notAfter(material->leaf));
    return true;
}

bool tls_check_files(const struct tls_files *files, const char *node_name, struct tls_expiry *expiry,
                     struct fault *fault)
{
    struct material material;
    struct tls_expiry ignored;
    bool ok = material_load(files, node_name, &material, expiry != NULL ? expiry : &ignored, fault);
    material_free(&material);
    return ok;
}

/* --- contexts -------------------------------------------------------------------------------- */

/* Judges what OpenSSL let pass by our rule about names, and remembers what it didn't. */
static int on_verify(int good, X509_STORE_CTX *run)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(run, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_witness *witness = SSL_get_ex_data(ssl, witness_index);
    int depth = X509_STORE_CTX_get_error_depth(run);
    X509 *leaf = X509_STORE_CTX_get0_cert(run);
    char name[TLS_NAME_MAX];
    if (good && depth > 0)
        return 1;
    struct text shown = TEXT_OF(witness->shown);
    text_append(&shown, "");
    int count = leaf == NULL ? 0 : names_of(leaf, name, &shown);
    if (good && count == 1 && (witness->expected[0] == '\0' || strcmp(name, witness->expected) == 0))
        return 1;
    if (good)
        X509_STORE_CTX_set_error(run, X509_V_ERR_HOSTNAME_MISMATCH);
    witness->error = X509_STORE_CTX_get_error(run);
    witness->depth = depth;
    return 0;
}

static SSL_CTX *ssl_context(struct material *material, struct fault *fault)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_method());
    if (ssl == NULL)
        goto failed;
    if (SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) != 1 ||
        SSL_CTX_use_certificate(ssl, material->leaf) != 1 ||
        SSL_CTX_set1_chain(ssl, material->intermediates) != 1 ||
        SSL_CTX_use_PrivateKey(ssl, material->key) != 1 || SSL_CTX_set_num_tickets(ssl, 0) != 1)
        goto failed;
    SSL_CTX_set_cert_store(ssl, material->authorities);
    material->authorities = NULL;
    SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
    SSL_CTX_set_verify_depth(ssl, VERIFY_DEPTH_MAX);
    /* Idle links give their record buffers back. */
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    return ssl;
failed:
    fault_openssl(fault, "TLS can't be set up with", "these files");
    SSL_CTX_free(ssl);
    return NULL;
}

struct tls_context *tls_context_new(const struct tls_files *files, const char *node_name, struct fault *fault)
{
    struct material material;
    struct tls_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        fault_set(fault, "no memory for TLS");
        return NULL;
    }
    if (witness_index < 0)
        witness_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, witness_free);
    if (material_load(files, node_name, &material, &context->expiry, fault))
        context->ssl = ssl_context(&material, fault);
    material_free(&material);
    if (context->ssl == NULL) {
        free(context);
        return NULL;
    }
    return context;
}

void tls_context_free(struct tls_context *context)
{
    if (context == NULL)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

void tls_context_expiry(const struct tls_context *context, struct tls_expiry *expiry)
{
    *expiry = context->expiry;
    expiry->days_left = days_until(X509_get0_notAfter(SSL_CTX_get0_certificate(context->ssl)));
}

/* --- connections ----------------------------------------------------------------------------- */

static struct bufferevent *tls_over(struct tls_context *context, struct event_base *base, int fd,
                                    const char *peer_name, enum bufferevent_ssl_state state, struct fault *fault)
{
    SSL *ssl = SSL_new(context->ssl);
    struct tls_witness *witness = calloc(1, sizeof *witness);
    struct bufferevent *bev = NULL;
    if (ssl == NULL || witness == NULL || !text_copy(witness->expected, sizeof witness->expected, peer_name) ||
        SSL_set_ex_data(ssl, witness_index, witness) != 1)
        goto failed;
    witness = NULL;
    bev = bufferevent_openssl_socket_new(base, fd, ssl, state, BEV_OPT_CLOSE_ON_FREE);
    if (bev != NULL)
        return bev;
    /* Whether libevent freed it depends on where it ran out of memory: better lost than freed twice. */
    ssl = NULL;
failed:
    fault_set(fault, "no memory for a TLS connection");
    ERR_clear_error();
    free(witness);
    SSL_free(ssl);
    close(fd);
    return NULL;
}

struct bufferevent *tls_dial(struct tls_context *context, struct event_base *base, int fd,
                             const char *peer_name, struct fault *fault)
{
    ensure(peer_name[0] != '\0');
    return tls_over(context, base, fd, peer_name, BUFFEREVENT_SSL_CONNECTING, fault);
}

struct bufferevent *tls_accept(struct tls_context *context, struct event_base *base, int fd, struct fault *fault)
{
    return tls_over(context, base, fd, "", BUFFEREVENT_SSL_ACCEPTING, fault);
}

bool tls_peer_name(struct bufferevent *bev, char out[TLS_NAME_MAX], struct fault *fault)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    X509 *certificate = ssl == NULL ? NULL : SSL_get0_peer_certificate(ssl);
    if (certificate == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
        return fault_set(fault, "no verified certificate was shown");
    return one_name(certificate, out, fault);
}

static void explain_witness(const struct tls_witness *witness, struct fault *fault)
{
    const char *shown = witness->shown[0] != '\0' ? witness->shown : "no node";
    if (witness->error == X509_V_ERR_HOSTNAME_MISMATCH && witness->expected[0] != '\0')
        fault_set(fault, "the certificate shown names %s, and node %s was dialled", shown, witness->expected);
    else if (witness->error == X509_V_ERR_HOSTNAME_MISMATCH)
        fault_set(fault, "the certificate shown has to name exactly one node, and it names %s", shown);
    else
        fault_set(fault, "the certificate shown, which names %s, is refused: %s%s", shown,
                  X509_verify_cert_error_string(witness->error), witness->depth > 0 ? " (its authority)" : "");
}

static bool explain_error(unsigned long error, struct fault *fault)
{
    int reason = ERR_GET_REASON(error);
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        fault_set(fault, "the other side was gone without a goodbye");
    else if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET)
        fault_set(fault, "the other side refused by TLS alert: %s",
                  SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
    else
        fault_set(fault, "TLS failed: %s", reason_of(error));
    return true;
}

void tls_explain(struct bufferevent *bev, short events, struct fault *fault)
{
    int error = EVUTIL_SOCKET_ERROR();
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    struct tls_witness *witness = ssl == NULL ? NULL : SSL_get_ex_data(ssl, witness_index);
    unsigned long first = bufferevent_get_openssl_error(bev);
    if (witness != NULL && witness->error != X509_V_OK)
        explain_witness(witness, fault);
    else if (first != 0)
        explain_error(first, fault);
    else if ((events & BEV_EVENT_EOF) != 0)
        fault_set(fault, "the other side closed the connection");
    else if (error != 0)
        fault_errno(fault, error, "the connection broke");
    else
        fault_set(fault, "the other side was gone without a goodbye");
    ERR_clear_error();
}

void tls_goodbye(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    if (ssl != NULL && SSL_is_init_finished(ssl)) {
        /* Marked as received, else OpenSSL would want to wait for the answer. */
        SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
        (void)SSL_shutdown(ssl);
    }
    ERR_clear_error();
}

void tls_close(struct bufferevent *bev)
{
    if (bev == NULL)
        return;
    tls_goodbye(bev);
    bufferevent_free(bev);
    ERR_clear_error();
}
