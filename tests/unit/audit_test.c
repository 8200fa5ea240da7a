/* The audit trail on a real disk: kept before it is told, refused when it can't be, whole whatever comes between. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/report/audit.h"
#include "coordinator/report/audit_verify.h"
#include "coordinator/status/status_text.h"
#include "tests/unit/cluster_fixture.h"
#include "tests/unit/suite.h"

#define FREE_MS 5000

static char folder[64];
static char path[128];
static char moved[140];
static char journal_path[128];
static int log_fd = -1;
static struct loop *loop;
static struct journal *journal;
static struct audit *audit;
static struct audit_report report;

static void open_audit(void)
{
    struct fault fault = { "" };
    struct audit_settings settings = { path, "use1-a", loop, journal };
    audit = audit_new(&settings, &fault);
    if (audit == NULL)
        fprintf(stderr, "%s\n", fault.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(audit);
}

static void close_audit(void)
{
    CU_ASSERT_TRUE(audit_free(audit, FREE_MS));
    audit = NULL;
}

static void setup(void)
{
    struct fault fault;
    snprintf(folder, sizeof folder, "/tmp/audit-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/audit.jsonl", folder);
    snprintf(moved, sizeof moved, "%s.1", path);
    snprintf(journal_path, sizeof journal_path, "%s/journal.jsonl", folder);
    struct log_settings quiet = log_settings_default();
    quiet.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_open(&quiet);
    log_fd = quiet.fd;
    loop = loop_new("test", &fault);
    struct journal_settings settings = { journal_path, "use1-a", fixture_cluster(), loop, NULL };
    journal = journal_new(&settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
}

static void teardown(void)
{
    if (audit != NULL)
        close_audit();
    CU_ASSERT_TRUE(journal_free(journal, FREE_MS));
    loop_free(loop);
    struct log_settings loud = log_settings_default();
    log_open(&loud);
    close(log_fd);
    unlink(path);
    unlink(moved);
    unlink(journal_path);
    rmdir(folder);
}

static void walk(const char *file_path)
{
    struct fault fault = { "" };
    FILE *file = fopen(file_path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_TRUE(audit_walk(file, NULL, NULL, NULL, &report, &fault));
    fclose(file);
}

static int kept;         /* -1: not told yet */
static int told;
static const void *told_whom;
static char why[FAULT_TEXT_MAX];

static void on_kept(bool ok, const struct fault *fault, void *arg)
{
    kept = ok;
    told++;
    told_whom = arg;
    snprintf(why, sizeof why, "%s", ok ? "" : fault->text);
    loop_stop(loop);
}

static struct journal_audit entry_of(const char *reason)
{
    return (struct journal_audit){ .event = "order_asked", .uid = 1000, .pid = 77, .user = "ann", .role = "force",
                                   .command = "failover", .service = "shop", .reason = reason,
                                   .skipped_gates = 1u << GATE_FENCE | 1u << GATE_COOLDOWN };
}

/* Puts a line and waits until told. False: refused at once. */
static bool put(const char *reason)
{
    struct fault fault = { "" };
    struct journal_audit entry = entry_of(reason);
    kept = -1;
    if (!audit_put(audit, &entry, on_kept, &kept, NULL, &fault)) {
        snprintf(why, sizeof why, "%s", fault.text);
        return false;
    }
    return loop_run(loop, &fault);
}

