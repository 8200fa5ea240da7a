/* The few nf_tables messages of a hold: see nft_wire.h.
 *
 * A request is built in a buffer that is large enough for any (a table's and a set's name are bounded),
 * sent, and its answers are read: the kernel has queued them by the time that the send returns. An answer to
 * another request (one that was given up) is told apart by its sequence number and skipped.
 */
#include "coordinator/database/nft_wire.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "coordinator/base/ensure.h"

#define REQUEST_MAX 2048
#define ANSWER_MAX 8192
#define NAME_MAX_BYTES 128
#define ANSWER_WAIT_S 1
#define ATTRIBUTE_HEADER sizeof(struct nlattr) /* attributes are aligned as messages are */

/* ---- writing ----------------------------------------------------------------------------- */

struct request {
    _Alignas(struct nlmsghdr) char bytes[REQUEST_MAX];
    size_t length;
    size_t message;   /* where the message in progress begins */
    uint32_t first;   /* sequence numbers, first to last */
    uint32_t last;
    unsigned answers; /* acknowledgements to come, when all is well */
};

static void bytes_put(struct request *request, const void *bytes, size_t count)
{
    size_t padded = NLMSG_ALIGN(count);
    ensure(request->length + padded <= sizeof request->bytes);
    memset(request->bytes + request->length, 0, padded);
    memcpy(request->bytes + request->length, bytes, count);
    request->length += padded;
}

static void message_begin(struct request *request, struct nft_wire *wire, uint16_t type, uint16_t flags,
                          uint8_t family, uint16_t resource)
{
    struct nlmsghdr header = { .nlmsg_type = type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
                               .nlmsg_seq = ++wire->sequence };
    struct nfgenmsg generic = { .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource) };
    if (request->length == 0)
        request->first = header.nlmsg_seq;
    request->last = header.nlmsg_seq;
    request->answers += (flags & NLM_F_ACK) != 0;
    request->message = request->length;
    bytes_put(request, &header, sizeof header);
    bytes_put(request, &generic, sizeof generic);
}

static void message_end(struct request *request)
{
    uint32_t length = (uint32_t)(request->length - request->message);
    memcpy(request->bytes + request->message + offsetof(struct nlmsghdr, nlmsg_len), &length, sizeof length);
}

static void attribute_put(struct request *request, uint16_t type, const void *value, size_t count)
{
    ensure(count <= NAME_MAX_BYTES);
    struct nlattr attribute = { .nla_type = type, .nla_len = (uint16_t)(ATTRIBUTE_HEADER + count) };
    bytes_put(request, &attribute, sizeof attribute);
    bytes_put(request, value, count);
}

static size_t nest_begin(struct request *request, uint16_t type)
{
    size_t at = request->length;
    struct nlattr attribute = { .nla_type = (uint16_t)(type | NLA_F_NESTED) };
    bytes_put(request, &attribute, sizeof attribute);
    return at;
}

static void nest_end(struct request *request, size_t at)
{
    uint16_t length = (uint16_t)(request->length - at);
    memcpy(request->bytes + at + offsetof(struct nlattr, nla_len), &length, sizeof length);
}

