/* A switchover made a failover: see failoverctl_turn.h. */
#include "coordinator/operator/failoverctl_turn.h"

#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/config/config.h"
#include "coordinator/status/status_text.h"
#include "policy/failover/gates.h"

static const json_t *named(const json_t *list, const char *name)
{
    size_t index;
    const json_t *one;
    json_array_foreach(list, index, one)
        if (strcmp(peek_str(one, "name", ""), name) == 0)
            return one;
    return NULL;
}

static const json_t *target_of(const json_t *service)
{
    return named(json_object_get(service, "regions"), peek_str(json_object_get(service, "operation"), "to", ""));
}

bool ctl_turn_is_due(const json_t *service)
{
    const json_t *operation = json_object_get(service, "operation");
    const char *kind = peek_str(operation, "kind", "");
    bool planned = strcmp(kind, "switchover") == 0 || strcmp(kind, "failback") == 0;
    const json_t *failed = named(json_object_get(target_of(service), "gates"), gate_name(GATE_MAJORITY_FAILED));
    return planned && strcmp(peek_str(operation, "phase", ""), "begun") == 0 &&
           strcmp(peek_str(operation, "wish", ""), "back") != 0 && peek_yes(failed, "open");
}

/* What it would lose, and how old that knowledge is. */
static void say_loss(const json_t *service)
{
    const json_t *lag = json_object_get(target_of(service), "lag");
    char words[128];
    char age[CLOCK_DURATION_TEXT_MAX];
    struct text amount = TEXT_OF(words);
    double age_s;
    if (!status_text_loss(&amount, lag)) {
        fputs("What a failover would lose is not known.\n", stderr);
        return;
    }
    fprintf(stderr, "A failover would lose %s by estimate", words);
    if (peek_real(lag, "age_seconds", &age_s) && age_s >= 0 && age_s < 1e12)
        fprintf(stderr, ", as known %s ago", base_format_duration(age, sizeof age, (int64_t)(age_s * CLOCK_US_PER_S)));
    fputs("; its gates are judged when it is ordered.\n", stderr);
}

static void say_command(const struct ctl_settings *settings, const json_t *service, const char *to)
{
    fprintf(stderr, "It goes back by itself at its deadline. To have it go on as a failover:\n"
                    "  failoverctl --socket %s failover %s --to %s --reason TEXT\n",
            settings->socket_path, peek_str(service, "name", "?"), to);
}

static bool order(const struct ctl_settings *settings, const json_t *service, const char *to, json_t **accepted)
{
    struct fault fault = { "" };
    char reason[128];
    struct text text = TEXT_OF(reason);
    text_appendf(&text, "switchover %s lost its source", peek_str(json_object_get(service, "operation"), "id", "?"));
    json_t *request = json_pack("{s:s, s:s, s:s, s:s}", "command", "failover", "service",
                                peek_str(service, "name", ""), "to", to, "reason", reason);
    enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms, request, accepted, &fault);
    if (outcome == CTL_OK)
        return true;
    (void)ctl_complain(settings, outcome, *accepted, &fault);
    json_decref(*accepted);
    *accepted = NULL;
    return false;
}

bool ctl_turn_offer(const struct ctl_settings *settings, const json_t *service, bool ask, json_t **accepted)
{
    char typed[CONFIG_MAX_NAME + 2], to[CONFIG_MAX_NAME + 1];
    (void)text_copy(to, sizeof to, peek_str(json_object_get(service, "operation"), "to", ""));
    fprintf(stderr, "failoverctl: a majority says that %s has failed: nothing can confirm any more what it wrote last, "
                    "so the switchover can't end.\n", peek_str(json_object_get(service, "operation"), "from", "?"));
    say_loss(service);
    if (!ask || isatty(STDIN_FILENO) != 1) {
        say_command(settings, service, to);
        return false;
    }
    fprintf(stderr, "Type %s to go on as a failover, or just Enter to wait (it goes back by itself at its deadline): ",
            to);
    fflush(stderr);
    if (!ctl_read_line(typed, sizeof typed) || strcmp(typed, to) != 0) {
        fputs("\nfailoverctl: waiting.\n", stderr);
        return false;
    }
    return order(settings, service, to, accepted);
}
