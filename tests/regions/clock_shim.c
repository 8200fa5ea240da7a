/* A clock that runs at another rate, for one coordinator of the lab: preloaded, it stretches what
 * clock_gettime() says of the clocks that only ever go forward, from the process's first look on.
 *
 *     LD_PRELOAD=clock_shim.so CLOCK_RATE_PERMILLE=920 failoverd ...
 *
 * The wall clock is left alone, and so is the kernel: its timeouts run at the true rate, which is what
 * makes a slow guard interesting: by its own clock it has more of its lease left than it really has.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { TRUE_RATE = 1000, SLOWEST = 500, FASTEST = 2000 };

static const int64_t ns_per_s = 1000000000;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int64_t rate_permille = TRUE_RATE;
static int64_t began_ns[CLOCK_BOOTTIME + 1];

int clock_gettime(clockid_t clock, struct timespec *now);

static int64_t true_ns(clockid_t clock)
{
    struct timespec now = {0};
    syscall(SYS_clock_gettime, clock, &now);
    return (int64_t)now.tv_sec * ns_per_s + now.tv_nsec;
}

static void begin(void)
{
    const char *text = getenv("CLOCK_RATE_PERMILLE");
    long asked = text != NULL ? strtol(text, NULL, 10) : TRUE_RATE;
    if (asked >= SLOWEST && asked <= FASTEST)
        rate_permille = asked;
    for (clockid_t clock = 0; clock <= CLOCK_BOOTTIME; clock++)
        began_ns[clock] = true_ns(clock);
}

static int is_stretched(clockid_t clock)
{
    return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW ||
           clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!is_stretched(clock))
        return (int)syscall(SYS_clock_gettime, clock, now);
    pthread_once(&once, begin);
    int64_t passed_ns = true_ns(clock) - began_ns[clock];
    int64_t told_ns = began_ns[clock] + passed_ns / TRUE_RATE * rate_permille;
    *now = (struct timespec){.tv_sec = told_ns / ns_per_s, .tv_nsec = told_ns % ns_per_s};
    return 0;
}
