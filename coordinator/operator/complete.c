/* What may come next on the command line: see complete.h.
 *
 * The help texts are read as people read them: `--to REGION` is an option that takes a region, `[SERVICE]` a word that
 * may be a service, `switchover|failover` one of these. */
#include "coordinator/operator/complete.h"

#include <ctype.h>
#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/operator/commands.h"
#include "policy/failover/gates.h"

#define WORD_MAX 80

/* ---- the help texts ------------------------------------------------------------------------- */

struct word {
    char text[WORD_MAX];
};

/* The next word of a text, without the brackets of what may be left out and without a sentence's marks; what is
 * longer is cut. False at its end. */
static bool next_word(const char **at, struct word *word)
{
    const char *from = *at + strspn(*at, " \n");
    size_t length = strcspn(from, " \n");
    *at = from + length;
    while (length > 0 && *from == '[')
        from++, length--;
    while (length > 0 && strchr("],.;:", from[length - 1]) != NULL)
        length--;
    if (length >= sizeof word->text)
        length = sizeof word->text - 1;
    memcpy(word->text, from, length);
    word->text[length] = '\0';
    return from[0] != '\0';
}

static bool is_option(const char *word)
{
    return strncmp(word, "--", 2) == 0 && islower((unsigned char)word[2]);
}

/* What stands for a value: REGION, N. */
static bool is_value(const char *word)
{
    return word[0] != '\0' && strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(word);
}

/* Finds the option in the text. What it takes becomes *value, empty if that is nothing. */
static bool find_option(const char *text, const char *option, struct word *value)
{
    struct word word;
    while (next_word(&text, &word)) {
        if (strcmp(word.text, option) != 0)
            continue;
        if (!next_word(&text, value) || !is_value(value->text))
            value->text[0] = '\0';
        return true;
    }
    return false;
}

static bool option_takes(const struct command *command, const char *option, struct word *value)
{
    *value = (struct word){ "" };
    return find_option(command_common_options(), option, value) ||
           (command != NULL && (find_option(command->arguments, option, value) ||
                                find_option(command->more, option, value)));
}

/* What stands at that place among the words that are no options; empty if nothing does. */
static void find_place(const struct command *command, size_t place, struct word *word)
{
    const char *at = command->arguments;
    struct word value;
    while (next_word(&at, word)) {
        if (is_option(word->text)) {
            const char *after = at;
            if (next_word(&after, &value) && is_value(value.text))
                at = after;
            continue;
        }
        if (place-- == 0)
            return;
    }
    *word = (struct word){ "" };
}

/* ---- the line ------------------------------------------------------------------------------- */

struct scan {
    const char *typed;             /* the word to be completed */
    const struct command *command; /* NULL: not there yet */
    char first[WORD_MAX];          /* of what may become a name of two words; else empty */
    size_t place;                  /* how many words stand after the command's name */
    const char *service;           /* the first of these, if it stands for one */
    struct word value;             /* what the option before takes; empty: there is none */
    const char *socket;
};

static void take_word(struct scan *s, const char *word)
{
    struct word stands_for;
    char name[2 * WORD_MAX];
    struct text text = TEXT_OF(name);
    text_appendf(&text, "%s%s%s", s->first, s->first[0] != '\0' ? " " : "", word);
    const struct command *named = s->place > 0 || text.cut ? NULL : command_find(name);
    if (named != NULL || s->command == NULL) {
        s->command = named;
        (void)text_copy(s->first, sizeof s->first, s->first[0] == '\0' ? word : "");
        return;
    }
    find_place(s->command, s->place, &stands_for);
    if (strcmp(stands_for.text, "SERVICE") == 0)
        s->service = word;
    s->place++;
}

static struct scan read_line(struct complete_line line)
{
    struct scan s = { .typed = line.count > 0 ? line.words[line.count - 1] : "" };
    const char *option = NULL;
    for (size_t i = 0; i + 1 < line.count; i++) {
        const char *word = line.words[i];
        if (option != NULL) {
            if (strcmp(option, "--socket") == 0)
                s.socket = word;
            option = NULL;
            s.value = (struct word){ "" };
        } else if (is_option(word)) {
            option = option_takes(s.command, word, &s.value) && s.value.text[0] != '\0' ? word : NULL;
        } else {
            take_word(&s, word);
        }
    }
    return s;
}

static void place_now(const struct scan *s, struct word *word)
{
    *word = s->value;
    if (word->text[0] == '\0' && s->command != NULL && s->typed[0] != '-')
        find_place(s->command, s->place, word);
}

/* An operation's id is nothing to choose from; what is proposed is. */
static bool is_proposal(const struct scan *s, const struct word *word)
{
    return s->command != NULL && command_answers(s->command->id) && strcmp(word->text, "ID") == 0;
}

bool complete_needs_status(struct complete_line line, const char **socket_path)
{
    struct scan s = read_line(line);
    struct word word;
    place_now(&s, &word);
    if (s.socket != NULL)
        *socket_path = s.socket;
    return strcmp(word.text, "SERVICE") == 0 || strcmp(word.text, "REGION") == 0 || strcmp(word.text, "CHECK") == 0 ||
           is_proposal(&s, &word);
}

/* ---- candidates ----------------------------------------------------------------------------- */

struct offer {
    const struct scan *scan;
    complete_take *take;
    void *context;
};

