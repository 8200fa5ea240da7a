/* synchronous_standby_names: see sync_names.h. */
#include "coordinator/database/sync_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "coordinator/base/text.h"

#define SERVICE_PART_MAX 32
#define SERVICE_KEPT 23

/* ---- tokens ------------------------------------------------------------------------------ */

enum token { TOKEN_END, TOKEN_NAME, TOKEN_NUMBER, TOKEN_MARK, TOKEN_BAD };

struct scanner {
    const char *at;
    char text[SYNC_NAME_MAX]; /* of the last token; of a mark, the character */
    bool quoted;
};

static bool begins_name(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static enum token quoted_next(struct scanner *scanner)
{
    struct text text = TEXT_OF(scanner->text);
    scanner->quoted = true;
    for (scanner->at++; *scanner->at != '\0'; scanner->at++) {
        if (*scanner->at == '"' && scanner->at[1] != '"') {
            scanner->at++;
            return text.cut || text.length == 0 ? TOKEN_BAD : TOKEN_NAME;
        }
        if (*scanner->at == '"')
            scanner->at++;
        text_append_char(&text, *scanner->at);
    }
    return TOKEN_BAD;
}

static enum token token_next(struct scanner *scanner)
{
    scanner->quoted = false;
    scanner->at += strspn(scanner->at, " \t\n\r\f\v");
    unsigned char c = (unsigned char)*scanner->at;
    if (c == '\0')
        return TOKEN_END;
    if (c == '"')
        return quoted_next(scanner);
    struct text text = TEXT_OF(scanner->text);
    bool number = is_digit(c);
    if (!number && !begins_name(c)) {
        text_append_char(&text, (char)c);
        scanner->at++;
        return strchr(",()", c) != NULL ? TOKEN_MARK : c == '*' ? TOKEN_NAME : TOKEN_BAD;
    }
    while (is_digit((unsigned char)*scanner->at) ||
           (!number && (begins_name((unsigned char)*scanner->at) || *scanner->at == '$')))
        text_append_char(&text, *scanner->at++);
    return text.cut ? TOKEN_BAD : number ? TOKEN_NUMBER : TOKEN_NAME;
}

/* ---- parsing ----------------------------------------------------------------------------- */

static bool is_mark(const struct scanner *scanner, enum token token, char mark)
{
    return token == TOKEN_MARK && scanner->text[0] == mark;
}

/* names separated by commas, the first of which is in the scanner; true when `close` ends them. */
static bool list_parse(struct scanner *scanner, enum token token, bool in_brackets, struct sync_names *out)
{
    for (;;) {
        if ((token != TOKEN_NAME && token != TOKEN_NUMBER) || out->count == SYNC_NAMES_MAX)
            return false;
        (void)text_copy(out->names[out->count++], SYNC_NAME_MAX, scanner->text);
        token = token_next(scanner);
        if (in_brackets && is_mark(scanner, token, ')'))
            return token_next(scanner) == TOKEN_END;
        if (!in_brackets && token == TOKEN_END)
            return true;
        if (!is_mark(scanner, token, ','))
            return false;
        token = token_next(scanner);
    }
}

static bool setting_parse(const char *text, struct sync_names *out)
{
    struct scanner scanner = { .at = text };
    enum token token = token_next(&scanner);
    if (token == TOKEN_END)
        return true;
    bool method = token == TOKEN_NAME && !scanner.quoted &&
                  (strcasecmp(scanner.text, "first") == 0 || strcasecmp(scanner.text, "any") == 0);
    if (method)
        token = token_next(&scanner);
    if (method && token != TOKEN_NUMBER)
        return false;
    struct scanner ahead = scanner;
    if (token == TOKEN_NUMBER && is_mark(&ahead, token_next(&ahead), '(')) {
        unsigned long long need = 0;
        if (!text_parse_u64(scanner.text, INT32_MAX, &need) || need == 0)
            return false;
        out->need = (size_t)need;
        token = token_next(&ahead);
        return list_parse(&ahead, token, true, out);
    }
    out->need = 1;
    return !method && list_parse(&scanner, token, false, out);
}

bool sync_names_parse(const char *text, struct sync_names *out, struct fault *fault)
{
    *out = (struct sync_names){ 0 };
    return setting_parse(text, out) ||
           fault_set(fault, "synchronous_standby_names is \"%.120s\", which is not understood here (at most %d names "
                            "of %d bytes)", text, SYNC_NAMES_MAX, SYNC_NAME_MAX - 1);
}

/* ---- our name ---------------------------------------------------------------------------- */

static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a: against accidents only */
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

void sync_mark_prefix(char out[SYNC_NAME_MAX], const char *service)
{
    if (strlen(service) <= SERVICE_PART_MAX)
        (void)snprintf(out, SYNC_NAME_MAX, "failoverd_%.*s_", SERVICE_PART_MAX, service);
    else
        (void)snprintf(out, SYNC_NAME_MAX, "failoverd_%.*s_%08" PRIx32 "_", SERVICE_KEPT, service, hash_of(service));
}

void sync_mark_make(char out[SYNC_NAME_MAX], const char *service, bool by_alter_system, uint64_t random)
{
    char prefix[SYNC_NAME_MAX];
    sync_mark_prefix(prefix, service);
    struct text text = text_over(out, SYNC_NAME_MAX);
    text_appendf(&text, "%s%c%012" PRIx64, prefix, by_alter_system ? 'a' : 'f', random >> 16);
}

static bool is_ours(const char *name, const char *service)
{
    char prefix[SYNC_NAME_MAX];
    sync_mark_prefix(prefix, service);
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) != 0)
        return false;
    const char *rest = name + length;
    return (rest[0] == 'a' || rest[0] == 'f') && strlen(rest) == 1 + SYNC_MARK_DIGITS &&
           strspn(rest + 1, "0123456789abcdef") == SYNC_MARK_DIGITS;
}

