/* Servers for tests: see pg_fixture.h. */
#include "tests/unit/pg_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "coordinator/base/clock.h"

#define BIN "/usr/lib/postgresql/15/bin/"
#define COMMAND_LIMIT_MS 60000
#define SERVERS_MAX 8
#define STEP_MS 10

static struct pg_server *servers[SERVERS_MAX];

_Noreturn static void die(const char *what, const char *detail)
{
    fprintf(stderr, "pg_fixture: %s: %s\n", what, detail);
    exit(EXIT_FAILURE);
}

static void wait_ms(long ms)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    (void)nanosleep(&time, NULL);
}

/* ---- processes --------------------------------------------------------------------------- */

static const struct passwd *server_user(void)
{
    if (geteuid() != 0)
        return getpwuid(geteuid());
    const struct passwd *user = getpwnam("postgres");
    if (user == NULL)
        die("as root the servers run as user postgres", "there is none");
    return user;
}

/* In the child: the server's user, and an end when the test ends. */
static void child_settle(const struct passwd *user)
{
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        _exit(126);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* after setuid, which clears it */
    if (chdir("/") != 0)
        _exit(126);
    (void)unsetenv("LD_PRELOAD");
}

static bool process_ended(pid_t pid, int64_t limit_ms, int *status)
{
    for (int64_t ms = 0; ms < limit_ms; ms += STEP_MS) {
        if (waitpid(pid, status, WNOHANG) == pid)
            return true;
        wait_ms(STEP_MS);
    }
    return false;
}

