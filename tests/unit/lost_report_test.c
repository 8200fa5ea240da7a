/* The report of lost writes: its sentence, its JSON, and a file that is written once. */
#include "coordinator/report/lost_report.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "tests/unit/suite.h"

#define LIMIT_US (10 * (int64_t)CLOCK_US_PER_S)

static struct loop *loop;
static char folder[64];

static const struct lost_context context = {
    .service = "shop", .region = "us-east-1", .writer = "us-west-2", .node = "use1-a", .epoch = 7, .system_id = UINT64_MAX,
    .fork = { TIMELINES_LEFT, 1, 0x3000148 }, .writer_timeline = 2,
};

static struct lost_table tables[6] = {
    { .database = "shop", .schema = "public", .table = "orders", .filenode = 16393, .rows = { 9, 2, 1 } },
    { .database = "shop", .schema = "pg_toast", .table = "pg_toast_1", .internal = true, .rows = { 50, 0, 0 } },
    { .database = "shop", .schema = "acct", .table = "users", .rows = { 1, 0, 0 } },
    { .database = "shop", .filenode = 77, .rows = { 0, 0, 3 } },
    { .database = "shop", .schema = "public", .table = "d", .rows = { 1, 0, 0 } },
    { .database = "shop", .schema = "public", .table = "e\"\xff", .rows = { 1, 0, 0 } },
};
static struct lost_item items[2] = { { 0, { 9, 2, 1 } }, { 1, { 50, 0, 0 } } };
static struct lost_transaction list[1] = { { 733, "2026-11-21T02:13:01.000001Z", 0x3000200, 0, 2 } };

static struct lost_report a_report(void)
{
    struct lost_report report = { .outcome = LOST_LISTED };
    report.lost = (struct lost_writes){
        .fork_lsn = 0x3000148, .end_lsn = 0x3000948, .bytes = 0x800, .scanned_bytes = 0x800, .started = "2026-11-21T02:14:00Z",
        .transactions = 3, .others = 1, .first_commit = "2026-11-21T02:13:01.000001Z",
        .last_commit = "2026-11-21T02:13:02.999999Z", .rows = { 12, 2, 4 }, .tables = tables, .table_count = 3, .list = list,
        .list_count = 1, .items = items, .item_count = 2,
    };
    return report;
}

static const char *sentence_of(const struct lost_report *report)
{
    static char buffer[LOST_REPORT_TEXT_MAX];
    struct text text = TEXT_OF(buffer);
    lost_report_sentence(&text, &context, report);
    return buffer;
}

static void the_sentence_says_it(void)
{
    struct lost_report report = a_report();
    CU_ASSERT_STRING_EQUAL(sentence_of(&report), "us-east-1's old primary is back, fenced; it has 3 transactions (12 rows in orders, "
                           "1 in acct.users) from 02:13:01 to 02:13:02 UTC that us-west-2 lacks");
    report.lost.table_count = 6;
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence_of(&report), "3 in file 77 of shop, 1 in d and 1 in further tables)"));
    report.lost.transactions = 0;
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence_of(&report), "2 KiB of WAL that us-west-2 lacks, and in it no transaction"));
    report.outcome = LOST_BYTES_ONLY;
    (void)fault_set(&report.lost.why_no_list, "no reader");
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence_of(&report), "2 KiB of WAL that us-west-2 lacks; which writes these are is not known: no reader"));
    report.outcome = LOST_NOTHING;
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence_of(&report), "it has nothing that us-west-2 lacks"));
    report = a_report(); /* times of a server that sends nonsense */
    (void)text_copy(report.lost.first_commit, LOST_TIME_MAX, "x");
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence_of(&report), "acct.users) that us-west-2 lacks"));
}

static void the_json_has_it_all(void)
{
    struct lost_report report = a_report();
    json_t *json = lost_report_json(&context, &report);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json, "tables")), 2); /* TOAST is nobody's */
    const json_t *first = json_array_get(json_object_get(json, "list"), 0);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(first, "tables")), 1);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(first, "xid")), 733);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json, "fork_lsn")), "0/3000148");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json, "system_identifier")), "18446744073709551615");
    CU_ASSERT_TRUE(json_is_true(json_object_get(json, "list_cut"))); /* one of three */
    json_decref(json);
    report.outcome = LOST_BYTES_ONLY;
    json = lost_report_json(&context, &report);
    CU_ASSERT_TRUE(json_is_null(json_object_get(json, "transactions")) && json_is_false(json_object_get(json, "listed")));
    json_decref(json);
}

/* ---- the file ------------------------------------------------------------------------------ */

struct answer {
    bool done;
    struct lost_saved saved;
};

static void on_saved(void *arg, const struct lost_saved *saved)
{
    struct answer *answer = arg;
    answer->done = true;
    answer->saved = *saved;
    loop_stop(loop);
}

