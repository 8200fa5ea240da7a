/* A snapshot's JSON as plain lines: see status_text.h. */
#include "coordinator/status/status_text.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/status/sentences.h"

const char *peek_str(const json_t *object, const char *key, const char *otherwise)
{
    const json_t *value = json_object_get(object, key);
    const char *string = json_string_value(value);
    if (string == NULL || strlen(string) != json_string_length(value))
        return otherwise;
    for (const char *at = string; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f ||
            ((unsigned char)at[0] == 0xc2 && (unsigned char)at[1] < 0xa0))
            return otherwise;
    return string;
}

bool peek_int(const json_t *object, const char *key, int64_t *out)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        return false;
    *out = json_integer_value(value);
    return true;
}

bool peek_real(const json_t *object, const char *key, double *out)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        return false;
    *out = json_number_value(value);
    return true;
}

bool peek_yes(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static void append_ms(struct text *text, const char *before, const json_t *object, const char *key,
                      const char *after)
{
    double ms;
    char duration[CLOCK_DURATION_TEXT_MAX];
    if (!peek_real(object, key, &ms) || ms < 0 || ms > 1e15)
        return;
    text_append(text, before);
    text_append(text, base_format_duration(duration, sizeof duration, (int64_t)(ms * 1000)));
    text_append(text, after);
}

bool status_text_loss(struct text *text, const json_t *loss)
{
    int64_t bytes;
    double seconds;
    if (!peek_int(loss, "bytes", &bytes) || bytes < 0)
        return false;
    bool timed = peek_real(loss, "seconds", &seconds) && seconds >= 0 && seconds < 1e11;
    text_loss(text, bytes, timed ? (int64_t)(seconds * 1e6) : -1);
    return true;
}

/* What a person said that it is to do, by whom, why and when. */
void status_text_wish(struct text *text, const json_t *operation)
{
    const char *wish = peek_str(operation, "wish", "go");
    const json_t *said = json_object_get(operation, "said");
    if (strcmp(wish, "go") == 0)
        return;
    text_append(text, strcmp(wish, "hold") == 0 ? ", HELD" : ", SENT BACK");
    if (peek_str(said, "by", "")[0] != '\0')
        text_appendf(text, " by %s", peek_str(said, "by", "?"));
    if (peek_str(said, "at", NULL) != NULL)
        text_appendf(text, " since %s", peek_str(said, "at", "?"));
    if (peek_str(said, "why", "")[0] != '\0')
        text_appendf(text, " (%s)", peek_str(said, "why", ""));
}

void status_text_shift(struct text *text, const json_t *operation)
{
    const json_t *shift = json_object_get(operation, "shift");
    int64_t stage;
    int64_t percent;
    if (!peek_int(shift, "stage", &stage) || !peek_int(shift, "percent", &percent))
        return;
    text_appendf(text, ", %" PRId64 " %% of the traffic home", percent);
    if (!peek_yes(shift, "sent_back"))
        text_appendf(text, " (stage %" PRId64 " of %zu)", stage, json_array_size(json_object_get(shift, "stages")));
}

void status_text_operation(struct text *text, const json_t *operation)
{
    int64_t number;
    int64_t count;
    const char *step = peek_str(operation, "step", NULL);
    text_appendf(text, "operation %s: %s %s -> %s on %s, phase %s", peek_str(operation, "id", "?"),
                 peek_str(operation, "kind", "?"), peek_str(operation, "from", "?"),
                 peek_str(operation, "to", "?"), peek_str(operation, "executor", "?"),
                 peek_str(operation, "phase", "?"));
    if (step != NULL) {
        text_appendf(text, ", step %s", step);
        if (peek_int(operation, "step_number", &number) && peek_int(operation, "steps", &count))
            text_appendf(text, " (%" PRId64 " of %" PRId64 ")", number, count);
        append_ms(text, " for ", operation, "step_ms", "");
    }
    if (peek_int(operation, "wait_left_ms", &number) && number > 0)
        append_ms(text, ", old lease runs out in ", operation, "wait_left_ms", "");
    if (peek_yes(operation, "overdue"))
        text_append(text, ", OVERDUE");
    status_text_shift(text, operation);
    status_text_wish(text, operation);
    if (peek_str(operation, "detail", "")[0] != '\0')
        text_appendf(text, ": %s", peek_str(operation, "detail", ""));
}

void status_text_service(struct text *text, const json_t *service)
{
    int64_t epoch;
    text_appendf(text, "%s  %s  writer %s", peek_str(service, "name", "?"),
                 peek_str(service, "state", "?"), peek_str(service, "writer", "none"));
    if (peek_int(service, "epoch", &epoch))
        text_appendf(text, "  epoch %" PRId64, epoch);
    const json_t *lease = json_object_get(service, "lease");
    if (json_is_object(lease)) {
        const char *allows = peek_str(json_object_get(service, "fence"), "automatic_failover", "");
        text_appendf(text, "  fence %s%s", peek_str(lease, "fence", "?"),
                     strcmp(allows, "after_remote_hook") == 0 ? " with remote_hook" : "");
        append_ms(text, "  lease ", lease, "left_ms", " left");
    }
    text_append(text, "\n");
    text_appendf(text, "  %s\n  %s\n", peek_str(service, "headline", "?"),
                 peek_str(service, "outlook", "?"));
    const json_t *loss = json_object_get(service, "quorum_loss");
    if (json_is_false(json_object_get(loss, "lost"))) /* else the outlook says it */
        text_appendf(text, "  %s\n", peek_str(loss, "text", "?"));
    const json_t *operation = json_object_get(service, "operation");
    if (json_is_object(operation)) {
        text_append(text, "  ");
        status_text_operation(text, operation);
        text_append(text, "\n");
    }
}

static void region_line(struct text *text, const json_t *region)
{
    size_t index;
    const json_t *verdict;
    const json_t *database = json_object_get(region, "database");
    char words[128];
    struct text lag = TEXT_OF(words);
    text_appendf(text, "  %s %s:", peek_str(region, "role", "?"), peek_str(region, "name", "?"));
    json_array_foreach(json_object_get(region, "verdicts"), index, verdict)
        if (peek_yes(verdict, "present"))
            text_appendf(text, " %s=%s", peek_str(verdict, "observer", "?"),
                         peek_str(verdict, "verdict", "?"));
    if (json_is_object(database))
        text_appendf(text, "; database %s at %s", peek_str(database, "role", "?"),
                     peek_str(database, "lsn", "?"));
    if (status_text_loss(&lag, json_object_get(region, "lag")))
        text_appendf(text, ", lacks %s", words);
    text_append(text, "\n");
}

void status_text_voters(struct text *text, const json_t *voters)
{
    size_t index;
    const json_t *voter;
    int64_t version = 0;
    const json_t *change = json_object_get(voters, "change");
    if (!json_is_object(voters))
        return;
    (void)peek_int(voters, "version", &version);
    text_append(text, "voters:");
    json_array_foreach(json_object_get(voters, "voters"), index, voter)
        text_appendf(text, "%s %s", index > 0 ? "," : "", peek_str(voter, "node", "?"));
    text_appendf(text, " (version %" PRId64 ")\n", version);
    json_array_foreach(json_object_get(voters, "voters"), index, voter)
        if (!peek_yes(voter, "voting"))
            text_appendf(text, "voter %s does not vote: %s\n", peek_str(voter, "node", "?"), peek_str(voter, "why", "?"));
    if (json_is_object(change))
        text_appendf(text, "the voters change: %s %s; waiting: %s\n", peek_str(change, "kind", "?"),
                     peek_str(change, "node", "?"), peek_str(change, "waits_for", "?"));
}

void status_text(struct text *text, const json_t *status)
{
    size_t index;
    size_t inner;
    const json_t *service;
    const json_t *region;
    const json_t *warning;
    const json_t *mute = json_object_get(status, "mute");
    text_appendf(text, "%s of cluster %s, in %s, failoverd %s\n", peek_str(status, "node", "?"),
                 peek_str(status, "cluster", "?"), peek_str(status, "region", "?"),
                 peek_str(status, "version", "?"));
    if (json_is_object(mute))
        text_appendf(text, "does not vote: %s. %s\n", peek_str(mute, "text", "?"),
                     peek_str(mute, "todo", ""));
    status_text_voters(text, json_object_get(status, "voters"));
    json_array_foreach(json_object_get(status, "services"), index, service) {
        text_append(text, "\n");
        status_text_service(text, service);
        json_array_foreach(json_object_get(service, "regions"), inner, region)
            region_line(text, region);
    }
    json_array_foreach(json_object_get(status, "warnings"), index, warning)
        text_appendf(text, "%swarning: %s%s%s\n", index == 0 ? "\n" : "",
                     peek_str(warning, "service", ""),
                     peek_str(warning, "service", NULL) != NULL ? ": " : "",
                     peek_str(warning, "text", "?"));
}