/* Runs a command; its output's beginning goes into `out`. True for exit code 0. */
static bool command(const char *const argv[], char *out, size_t size)
{
    int channel[2];
    if (pipe2(channel, O_CLOEXEC) != 0)
        die("pipe", strerror(errno));
    const struct passwd *user = server_user();
    pid_t pid = fork();
    if (pid < 0)
        die("fork", strerror(errno));
    if (pid == 0) {
        child_settle(user);
        (void)dup2(channel[1], STDOUT_FILENO);
        (void)dup2(channel[1], STDERR_FILENO);
        (void)execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    (void)close(channel[1]);
    size_t used = 0;
    int64_t limit_us = base_mono_us() + COMMAND_LIMIT_MS * CLOCK_US_PER_MS;
    for (;;) {
        struct pollfd fd = { .fd = channel[0], .events = POLLIN };
        char drop[256];
        int64_t left_ms = (limit_us - base_mono_us()) / CLOCK_US_PER_MS;
        if (left_ms <= 0 || poll(&fd, 1, (int)left_ms) <= 0)
            break;
        bool room = out != NULL && used + 1 < size;
        ssize_t count = read(channel[0], room ? out + used : drop, room ? size - used - 1 : sizeof drop);
        if (count <= 0)
            break;
        if (room)
            used += (size_t)count;
    }
    if (out != NULL)
        out[used] = '\0';
    (void)close(channel[0]);
    int status = 0;
    if (!process_ended(pid, 5000, &status)) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
        return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- servers ----------------------------------------------------------------------------- */

/* Bound seconds later, and again after each restart of the server: so not one that the kernel gives to connections
 * (from 32768 on), and drawn by what no other test has, since several run at a time. */
static uint16_t free_port(void)
{
    static unsigned drawn;
    for (int tries = 0; tries < 1000; tries++) {
        unsigned port = 20000u + ((unsigned)getpid() * 97u + drawn++ * 31u) % 12000u;
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                       .sin_port = htons((uint16_t)port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
        if (fd >= 0)
            (void)close(fd);
        if (bound)
            return (uint16_t)port;
    }
    die("no free port", strerror(errno));
}

/* What the server said: its folder is gone when the test is. */
static void show_log(const char *path)
{
    char line[512];
    FILE *log = fopen(path, "r");
    while (log != NULL && fgets(line, sizeof line, log) != NULL)
        (void)fprintf(stderr, "    %s", line);
    if (log != NULL)
        (void)fclose(log);
}

static void stop_all(void)
{
    for (size_t i = 0; i < SERVERS_MAX; i++)
        if (servers[i] != NULL)
            pg_fixture_stop(servers[i]);
}

static void folder_make(struct pg_server *server)
{
    static bool registered;
    *server = (struct pg_server){ .port = free_port() };
    (void)snprintf(server->folder, sizeof server->folder, "/tmp/failoverd-pg-XXXXXX");
    if (mkdtemp(server->folder) == NULL)
        die("mkdtemp", strerror(errno));
    if (geteuid() == 0 && chown(server->folder, server_user()->pw_uid, server_user()->pw_gid) != 0)
        die("chown", strerror(errno));
    if (chmod(server->folder, 0755) != 0)
        die("chmod", strerror(errno));
    (void)snprintf(server->data, sizeof server->data, "%s/data", server->folder);
    if (!registered && atexit(stop_all) != 0)
        die("atexit", "refused");
    registered = true;
    for (size_t i = 0; i < SERVERS_MAX; i++) {
        if (servers[i] == NULL) {
            servers[i] = server;
            return;
        }
    }
    die("more servers than", "SERVERS_MAX");
}

static void file_append(const struct pg_server *server, const char *name, const char *text, const char *mode)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", server->data, name);
    FILE *file = fopen(path, mode);
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        die(path, strerror(errno));
}

static void server_run(struct pg_server *server)
{
    char port[16], log_path[128], sockets[96];
    const struct passwd *user = server_user();
    (void)snprintf(port, sizeof port, "%u", (unsigned)server->port);
    (void)snprintf(log_path, sizeof log_path, "%s/log", server->folder);
    (void)snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", server->folder);
    server->pid = fork();
    if (server->pid < 0)
        die("fork", strerror(errno));
    if (server->pid == 0) {
        child_settle(user);
        int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
            _exit(126);
        (void)execl(BIN "postgres", "postgres", "-D", server->data, "-p", port, "-c", sockets, (char *)NULL);
        _exit(127);
    }
    /* Up when it takes a session; a command for each try would cost more than the start. */
    for (int tries = 0; tries < 600; tries++) {
        int status;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid) {
            server->pid = 0;
            show_log(log_path);
            die("the server ended while starting", log_path);
        }
        char line[128], path[128];
        (void)snprintf(path, sizeof path, "%s/postmaster.pid", server->data);
        FILE *file = fopen(path, "r");
        bool ready = false;
        while (file != NULL && fgets(line, sizeof line, file) != NULL)
            ready = strncmp(line, "ready", 5) == 0;
        if (file != NULL)
            (void)fclose(file);
        if (ready)
            return;
        wait_ms(50);
    }
    show_log(log_path);
    die("the server did not get ready", log_path);
}

static const char settings[] =
    "\nfsync = off\nsynchronous_commit = on\nfull_page_writes = off\nlisten_addresses = '127.0.0.1'\n"
    "max_connections = 40\nshared_buffers = 8MB\nmax_wal_size = 64MB\nmin_wal_size = 32MB\n"
    "authentication_timeout = 1s\nwal_log_hints = on\nhot_standby_feedback = on\nwal_retrieve_retry_interval = 200ms\n"
    "autovacuum = off\nlogging_collector = off\nlc_messages = 'C'\nmax_worker_processes = 4\njit = off\n";

static const char hba[] =
    "local all all trust\nlocal replication all trust\n"
    "host replication all 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

static void setup_run(const struct pg_server *server)
{
    char port[16], out[1024], text[32768], path[] = "/tmp/failoverd-setup-XXXXXX";
    /* The server's user may not be able to read the source tree. */
    FILE *from = fopen("etc/postgresql-setup.sql", "r");
    int fd = mkstemp(path);
    if (from == NULL || fd < 0 || fchmod(fd, 0644) != 0)
        die("etc/postgresql-setup.sql (tests run in the repository's root)", strerror(errno));
    size_t length = fread(text, 1, sizeof text, from);
    (void)fclose(from);
    if (write(fd, text, length) != (ssize_t)length || close(fd) != 0)
        die(path, strerror(errno));
    (void)snprintf(port, sizeof port, "%u", (unsigned)server->port);
    const char *psql[] = { BIN "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", server->folder, "-p", port, "-U", "postgres",
                           "-d", "postgres", "-f", path, "-c",
                           "alter role failoverd password '" PG_FIXTURE_PASSWORD "'", "-c",
                           "alter role failoverd_canary password '" PG_FIXTURE_PASSWORD "'", "-c",
                           "create role app login password '" PG_FIXTURE_PASSWORD "'", "-c",
                           "create table t (n bigserial primary key, who text); grant all on t, t_n_seq to app", NULL };
    bool ok = command(psql, out, sizeof out);
    (void)unlink(path);
    if (!ok)
        die("the setup failed", out);
}

void pg_fixture_start(struct pg_server *server, const char *conf)
{
    char out[1024];
    folder_make(server);
    const char *initdb[] = { BIN "initdb", "-D", server->data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
                             "--no-sync", "--no-instructions", "--wal-segsize=4", NULL };
    if (!command(initdb, out, sizeof out))
        die("initdb", out);
    file_append(server, "postgresql.conf", settings, "a");
    if (conf != NULL)
        file_append(server, "postgresql.conf", conf, "a");
    file_append(server, "pg_hba.conf", hba, "w");
    server_run(server);
    setup_run(server);
}

void pg_fixture_standby(struct pg_server *standby, const struct pg_server *primary)
{
    char out[1024], port[16];
    folder_make(standby);
    (void)snprintf(port, sizeof port, "%u", (unsigned)primary->port);
    const char *basebackup[] = { BIN "pg_basebackup", "-h", primary->folder, "-p", port, "-U", "postgres", "-D", standby->data,
                                 "-R", "-c", "fast", "--no-sync", "-X", "stream", NULL };
    if (!command(basebackup, out, sizeof out))
        die("pg_basebackup", out);
    server_run(standby);
    if (!pg_fixture_await(standby, "select status from pg_stat_wal_receiver", "streaming"))
        die("the standby", "does not stream");
}

/* All of it: the postmaster's children go when they see it gone, a stopped one when it is continued. */
void pg_fixture_kill(struct pg_server *server, int signal)
{
    int status;
    if (server->pid == 0)
        return;
    (void)kill(server->pid, signal);
    (void)kill(server->pid, SIGCONT);
    if (!process_ended(server->pid, 10000, &status)) {
        (void)kill(server->pid, SIGKILL);
        (void)waitpid(server->pid, &status, 0);
    }
    server->pid = 0;
}

void pg_fixture_restart(struct pg_server *server)
{
    pg_fixture_kill(server, SIGQUIT);
    server_run(server);
}

void pg_fixture_stop(struct pg_server *server)
{
    if (server->folder[0] == '\0')
        return;
    pg_fixture_kill(server, SIGQUIT);
    for (size_t i = 0; i < SERVERS_MAX; i++)
        if (servers[i] == server)
            servers[i] = NULL;
    if (getenv("KEEP_SERVERS") == NULL) {
        const char *rm[] = { "/bin/rm", "-rf", server->data, NULL };
        (void)command(rm, NULL, 0);
        char path[128];
        (void)snprintf(path, sizeof path, "%s/log", server->folder);
        (void)unlink(path);
        (void)snprintf(path, sizeof path, "%s/.s.PGSQL.%u", server->folder, (unsigned)server->port);
        (void)unlink(path);
        (void)snprintf(path, sizeof path, "%s/.s.PGSQL.%u.lock", server->folder, (unsigned)server->port);
        (void)unlink(path);
        (void)rmdir(server->folder);
    }
    server->folder[0] = '\0';
}

/* ---- talking to them --------------------------------------------------------------------- */

struct pg_target pg_fixture_target(const struct pg_server *server, const char *user)
{
    return (struct pg_target){ .host = server->folder, .port = server->port, .dbname = "postgres", .user = user };
}

struct pg_target pg_fixture_tcp(const struct pg_server *server, const char *user)
{
    return (struct pg_target){ .host = "127.0.0.1", .port = server->port, .dbname = "postgres", .user = user,
                               .password = PG_FIXTURE_PASSWORD };
}

bool pg_fixture_sql(const struct pg_server *server, const char *sql, char *out, size_t size)
{
    char port[16], all[4096];
    (void)snprintf(port, sizeof port, "%u", (unsigned)server->port);
    const char *psql[] = { BIN "psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", server->folder, "-p", port,
                           "-U", "postgres", "-d", "dbname=postgres options='-c session_preload_libraries=plpgsql "
                           "-c default_transaction_read_only=off'", "-c", sql, NULL };
    bool ok = command(psql, all, sizeof all);
    all[strcspn(all, "\n")] = '\0';
    if (out != NULL)
        (void)snprintf(out, size, "%s", all);
    if (!ok)
        fprintf(stderr, "pg_fixture: %s: %s\n", sql, all);
    return ok;
}

bool pg_fixture_await(const struct pg_server *server, const char *sql, const char *wanted)
{
    char out[256] = "";
    for (int tries = 0; tries < 200; tries++) {
        if (pg_fixture_sql(server, sql, out, sizeof out) && strcmp(out, wanted) == 0)
            return true;
        wait_ms(50);
    }
    fprintf(stderr, "pg_fixture: %s gives \"%s\", not \"%s\"\n", sql, out, wanted);
    return false;
}

static struct loop *the_loop;

static void loop_end(void)
{
    loop_free(the_loop);
    the_loop = NULL;
}

struct loop *pg_fixture_loop(void)
{
    struct fault fault;
    if (the_loop == NULL) {
        the_loop = loop_new("test", &fault);
        if (the_loop == NULL)
            die("loop", fault.text);
        (void)atexit(loop_end);
    }
    return the_loop;
}

struct run {
    struct loop *loop;
    const bool *done;
    int64_t until_us;
    struct timer timer;
};

static void on_look(void *arg)
{
    struct run *run = arg;
    if (*run->done || base_mono_us() >= run->until_us)
        loop_stop(run->loop);
    else
        timer_set_after_us(&run->timer, 2 * CLOCK_US_PER_MS);
}

bool pg_fixture_run(struct loop *loop, const bool *done, int64_t limit_ms)
{
    struct fault fault;
    struct run run = { .loop = loop, .done = done, .until_us = base_mono_us() + limit_ms * CLOCK_US_PER_MS };
    timer_init(&run.timer, loop, on_look, &run);
    timer_set_after_us(&run.timer, 0);
    if (!loop_run(loop, &fault))
        die("loop", fault.text);
    timer_cancel(&run.timer);
    return *done;
}
