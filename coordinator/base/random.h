/* Random numbers from the kernel, for identities, nonces and jitter. */
#ifndef FAILOVERD_BASE_RANDOM_H
#define FAILOVERD_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* 64 unpredictable bits. Any thread. Never fails: a kernel without getrandom is not supported. */
uint64_t base_random_u64(void);

/* A number in [0, bound), without bias; 0 when `bound` is 0. */
uint64_t base_random_below(uint64_t bound);

/* Fills `out` with unpredictable bytes. */
void base_random_bytes(void *out, size_t size);

#endif
