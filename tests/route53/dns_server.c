/* DNS over UDP and TCP. See dns_server.h.
 *
 * TCP connections are bounded in number and idle time; a connection may carry many queries. Nothing a
 * client sends can make the server hold more than one length-limited message per connection.
 */
#include "tests/route53/dns_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/route53/answer.h"

enum {
    UDP_BURST_MAX = 64,              /* datagrams per wake-up, so that HTTP isn't starved */
    TCP_CONNECTIONS_MAX = 128,
    TCP_IDLE_S = 10,
    TCP_OUTPUT_MAX = 1024 * 1024,    /* a client that asks and never reads is closed */
    PORT_TRIES_MAX = 20,
};

struct connection {
    struct dns_server *server;
    struct bufferevent *channel;
    struct connection *next;
};

struct dns_server {
    struct world *world;
    size_t index;
    uint16_t port;
    evutil_socket_t udp;
    struct event *udp_event;
    struct evconnlistener *tcp;
    size_t connection_count;
    struct connection *connections;
    struct dns_message message;
};

/* Answers one packet into server->message. False: stay silent. */
static bool respond(struct dns_server *server, const uint8_t *packet, size_t length, bool tcp)
{
    struct world *world = server->world;
    struct dns_query query;
    enum dns_read read = dns_read_query(&query, packet, length);
    enum dns_rcode rcode = DNS_NOERROR;
    bool authoritative = false;
    world->dns_queries_seen++;
    if (read == DNS_READ_DROP || world->faults.dns_silent[server->index])
        return false;
    dns_begin(&server->message, &query);
    if (read != DNS_READ_OK)
        rcode = read == DNS_READ_NOTIMP ? DNS_NOTIMP : DNS_FORMERR;
    else if (world->faults.dns_servfail[server->index])
        rcode = DNS_SERVFAIL;
    else if (query.edns_version != 0)
        rcode = DNS_BADVERS;
    else if (query.class != DNS_CLASS_IN || (query.type >= 251 && query.type <= 254))
        rcode = DNS_REFUSED;         /* zone transfers and other classes */
    else
        rcode = answer_query(world, &server->message, &query, &authoritative);
    dns_end(&server->message, &query, rcode, authoritative, tcp ? DNS_MESSAGE_MAX : query.udp_size);
    return true;
}

static void on_udp(evutil_socket_t fd, short what, void *context)
{
    struct dns_server *server = context;
    uint8_t packet[4096];
    (void)what;
    for (unsigned i = 0; i < UDP_BURST_MAX; i++) {
        struct sockaddr_storage peer;
        socklen_t peer_length = sizeof peer;
        ssize_t length = recvfrom(fd, packet, sizeof packet, 0, (struct sockaddr *)&peer, &peer_length);
        if (length < 0)
            return;
        if (respond(server, packet, (size_t)length, false))
            (void)!sendto(fd, server->message.bytes, server->message.length, 0, (struct sockaddr *)&peer, peer_length);
    }
}

static void close_connection(struct connection *connection)
{
    struct dns_server *server = connection->server;
    for (struct connection **at = &server->connections; *at != NULL; at = &(*at)->next)
        if (*at == connection) {
            *at = connection->next;
            break;
        }
    server->connection_count--;
    bufferevent_free(connection->channel);
    free(connection);
}

static void on_tcp_read(struct bufferevent *channel, void *context)
{
    struct connection *connection = context;
    struct dns_server *server = connection->server;
    struct evbuffer *input = bufferevent_get_input(channel), *output = bufferevent_get_output(channel);
    uint8_t prefix[2];
    while (evbuffer_copyout(input, prefix, 2) == 2) {
        size_t length = (size_t)prefix[0] << 8 | prefix[1];
        if (length < DNS_HEADER_SIZE || evbuffer_get_length(output) > TCP_OUTPUT_MAX) {
            close_connection(connection);
            return;
        }
        if (evbuffer_get_length(input) < 2 + length)
            return;
        const uint8_t *bytes = evbuffer_pullup(input, (ev_ssize_t)(2 + length));
        if (bytes != NULL && respond(server, bytes + 2, length, true)) {
            uint8_t size[2] = { (uint8_t)(server->message.length >> 8), (uint8_t)server->message.length };
            evbuffer_add(output, size, 2);
            evbuffer_add(output, server->message.bytes, server->message.length);
        }
        evbuffer_drain(input, 2 + length);
    }
}