static void on_limit(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void run_loop(int64_t limit_us)
{
    struct timer limit;
    timer_init(&limit, loop, on_limit, NULL);
    timer_set_after_us(&limit, limit_us);
    CU_ASSERT_TRUE(loop_run(loop, NULL));
    timer_cancel(&limit);
}

static struct lost_saved save(const char *where, const char *started)
{
    static struct answer answer;
    struct fault fault = { "" };
    struct lost_report report = a_report();
    (void)text_copy(report.lost.started, LOST_TIME_MAX, started);
    answer = (struct answer){ 0 };
    CU_ASSERT_PTR_NOT_NULL_FATAL(lost_report_save(loop, where, "shop", 7, lost_report_json(&context, &report),
                                                  on_saved, &answer, &fault));
    run_loop(LIMIT_US);
    CU_ASSERT_TRUE_FATAL(answer.done);
    return answer.saved;
}

static char *contents(const char *path)
{
    static char bytes[16384];
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
    (void)fclose(file);
    return bytes;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void it_is_written_once(void)
{
    struct stat info;
    char wanted[128];
    struct lost_saved saved = save(folder, "first life");
    (void)snprintf(wanted, sizeof wanted, "%s/lost/shop-7.json", folder);
    CU_ASSERT_TRUE(saved.ok && !saved.found);
    CU_ASSERT_STRING_EQUAL(saved.path, wanted);
    CU_ASSERT_TRUE(stat(wanted, &info) == 0 && (info.st_mode & 0777) == 0600);
    char *first = strdup(contents(wanted));
    CU_ASSERT_PTR_NOT_NULL(strstr(first, "\"server_started\": \"first life\""));
    saved = save(folder, "first life"); /* the daemon was restarted: found, and left as it is */
    CU_ASSERT_TRUE(saved.ok && saved.found);
    CU_ASSERT_STRING_EQUAL(saved.path, wanted);
    CU_ASSERT_PTR_NOT_NULL(strstr(saved.text, "3 transactions"));
    CU_ASSERT_STRING_EQUAL(contents(wanted), first);
    saved = save(folder, "second life"); /* may have more: a file of its own */
    CU_ASSERT_TRUE(saved.ok && !saved.found && strstr(saved.path, "/lost/shop-7-2.json") != NULL);
    CU_ASSERT_STRING_EQUAL(contents(wanted), first);
    free(first);
}

static void what_is_there_is_never_overwritten(void)
{
    char path[128], third[128];
    (void)snprintf(path, sizeof path, "%s/lost/shop-7-3.json", folder);
    (void)snprintf(third, sizeof third, "%s/lost/.shop-7-5.json.new", folder);
    write_text(path, "not a report");
    write_text(third, "left by a life of ours that was cut short");
    (void)snprintf(path, sizeof path, "%s/lost/shop-7-4.json", folder);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    struct lost_saved saved = save(folder, "third life");
    CU_ASSERT_TRUE(saved.ok && !saved.found && strstr(saved.path, "/shop-7-5.json") != NULL);
    CU_ASSERT_PTR_NULL(strstr(contents(saved.path), "cut short"));
    CU_ASSERT_NOT_EQUAL(access(third, F_OK), 0);
    for (int life = 6; life <= LOST_REPORT_LIVES_MAX; life++) {
        (void)snprintf(path, sizeof path, "%s/lost/shop-7-%d.json", folder, life);
        write_text(path, "{\"server_started\": 5}");
    }
    saved = save(folder, "one too many");
    CU_ASSERT_FALSE(saved.ok);
    CU_ASSERT_PTR_NOT_NULL(strstr(saved.fault.text, "move old ones away"));
}

static void a_folder_that_can_not_be_made_is_said(void)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/file", folder);
    write_text(path, "");
    struct lost_saved saved = save(path, "x");
    CU_ASSERT_TRUE(!saved.ok && strstr(saved.fault.text, "can't be made") != NULL);
}

static void a_dropped_one_is_written_all_the_same(void)
{
    char path[128];
    struct answer answer = { 0 };
    struct lost_report report = a_report();
    (void)snprintf(path, sizeof path, "%s/lost/other-7.json", folder);
    struct lost_save *gone = lost_report_save(loop, folder, "other", 7, lost_report_json(&context, &report), on_saved,
                                              &answer, NULL);
    lost_report_drop(gone);
    for (int tries = 0; tries < 200 && access(path, F_OK) != 0; tries++)
        run_loop(20 * CLOCK_US_PER_MS);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    run_loop(50 * CLOCK_US_PER_MS);
    CU_ASSERT_FALSE(answer.done);
    lost_report_drop(NULL);
}

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/failoverd-lost-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    loop = loop_new("test", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
}

static void empty(const char *path)
{
    DIR *all = opendir(path);
    for (struct dirent *entry = all != NULL ? readdir(all) : NULL; entry != NULL; entry = readdir(all)) {
        char name[512];
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)remove(name);
    }
    if (all != NULL)
        (void)closedir(all);
}

static void take_folder_away(void)
{
    char lost[96];
    (void)snprintf(lost, sizeof lost, "%s/lost", folder);
    empty(lost);
    empty(folder);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
    loop_free(loop);
}

SUITE_MAIN("lost_report", TEST(make_folder), TEST(the_sentence_says_it), TEST(the_json_has_it_all), TEST(it_is_written_once),
           TEST(what_is_there_is_never_overwritten), TEST(a_folder_that_can_not_be_made_is_said),
           TEST(a_dropped_one_is_written_all_the_same), TEST(take_folder_away))
