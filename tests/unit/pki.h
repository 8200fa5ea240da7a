/* Throw-away certificates for unit suites, made by tests/pki/make-ca.sh (run from the repo's root). */
#ifndef FAILOVERD_TESTS_PKI_H
#define FAILOVERD_TESTS_PKI_H

#include <dirent.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/peer/tls.h"

#define PKI_NODES_MAX 24

extern char **environ;

static char pki_folder[64];

/* "FOLDER/NAME"; good until eight further calls. */
static inline const char *pki_path(const char *name)
{
    static char paths[8][384];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", pki_folder, name);
    return path;
}

/* Runs the script with the words (NAME or NAME:KIND, ended by NULL). */
static inline bool pki_run(const char *folder, char *const words[])
{
    char *argv[PKI_NODES_MAX + 3] = { "tests/pki/make-ca.sh", (char *)folder };
    int status = -1;
    pid_t pid;
    for (size_t i = 0; i < PKI_NODES_MAX && words[i] != NULL; i++)
        argv[i + 2] = words[i];
    if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid)
        return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static inline void pki_remove(void)
{
    DIR *folder = opendir(pki_folder);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlink(pki_path(entry->d_name));
    if (folder != NULL)
        closedir(folder);
    (void)rmdir(pki_folder);
}

/* Once per binary, on first use; removed at exit. */
static inline void pki_need(char *const words[])
{
    if (pki_folder[0] != '\0')
        return;
    (void)snprintf(pki_folder, sizeof pki_folder, "/tmp/failoverd-pki-XXXXXX");
    if (mkdtemp(pki_folder) == NULL || !pki_run(pki_folder, words)) {
        fprintf(stderr, "no certificates: tests/pki/make-ca.sh failed\n");
        abort();
    }
    atexit(pki_remove);
}

/* The files of a node, or of NAME-KIND. */
static inline struct tls_files pki_files(const char *name)
{
    char file[80];
    struct tls_files files = { .ca = pki_path("ca.pem") };
    (void)snprintf(file, sizeof file, "%s.pem", name);
    files.certificate = pki_path(file);
    (void)snprintf(file, sizeof file, "%s.key", name);
    files.key = pki_path(file);
    return files;
}

#endif