static void on_tcp_event(struct bufferevent *channel, short what, void *context)
{
    (void)channel, (void)what;       /* end, error or idle: all the same */
    close_connection(context);
}

static void on_tcp_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
                          int length, void *context)
{
    struct dns_server *server = context;
    struct timeval idle = { .tv_sec = TCP_IDLE_S };
    struct connection *connection = NULL;
    (void)listener, (void)peer, (void)length;
    if (server->connection_count < TCP_CONNECTIONS_MAX)
        connection = calloc(1, sizeof *connection);
    if (connection != NULL)
        connection->channel = bufferevent_socket_new(server->world->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (connection == NULL || connection->channel == NULL) {
        free(connection);
        evutil_closesocket(fd);
        return;
    }
    connection->server = server;
    connection->next = server->connections;
    server->connections = connection;
    server->connection_count++;
    bufferevent_setcb(connection->channel, on_tcp_read, NULL, on_tcp_event, connection);
    bufferevent_set_timeouts(connection->channel, &idle, &idle);
    bufferevent_setwatermark(connection->channel, EV_READ, 0, DNS_MESSAGE_MAX + 2);
    bufferevent_enable(connection->channel, EV_READ | EV_WRITE);
}

static evutil_socket_t bind_udp(const struct sockaddr *address, socklen_t length, struct sockaddr_storage *bound)
{
    socklen_t bound_length = sizeof *bound;
    evutil_socket_t fd = socket(address->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, address, length) != 0 || getsockname(fd, (struct sockaddr *)bound, &bound_length) != 0) {
        evutil_closesocket(fd);
        return -1;
    }
    return fd;
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)address)->sin6_port)
                                          : ntohs(((const struct sockaddr_in *)address)->sin_port);
}

/* With port 0 the port that UDP got may be taken on TCP: then another is tried. */
static bool bind_both(struct dns_server *server, const struct sockaddr *address, socklen_t length)
{
    for (unsigned i = 0; i < PORT_TRIES_MAX; i++) {
        struct sockaddr_storage bound = { 0 };
        server->udp = bind_udp(address, length, &bound);
        if (server->udp < 0)
            return false;
        server->tcp = evconnlistener_new_bind(server->world->base, on_tcp_accept, server,
            LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, -1,
            (struct sockaddr *)&bound, (int)length);
        if (server->tcp != NULL) {
            server->port = port_of(&bound);
            return true;
        }
        evutil_closesocket(server->udp);
        server->udp = -1;
    }
    return false;
}

struct dns_server *dns_server_start(struct world *world, const struct sockaddr *address, socklen_t length, size_t index,
                                    char message[MESSAGE_SIZE])
{
    struct dns_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return NULL;
    server->world = world;
    server->index = index;
    server->udp = -1;
    if (!bind_both(server, address, length)) {
        snprintf(message, MESSAGE_SIZE, "cannot listen for DNS: %s", strerror(errno));
        dns_server_stop(server);
        return NULL;
    }
    server->udp_event = event_new(world->base, server->udp, EV_READ | EV_PERSIST, on_udp, server);
    if (server->udp_event == NULL || event_add(server->udp_event, NULL) != 0) {
        snprintf(message, MESSAGE_SIZE, "cannot watch the DNS socket");
        dns_server_stop(server);
        return NULL;
    }
    return server;
}

uint16_t dns_server_port(const struct dns_server *server)
{
    return server->port;
}

void dns_server_stop(struct dns_server *server)
{
    if (server == NULL)
        return;
    while (server->connections != NULL)
        close_connection(server->connections);
    if (server->udp_event != NULL)
        event_free(server->udp_event);
    if (server->udp >= 0)
        evutil_closesocket(server->udp);
    if (server->tcp != NULL)
        evconnlistener_free(server->tcp);
    free(server);
}