/* The file's line of that number from 1, parsed. */
static json_t *line_of(const char *file_path, size_t number)
{
    char *line = NULL;
    size_t size = 0;
    json_t *object = NULL;
    FILE *file = fopen(file_path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    for (size_t i = 1; getline(&line, &size, file) > 0; i++)
        if (i == number)
            object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    free(line);
    fclose(file);
    return object;
}

static bool journal_has(const char *needle)
{
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    FILE *file = fopen(journal_path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (getline(&line, &size, file) > 0)
        found = found || strstr(line, needle) != NULL;
    free(line);
    fclose(file);
    return found;
}

/* The journal has a thread of its own. */
static bool journal_says(const char *needle)
{
    for (int i = 0; i < 500 && !journal_has(needle); i++)
        usleep(10000);
    return journal_has(needle);
}

static void a_line_is_on_disk_before_it_is_told(void)
{
    setup();
    open_audit();
    CU_ASSERT_TRUE(put("fire \"here\"\nand there"));
    CU_ASSERT_EQUAL(kept, 1);
    walk(path); /* while it is open */
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_EQUAL(report.lines, 2);
    json_t *line = line_of(path, 2);
    int64_t number = 0;
    CU_ASSERT_TRUE(peek_int(line, "seq", &number));
    CU_ASSERT_EQUAL(number, 2);
    CU_ASSERT_TRUE(peek_int(line, "uid", &number));
    CU_ASSERT_EQUAL(number, 1000);
    CU_ASSERT_STRING_EQUAL(peek_str(line, "event", ""), "order_asked");
    CU_ASSERT_STRING_EQUAL(peek_str(line, "user", ""), "ann");
    CU_ASSERT_STRING_EQUAL(peek_str(line, "from", ""), "use1-a");
    CU_ASSERT_STRING_EQUAL(peek_str(line, "service", ""), "shop");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(line, "reason")), "fire \"here\"\nand there");
    const json_t *gates = json_object_get(line, "skipped_gates");
    CU_ASSERT_EQUAL_FATAL(json_array_size(gates), 2);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(gates, 0)),
                           gate_name(GATE_FENCE < GATE_COOLDOWN ? GATE_FENCE : GATE_COOLDOWN));
    json_decref(line);
    struct stat info;
    CU_ASSERT_EQUAL(stat(path, &info), 0);
    CU_ASSERT_EQUAL(info.st_mode & 07777, 0640);
    struct audit_status status;
    audit_status(audit, &status);
    CU_ASSERT_EQUAL(status.seq, 2);
    CU_ASSERT_STRING_EQUAL(status.hash, report.last.hash);
    CU_ASSERT_FALSE(status.failing);
    close_audit();
    teardown();
}

/* The witness: the journal has each hash, from the start on. */
static void the_journal_is_told_each_hash(void)
{
    char first[AUDIT_HASH_SIZE];
    setup();
    open_audit();
    CU_ASSERT_TRUE(put("fire"));
    close_audit();
    walk(path);
    memcpy(first, report.first.hash, sizeof first);
    CU_ASSERT_TRUE(journal_free(journal, FREE_MS));
    CU_ASSERT_TRUE(journal_says(first));
    CU_ASSERT_TRUE(journal_says(report.last.hash));
    CU_ASSERT_TRUE(journal_says("order_asked"));
    journal = NULL;
    teardown();
}

static void the_chain_goes_on_after_a_restart(void)
{
    setup();
    for (int i = 0; i < 3; i++) {
        open_audit();
        CU_ASSERT_TRUE(put("again"));
        close_audit();
    }
    walk(path);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_EQUAL(report.lines, 6);
    CU_ASSERT_EQUAL(report.last.seq, 6);
    teardown();
}

/* Cut off at every byte of the last line, then started again. */
static void the_chain_goes_on_after_a_crash_within_a_line(void)
{
    struct stat before;
    struct stat after;
    setup();
    open_audit();
    close_audit();
    CU_ASSERT_EQUAL(stat(path, &before), 0);
    open_audit();
    CU_ASSERT_TRUE(put("fire"));
    close_audit();
    CU_ASSERT_EQUAL(stat(path, &after), 0);
    for (off_t size = after.st_size - 1; size > before.st_size; size -= size > after.st_size - 4 ? 1 : 37) {
        CU_ASSERT_EQUAL(truncate(path, size), 0);
        open_audit();
        CU_ASSERT_TRUE(put("after the crash"));
        close_audit();
        walk(path);
        if (report.breaks > 0)
            fprintf(stderr, "cut to %lld bytes: %s\n", (long long)size, audit_break_name(report.findings[0].what));
        CU_ASSERT_EQUAL(report.breaks, 0);
        CU_ASSERT(report.lines >= 3);
    }
    CU_ASSERT(report.pieces > 0);
    teardown();
}

