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

/* What stands for a value: REGION, N; also where something else may stand instead, as in DURATION|--until-resumed. */
static bool is_value(const char *word)
{
    return word[0] != '\0' && word[0] != '|' && strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strcspn(word, "|");
}

/* Finds the option in the text. What it takes becomes *value, empty if that is nothing. */
static bool find_option(const char *text, const char *option, struct word *value)
{
    struct word word;
    while (next_word(&text, &word)) {
        if (strcmp(word.text, option) != 0)
            continue;
        bool takes = next_word(&text, value) && is_value(value->text);
        value->text[takes ? strcspn(value->text, "|") : 0] = '\0';
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
    const char *id;                /* the same */
    struct word value;             /* what the option before takes; empty: there is none */
    const char *socket;
};

/* Alone, or as the first of what may stand there. */
static bool stands_for_a(const struct word *word, const char *kind)
{
    size_t length = strcspn(word->text, "|");
    return length == strlen(kind) && strncmp(word->text, kind, length) == 0;
}

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
    if (stands_for_a(&stands_for, "SERVICE"))
        s->service = word;
    else if (stands_for_a(&stands_for, "ID"))
        s->id = word;
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

bool complete_needs_status(struct complete_line line, const char **socket_path)
{
    static const char *const told[] = { "SERVICE", "REGION", "CHECK", "ID", "ITEM", "NODE", "CHANNEL" };
    struct scan s = read_line(line);
    struct word word;
    bool needs = false;
    place_now(&s, &word);
    if (s.socket != NULL)
        *socket_path = s.socket;
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        needs = needs || stands_for_a(&word, told[i]);
    return needs;
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

/* The word of that command's name that would come next: its first, or behind `first` its second. False: none. */
static bool name_word(enum command_id id, const char *first, struct word *word)
{
    const char *name = command_row(id)->name;
    size_t length = strlen(first);
    bool second = length > 0 && strncmp(name, first, length) == 0 && name[length] == ' ';
    const char *from = second ? name + length + 1 : name;
    struct text text = TEXT_OF(word->text);
    text_appendf(&text, "%.*s", (int)strcspn(from, " "), from);
    return second || length == 0;
}

static void offer_commands(const struct offer *o, const char *first)
{
    struct word word, before;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        bool offered = !name_word((enum command_id)i, first, &word);
        for (int k = 0; k < i && !offered; k++)
            offered = name_word((enum command_id)k, first, &before) && strcmp(word.text, before.text) == 0;
        if (!offered)
            offer(o, word.text);
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

/* Those that are to be typed as they stand, without what stands for a value. */
static void offer_alternatives(const struct offer *o, const char *words)
{
    while (*words != '\0') {
        char word[WORD_MAX];
        struct text text = TEXT_OF(word);
        size_t length = strcspn(words, "|");
        text_appendf(&text, "%.*s", (int)length, words);
        if (!is_value(word))
            offer(o, word);
        words += length + (words[length] == '|');
    }
}

/* NULL unless it is a name as the configuration takes them: the shell puts it on a command line as it is. */
static const char *plain_name(const json_t *object, const char *key)
{
    const char *name = json_string_value(json_object_get(object, key));
    bool plain = name != NULL && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
    return plain && name[0] != '-' ? name : NULL;
}

static const char *name_of(const json_t *object)
{
    return plain_name(object, "name");
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

/* ---- ids ---- */

enum id_source {
    ID_RUNS = 1,     /* the operation that runs */
    ID_LAST = 2,     /* the one before */
    ID_PROPOSED = 4, /* what waits for a person's word */
    ID_LATER = 8,    /* what waits for its time */
    ID_INCIDENT = 16,
    ID_BOOK = 32,    /* whose runbook is open: the one that runs, or the last */
};

/* Which ids a command can do something with: enum id_source. */
static unsigned ids_of(enum command_id command)
{
    switch ((int)command) {
    case COMMAND_APPROVE: return ID_PROPOSED;
    case COMMAND_DECLINE: return ID_PROPOSED | ID_LATER;
    case COMMAND_ACK: return ID_INCIDENT;
    case COMMAND_OPERATION_PAUSE:
    case COMMAND_OPERATION_RESUME:
    case COMMAND_OPERATION_ABORT:
    case COMMAND_OPERATION_SKIP: return ID_RUNS;
    case COMMAND_OPERATION_TICK: return ID_BOOK;
    default: return ID_RUNS | ID_LAST | ID_PROPOSED | ID_LATER;
    }
}

static void offer_id(const struct offer *o, const json_t *object, const char *key)
{
    const char *id = json_string_value(json_object_get(object, key));
    if (id != NULL && id[0] != '\0' && strspn(id, "0123456789abcdef") == strlen(id))
        offer(o, id);
}

static void offer_ids(const struct offer *o, const json_t *status)
{
    static const struct { unsigned source; const char *object, *key; } keys[] = {
        { ID_RUNS, "operation", "id" },      { ID_PROPOSED, "proposal", "id" }, { ID_LATER, "scheduled", "id" },
        { ID_LAST, "last_operation", "id" }, { ID_BOOK, "runbook", "operation" },
    };
    unsigned wanted = o->scan->command != NULL ? ids_of(o->scan->command->id) : 0;
    size_t i, k;
    json_t *service, *incident;
    json_array_foreach(json_object_get(status, "services"), i, service)
        for (k = 0; k < sizeof keys / sizeof keys[0]; k++)
            if ((wanted & keys[k].source) != 0)
                offer_id(o, json_object_get(service, keys[k].object), keys[k].key);
    if ((wanted & ID_INCIDENT) != 0)
        json_array_foreach(json_object_get(json_object_get(status, "notify"), "incidents"), k, incident)
            offer_id(o, incident, "id");
}

/* What a person has not ticked yet, of the runbook of the operation that was typed before. */
static void offer_items(const struct offer *o, const json_t *status)
{
    size_t i, k;
    json_t *service, *item;
    json_array_foreach(json_object_get(status, "services"), i, service) {
        const json_t *runbook = json_object_get(service, "runbook");
        const char *of = json_string_value(json_object_get(runbook, "operation"));
        if (of == NULL || o->scan->id == NULL || strcmp(of, o->scan->id) != 0)
            continue;
        json_array_foreach(json_object_get(runbook, "list"), k, item) {
            const char *state = json_string_value(json_object_get(item, "state"));
            const char *by = json_string_value(json_object_get(item, "by"));
            if (plain_name(item, "id") != NULL && state != NULL && strcmp(state, "done") != 0 && by != NULL &&
                strcmp(by, "person") == 0)
                offer(o, plain_name(item, "id"));
        }
    }
}

/* ---- nodes and channels ---- */

static bool has_vote(const json_t *status, const char *node)
{
    size_t i;
    json_t *voter;
    json_array_foreach(json_object_get(json_object_get(status, "voters"), "voters"), i, voter) {
        const char *name = plain_name(voter, "node");
        if (name != NULL && strcmp(name, node) == 0)
            return true;
    }
    return false;
}

/* A vote is given to who has none, and taken from who has one. */
static void offer_nodes(const struct offer *o, const json_t *status)
{
    size_t i;
    json_t *node;
    bool gives = o->scan->command != NULL && o->scan->command->id == COMMAND_VOTER_ADD;
    const json_t *list = gives ? json_object_get(status, "peers")
                               : json_object_get(json_object_get(status, "voters"), "voters");
    if (gives && plain_name(status, "node") != NULL && !has_vote(status, plain_name(status, "node")))
        offer(o, plain_name(status, "node"));
    json_array_foreach(list, i, node)
        if (plain_name(node, "node") != NULL && (!gives || !has_vote(status, plain_name(node, "node"))))
            offer(o, plain_name(node, "node"));
}

static void offer_channels(const struct offer *o, const json_t *status)
{
    size_t i;
    json_t *channel;
    json_array_foreach(json_object_get(json_object_get(status, "notify"), "channels"), i, channel)
        if (name_of(channel) != NULL)
            offer(o, name_of(channel));
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

static void offer_services(const struct offer *o, const json_t *status) { offer_names(o, status, false); }
static void offer_regions(const struct offer *o, const json_t *status) { offer_names(o, status, true); }

static void offer_values(const struct offer *o, const json_t *status, const struct word *word)
{
    static const struct {
        const char *kind;
        void (*offer)(const struct offer *o, const json_t *status);
    } kinds[] = {
        { "SERVICE", offer_services }, { "REGION", offer_regions }, { "CHECK", offer_checks }, { "ID", offer_ids },
        { "ITEM", offer_items },       { "NODE", offer_nodes },     { "CHANNEL", offer_channels },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (stands_for_a(word, kinds[i].kind))
            kinds[i].offer(o, status);
    if (stands_for_a(word, "GATE"))
        offer_gates(o);
    else if (stands_for_a(word, "COMMAND"))
        offer_commands(o, "");
    if (strchr(word->text, '|') != NULL)
        offer_alternatives(o, word->text);
}

void complete_candidates(struct complete_line line, const json_t *status, complete_take *take, void *context)
{
    struct scan s = read_line(line);
    struct offer o = { &s, take, context };
    struct word word;
    place_now(&s, &word);
    if (word.text[0] != '\0')
        offer_values(&o, status, &word);
    else if (s.typed[0] == '-' && s.value.text[0] == '\0')
        offer_options(&o);
    if (s.value.text[0] == '\0' && s.typed[0] != '-' && s.place == 0 && (s.command == NULL || s.first[0] != '\0'))
        offer_commands(&o, s.first);
}
