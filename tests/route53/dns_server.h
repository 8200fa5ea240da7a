/* The DNS listeners: UDP and TCP on one port each, every one a name server of the account. */
#ifndef ROUTE53_EMULATOR_DNS_SERVER_H
#define ROUTE53_EMULATOR_DNS_SERVER_H

#include <sys/socket.h>

#include "tests/route53/world.h"

struct dns_server;

/* Listens on `address` for UDP and TCP (with port 0: one free port for both). `index` selects the faults.
 * NULL with a message on failure. */
struct dns_server *dns_server_start(struct world *world, const struct sockaddr *address, socklen_t length, size_t index,
                                    char message[MESSAGE_SIZE]);
uint16_t dns_server_port(const struct dns_server *server);
void dns_server_stop(struct dns_server *server);

#endif