static void a_file_that_is_moved_away_is_continued(void)
{
    char last[AUDIT_HASH_SIZE];
    setup();
    open_audit();
    CU_ASSERT_TRUE(put("before"));
    CU_ASSERT_EQUAL(rename(path, moved), 0);
    CU_ASSERT_TRUE(put("after"));
    close_audit();
    walk(moved);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_EQUAL(report.lines, 2);
    memcpy(last, report.last.hash, sizeof last);
    walk(path);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_TRUE(report.continues);
    CU_ASSERT_STRING_EQUAL(report.first.prev, last);
    CU_ASSERT_EQUAL(report.first.seq, 3);
    teardown();
}

/* A file size limit stands in for the full disk: writes come back short, then fail. */
static void a_full_disk_refuses_and_is_outlived(void)
{
    struct rlimit old;
    struct stat info;
    setup();
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    open_audit();
    CU_ASSERT_TRUE(put("while there is room"));
    CU_ASSERT_EQUAL(stat(path, &info), 0);
    struct rlimit full = { (rlim_t)info.st_size + 100, old.rlim_max };
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &full), 0);
    CU_ASSERT_TRUE(put("none left"));
    struct audit_status status;
    audit_status(audit, &status);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CU_ASSERT_EQUAL(kept, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, path));
    CU_ASSERT_TRUE(status.failing);
    CU_ASSERT(status.text[0] != '\0' && status.waiting > 0 && status.failing_us > 0);
    CU_ASSERT_TRUE(put("room again"));
    CU_ASSERT_EQUAL(kept, 1);
    close_audit();
    walk(path);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_EQUAL(report.pieces, 1);
    CU_ASSERT_EQUAL(report.lines, 4); /* what was refused is on record, too */
    teardown();
}

/* Without end: the queue is bounded, what finds no room is refused at once and leaves no gap in the chain. */
static void a_disk_that_stays_full_is_refused_at_the_door(void)
{
    struct rlimit old;
    struct fault fault = { "" };
    static char long_one[60 * 1024]; /* so that few lines fill the queue */
    memset(long_one, 'x', sizeof long_one - 1);
    struct journal_audit entry = entry_of(long_one);
    size_t taken = 0;
    setup();
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit none = { 0, old.rlim_max };
    open_audit();
    CU_ASSERT_TRUE(put("first"));
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &none), 0);
    while (taken < JOURNAL_QUEUE_LINES_MAX + 10 && audit_put(audit, &entry, NULL, NULL, NULL, &fault))
        taken++;
    CU_ASSERT(taken > 1 && taken < JOURNAL_QUEUE_BYTES_MAX / sizeof long_one + 1);
    CU_ASSERT_FALSE(put(long_one));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "no room"));
    struct audit_status status;
    audit_status(audit, &status);
    CU_ASSERT_EQUAL(status.lost, 2);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    for (int i = 0; i < 500 && status.waiting > 0; i++) {
        usleep(10000);
        audit_status(audit, &status);
    }
    CU_ASSERT_TRUE(put("room again"));
    close_audit();
    walk(path);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_EQUAL(report.lines, 3 + taken);
    teardown();
}

static void who_has_gone_is_not_told(void)
{
    struct fault fault;
    struct journal_audit entry = entry_of("gone");
    setup();
    open_audit();
    told = 0;
    CU_ASSERT_TRUE(audit_put(audit, &entry, on_kept, &entry, NULL, &fault));
    audit_forget(audit, &entry);
    CU_ASSERT_TRUE(put("another"));
    CU_ASSERT_EQUAL(told, 1);
    CU_ASSERT_PTR_EQUAL(told_whom, &kept); /* of "another": the first to be told, though queued last */
    close_audit();
    walk(path);
    CU_ASSERT_EQUAL(report.lines, 3);
    teardown();
}

