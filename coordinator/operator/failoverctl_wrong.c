/* What is wrong with a command line: see failoverctl_wrong.h. */
#include "coordinator/operator/failoverctl_wrong.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/config/values.h"

#define OPTIONS_MAX 64
#define WORDS_MAX 128
#define BEGUN_LEAST 2  /* letters of a command's name that tell something */
#define SLIPS_SHARE 6  /* one slip, and one more for so many letters */
#define LONG_FROM 256 /* from here on getopt's values are those of long options */

enum exit_code wrong_line(const char *text, const char *what)
{
    fprintf(stderr, "failoverctl: %s%s%s\n", text, what != NULL ? ": " : "", what != NULL ? what : "");
    fputs("failoverctl help lists the commands.\n", stderr);
    return EXIT_USAGE;
}

enum exit_code wrong_use(const char *name, const char *text, const char *what)
{
    fprintf(stderr, "failoverctl: %s%s%s\n", text, what != NULL ? ": " : "", what != NULL ? what : "");
    if (command_print_usage(stderr, name))
        fprintf(stderr, "failoverctl help %s says more.\n", name);
    else
        fputs("failoverctl help lists the commands.\n", stderr);
    return EXIT_USAGE;
}

enum exit_code wrong_empty(void)
{
    fputs("failoverctl: what is to be done? These change nothing:\n"
          "  failoverctl status           what is going on\n"
          "  failoverctl explain SERVICE  why it has (not) failed over, and what would make it\n"
          "  failoverctl help             all commands\n", stderr);
    return EXIT_USAGE;
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

enum exit_code wrong_command(char *const *words, size_t count)
{
    char both[WORDS_MAX];
    struct text text = TEXT_OF(both);
    bool several = begins_several(words[0]);
    text_append(&text, "");
    lowered(&text, words[0]);
    if (several && count == 1)
        return wrong_use(words[0], "a second word is missing after", words[0]);
    if (several) {
        text_append(&text, " ");
        lowered(&text, words[1]);
    }
    const char *found[COMMAND_COUNT];
    size_t found_count = text.cut ? 0 : meant(both, found);
    if (found_count == 0)
        return wrong_use(words[0], "there is no such command", several ? both : words[0]);
    fprintf(stderr, "failoverctl: there is no such command: %s%s%s. Meant may be:\n", words[0], several ? " " : "",
            several ? words[1] : "");
    for (size_t i = 0; i < found_count; i++)
        fprintf(stderr, "  failoverctl %s %s\n", found[i], command_find(found[i])->arguments);
    fputs("failoverctl help lists the commands.\n", stderr);
    return EXIT_USAGE;
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

enum exit_code wrong_value(const struct command *command, const char *option, const char *value)
{
    char words[512];
    struct text text = TEXT_OF(words);
    text_appendf(&text, "--%s %s: the value is wrong", option, value);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (strcmp(values[i].option, option) == 0)
            text_appendf(&text, "; it takes %s", values[i].right);
    return command != NULL ? wrong_use(command->name, words, NULL) : wrong_line(words, NULL);
}

static const char *name_of(const struct option *options, int value)
{
    for (; options->name != NULL; options++)
        if (options->val == value)
            return options->name;
    return "?";
}

enum exit_code wrong_option(const struct option *options, int answer, int value, const char *word)
{
    const char *names[OPTIONS_MAX];
    size_t count = 0;
    char words[256];
    struct text text = TEXT_OF(words);
    if (value >= LONG_FROM) {
        text_appendf(&text, answer == ':' ? "--%s needs a value behind it" : "--%s takes no value", name_of(options, value));
        return wrong_line(words, NULL);
    }
    if (value != 0) {
        text_appendf(&text, "there is no option -%c", value);
        return wrong_line(words, NULL);
    }
    for (size_t i = 0; options[i].name != NULL && count < OPTIONS_MAX; i++)
        names[count++] = options[i].name;
    const char *bare = strncmp(word, "--", 2) == 0 ? word + 2 : word;
    const char *near = value_nearest(bare, names, count);
    text_appendf(&text, "there is no option %.64s", word);
    if (near != NULL)
        text_appendf(&text, "; is --%s meant?", near);
    return wrong_line(words, NULL);
}

/* ---- what is missing --------------------------------------------------------------------------- */

/* How people write what the protocol calls so. */
static const struct { const char *key, *word; } written[] = {
    { "service", "SERVICE" },         { "operation", "ID" },         { "incident", "ID" },
    { "item", "ITEM" },               { "node", "NODE" },            { "check", "CHECK" },
    { "channel", "CHANNEL" },         { "to", "--to REGION" },       { "keep", "--keep REGION" },
    { "reason", "--reason TEXT: it is kept with your name" },
};

enum exit_code wrong_place(const struct command *command, const char *option)
{
    char words[128];
    struct text text = TEXT_OF(words);
    text_appendf(&text, "%s takes no --%s", command->name, option);
    return wrong_use(command->name, words, NULL);
}

enum exit_code wrong_without(const struct command *command, const char *key)
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
    return wrong_use(command->name, words, NULL);
}