bool sync_names_strip(struct sync_names *names, const char *service, struct sync_mark *mark, struct fault *fault)
{
    *mark = (struct sync_mark){ .present = false };
    size_t kept = 0, taken = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (!is_ours(names->names[i], service)) {
            if (kept != i)
                memcpy(names->names[kept], names->names[i], SYNC_NAME_MAX);
            kept++;
            continue;
        }
        taken++;
        mark->present = true;
        (void)text_copy(mark->name, sizeof mark->name, names->names[i]);
        mark->by_alter_system = mark->name[strlen(mark->name) - 1 - SYNC_MARK_DIGITS] == 'a';
    }
    names->count = kept;
    if (taken == 0)
        return true;
    if (taken == 1 && names->need == kept + 1) {
        names->need = kept;
        return true;
    }
    return fault_set(fault, "synchronous_standby_names holds the commit lease's name, but somebody edited around it: set "
                            "it as it should be without %s, and the commit lease adds itself", mark->name);
}

/* ---- writing ----------------------------------------------------------------------------- */

static void name_append(struct text *text, const char *name)
{
    text_append_char(text, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            text_append_char(text, '"');
        text_append_char(text, *name);
    }
    text_append_char(text, '"');
}

bool sync_names_text(const struct sync_names *names, char *out, size_t size)
{
    struct text text = text_over(out, size);
    if (names->count == 0)
        return true;
    text_appendf(&text, "FIRST %zu (", names->need);
    for (size_t i = 0; i < names->count; i++) {
        text_append(&text, i > 0 ? ", " : "");
        name_append(&text, names->names[i]);
    }
    text_append_char(&text, ')');
    return !text.cut;
}

bool sync_names_combine(const struct sync_names *theirs, const char *ours, char *out, size_t size,
                        struct fault *fault)
{
    struct sync_names all = { .need = theirs->count + 1, .count = 1 };
    (void)text_copy(all.names[0], SYNC_NAME_MAX, ours);
    for (size_t i = 0; i < theirs->count; i++) {
        if (strcmp(theirs->names[i], "*") == 0)
            return fault_set(fault, "synchronous_standby_names has \"*\", which any standby satisfies in place of the commit "
                                    "lease: name the standbys that have to acknowledge");
        if (all.count == SYNC_NAMES_MAX)
            return fault_set(fault, "synchronous_standby_names has no room for the commit lease: %d names are the most",
                             SYNC_NAMES_MAX - 1);
        memcpy(all.names[all.count++], theirs->names[i], SYNC_NAME_MAX);
    }
    if (theirs->need != theirs->count)
        return fault_set(fault, "synchronous_standby_names asks for %zu of %zu standbys, which can't be combined with the "
                                "commit lease: the others could acknowledge without it. Name as many as have to "
                                "acknowledge, such as FIRST 1 (one)", theirs->need, theirs->count);
    return sync_names_text(&all, out, size) || fault_set(fault, "synchronous_standby_names would become too long");
}