/* failoverd runs on without it; orders are refused, with the reason. */
static void files_that_cannot_be_used_refuse_orders(void)
{
    struct audit_status status;
    setup();
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    open_audit();
    CU_ASSERT_FALSE(put("x"));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "no regular file"));
    audit_status(audit, &status);
    CU_ASSERT_TRUE(status.failing);
    CU_ASSERT_EQUAL(status.lost, 1);
    close_audit();
    unlink(path);
    CU_ASSERT_EQUAL(symlink("elsewhere", path), 0);
    open_audit();
    CU_ASSERT_FALSE(put("x"));
    close_audit();
    unlink(path);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    open_audit();
    CU_ASSERT_FALSE(put("x"));
    close_audit();
    rmdir(path);
    /* Not there yet: as soon as its folder is. */
    char whole[sizeof path];
    memcpy(whole, path, sizeof whole);
    snprintf(path, sizeof path, "%s/later", folder);
    char later[sizeof path + 16];
    snprintf(later, sizeof later, "%s/audit.jsonl", path);
    struct fault fault = { "" };
    struct audit_settings settings = { later, "use1-a", loop, journal };
    audit = audit_new(&settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(audit);
    CU_ASSERT_TRUE(put("no folder"));
    CU_ASSERT_EQUAL(kept, 0);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_TRUE(put("a folder"));
    CU_ASSERT_EQUAL(kept, 1);
    close_audit();
    walk(later);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_EQUAL(report.lines, 3);
    unlink(later);
    rmdir(path);
    memcpy(path, whole, sizeof whole);
    teardown();
}

/* What somebody put there is not covered up by a start: it is said, and verify goes on finding it. */
static void a_damaged_end_stays_found(void)
{
    setup();
    open_audit();
    CU_ASSERT_TRUE(put("fire"));
    close_audit();
    FILE *file = fopen(path, "a");
    fputs("{\"seq\":3,\"reason\":\"forged\"}\n", file);
    fclose(file);
    open_audit();
    CU_ASSERT_TRUE(put("after"));
    close_audit();
    walk(path);
    CU_ASSERT_EQUAL(report.breaks, 1);
    CU_ASSERT_EQUAL(report.findings[0].what, AUDIT_BREAK_UNREADABLE);
    CU_ASSERT_EQUAL(report.findings[0].line, 3);
    CU_ASSERT_TRUE(journal_says("audit_broken"));
    /* Nothing that could be continued: another chain, and said so. */
    file = fopen(path, "w");
    fputs("nothing of the kind\n", file);
    fclose(file);
    open_audit();
    CU_ASSERT_TRUE(put("after"));
    close_audit();
    walk(path);
    CU_ASSERT_EQUAL(report.breaks, 1);
    CU_ASSERT_EQUAL(report.first.seq, 1);
    CU_ASSERT_TRUE(journal_says("another chain begins"));
    teardown();
}

/* Only its end is read at a start. */
static void a_large_file_is_continued(void)
{
    static char long_one[60 * 1024];
    memset(long_one, 'x', sizeof long_one - 1);
    setup();
    open_audit();
    for (int i = 0; i < 2 + AUDIT_TAIL_BYTES / (int)sizeof long_one; i++)
        CU_ASSERT_TRUE(put(long_one));
    close_audit();
    open_audit();
    CU_ASSERT_TRUE(put("last"));
    close_audit();
    struct stat info;
    CU_ASSERT_EQUAL(stat(path, &info), 0);
    CU_ASSERT(info.st_size > AUDIT_TAIL_BYTES);
    walk(path);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_EQUAL(report.lines, report.last.seq);
    teardown();
}

SUITE_MAIN("audit", TEST(a_line_is_on_disk_before_it_is_told), TEST(the_journal_is_told_each_hash),
           TEST(the_chain_goes_on_after_a_restart), TEST(the_chain_goes_on_after_a_crash_within_a_line),
           TEST(a_file_that_is_moved_away_is_continued), TEST(a_full_disk_refuses_and_is_outlived),
           TEST(a_disk_that_stays_full_is_refused_at_the_door), TEST(who_has_gone_is_not_told),
           TEST(files_that_cannot_be_used_refuse_orders), TEST(a_damaged_end_stays_found),
           TEST(a_large_file_is_continued))
