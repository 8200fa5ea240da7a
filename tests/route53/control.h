/* The tests' own door: faults, state, snapshots, health. Plain HTTP and JSON, on a port of its own. */
#ifndef ROUTE53_EMULATOR_CONTROL_H
#define ROUTE53_EMULATOR_CONTROL_H

#include <event2/http.h>

#include "tests/route53/world.h"

void control_attach(struct evhttp *http, struct world *world);

#endif
