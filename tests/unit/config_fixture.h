/* What the suites about configuration share: a folder of their own, files in it, and a look into
 * the list of problems. They run from the repository's root, where etc/ lies.
 */
#ifndef FAILOVERD_TESTS_CONFIG_FIXTURE_H
#define FAILOVERD_TESTS_CONFIG_FIXTURE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/config/config.h"

#define FIXTURE_PATH_MAX 160
#define FIXTURE_TEXT_MAX 65536

/* A small good cluster file. The rules' tests change single texts of it and look at the lines, so
 * the lines stay as they are. */
static const char fixture_cluster[] =
    "{\n"                                                                                         /* 1 */
    "  \"cluster\": \"test\",\n"                                                                  /* 2 */
    "  \"voters\": [\"n1\", \"n2\",\n"                                                            /* 3 */
    "    \"n3\"],\n"                                                                              /* 4 */
    "  \"nodes\": {\n"                                                                            /* 5 */
    "    \"n3\": { \"region\": \"gamma\", \"address\": \"203.0.113.1:7400\" },\n"                 /* 6 */
    "    \"n1\": { \"region\": \"alpha\", \"address\": \"192.0.2.1:7400\" },\n"                   /* 7 */
    "    \"n2\": { \"region\": \"beta\", \"address\": \"198.51.100.1:7400\" }\n"                  /* 8 */
    "  },\n"                                                                                      /* 9 */
    "  \"services\": { \"web\": {\n"                                                              /* 10 */
    "    \"initial_writer\": \"alpha\",\n"                                                        /* 11 */
    "    \"lease\": { \"duration\": \"10s\",\n"                                                   /* 12 */
    "      \"renew_every\": \"2s\", \"fence_budget\": \"2s\" },\n"                                /* 13 */
    "    \"fence\": { \"ladder\": [\"kernel\"] },\n"                                              /* 14 */
    "    \"regions\": {\n"                                                                        /* 15 */
    "      \"beta\": { \"guards\": [\"n2\"],\n"                                                   /* 16 */
    "        \"checks\": { \"db\": { \"type\": \"postgres\" } },\n"                               /* 17 */
    "        \"database\": { \"host\": \"b.example.com\", \"ca_file\": \"/ca\",\n"                /* 18 */
    "          \"kernel_allow\": [\"192.0.2.9\"], \"replication_conninfo\": \"host=b\" } },\n"    /* 19 */
    "      \"alpha\": { \"guards\": [\"n1\"],\n"                                                  /* 20 */
    "        \"checks\": {\n"                                                                     /* 21 */
    "          \"health\": { \"type\": \"http\", \"url\": \"http://192.0.2.2/\",\n"               /* 22 */
    "            \"interval\": \"5s\", \"timeouts\": { \"total\": \"4s\" } },\n"                  /* 23 */
    "          \"db\": { \"type\": \"postgres\" } },\n"                                           /* 24 */
    "        \"database\": { \"host\": \"a.example.com\", \"ca_file\": \"/ca\",\n"                /* 25 */
    "          \"kernel_allow\": [\"198.51.100.9\"], \"replication_conninfo\": \"host=a\" } }\n"  /* 26 */
    "    },\n"                                                                                    /* 27 */
    "    \"dns\": { \"verify_endpoints\": [\"http://web.example.com/\"], \"zones\": [\n"          /* 28 */
    "      { \"id\": \"Z1\", \"name\": \"example.com\", \"fence_record\": \"_f.example.com\",\n"  /* 29 */
    "        \"records\": [\n"                                                                    /* 30 */
    "          { \"name\": \"web.example.com\", \"type\": \"A\", \"ttl\": 60,\n"                  /* 31 */
    "            \"values\": { \"alpha\": [\"192.0.2.2\"],\n"                                     /* 32 */
    "              \"beta\": [\"198.51.100.2\"] } }\n"                                            /* 33 */
    "        ] } ] }\n"                                                                           /* 34 */
    "  } }\n"                                                                                     /* 35 */
    "}\n";                                                                                        /* 36 */

static char fixture_folder[FIXTURE_PATH_MAX];

static inline void fixture_remove(void)
{
    /* Only files that the fixture made lie in it. */
    static const char *const names[] = { "cluster.json", "node.json", "ca", "cert", "key", "pass", "out", "fifo", "program" };
    char path[FIXTURE_PATH_MAX + 16];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", fixture_folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(fixture_folder);
}

/* The path of `name` in the suite's own folder. Valid until the fourth next call. */
static inline const char *fixture_path(const char *name)
{
    static char paths[4][FIXTURE_PATH_MAX + 32];
    static size_t next;
    if (fixture_folder[0] == '\0') {
        (void)snprintf(fixture_folder, sizeof fixture_folder, "/tmp/failoverd-config-XXXXXX");
        if (mkdtemp(fixture_folder) == NULL)
            abort();
        (void)atexit(fixture_remove);
    }
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", fixture_folder, name);
    return path;
}

static inline const char *fixture_write_bytes(const char *name, const void *bytes, size_t size, mode_t mode)
{
    const char *path = fixture_path(name);
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0 || chmod(path, mode) != 0)
        abort();
    return path;
}

static inline const char *fixture_write(const char *name, const char *text)
{
    return fixture_write_bytes(name, text, strlen(text), 0644);
}

/* `text` with the first `from` replaced by `to`. The caller frees it. */
static inline char *fixture_replace(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *result = malloc(strlen(text) + strlen(to) + 1);
    if (at == NULL || result == NULL) {
        fprintf(stderr, "the fixture has no %s\n", from);
        abort();
    }
    size_t head = (size_t)(at - text);
    const char *tail = at + strlen(from);
    memcpy(result, text, head);
    memcpy(result + head, to, strlen(to));
    memcpy(result + head + strlen(to), tail, strlen(tail) + 1);
    return result;
}

/* A whole file. The caller frees it. */
static inline char *fixture_read(const char *path, size_t *size)
{
    char *text = calloc(1, FIXTURE_TEXT_MAX);
    FILE *file = fopen(path, "r");
    if (text == NULL || file == NULL)
        abort();
    *size = fread(text, 1, FIXTURE_TEXT_MAX - 1, file);
    if (fclose(file) != 0)
        abort();
    return text;
}

/* Whether one of the problems reads "severity line: path: ...fragment...". `wanted` is
 * "12: $.voters[0]: fragment"; the path and the line must be exactly those. */
static inline bool fixture_has(const struct config_problems *problems, enum config_severity severity,
                               const char *wanted)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->items[i];
        char head[320];
        (void)snprintf(head, sizeof head, "%zu: %s: ", problem->line, problem->path);
        if (problem->severity == severity && strncmp(wanted, head, strlen(head)) == 0 &&
            strstr(problem->text, wanted + strlen(head)) != NULL)
            return true;
    }
    return false;
}

static inline void fixture_show(const struct config_problems *problems)
{
    char text[1200];
    for (size_t i = 0; i < problems->count; i++) {
        config_problem_text(&problems->items[i], text, sizeof text);
        fprintf(stderr, "    %s %s\n", problems->items[i].severity == CONFIG_ERROR ? "error" : "warning", text);
    }
}

#endif
