/* Files that mean harm or came to some, and the files that a config names. */
#include "tests/unit/suite.h"

#include <errno.h>
#include <sys/wait.h>

#include "tests/unit/config_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Loads as cluster and as node file; says whether either was accepted. */
static bool accepted(const char *path, struct config_problems *problems)
{
    *problems = (struct config_problems){ 0 };
    struct cluster_config *cluster = config_load_cluster(path, problems);
    struct local_config *node = config_load_node(path, problems);
    bool good = cluster != NULL || node != NULL;
    config_cluster_free(cluster);
    config_local_free(node);
    return good;
}

static void refused(const char *path, const char *fragment)
{
    struct config_problems problems;
    CU_ASSERT_FALSE(accepted(path, &problems));
    CU_ASSERT_TRUE(problems.errors >= 2);
    bool told = problems.count > 0 && strstr(problems.items[0].text, fragment) != NULL;
    CU_ASSERT_TRUE(told);
    if (!told) {
        fprintf(stderr, "wanted %s, got:\n", fragment);
        fixture_show(&problems);
    }
    config_problems_free(&problems);
}

static void refused_text(const char *text, size_t size, const char *fragment)
{
    refused(fixture_write_bytes("cluster.json", text, size, 0644), fragment);
}

#define REFUSED(literal, fragment) refused_text(literal, sizeof(literal) - 1, fragment)

/* ---- what is no file --------------------------------------------------------------------- */

static void what_is_no_file_is_refused(void)
{
    refused("/nowhere/at/all.json", "cannot be opened: No such file");
    refused("/tmp", "is no regular file");
    refused("/dev/zero", "is no regular file");
    const char *fifo = fixture_path("fifo");
    CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
    refused(fifo, "is no regular file");
    REFUSED("", "is empty");
}

