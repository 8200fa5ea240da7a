/* A scripted name server on the loop under test, over UDP and TCP on one port.
 *
 * The test's function is told the question and adds records, sets the code, or spoils the message.
 */
#ifndef FAILOVERD_TESTS_STUB_DNS_H
#define FAILOVERD_TESTS_STUB_DNS_H

#include <ctype.h>
#include <fcntl.h>

#include "tests/unit/stub_server.h"

#define STUB_DNS_MESSAGE_MAX 4096

struct stub_dns_reply {
    uint8_t bytes[STUB_DNS_MESSAGE_MAX];
    size_t length;
    uint16_t answers;
    uint8_t rcode;
    bool authoritative, truncated, silent;
};

struct stub_dns {
    struct loop *loop;
    int udp;
    struct event *udp_event;
    struct evconnlistener *tcp;
    uint16_t port;
    char address[32];
    unsigned udp_questions, tcp_questions;
    bool recursion_wanted;
    void (*respond)(struct stub_dns *stub, const char *name, unsigned type, bool tcp, struct stub_dns_reply *reply);
};

static inline void stub_dns_put(struct stub_dns_reply *reply, const void *bytes, size_t length)
{
    memcpy(reply->bytes + reply->length, bytes, length);
    reply->length += length;
}

static inline void stub_dns_put_name(struct stub_dns_reply *reply, const char *name)
{
    while (*name != '\0') {
        uint8_t size = (uint8_t)strcspn(name, ".");
        stub_dns_put(reply, &size, 1);
        stub_dns_put(reply, name, size);
        name += size;
        name += *name == '.' ? 1 : 0;
    }
    stub_dns_put(reply, "", 1);
}

static inline void stub_dns_record(struct stub_dns_reply *reply, const char *name, unsigned type, uint32_t ttl_s,
                                   const void *data, size_t size)
{
    uint16_t fields[] = { htons((uint16_t)type), htons(1) };
    uint32_t ttl = htonl(ttl_s);
    uint16_t length = htons((uint16_t)size);
    stub_dns_put_name(reply, name);
    stub_dns_put(reply, fields, sizeof fields);
    stub_dns_put(reply, &ttl, sizeof ttl);
    stub_dns_put(reply, &length, sizeof length);
    stub_dns_put(reply, data, size);
    reply->answers++;
}

static inline void stub_dns_a(struct stub_dns_reply *reply, const char *name, uint32_t ttl_s, const char *address)
{
    uint8_t bytes[16];
    bool ipv6 = strchr(address, ':') != NULL;
    inet_pton(ipv6 ? AF_INET6 : AF_INET, address, bytes);
    stub_dns_record(reply, name, ipv6 ? 28 : 1, ttl_s, bytes, ipv6 ? 16 : 4);
}

static inline void stub_dns_txt(struct stub_dns_reply *reply, const char *name, uint32_t ttl_s, const char *text)
{
    uint8_t data[256];
    size_t length = strlen(text);
    data[0] = (uint8_t)length;
    memcpy(data + 1, text, length);
    stub_dns_record(reply, name, 16, ttl_s, data, length + 1);
}

static inline void stub_dns_named(struct stub_dns_reply *reply, const char *name, unsigned type, uint32_t ttl_s,
                                  const char *target)
{
    struct stub_dns_reply data = { .length = 0 };
    stub_dns_put_name(&data, target);
    stub_dns_record(reply, name, type, ttl_s, data.bytes, data.length);
}

/* The answer to one question; false when there is to be none. */
static inline bool stub_dns_answer(struct stub_dns *stub, const uint8_t *query, size_t length, bool tcp,
                                   struct stub_dns_reply *reply)
{
    char name[256] = "";
    size_t at = 12, used = 0;
    if (length < 17)
        return false;
    while (at < length && query[at] != 0) {
        for (size_t i = 1; i <= query[at]; i++)
            name[used++] = (char)tolower(query[at + i]);
        name[used++] = '.';
        at += (size_t)query[at] + 1;
    }
    name[used > 0 ? used - 1 : 0] = '\0';
    size_t question_end = at + 5;
    unsigned type = (unsigned)query[at + 1] << 8 | query[at + 2];
    stub->recursion_wanted = (query[2] & 1) != 0;
    memset(reply, 0, sizeof *reply);
    stub_dns_put(reply, query, question_end);
    stub->respond(stub, name, type, tcp, reply);
    if (reply->silent)
        return false;
    if (reply->length < 12)
        return true; /* spoilt on purpose */
    reply->bytes[2] = (uint8_t)(0x80 | (reply->authoritative ? 4 : 0) | (reply->truncated ? 2 : 0) | (query[2] & 1));
    reply->bytes[3] = reply->rcode;
    memset(reply->bytes + 4, 0, 8);
    reply->bytes[5] = 1;
    reply->bytes[6] = (uint8_t)(reply->answers >> 8);
    reply->bytes[7] = (uint8_t)reply->answers;
    return true;
}

