/* A scripted HTTP server on the loop under test, and a way to run that loop with a deadline.
 *
 * It reads one whole request (headers and a body of Content-Length), keeps a copy, and sends back
 * exactly the bytes that the test's function names, right or wrong.
 */
#ifndef FAILOVERD_TESTS_STUB_SERVER_H
#define FAILOVERD_TESTS_STUB_SERVER_H

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/loop.h"

#define STUB_REQUEST_MAX 65536
#define STUB_RUN_LIMIT_MS 15000
#define STUB_PEERS_MAX 64

struct stub {
    struct loop *loop;
    struct evconnlistener *listener;
    uint16_t port;
    SSL_CTX *tls;
    struct bufferevent *peers[STUB_PEERS_MAX];
    unsigned connections, requests;
    char request[STUB_REQUEST_MAX]; /* the last one, terminated */
    /* What to send; NULL stays silent. */
    const char *(*respond)(struct stub *stub, const char *request);
    size_t response_length; /* 0: the response is a string */
    bool close_after;
    bool reset_after;
    void *arg;
};

static inline void stub_forget(struct stub *stub, struct bufferevent *peer)
{
    for (size_t i = 0; i < STUB_PEERS_MAX; i++)
        if (stub->peers[i] == peer)
            stub->peers[i] = NULL;
    bufferevent_free(peer);
}

static inline void stub_on_event(struct bufferevent *peer, short what, void *arg)
{
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
        stub_forget(arg, peer);
}

static inline void stub_on_written(struct bufferevent *peer, void *arg)
{
    struct stub *stub = arg;
    if (stub->reset_after) {
        struct linger now = { .l_onoff = 1, .l_linger = 0 };
        (void)setsockopt(bufferevent_getfd(peer), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    if (stub->close_after || stub->reset_after)
        stub_forget(stub, peer);
}

static inline void stub_on_readable(struct bufferevent *peer, void *arg)
{
    struct stub *stub = arg;
    struct evbuffer *in = bufferevent_get_input(peer);
    size_t length = evbuffer_get_length(in);
    if (length >= STUB_REQUEST_MAX)
        return;
    evbuffer_copyout(in, stub->request, length);
    stub->request[length] = '\0';
    char *end = strstr(stub->request, "\r\n\r\n");
    if (end == NULL)
        return;
    size_t body = 0;
    for (char *line = stub->request; line < end; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            body = (size_t)strtoul(line + 15, NULL, 10);
    if (length < (size_t)(end - stub->request) + 4 + body)
        return;
    evbuffer_drain(in, length);
    stub->requests++;
    stub->response_length = 0;
    const char *response = stub->respond(stub, stub->request);
    size_t size = stub->response_length > 0 ? stub->response_length : response != NULL ? strlen(response) : 0;
    bufferevent_setcb(peer, stub_on_readable, stub_on_written, stub_on_event, stub);
    if (size > 0)
        bufferevent_write(peer, response, size);
    else if (stub->close_after || stub->reset_after)
        stub_on_written(peer, stub);
}

static inline void stub_on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                                  int length, void *arg)
{
    (void)listener;
    (void)from;
    (void)length;
    struct stub *stub = arg;
    struct event_base *base = loop_base(stub->loop);
    stub->connections++;
    struct bufferevent *peer =
        stub->tls != NULL ? bufferevent_openssl_socket_new(base, fd, SSL_new(stub->tls), BUFFEREVENT_SSL_ACCEPTING,
                                                           BEV_OPT_CLOSE_ON_FREE)
                          : bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    for (size_t i = 0; i < STUB_PEERS_MAX; i++)
        if (stub->peers[i] == NULL) {
            stub->peers[i] = peer;
            break;
        }
    bufferevent_setcb(peer, stub_on_readable, NULL, stub_on_event, stub); /* "written" only after a response */
    bufferevent_enable(peer, EV_READ | EV_WRITE);
}

static inline bool stub_open(struct stub *stub, struct loop *loop,
                             const char *(*respond)(struct stub *stub, const char *request))
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    memset(stub, 0, sizeof *stub);
    stub->loop = loop;
    stub->respond = respond;
    stub->listener = evconnlistener_new_bind(loop_base(loop), stub_on_accept, stub,
                                             LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 16,
                                             (struct sockaddr *)&address, sizeof address);
    if (stub->listener == NULL ||
        getsockname(evconnlistener_get_fd(stub->listener), (struct sockaddr *)&address, &length) != 0)
        return false;
    stub->port = ntohs(address.sin_port);
    return true;
}

static inline void stub_close(struct stub *stub)
{
    for (size_t i = 0; i < STUB_PEERS_MAX; i++)
        if (stub->peers[i] != NULL)
            stub_forget(stub, stub->peers[i]);
    if (stub->listener != NULL)
        evconnlistener_free(stub->listener);
}

static inline void stub_run_late(void *arg)
{
    fprintf(stderr, "the loop was not stopped in %d ms\n", STUB_RUN_LIMIT_MS);
    loop_stop(arg);
}

/* Runs until a callback stops the loop; false when that never happens. */
static inline bool stub_run(struct loop *loop)
{
    struct timer limit;
    struct fault fault;
    timer_init(&limit, loop, stub_run_late, loop);
    timer_set_after_us(&limit, (int64_t)STUB_RUN_LIMIT_MS * CLOCK_US_PER_MS);
    bool ran = loop_run(loop, &fault);
    bool in_time = timer_is_set(&limit);
    timer_cancel(&limit);
    return ran && in_time;
}

#endif