static void batch_begin(struct request *request, struct nft_wire *wire, uint32_t generation)
{
    uint32_t wanted = htonl(generation);
    message_begin(request, wire, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    if (generation != 0)
        attribute_put(request, NFNL_BATCH_GENID, &wanted, sizeof wanted);
    message_end(request);
}

static void batch_end(struct request *request, struct nft_wire *wire)
{
    message_begin(request, wire, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    message_end(request);
}

/* One message about a set: its element for `port`, or all of its elements where that is 0. `timeout_ms` 0 is
 * not sent. */
static void element_message(struct request *request, struct nft_wire *wire, enum nf_tables_msg_types verb,
                            uint16_t flags, const char *table, const char *set, uint16_t port,
                            int64_t timeout_ms)
{
    uint16_t key = htons(port);
    uint64_t timeout = htobe64((uint64_t)timeout_ms);
    message_begin(request, wire, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | verb), flags, NFPROTO_INET, 0);
    attribute_put(request, NFTA_SET_ELEM_LIST_TABLE, table, strlen(table) + 1);
    attribute_put(request, NFTA_SET_ELEM_LIST_SET, set, strlen(set) + 1);
    if (port != 0) {
        size_t list = nest_begin(request, NFTA_SET_ELEM_LIST_ELEMENTS);
        size_t element = nest_begin(request, NFTA_LIST_ELEM);
        size_t data = nest_begin(request, NFTA_SET_ELEM_KEY);
        attribute_put(request, NFTA_DATA_VALUE, &key, sizeof key);
        nest_end(request, data);
        if (timeout_ms != 0)
            attribute_put(request, NFTA_SET_ELEM_TIMEOUT, &timeout, sizeof timeout);
        nest_end(request, element);
        nest_end(request, list);
    }
    message_end(request);
}

/* ---- the socket -------------------------------------------------------------------------- */

void nft_wire_close(struct nft_wire *wire)
{
    if (wire->fd >= 0)
        (void)close(wire->fd);
    wire->fd = -1;
}

static bool wire_open(struct nft_wire *wire, struct fault *fault)
{
    const struct sockaddr_nl us = { .nl_family = AF_NETLINK };
    const struct timeval wait = { .tv_sec = ANSWER_WAIT_S };
    const int one = 1;
    if (wire->fd >= 0)
        return true;
    wire->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (wire->fd < 0)
        return fault_errno(fault, errno, "no socket to nf_tables");
    /* Without the second option an error brings the whole request back, which is only longer. */
    (void)setsockopt(wire->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
    if (setsockopt(wire->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
        bind(wire->fd, (const struct sockaddr *)&us, sizeof us) == 0)
        return true;
    fault_errno(fault, errno, "no socket to nf_tables");
    nft_wire_close(wire);
    return false;
}

static bool request_send(struct nft_wire *wire, const struct request *request, struct fault *fault)
{
    const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    if (!wire_open(wire, fault))
        return false;
    ssize_t sent = sendto(wire->fd, request->bytes, request->length, 0, (const struct sockaddr *)&kernel,
                          sizeof kernel);
    if (sent == (ssize_t)request->length)
        return true;
    fault_errno(fault, errno, "nf_tables took no request");
    nft_wire_close(wire);
    return false;
}

/* The answers to `request`: each goes to `take`, until that says that it has seen enough. False when they don't
 * come; then the socket is closed, so that the next request starts afresh. */
typedef bool take_fn(void *arg, const struct nlmsghdr *message, const char *body, size_t length);

static bool answers_read(struct nft_wire *wire, const struct request *request, take_fn *take, void *arg,
                         struct fault *fault)
{
    _Alignas(struct nlmsghdr) char bytes[ANSWER_MAX];
    for (;;) {
        struct sockaddr_nl from = { 0 };
        socklen_t from_size = sizeof from;
        ssize_t got = recvfrom(wire->fd, bytes, sizeof bytes, MSG_TRUNC, (struct sockaddr *)&from, &from_size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || (size_t)got > sizeof bytes) {
            fault_errno(fault, got < 0 ? errno : EMSGSIZE, "no answer from nf_tables");
            nft_wire_close(wire);
            return false;
        }
        if (from.nl_pid != 0)
            continue; /* another process's */
        size_t left = (size_t)got;
        for (const char *at = bytes; left >= sizeof(struct nlmsghdr);) {
            const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)at;
            if (message->nlmsg_len < sizeof *message || message->nlmsg_len > left)
                break;
            uint32_t since = message->nlmsg_seq - request->first;
            if (since <= request->last - request->first &&
                take(arg, message, at + NLMSG_HDRLEN, message->nlmsg_len - NLMSG_HDRLEN))
                return true;
            size_t step = NLMSG_ALIGN(message->nlmsg_len);
            step = step < left ? step : left;
            at += step;
            left -= step;
        }
    }
}

/* The errno of an acknowledgement: 0 is good. */
static int error_of(const char *body, size_t length)
{
    int error = -EBADMSG;
    if (length >= sizeof error)
        memcpy(&error, body, sizeof error);
    return -error;
}

/* ---- transactions ------------------------------------------------------------------------ */

struct acknowledged {
    unsigned missing;
    int error;
};

static bool take_acknowledgement(void *arg, const struct nlmsghdr *message, const char *body, size_t length)
{
    struct acknowledged *acknowledged = arg;
    if (message->nlmsg_type != NLMSG_ERROR)
        return false;
    acknowledged->error = error_of(body, length);
    return acknowledged->error != 0 || --acknowledged->missing == 0;
}

/* Acknowledgements come once all is committed or all is undone, so the first error and the last success decide. */
static enum nft_wire_outcome batch_commit(struct nft_wire *wire, struct request *request, struct fault *fault)
{
    struct acknowledged acknowledged = { .missing = request->answers };
    batch_end(request, wire);
    if (!request_send(wire, request, fault) ||
        !answers_read(wire, request, take_acknowledgement, &acknowledged, fault))
        return NFT_WIRE_BROKEN;
    if (acknowledged.error == 0)
        return NFT_WIRE_DONE;
    fault_errno(fault, acknowledged.error, "nf_tables refused");
    return acknowledged.error == ERESTART ? NFT_WIRE_CHANGED : NFT_WIRE_REFUSED;
}

static void set_fill(struct request *request, struct nft_wire *wire, const char *table, const char *set,
                     uint16_t port, int64_t timeout_ms)
{
    element_message(request, wire, NFT_MSG_DELSETELEM, NLM_F_ACK, table, set, 0, 0);
    element_message(request, wire, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK, table, set, port, timeout_ms);
}

enum nft_wire_outcome nft_wire_put(struct nft_wire *wire, const char *table, const char *set, uint16_t port,
                                   int64_t timeout_ms, uint32_t generation, struct fault *fault)
{
    struct request request = { .length = 0 };
    ensure(port != 0 && timeout_ms > 0);
    batch_begin(&request, wire, generation);
    set_fill(&request, wire, table, set, port, timeout_ms);
    return batch_commit(wire, &request, fault);
}

enum nft_wire_outcome nft_wire_exchange(struct nft_wire *wire, const char *table, const char *ticket,
                                        const char *set, uint16_t port, int64_t timeout_ms,
                                        uint32_t generation, struct fault *fault)
{
    struct request request = { .length = 0 };
    ensure(port != 0 && timeout_ms > 0);
    batch_begin(&request, wire, generation);
    element_message(&request, wire, NFT_MSG_DELSETELEM, NLM_F_ACK, table, ticket, port, 0);
    set_fill(&request, wire, table, set, port, timeout_ms);
    return batch_commit(wire, &request, fault);
}

/* ---- reading ----------------------------------------------------------------------------- */

/* The value of the first attribute of this type among those in `bytes`. */
static const char *attribute_find(const char *bytes, size_t length, uint16_t type, size_t *count)
{
    while (length >= ATTRIBUTE_HEADER) {
        struct nlattr attribute;
        memcpy(&attribute, bytes, sizeof attribute);
        if (attribute.nla_len < ATTRIBUTE_HEADER || attribute.nla_len > length)
            return NULL;
        *count = attribute.nla_len - ATTRIBUTE_HEADER;
        if ((attribute.nla_type & NLA_TYPE_MASK) == type)
            return bytes + ATTRIBUTE_HEADER;
        size_t step = NLMSG_ALIGN(attribute.nla_len);
        step = step < length ? step : length;
        bytes += step;
        length -= step;
    }
    return NULL;
}

/* An answer's one message, or the error that came instead. */
struct answer {
    uint16_t type;
    int error;
    size_t length;
    char body[REQUEST_MAX];
};

static bool take_answer(void *arg, const struct nlmsghdr *message, const char *body, size_t length)
{
    struct answer *answer = arg;
    answer->type = message->nlmsg_type;
    if (message->nlmsg_type == NLMSG_ERROR) {
        answer->error = error_of(body, length);
        return true;
    }
    size_t skip = NLMSG_ALIGN(sizeof(struct nfgenmsg));
    if (length < skip || length - skip > sizeof answer->body) {
        answer->error = EBADMSG;
        return true;
    }
    answer->length = length - skip;
    memcpy(answer->body, body + skip, answer->length);
    return true;
}

bool nft_wire_remaining_ms(struct nft_wire *wire, const char *table, const char *set, uint16_t port,
                           int64_t *remaining_ms, struct fault *fault)
{
    struct request request = { .length = 0 };
    struct answer answer = { .error = 0 };
    uint64_t value;
    size_t count = 0;
    element_message(&request, wire, NFT_MSG_GETSETELEM, 0, table, set, port, 0);
    if (!request_send(wire, &request, fault) || !answers_read(wire, &request, take_answer, &answer, fault))
        return false;
    *remaining_ms = 0;
    if (answer.error == ENOENT)
        return true;
    if (answer.error != 0)
        return fault_errno(fault, answer.error, "nf_tables did not show the set");
    const char *at = attribute_find(answer.body, answer.length, NFTA_SET_ELEM_LIST_ELEMENTS, &count);
    at = at != NULL ? attribute_find(at, count, NFTA_LIST_ELEM, &count) : NULL;
    if (at == NULL)
        return fault_set(fault, "nf_tables showed a set that makes no sense");
    at = attribute_find(at, count, NFTA_SET_ELEM_EXPIRATION, &count);
    *remaining_ms = INT64_MAX;
    if (at == NULL || count != sizeof value)
        return true;
    memcpy(&value, at, sizeof value);
    value = be64toh(value);
    *remaining_ms = value < INT64_MAX ? (int64_t)value : INT64_MAX;
    return true;
}

bool nft_wire_generation(struct nft_wire *wire, uint32_t *generation, struct fault *fault)
{
    struct request request = { .length = 0 };
    struct answer answer = { .error = 0 };
    uint32_t value = 0;
    size_t count = 0;
    message_begin(&request, wire, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0, AF_UNSPEC, 0);
    message_end(&request);
    if (!request_send(wire, &request, fault) || !answers_read(wire, &request, take_answer, &answer, fault))
        return false;
    if (answer.error != 0)
        return fault_errno(fault, answer.error, "nf_tables did not say its generation");
    const char *at = attribute_find(answer.body, answer.length, NFTA_GEN_ID, &count);
    if (at != NULL && count == sizeof value)
        memcpy(&value, at, sizeof value);
    *generation = ntohl(value);
    return value != 0 || fault_set(fault, "nf_tables has no generation");
}

uint32_t nft_wire_generation_next(uint32_t generation)
{
    return generation == UINT32_MAX ? 1 : generation + 1; /* the kernel skips 0, too */
}
