/* What is wrong with a command line: see failoverctl_wrong.h. */
#include "coordinator/operator/failoverctl_wrong.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/config/values.h"

#define LIST_HINT "failoverctl help lists the commands."
#define TEXT_MAX 1024
#define OPTIONS_MAX 64
#define WORDS_MAX 128
#define BEGUN_LEAST 2  /* letters of a command's name that tell something */
#define SLIPS_SHARE 6  /* one slip, and one more for so many letters */
#define LONG_FROM 256 /* from here on getopt's values are those of long options */

static enum exit_code tell(const struct ctl_settings *settings, const char *text, const char *what, const char *todo)
{
    char words[TEXT_MAX];
    struct text out = TEXT_OF(words);
    text_appendf(&out, "%s%s%s", text, what != NULL ? ": " : "", what != NULL ? what : "");
    return ctl_refuse(settings, "usage", EXIT_USAGE, words, todo);
}

enum exit_code wrong_line(const struct ctl_settings *settings, const char *text, const char *what)
{
    return tell(settings, text, what, LIST_HINT);
}

enum exit_code wrong_use(const struct ctl_settings *settings, const char *name, const char *text, const char *what)
{
    char *todo = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&todo, &size);
    if (stream == NULL)
        return wrong_line(settings, text, what);
    if (command_print_usage(stream, name))
        fprintf(stream, "failoverctl help %s says more.", name);
    else
        fputs(LIST_HINT, stream);
    bool whole = fclose(stream) == 0;
    enum exit_code code = tell(settings, text, what, whole ? todo : LIST_HINT);
    free(todo);
    return code;
}

enum exit_code wrong_empty(const struct ctl_settings *settings)
{
    return tell(settings, "what is to be done? These change nothing:", NULL,
                "  failoverctl status           what is going on\n"
                "  failoverctl explain SERVICE  why it has (not) failed over, and what would make it\n"
                "  failoverctl help             all commands");
}

/* ---- commands ---------------------------------------------------------------------------------- */

static bool begins_several(const char *word)
{
    size_t length = strlen(word);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        const char *name = command_row((enum command_id)i)->name;
        if (strncmp(name, word, length) == 0 && name[length] == ' ')
            return true;
    }
    return false;
}

/* The second of its two words is all that was typed: "tick". */
static bool ends_with(const char *name, const char *word)
{
    const char *second = strchr(name, ' ');
    return second != NULL && strcmp(second + 1, word) == 0;
}

/* Commands that `wrong` may have been meant for: those that it begins or ends, else a slip of the keys. */
static size_t meant(const char *wrong, const char *found[COMMAND_COUNT])
{
    const char *names[COMMAND_COUNT];
    size_t length = strlen(wrong);
    size_t count = 0;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        names[i] = command_row((enum command_id)i)->name;
        if ((length >= BEGUN_LEAST && strncmp(names[i], wrong, length) == 0) || ends_with(names[i], wrong))
            found[count++] = names[i];
    }
    if (count > 0)
        return count;
    found[0] = value_nearest(wrong, names, COMMAND_COUNT);
    return found[0] != NULL && value_distance(wrong, found[0]) <= 1 + length / SLIPS_SHARE;
}

static void lowered(struct text *out, const char *word)
{
    for (; *word != '\0'; word++)
        text_appendf(out, "%c", *word >= 'A' && *word <= 'Z' ? *word - 'A' + 'a' : *word);
}

/* Those that a word may have been meant for, and how each is used. */
static enum exit_code tell_meant(const struct ctl_settings *settings, const char *wrong, const char *const *found,
                                 size_t count)
{
    char todo[COMMAND_COUNT * WORDS_MAX];
    struct text text = TEXT_OF(todo);
    for (size_t i = 0; i < count; i++)
        text_appendf(&text, "  failoverctl %s %s\n", found[i], command_find(found[i])->arguments);
    text_append(&text, LIST_HINT);
    char words[TEXT_MAX];
    struct text line = TEXT_OF(words);
    text_appendf(&line, "there is no such command: %s. Meant may be:", wrong);
    return tell(settings, words, NULL, todo);
}

