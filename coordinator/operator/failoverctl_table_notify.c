/* What is going on and who was told, for people. See failoverctl_table.h. */
#include "coordinator/operator/failoverctl_table.h"

#include <inttypes.h>

#include "coordinator/base/text.h"
#include "coordinator/operator/failoverctl_cells.h"
#include "coordinator/status/status_text.h"

static void incident_row(struct libscols_table *table, const json_t *incident)
{
    struct libscols_line *line = cells_line(table);
    char age[CELL_MAX];
    char next[CELL_MAX];
    char words[CELL_MAX];
    struct text level = TEXT_OF(words);
    int64_t value = 0;
    bool person = peek_yes(incident, "needs_person");
    const char *by = peek_str(incident, "acknowledged_by", NULL);
    (void)peek_int(incident, "level", &value);
    text_appendf(&level, "%" PRId64, value);
    if (peek_int(incident, "next_level_ms", &value))
        text_appendf(&level, ", next in %s", cells_duration(next, sizeof next, incident, "next_level_ms", 1000, "?"));
    cells_set(line, 0, peek_str(incident, "id", "?"));
    cells_set(line, 1, peek_str(incident, "event", "?"));
    cells_set(line, 2, peek_str(incident, "service", ""));
    cells_set(line, 3, cells_duration(age, sizeof age, incident, "open_ms", 1000, "?"));
    cells_set(line, 4, words);
    cells_set(line, 5, by != NULL ? by : person ? "nobody" : "");
    cells_set(line, 6, peek_str(incident, "text", "?"));
    if (person && by == NULL)
        cells_color(line, 5, "red");
}

static void channel_row(struct libscols_table *table, const json_t *channel)
{
    struct libscols_line *line = cells_line(table);
    char number[24];
    char age[CELL_MAX];
    int64_t value;
    bool tried = peek_int(channel, "last_ms", &value);
    cells_set(line, 0, peek_str(channel, "name", "?"));
    cells_set(line, 1, peek_str(channel, "kind", "?"));
    static const char *const counts[] = { "level", "delivered", "waiting", "lost" };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        (void)snprintf(number, sizeof number, "%" PRId64, peek_int(channel, counts[i], &value) ? value : 0);
        cells_set(line, 2 + i, number);
    }
    cells_set(line, 6, tried ? cells_duration(age, sizeof age, channel, "last_ms", 1000, "?") : "");
    cells_set(line, 7, tried ? peek_str(channel, "text", "") : "not used yet");
    if (peek_yes(channel, "failing"))
        cells_color(line, 7, "red");
}

void table_incidents(const struct table_style *style, const json_t *notify)
{
    static const struct cells_column incident_columns[] = {
        { "INCIDENT", 0 }, { "EVENT", 0 }, { "SERVICE", 0 }, { "OPEN FOR", 0 }, { "LEVEL", 0 },
        { "TAKES CARE", 0 }, { "WHAT", CELLS_WRAP },
    };
    static const struct cells_column channel_columns[] = {
        { "CHANNEL", 0 }, { "KIND", 0 }, { "LEVEL", CELLS_RIGHT }, { "TOLD", CELLS_RIGHT },
        { "WAITING", CELLS_RIGHT }, { "LOST", CELLS_RIGHT }, { "LAST TRY AGO", 0 }, { "WHICH", 0 },
    };
    const json_t *incidents = json_object_get(notify, "incidents");
    const json_t *channels = json_object_get(notify, "channels");
    size_t index;
    const json_t *item;
    if (json_array_size(incidents) == 0) {
        fputs("no incident is open\n", style->stream);
    } else {
        struct libscols_table *table =
            cells_table(style, incident_columns, sizeof incident_columns / sizeof incident_columns[0]);
        json_array_foreach(incidents, index, item)
            incident_row(table, item);
        cells_print(style, table);
    }
    if (json_array_size(channels) == 0) {
        fputs("\nno channels: nobody is told anything (notify.channels of cluster.json)\n", style->stream);
        return;
    }
    fputc('\n', style->stream);
    struct libscols_table *table =
        cells_table(style, channel_columns, sizeof channel_columns / sizeof channel_columns[0]);
    json_array_foreach(channels, index, item)
        channel_row(table, item);
    cells_print(style, table);
}
