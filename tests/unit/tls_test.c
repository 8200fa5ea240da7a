/* Certificates and keys that are good, and every way in which they are not. */
#include "coordinator/peer/tls.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/pki.h"
#include "tests/unit/suite.h"

static char *const nodes[] = { "a", "b", "a:expired", "a:future", "a:other-ca", "a:self", "a:cn-only", "a:two-names",
                               "a:wildcard", "a:server", NULL };
static struct fault fault;

static void refused(struct tls_files files, const char *node, const char *word)
{
    fault.text[0] = '\0';
    CU_ASSERT_FALSE(tls_check_files(&files, node, NULL, &fault));
    if (strstr(fault.text, word) == NULL)
        printf("  wanted \"%s\" in: %s\n", word, fault.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, word));
    /* The daemon judges as the check does. */
    CU_ASSERT_PTR_NULL(tls_context_new(&files, node, &fault));
}

static const char *spill(const char *name, const char *text, mode_t mode)
{
    const char *path = pki_path(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static void good_files_say_how_long(void)
{
    pki_need(nodes);
    struct tls_files files = pki_files("a");
    struct tls_expiry expiry;
    bool ok = tls_check_files(&files, "a", &expiry, &fault);
    CU_ASSERT_FATAL(ok);
    CU_ASSERT(expiry.days_left == 364 || expiry.days_left == 365);
    CU_ASSERT(expiry.ca_days_left > 3600);
    CU_ASSERT_EQUAL(strlen(expiry.not_after), 20);
    struct tls_context *context = tls_context_new(&files, "a", &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(context);
    struct tls_expiry loaded;
    tls_context_expiry(context, &loaded);
    CU_ASSERT_STRING_EQUAL(loaded.not_after, expiry.not_after);
    tls_context_free(context);
}

static void names_have_to_be_the_node(void)
{
    pki_need(nodes);
    refused(pki_files("a"), "b", "certificate of node a, and this is node b");
    refused(pki_files("a-cn-only"), "a", "no dNSName");
    refused(pki_files("a-two-names"), "a", "2 dNSNames (a, a-b)");
    refused(pki_files("a-wildcard"), "a", "(*.a) is not the name of a node");
}

static void dates_and_authorities_count(void)
{
    pki_need(nodes);
    refused(pki_files("a-expired"), "a", "expired on 20");
    refused(pki_files("a-future"), "a", "not valid before 20");
    refused(pki_files("a-other-ca"), "a", "not signed by the authority");
    refused(pki_files("a-self"), "a", "not signed by the authority");
    refused(pki_files("a-server"), "a", "client side");
}

static void keys_belong_and_are_private(void)
{
    pki_need(nodes);
    struct tls_files files = pki_files("a");
    files.key = pki_path("b.key");
    refused(files, "a", "doesn't belong");
    files = pki_files("a");
    CU_ASSERT_EQUAL(chmod(files.key, 0644), 0);
    refused(files, "a", "mode 0644");
    CU_ASSERT_EQUAL(chmod(files.key, 0640), 0);
    CU_ASSERT(tls_check_files(&files, "a", NULL, &fault));
    CU_ASSERT_EQUAL(chmod(files.key, 0600), 0);
}

static void files_that_are_none(void)
{
    pki_need(nodes);
    struct tls_files files = pki_files("a");
    files.ca = pki_path("absent.pem");
    refused(files, "a", "absent.pem can't be opened: No such file");
    files = pki_files("a");
    files.certificate = pki_folder;
    refused(files, "a", "is not a file");
    files = pki_files("a");
    files.certificate = spill("junk.pem", "certificate, honestly\n", 0600);
    refused(files, "a", "no certificates in PEM form");
    files.certificate = spill("junk.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0600);
    refused(files, "a", "junk.pem");
    files = pki_files("a");
    files.ca = spill("empty.pem", "", 0600);
    refused(files, "a", "empty.pem");
    files = pki_files("a");
    files.key = pki_path("a.pem");
    refused(files, "a", "no unencrypted private key");
    static char big[TLS_FILE_MAX + 2];
    memset(big, 'x', sizeof big - 1);
    files = pki_files("a");
    files.ca = spill("big.pem", big, 0600);
    refused(files, "a", "at most");
}

/* A good certificate followed by a damaged one is a damaged file. */
static void damaged_tail_is_noticed(void)
{
    pki_need(nodes);
    char text[16384];
    int fd = open(pki_path("ca.pem"), O_RDONLY);
    ssize_t length = read(fd, text, sizeof text - 128);
    close(fd);
    CU_ASSERT_FATAL(length > 0);
    (void)snprintf(text + length, 128, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    struct tls_files files = pki_files("a");
    files.ca = spill("tail.pem", text, 0600);
    refused(files, "a", "damaged");
}

SUITE_MAIN("tls", TEST(good_files_say_how_long), TEST(names_have_to_be_the_node), TEST(dates_and_authorities_count),
           TEST(keys_belong_and_are_private), TEST(files_that_are_none), TEST(damaged_tail_is_noticed))
