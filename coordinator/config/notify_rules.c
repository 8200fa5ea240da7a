/* Rules for who is told: channels, what they say, and when the next level is called. See rules.h. */
#include "coordinator/config/rules.h"
#include "coordinator/config/values.h"

static void check_template(struct document *d, const struct channel_config *channel, const char *path)
{
    const char *at = channel->template;
    struct config_template_piece piece;
    struct fault fault = { "" };
    if (at == NULL)
        return;
    while (config_template_next(&at, &piece, &fault)) {
    }
    if (fault.text[0] != '\0')
        document_error(d, PATH("%s.template", path), "%s", fault.text);
}

static void check_events(struct document *d, const struct channel_config *channel, const char *path)
{
    for (size_t i = 1; i < channel->event_count; i++)
        for (size_t j = 0; j < i; j++)
            if (channel->events[i] == channel->events[j]) {
                document_error(d, PATH("%s.events[%zu]", path, i), "\"%s\" is listed twice", config_event_name(channel->events[i]));
                return;
            }
}

static void check_channel(struct document *d, const struct channel_config *channel)
{
    char path[DOCUMENT_PATH_MAX];
    (void)snprintf(path, sizeof path, "$.notify.channels.%s", channel->name);
    check_template(d, channel, path);
    check_events(d, channel, path);
    if (channel->program.count > 0 && channel->program.items[0][0] != '/')
        document_error(d, PATH("%s.program[0]", path), "\"%s\" is no absolute path; there is no shell and no search path",
                       channel->program.items[0]);
}

static void check_times(struct document *d, const struct notify_config *notify)
{
    char earlier[32];
    char later[32];
    for (int level = 2; level < CONFIG_NOTIFY_LEVELS; level++) {
        if (notify->escalate_us[level] > notify->escalate_us[level - 1])
            continue;
        value_duration_text(notify->escalate_us[level - 1], earlier, sizeof earlier);
        value_duration_text(notify->escalate_us[level], later, sizeof later);
        document_error(d, PATH("$.notify.escalation.level_%d", level), "%s is not after level_%d's %s; all are counted from the "
                       "same moment, so each has to be longer than the one before", later, level - 1, earlier);
    }
}

void rules_notify(struct document *d, const struct cluster_config *cluster)
{
    const struct notify_config *notify = &cluster->notify;
    bool at_once = notify->channel_count == 0;
    for (size_t i = 0; i < notify->channel_count; i++) {
        check_channel(d, &notify->channels[i]);
        at_once |= notify->channels[i].level == 0;
    }
    check_times(d, notify);
    if (!at_once)
        document_warn(d, "$.notify.channels", "no channel has level 0, so nobody is told at once, and nobody at all of what "
                      "needs no person");
}
