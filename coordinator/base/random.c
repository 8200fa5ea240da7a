/* Random numbers from the kernel: see random.h. */
#include "coordinator/base/random.h"

#include <errno.h>
#include <sys/random.h>

#include "coordinator/base/ensure.h"

void base_random_bytes(void *out, size_t size)
{
    unsigned char *next = out;
    while (size > 0) {
        ssize_t got = getrandom(next, size, 0);
        if (got < 0) {
            ensure(errno == EINTR);
            continue;
        }
        next += got;
        size -= (size_t)got;
    }
}

uint64_t base_random_u64(void)
{
    uint64_t value;
    base_random_bytes(&value, sizeof value);
    return value;
}

uint64_t base_random_below(uint64_t bound)
{
    if (bound == 0)
        return 0;
    /* The lowest (2^64 mod bound) values are drawn again: without them each remainder is as likely. */
    uint64_t unfair = (0 - bound) % bound;
    uint64_t value;
    do {
        value = base_random_u64();
    } while (value < unfair);
    return value % bound;
}