static void offer(const struct offer *o, const char *candidate)
{
    if (strncmp(candidate, o->scan->typed, strlen(o->scan->typed)) == 0)
        o->take(o->context, candidate);
}

/* The first words of the names, or the second ones behind a first. */
static void offer_commands(const struct offer *o, const char *first)
{
    size_t length = strlen(first);
    char last[WORD_MAX] = "";
    for (int i = 0; i < COMMAND_COUNT; i++) {
        const char *name = command_row((enum command_id)i)->name;
        bool second = length > 0 && strncmp(name, first, length) == 0 && name[length] == ' ';
        if (length > 0 && !second)
            continue;
        const char *from = second ? name + length + 1 : name;
        char word[WORD_MAX];
        struct text text = TEXT_OF(word);
        text_appendf(&text, "%.*s", (int)strcspn(from, " "), from);
        if (strcmp(word, last) != 0) /* those of one first word stand together */
            offer(o, word);
        (void)text_copy(last, sizeof last, word);
    }
}

/* Whether the option stands in one of the texts before this place of the last one. */
static bool stands_before(const char *const *texts, size_t last, const char *place, const char *option)
{
    struct word word;
    for (size_t i = 0; i <= last; i++)
        for (const char *at = texts[i]; next_word(&at, &word) && (i < last || at < place);)
            if (strcmp(word.text, option) == 0)
                return true;
    return false;
}

static void offer_options(const struct offer *o)
{
    const struct command *command = o->scan->command;
    const char *const texts[] = { command != NULL ? command->more : "", command != NULL ? command->arguments : "",
                                  command_common_options() };
    struct word word;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (const char *at = texts[i]; next_word(&at, &word);)
            if (is_option(word.text) && !stands_before(texts, i, at, word.text))
                offer(o, word.text);
}

static void offer_gates(const struct offer *o)
{
    for (int i = 0; i < GATE_COUNT; i++)
        offer(o, gate_name((enum gate_id)i));
}

static void offer_alternatives(const struct offer *o, const char *words)
{
    while (*words != '\0') {
        char word[WORD_MAX];
        struct text text = TEXT_OF(word);
        size_t length = strcspn(words, "|");
        text_appendf(&text, "%.*s", (int)length, words);
        offer(o, word);
        words += length + (words[length] == '|');
    }
}

/* NULL unless it is a name as the configuration takes them: the shell puts it on a command line as it is. */
static const char *name_of(const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    bool plain = name != NULL && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
    return plain && name[0] != '-' ? name : NULL;
}

static void offer_names(const struct offer *o, const json_t *status, bool regions)
{
    size_t i, k;
    json_t *service, *region;
    json_array_foreach(json_object_get(status, "services"), i, service) {
        const char *name = name_of(service);
        if (name == NULL)
            continue;
        if (!regions) {
            offer(o, name);
            continue;
        }
        if (o->scan->service != NULL && strcmp(o->scan->service, name) != 0)
            continue;
        json_array_foreach(json_object_get(service, "regions"), k, region)
            if (name_of(region) != NULL)
                offer(o, name_of(region));
        if (o->scan->service == NULL)
            return; /* of one service: another's may be the same ones */
    }
}

static void offer_proposals(const struct offer *o, const json_t *status)
{
    size_t i;
    json_t *service;
    json_array_foreach(json_object_get(status, "services"), i, service) {
        const char *id = json_string_value(json_object_get(json_object_get(service, "proposal"), "id"));
        if (id != NULL && strspn(id, "0123456789abcdef") == strlen(id))
            offer(o, id);
    }
}

/* Each name once, although several regions may have it. */
static void offer_checks(const struct offer *o, const json_t *status)
{
    size_t i, k, before;
    json_t *service, *check;
    json_array_foreach(json_object_get(status, "services"), i, service) {
        const json_t *checks = json_object_get(service, "checks");
        if (o->scan->service == NULL || name_of(service) == NULL || strcmp(o->scan->service, name_of(service)) != 0)
            continue;
        json_array_foreach(checks, k, check) {
            const char *name = name_of(check);
            for (before = 0; before < k && name != NULL; before++) {
                const char *other = name_of(json_array_get(checks, before));
                if (other != NULL && strcmp(other, name) == 0)
                    name = NULL;
            }
            if (name != NULL)
                offer(o, name);
        }
    }
}

void complete_candidates(struct complete_line line, const json_t *status, complete_take *take, void *context)
{
    struct scan s = read_line(line);
    struct offer o = { &s, take, context };
    struct word word;
    place_now(&s, &word);
    if (strcmp(word.text, "SERVICE") == 0 || strcmp(word.text, "REGION") == 0)
        offer_names(&o, status, word.text[0] == 'R');
    else if (is_proposal(&s, &word))
        offer_proposals(&o, status);
    else if (strcmp(word.text, "CHECK") == 0)
        offer_checks(&o, status);
    else if (strcmp(word.text, "GATE") == 0)
        offer_gates(&o);
    else if (strcmp(word.text, "COMMAND") == 0)
        offer_commands(&o, "");
    else if (strchr(word.text, '|') != NULL)
        offer_alternatives(&o, word.text);
    else if (s.typed[0] == '-' && s.value.text[0] == '\0')
        offer_options(&o);
    if (s.value.text[0] == '\0' && s.typed[0] != '-' && s.place == 0 && (s.command == NULL || s.first[0] != '\0'))
        offer_commands(&o, s.first);
}