static void an_unreadable_file_is_refused(void)
{
    const char *path = fixture_write_bytes("cluster.json", "{}", 2, 0000);
    if (geteuid() != 0) {
        refused(path, "cannot be opened: Permission denied");
        return;
    }
    /* Root may read anything, so somebody else has to try. */
    CU_ASSERT_EQUAL(chmod(fixture_folder, 0755), 0);
    pid_t child = fork();
    CU_ASSERT_TRUE_FATAL(child >= 0);
    if (child == 0) {
        struct config_problems problems;
        bool told = setuid(65534) == 0 && !accepted(path, &problems) && problems.count == 2 &&
                    strstr(problems.items[0].text, "Permission denied") != NULL;
        _exit(told ? 0 : 1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_huge_file_is_refused(void)
{
    size_t size = CONFIG_MAX_FILE_BYTES + 1;
    char *text = malloc(size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, ' ', size);
    refused_text(text, size, "is too large");
    memset(text, '[', size);
    refused_text(text, size - 1, "nested too deep");
    memset(text, '"', size);
    refused_text(text, size - 1, "is not JSON");
    for (size_t i = 0; i < size; i++)
        text[i] = i == 0 ? '[' : i % 2 == 1 ? '0' : ',';
    refused_text(text, size - 1, "too many values; the most is 65536");
    free(text);
}

/* ---- what is no JSON --------------------------------------------------------------------- */

static void what_is_no_object_is_refused(void)
{
    REFUSED("null", "is not JSON");
    REFUSED("[]", "must hold one object");
    REFUSED("3", "is not JSON");
    REFUSED("{} {}", "is not JSON");
    REFUSED("{,}", "is not JSON");
    REFUSED("{'a':1}", "is not JSON");
    REFUSED("{\"a\":1,}", "is not JSON");
    REFUSED("{\"cluster\":NaN}", "is not JSON");
    REFUSED("{\"cluster\":-Infinity}", "is not JSON");
    REFUSED("// no comments\n{}", "is not JSON");
    REFUSED("\xef\xbb\xbf{}", "is not JSON");
    REFUSED("{\"a\":\"\0\"}", "is not JSON");
    REFUSED("{\"a\":\"\\u0000\"}", "is not JSON");
    REFUSED("{\"a\":\"\xff\"}", "is not JSON");
    REFUSED("{\"\xc3\x28\":1}", "is not JSON");
    REFUSED("{\"a\":\"\xed\xa0\x80\"}", "is not JSON");
    REFUSED("{\"a\":\"\\ud800\"}", "is not JSON");
    REFUSED("{\"a\":1e99999}", "is not JSON");
    REFUSED("{\"a\":99999999999999999999}", "is not JSON");
}

static void a_file_cut_anywhere_is_refused(void)
{
    static const char *const files[] = { "etc/cluster.sample.json", "etc/node.sample.json" };
    for (size_t f = 0; f < COUNT(files); f++) {
        size_t size;
        char *text = fixture_read(files[f], &size);
        size_t end = size;
        while (end > 0 && text[end - 1] != '}')
            end--;
        size_t refusals = 0;
        const char *path = fixture_write_bytes("cluster.json", text, size, 0644);
        for (size_t cut = end; cut-- > 0;) {
            struct config_problems problems = { 0 };
            CU_ASSERT_EQUAL(truncate(path, (off_t)cut), 0);
            void *config = f == 0 ? (void *)config_load_cluster(path, &problems)
                : (void *)config_load_node(path, &problems);
            refusals += config == NULL && problems.errors == 1 && problems.items[0].text[0] != '\0';
            config_problems_free(&problems);
        }
        CU_ASSERT_EQUAL(refusals, end);
        CU_ASSERT_TRUE(end > 500);
        free(text);
    }
}

/* Any one byte changed to any other: refused or not, but never a crash and never a mute refusal. */
static void a_file_damaged_anywhere_is_survived(void)
{
    static const char bytes[] = "\"\\{}[]:,-09eEaZ \n\t\x01\x7f\xc3\xff.*/";
    size_t size;
    char *text = fixture_read("etc/cluster.sample.json", &size);
    unsigned seed = 20240229;
    size_t refusals = 0;
    const size_t rounds = 1500;
    for (size_t i = 0; i < rounds; i++) {
        size_t at = (size_t)rand_r(&seed) % size;
        char old = text[at];
        text[at] = bytes[(size_t)rand_r(&seed) % (sizeof bytes - 1)];
        struct config_problems problems;
        bool good = accepted(fixture_write_bytes("cluster.json", text, size, 0644), &problems);
        CU_ASSERT_TRUE(good || problems.count >= 2);
        refusals += !good;
        config_problems_free(&problems);
        text[at] = old;
    }
    CU_ASSERT_TRUE(refusals > rounds / 2);
    free(text);
}

static void floods_of_problems_are_bounded(void)
{
    char *text = calloc(1, FIXTURE_TEXT_MAX);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    size_t used = (size_t)snprintf(text, FIXTURE_TEXT_MAX, "{");
    for (int i = 0; i < 3000; i++)
        used += (size_t)snprintf(text + used, FIXTURE_TEXT_MAX - used, "%s\"k%d\":1", i == 0 ? "" : ",\n", i);
    used += (size_t)snprintf(text + used, FIXTURE_TEXT_MAX - used, "}");
    struct config_problems problems = { 0 };
    CU_ASSERT_PTR_NULL(config_load_cluster(fixture_write("cluster.json", text), &problems));
    CU_ASSERT_EQUAL(problems.count, CONFIG_MAX_PROBLEMS);
    CU_ASSERT_EQUAL(problems.count + problems.lost, problems.errors);
    CU_ASSERT_TRUE(problems.errors >= 3000);
    config_problems_free(&problems);
    /* The same key over and over. */
    used = (size_t)snprintf(text, FIXTURE_TEXT_MAX, "{");
    for (int i = 0; i < 5000; i++)
        used += (size_t)snprintf(text + used, FIXTURE_TEXT_MAX - used, "%s\"k\":1", i == 0 ? "" : ",");
    (void)snprintf(text + used, FIXTURE_TEXT_MAX - used, "}");
    CU_ASSERT_PTR_NULL(config_load_cluster(fixture_write("cluster.json", text), &problems));
    CU_ASSERT_EQUAL(problems.count, CONFIG_MAX_PROBLEMS);
    config_problems_free(&problems);
    free(text);
}

static void long_texts_are_cut_in_messages_and_refused(void)
{
    char *text = calloc(1, FIXTURE_TEXT_MAX);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    char *word = malloc(15001);
    CU_ASSERT_PTR_NOT_NULL_FATAL(word);
    memset(word, 'x', 15000);
    word[15000] = '\0';
    (void)snprintf(text, FIXTURE_TEXT_MAX, "{\"%s\":1,\"cluster\":\"%s\",\"voters\":[\"%s\"],\"services\":{\"%s\":{}}}", word, word,
                   word, word);
    struct config_problems problems = { 0 };
    CU_ASSERT_PTR_NULL(config_load_cluster(fixture_write("cluster.json", text), &problems));
    CU_ASSERT_TRUE(fixture_has(&problems, CONFIG_ERROR, "1: $.cluster: has 15000 characters; the most is 1024"));
    config_problems_free(&problems);
    free(word);
    free(text);
}

static void what_is_of_the_wrong_kind_everywhere_is_survived(void)
{
    /* Each value of the sample in turn replaced by one of each kind, by way of its own text. */
    static const char *const values[] = { "null", "true", "0", "\"\"", "[]", "{}", "[[]]", "{\"a\":{}}", "-1", "1.5" };
    static const char *const keys[] = { "\"cluster\": ", "\"voters\": ", "\"nodes\": ", "\"services\": ", "\"lease\": ",
                                        "\"ladder\": ", "\"fence\": ", "\"rpo\": ", "\"regions\": ", "\"guards\": ", "\"checks\": ",
                                        "\"type\": ", "\"expect\": ", "\"status\": ", "\"json\": ", "\"database\": ", "\"dns\": ",
                                        "\"zones\": ", "\"records\": ", "\"values\": ", "\"alias\": ", "\"weight\": ", "\"role\": ",
                                        "\"kind\": ", "\"set_identifier\": ", "\"credentials\": ", "\"source\": ", "\"hooks\": ",
                                        "\"after_open\": ", "\"name\": ", "\"fence_record\": ", "\"url\": ", "\"address\": ",
                                        "\"region\": ", "\"initial_writer\": ", "\"sslmode\": ", "\"kernel_allow\": " };
    size_t size;
    char *text = fixture_read("etc/cluster.sample.json", &size);
    for (size_t k = 0; k < COUNT(keys); k++)
        for (size_t v = 0; v < COUNT(values); v++) {
            char renamed[64];
            /* The old value stays, under a key that is refused, so that the text is still JSON. */
            (void)snprintf(renamed, sizeof renamed, "%s%s, \"zz\": ", keys[k], values[v]);
            char *changed = fixture_replace(text, keys[k], renamed);
            struct config_problems problems;
            CU_ASSERT_FALSE(accepted(fixture_write("cluster.json", changed), &problems));
            config_problems_free(&problems);
            free(changed);
        }
    free(text);
}

/* ---- files that are named ---------------------------------------------------------------- */

static int64_t stub_days;
static bool stub_good;

static bool stub_tls_check(const struct tls_config *files, const char *node_name, int64_t *days_left,
                           int64_t *ca_days_left, struct fault *fault)
{
    *days_left = stub_days;
    *ca_days_left = 3650;
    if (stub_good)
        return true;
    return fault_set(fault, "%s does not name %s", files->certificate, node_name);
}

/* Checks the fixture's cluster with a node whose files lie in the fixture's folder. */
static bool check_named(struct config_problems *problems)
{
    char text[1400];
    *problems = (struct config_problems){ 0 };
    char *one = fixture_replace(fixture_cluster, "\"a.example.com\", \"ca_file\": \"/ca\"",
                                "\"a.example.com\", \"password_file\": \"PASS\", \"sslmode\": \"disable\"");
    char *two = fixture_replace(one, "PASS", fixture_path("pass"));
    char *three = fixture_replace(two, "\"ca_file\": \"/ca\",", "\"sslmode\": \"disable\",");
    char *four = fixture_replace(three, "\"initial_writer\"", "\"hooks\": { \"after_open\": [\"PROG\"] },\n\"initial_writer\"");
    char *five = fixture_replace(four, "PROG", fixture_path("program"));
    char *six = fixture_replace(five, "[\"kernel\"]", "[\"kernel\", \"hook\"], \"hook\": { \"shut\": [\"PROG\"] }");
    char *seven = fixture_replace(six, "PROG", fixture_path("program"));
    struct cluster_config *cluster = config_load_cluster(fixture_write("cluster.json", seven), problems);
    (void)snprintf(text, sizeof text,
                   "{ \"name\": \"n1\",\n\"tls\": {\n\"ca\": \"%s/ca\",\n\"certificate\": \"%s/cert\",\n\"key\": \"%s/key\" },\n"
                   "\"state_dir\": \"%s\", \"journal\": \"%s/j\", \"audit\": \"%s/a\", \"control_socket\": \"%s/s\" }",
                   fixture_folder, fixture_folder, fixture_folder, fixture_folder, fixture_folder, fixture_folder,
                   fixture_folder);
    struct local_config *node = config_load_node(fixture_write("node.json", text), problems);
    CU_ASSERT_PTR_NOT_NULL(cluster);
    CU_ASSERT_PTR_NOT_NULL(node);
    config_problems_free(problems);
    bool good = cluster != NULL && node != NULL && config_check_named_files(cluster, node, stub_tls_check, problems);
    config_cluster_free(cluster);
    config_local_free(node);
    free(one);
    free(two);
    free(three);
    free(four);
    free(five);
    free(six);
    free(seven);
    return good;
}

static void write_good_files(void)
{
    stub_good = true;
    stub_days = 365;
    (void)fixture_write_bytes("ca", "x", 1, 0644);
    (void)fixture_write_bytes("cert", "x", 1, 0644);
    (void)fixture_write_bytes("key", "x", 1, 0600);
    (void)fixture_write_bytes("pass", "secret\n", 7, 0600);
    (void)fixture_write_bytes("program", "#!/bin/true\n", 12, 0755);
}

static void expect_named(bool good, enum config_severity severity, const char *wanted)
{
    struct config_problems problems;
    CU_ASSERT_EQUAL(check_named(&problems), good);
    bool told = wanted == NULL ? problems.count == 0 : fixture_has(&problems, severity, wanted);
    CU_ASSERT_TRUE(told);
    if (!told) {
        fprintf(stderr, "wanted %s, got:\n", wanted != NULL ? wanted : "nothing");
        fixture_show(&problems);
    }
    config_problems_free(&problems);
    write_good_files();
}

static void named_files_must_be_there_and_kept_secret(void)
{
    write_good_files();
    expect_named(true, CONFIG_ERROR, NULL);
    (void)chmod(fixture_path("key"), 0640);
    expect_named(false, CONFIG_ERROR, "5: $.tls.key: is open to its group (mode 0640); it is a secret: chmod 600");
    (void)chmod(fixture_path("key"), 0604);
    expect_named(false, CONFIG_ERROR, "5: $.tls.key: is open to everybody (mode 0604)");
    (void)chmod(fixture_path("key"), 0400);
    expect_named(true, CONFIG_ERROR, NULL);
    (void)unlink(fixture_path("key"));
    expect_named(false, CONFIG_ERROR, "5: $.tls.key: can't be read: No such file");
    (void)fixture_write_bytes("ca", "", 0, 0644);
    expect_named(false, CONFIG_ERROR, "3: $.tls.ca: is empty");
    (void)chmod(fixture_path("pass"), 0644);
    expect_named(false, CONFIG_ERROR, "26: $.services.web.regions.alpha.database.password_file: is open to everybody");
    (void)unlink(fixture_path("pass"));
    expect_named(false, CONFIG_ERROR, "26: $.services.web.regions.alpha.database.password_file: can't be read");
    (void)chmod(fixture_path("program"), 0644);
    expect_named(false, CONFIG_ERROR, "11: $.services.web.hooks.after_open[0]: is no program that this user can run");
    (void)chmod(fixture_path("program"), 0644);
    expect_named(false, CONFIG_ERROR, "15: $.services.web.fence.hook.shut[0]: is no program that this user can run");
    (void)unlink(fixture_path("program"));
    expect_named(false, CONFIG_ERROR, "15: $.services.web.fence.hook.shut[0]: is no program that this user can run");
    stub_good = false;
    expect_named(false, CONFIG_ERROR, "4: $.tls.certificate: does not name n1");
    stub_days = 29;
    expect_named(true, CONFIG_WARNING, "4: $.tls.certificate: ends in 29 days");
    stub_days = 30;
    expect_named(true, CONFIG_WARNING, NULL);
}

static void secrets_are_read_whole_or_not_at_all(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        mode_t mode;
        const char *wanted; /* NULL: refused */
    } cases[] = {
        { "secret\n", 7, 0600, "secret" },
        { "secret", 6, 0400, "secret" },
        { " s p ", 5, 0600, " s p " },
        { "fifteen-chars-x\n", 16, 0600, NULL }, /* with the line end it fills the buffer: too long */
        { "fourteen-chars\n", 15, 0600, "fourteen-chars" },
        { "secret\n", 7, 0640, NULL },
        { "secret\n", 7, 0604, NULL },
        { "", 0, 0600, NULL },
        { "\n", 1, 0600, NULL },
        { "two\nlines\n", 10, 0600, NULL },
        { "nul\0x", 5, 0600, NULL },
        { "much too long for it", 20, 0600, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[16] = "before";
        struct fault fault = { "" };
        const char *path = fixture_write_bytes("pass", cases[i].bytes, cases[i].size, cases[i].mode);
        bool good = config_read_secret(path, text, sizeof text, &fault);
        CU_ASSERT_EQUAL(good, cases[i].wanted != NULL);
        if (good)
            CU_ASSERT_STRING_EQUAL(text, cases[i].wanted);
        if (!good) {
            CU_ASSERT_PTR_NULL(strstr(fault.text, "secret\n"));
            CU_ASSERT_NOT_EQUAL(fault.text[0], '\0');
        }
    }
    char text[16];
    CU_ASSERT_FALSE(config_read_secret("/tmp", text, sizeof text, NULL));
    CU_ASSERT_FALSE(config_read_secret("/nowhere/at/all", text, sizeof text, NULL));
}

SUITE_MAIN("config, hostile files", TEST(what_is_no_file_is_refused), TEST(an_unreadable_file_is_refused),
           TEST(a_huge_file_is_refused), TEST(what_is_no_object_is_refused), TEST(a_file_cut_anywhere_is_refused),
           TEST(a_file_damaged_anywhere_is_survived), TEST(floods_of_problems_are_bounded),
           TEST(long_texts_are_cut_in_messages_and_refused), TEST(what_is_of_the_wrong_kind_everywhere_is_survived),
           TEST(named_files_must_be_there_and_kept_secret), TEST(secrets_are_read_whole_or_not_at_all))