static inline void stub_dns_on_udp(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct stub_dns *stub = arg;
    uint8_t query[512];
    static struct stub_dns_reply reply;
    struct sockaddr_in from;
    socklen_t from_length = sizeof from;
    ssize_t got = recvfrom(fd, query, sizeof query, 0, (struct sockaddr *)&from, &from_length);
    if (got <= 0)
        return;
    stub->udp_questions++;
    if (stub_dns_answer(stub, query, (size_t)got, false, &reply))
        (void)!sendto(fd, reply.bytes, reply.length, 0, (struct sockaddr *)&from, from_length);
}

static inline void stub_dns_tcp_event(struct bufferevent *peer, short what, void *arg)
{
    (void)arg;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
        bufferevent_free(peer);
}

static inline void stub_dns_on_tcp(struct bufferevent *peer, void *arg)
{
    struct stub_dns *stub = arg;
    static struct stub_dns_reply reply;
    struct evbuffer *in = bufferevent_get_input(peer);
    uint8_t query[514];
    size_t length = (size_t)evbuffer_copyout(in, query, sizeof query);
    if (length < 2 || length < 2u + ((size_t)query[0] << 8 | query[1]))
        return;
    evbuffer_drain(in, length);
    stub->tcp_questions++;
    if (!stub_dns_answer(stub, query + 2, length - 2, true, &reply))
        return;
    uint16_t size = htons((uint16_t)reply.length);
    bufferevent_write(peer, &size, sizeof size);
    bufferevent_write(peer, reply.bytes, reply.length);
}

static inline void stub_dns_on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                                      int length, void *arg)
{
    (void)listener;
    (void)from;
    (void)length;
    struct stub_dns *stub = arg;
    struct bufferevent *peer = bufferevent_socket_new(loop_base(stub->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(peer, stub_dns_on_tcp, NULL, stub_dns_tcp_event, stub);
    bufferevent_enable(peer, EV_READ | EV_WRITE);
}

static inline bool stub_dns_open(struct stub_dns *stub, struct loop *loop,
                                 void (*respond)(struct stub_dns *, const char *, unsigned, bool,
                                                 struct stub_dns_reply *))
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    memset(stub, 0, sizeof *stub);
    stub->loop = loop;
    stub->respond = respond;
    for (int i = 0; i < 20 && stub->tcp == NULL; i++) { /* a port that is free for both */
        address.sin_port = 0;
        stub->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (bind(stub->udp, (struct sockaddr *)&address, sizeof address) != 0 ||
            getsockname(stub->udp, (struct sockaddr *)&address, &length) != 0)
            return false;
        stub->tcp = evconnlistener_new_bind(loop_base(loop), stub_dns_on_accept, stub,
                                            LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE,
                                            16, (struct sockaddr *)&address, sizeof address);
        if (stub->tcp == NULL)
            close(stub->udp);
    }
    stub->port = ntohs(address.sin_port);
    (void)snprintf(stub->address, sizeof stub->address, "127.0.0.1:%u", stub->port);
    stub->udp_event = event_new(loop_base(loop), stub->udp, EV_READ | EV_PERSIST, stub_dns_on_udp, stub);
    return stub->tcp != NULL && stub->udp_event != NULL && event_add(stub->udp_event, NULL) == 0;
}

static inline void stub_dns_close(struct stub_dns *stub)
{
    event_free(stub->udp_event);
    close(stub->udp);
    evconnlistener_free(stub->tcp);
}

#endif
