/* hung_disk: a disk that takes writes and never says that they are durable. Preloaded into a coordinator: while the
 * file named by HUNG_DISK exists, fsync and fdatasync wait. For tests/bench/stall.py. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 50000000L

typedef int sync_call(int fd);

static void hang(void)
{
    const char *flag = getenv("HUNG_DISK");
    const struct timespec look = { 0, LOOK_NS };
    while (flag != NULL && access(flag, F_OK) == 0)
        (void)nanosleep(&look, NULL);
}

static int through(const char *name, int fd)
{
    union {
        void *symbol;
        sync_call *call;
    } real = { dlsym(RTLD_NEXT, name) };
    hang();
    return real.call(fd);
}

int fsync(int fd) { return through("fsync", fd); }
int fdatasync(int fd) { return through("fdatasync", fd); }
