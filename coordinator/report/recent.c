/* The newest lines of the journal: see recent.h. */
#include "coordinator/report/recent.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/base/random.h"
#include "coordinator/status/names.h"

struct kept {
    json_t *line;
    uint64_t seq;
    size_t bytes;
};

struct recent {
    struct kept lines[RECENT_LINES_MAX];
    size_t first;      /* place of the oldest */
    size_t count;
    size_t bytes;
    uint64_t last_seq; /* 0: there was none */
    uint64_t before;   /* the highest seq of earlier runs */
    uint64_t run;
};

struct recent *recent_new(void)
{
    struct recent *recent = calloc(1, sizeof *recent);
    if (recent != NULL)
        recent->run = base_random_u64();
    return recent;
}

static const struct kept *at(const struct recent *recent, size_t index)
{
    return &recent->lines[(recent->first + index) % RECENT_LINES_MAX];
}

static void forget_oldest(struct recent *recent)
{
    struct kept *oldest = &recent->lines[recent->first];
    json_decref(oldest->line);
    recent->bytes -= oldest->bytes;
    *oldest = (struct kept){ 0 };
    recent->first = (recent->first + 1) % RECENT_LINES_MAX;
    recent->count--;
}

void recent_free(struct recent *recent)
{
    while (recent != NULL && recent->count > 0)
        forget_oldest(recent);
    free(recent);
}

void recent_line(struct recent *recent, json_t *line, size_t bytes)
{
    json_int_t seq = json_integer_value(json_object_get(line, "seq"));
    if (seq <= 0 || (uint64_t)seq <= recent->last_seq || bytes > RECENT_BYTES_MAX)
        return;
    while (recent->count == RECENT_LINES_MAX || recent->bytes + bytes > RECENT_BYTES_MAX)
        forget_oldest(recent);
    recent->lines[(recent->first + recent->count) % RECENT_LINES_MAX] =
        (struct kept){ json_incref(line), (uint64_t)seq, bytes };
    recent->count++;
    recent->bytes += bytes;
    recent->last_seq = (uint64_t)seq;
}

void recent_begin(struct recent *recent, uint64_t seq)
{
    recent->before = seq;
    if (seq > recent->last_seq)
        recent->last_seq = seq;
}

/* ---- answering ---------------------------------------------------------------------------------- */

static bool wanted(const struct recent_question *question, const json_t *line)
{
    const char *service = json_string_value(json_object_get(line, "service"));
    const char *time = json_string_value(json_object_get(line, "time"));
    if (question->service != NULL && (service == NULL || strcmp(service, question->service) != 0))
        return false;
    return question->after >= 0 || question->since == NULL || (time != NULL && strcmp(time, question->since) >= 0);
}

/* Where to begin without a cursor. */
static size_t place_of_newest(const struct recent *recent, const struct recent_question *question, bool *cut)
{
    size_t found = 0;
    size_t place = recent->count;
    while (place > 0 && (question->newest == 0 || found < question->newest))
        found += wanted(question, at(recent, --place)->line);
    bool complete = recent->count > 0 ? at(recent, 0)->seq == 1 : recent->last_seq == 0;
    const char *oldest = recent->count > 0 ? json_string_value(json_object_get(at(recent, 0)->line, "time")) : NULL;
    bool reaches = question->since != NULL && oldest != NULL && strcmp(oldest, question->since) < 0;
    *cut = !complete && !reaches && place == 0 && (question->newest == 0 || found < question->newest);
    return place;
}

/* Where to begin after a cursor, which is mended where it is another run's and means nothing here. */
static size_t place_after(const struct recent *recent, bool restarted, uint64_t *after)
{
    size_t place = 0;
    /* That run's last lines never got to the file, or its file is gone: numbers from there on are used anew. */
    if (restarted && *after > recent->before)
        *after = recent->before;
    if (*after > recent->last_seq)
        *after = recent->last_seq;
    while (place < recent->count && at(recent, place)->seq <= *after)
        place++;
    return place;
}

json_t *recent_json(const struct recent *recent, const struct recent_question *question)
{
    char run[NAME_HEX_MAX];
    json_t *events = json_array();
    bool follows = question->after >= 0;
    bool cut = false;
    uint64_t cursor = follows ? (uint64_t)question->after : recent->last_seq;
    uint64_t seen = 0;
    size_t bytes = 0;
    (void)format_hex(run, recent->run);
    bool restarted = follows && question->run != NULL && strcmp(question->run, run) != 0;
    size_t place = follows ? place_after(recent, restarted, &cursor) : place_of_newest(recent, question, &cut);
    uint64_t after = cursor;
    for (; place < recent->count; place++, seen++) {
        const struct kept *kept = at(recent, place);
        bool take = wanted(question, kept->line);
        if (take && (json_array_size(events) == RECENT_ANSWER_LINES_MAX ||
                     (bytes > 0 && bytes + kept->bytes > RECENT_ANSWER_BYTES_MAX)))
            break; /* but one there always is, so that who asks gets on */
        cursor = kept->seq;
        if (take && json_array_append(events, kept->line) == 0)
            bytes += kept->bytes;
    }
    bool more = place < recent->count;
    return json_pack("{s:s, s:o, s:o, s:b, s:o, s:b, s:b}", "run", run, "events", events, "next", json_of_u64(cursor), "more",
                     more, "missed", json_of_u64(follows ? cursor - after - seen : 0), "restarted", restarted, "cut", cut);
}