enum exit_code wrong_command(const struct ctl_settings *settings, char *const *words, size_t count)
{
    char both[WORDS_MAX];
    struct text text = TEXT_OF(both);
    bool several = begins_several(words[0]);
    text_append(&text, "");
    lowered(&text, words[0]);
    if (several && count == 1)
        return wrong_use(settings, words[0], "a second word is missing after", words[0]);
    if (several) {
        text_append(&text, " ");
        lowered(&text, words[1]);
    }
    const char *found[COMMAND_COUNT];
    size_t found_count = text.cut ? 0 : meant(both, found);
    if (found_count == 0)
        return wrong_use(settings, words[0], "there is no such command", several ? both : words[0]);
    char typed[2 * WORDS_MAX];
    struct text wrong = TEXT_OF(typed);
    text_appendf(&wrong, "%s%s%s", words[0], several ? " " : "", several ? words[1] : "");
    return tell_meant(settings, typed, found, found_count);
}

/* ---- options ----------------------------------------------------------------------------------- */

/* What would be right, of each option whose value failoverctl itself reads. */
static const struct { const char *option, *right; } values[] = {
    { "timeout", "seconds, 1 to 3600" },
    { "accept-loss", "BYTES (4096, 16MiB) or a time (90s, 10m), each at most once" },
    { "wait", "a time such as 60s or 5m, at most 7 days" },
    { "limit", "a number" },
    { "since", "a number of events up to 1000, an age (10m, 2h) or a time in UTC (2026-11-21T10:17)" },
    { "interval", "a time from 100ms to 1h" },
    { "at", "a time in UTC: 02:30 (today or tomorrow), or with the date 2026-11-22T02:30Z" },
    { "shift", "percents that go up, the last 100, such as 10,50,100" },
    { "hold", "a time such as 90s or 5m" },
    { "for", "a time such as 30m or 8h, from 1s to 7 days (168h)" },
};

enum exit_code wrong_value(const struct ctl_settings *settings, const struct command *command, const char *option,
                           const char *value)
{
    char words[512];
    struct text text = TEXT_OF(words);
    text_appendf(&text, "--%s %s: the value is wrong", option, value);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (strcmp(values[i].option, option) == 0)
            text_appendf(&text, "; it takes %s", values[i].right);
    return command != NULL ? wrong_use(settings, command->name, words, NULL) : wrong_line(settings, words, NULL);
}

static const char *name_of(const struct option *options, int value)
{
    for (; options->name != NULL; options++)
        if (options->val == value)
            return options->name;
    return "?";
}

enum exit_code wrong_option(const struct ctl_settings *settings, const struct option *options, int answer, int value,
                            const char *word)
{
    const char *names[OPTIONS_MAX];
    size_t count = 0;
    char words[256];
    struct text text = TEXT_OF(words);
    if (value >= LONG_FROM) {
        text_appendf(&text, answer == ':' ? "--%s needs a value behind it" : "--%s takes no value", name_of(options, value));
        return wrong_line(settings, words, NULL);
    }
    if (value != 0) {
        text_appendf(&text, "there is no option -%c", value);
        return wrong_line(settings, words, NULL);
    }
    for (size_t i = 0; options[i].name != NULL && count < OPTIONS_MAX; i++)
        names[count++] = options[i].name;
    const char *bare = strncmp(word, "--", 2) == 0 ? word + 2 : word;
    const char *near = value_nearest(bare, names, count);
    text_appendf(&text, "there is no option %.64s", word);
    if (near != NULL)
        text_appendf(&text, "; is --%s meant?", near);
    return wrong_line(settings, words, NULL);
}

/* ---- what is missing --------------------------------------------------------------------------- */

/* How people write what the protocol calls so. */
static const struct { const char *key, *word; } written[] = {
    { "service", "SERVICE" },         { "operation", "ID" },         { "incident", "ID" },
    { "item", "ITEM" },               { "node", "NODE" },            { "check", "CHECK" },
    { "channel", "CHANNEL" },         { "to", "--to REGION" },       { "keep", "--keep REGION" },
    { "reason", "--reason TEXT: it is kept with your name" },
};

enum exit_code wrong_place(const struct ctl_settings *settings, const struct command *command, const char *option)
{
    char words[128];
    struct text text = TEXT_OF(words);
    text_appendf(&text, "%s takes no --%s", command->name, option);
    return wrong_use(settings, command->name, words, NULL);
}

enum exit_code wrong_without(const struct ctl_settings *settings, const struct command *command, const char *key)
{
    char words[256];
    struct text text = TEXT_OF(words);
    const char *word = key;
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++)
        if (strcmp(written[i].key, key) == 0)
            word = written[i].word;
    if (command->id == COMMAND_PLAN && strcmp(key, "operation") == 0)
        word = "failover, switchover or failback, and SERVICE";
    text_appendf(&text, "%s needs %s", command->name, word);
    return wrong_use(settings, command->name, words, NULL);
}
