/* Why a connect failed: see pg_trouble.h. libpq gives no code for it, only words. */
#include "coordinator/base/pg_trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/text.h"

/* One line out of libpq's, without its LOCATION and the like. */
void pg_message_tidy(char *out, size_t size, const char *message)
{
    struct text text = text_over(out, size);
    size_t end = strcspn(message, "\n");
    text_append_bytes(&text, message, end);
    for (char *c = out; *c != '\0'; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
}

/* libpq tells only a text of a failed login. Asked to be verbose it puts the server's SQLSTATE into
 * it, as "FATAL:  28P01: ...", whatever the server's language is. Finds it and cuts it out. */
bool pg_sqlstate_find(char *message, char *sqlstate)
{
    for (char *at = strstr(message, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        const char *code = at + 3;
        size_t length = strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (length != PG_SQLSTATE_LENGTH || code[length] != ':' || code[length + 1] != ' ')
            continue;
        memcpy(sqlstate, code, PG_SQLSTATE_LENGTH);
        sqlstate[PG_SQLSTATE_LENGTH] = '\0';
        memmove(at + 2, code + length + 1, strlen(code + length + 1) + 1);
        return true;
    }
    return false;
}

/* Ours to blame? libpq keeps errno to itself, but its text carries the system's own words, and a
 * descriptor can be tried for. */
static bool is_observers_fault(const char *message)
{
    static const int errors[] = { EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL };
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        char text[128];
        if (strstr(message, strerror_r(errors[i], text, sizeof text)) != NULL)
            return true;
    }
    return strstr(message, "out of memory") != NULL;
}

bool pg_descriptor_is_free(void)
{
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return errno != EMFILE && errno != ENFILE;
    (void)close(fd);
    return true;
}

enum pg_outcome pg_login_outcome(const char *sqlstate)
{
    if (memcmp(sqlstate, "28", 2) == 0 || strcmp(sqlstate, "3D000") == 0 || strcmp(sqlstate, "42501") == 0)
        return PG_AUTH;
    if (strcmp(sqlstate, "57P03") == 0 || strcmp(sqlstate, "57P01") == 0 || strcmp(sqlstate, "57P02") == 0)
        return PG_NOT_NOW;
    if (strcmp(sqlstate, "53300") == 0)
        return PG_FULL;
    return PG_REFUSED;
}

/* What a failed connect comes to when the server said nothing that has a code. Past the transport, what
 * breaks is either the connection or the agreement on who is who. */
enum pg_outcome pg_silent_outcome(bool connected, const char *message)
{
    static const char *const agreement[] = {
        "password", "certificate", "SSL", "authentication", "SCRAM", "sslmode", "root.crt",
    };
    static const char *const broken[] = {
        "server closed the connection", "could not receive data", "could not send data", "timeout expired",
        "SSL SYSCALL error", "Connection reset", "unexpectedly",
    };
    if (is_observers_fault(message) || !pg_descriptor_is_free())
        return PG_OBSERVER;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        if (strstr(message, broken[i]) != NULL)
            return PG_UNREACHABLE;
    if (!connected && strstr(message, "sslmode") == NULL && strstr(message, "certificate file") == NULL)
        return PG_UNREACHABLE;
    for (size_t i = 0; i < sizeof agreement / sizeof agreement[0]; i++)
        if (strstr(message, agreement[i]) != NULL)
            return PG_AUTH;
    return PG_UNREACHABLE;
}

