/* The Route 53 REST API of 2013-04-01 over evhttp: routing, errors, faults and replies. */
#ifndef ROUTE53_EMULATOR_API_H
#define ROUTE53_EMULATOR_API_H

#include <event2/http.h>

#include "tests/route53/world.h"

/* Serves API requests that arrive at `http`. The world must outlive it. */
void api_attach(struct evhttp *http, struct world *world);

/* Forgets replies that are still held back; before freeing the world, after freeing the servers. */
void api_detach(struct world *world);

/* Limits that every HTTP listener here has: header and body size, methods, idle time. */
void http_limit(struct evhttp *http, size_t body_max);

#endif
