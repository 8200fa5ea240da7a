/* failoverctl voter add, remove, replace: see failoverctl_voters.h.
 *
 * The daemon answers as soon as the change has begun. It ends when the wait is over, which voter list shows: that is
 * asked for until no change is under way any more. Ctrl-C leaves the change alone. */
#include "coordinator/operator/failoverctl_voters.h"

#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/status/status_text.h"

#define POLL_MS 500
#define SILENCE_US (30 * INT64_C(1000000)) /* of the daemon, while waiting */

static void show_waiting(const struct ctl_settings *settings, const json_t *change, char *shown, size_t size)
{
    char words[256];
    struct text text = TEXT_OF(words);
    /* Up to the time that is left, which changes with each look. */
    const char *why = peek_str(change, "waits_for", "");
    text_append(&text, why);
    char *colon = strchr(words, ':');
    if (colon != NULL)
        *colon = '\0';
    if (settings->json || strcmp(words, shown) == 0)
        return;
    (void)text_copy(shown, size, words);
    printf("waiting: %s\n", why);
    (void)fflush(stdout);
}

static enum exit_code still_running(const struct ctl_settings *settings, const json_t *result)
{
    if (settings->json)
        return ctl_print_json(result, EXIT_RUNNING);
    fputs("failoverctl: the change goes on by itself; failoverctl voter list shows it\n", stderr);
    return EXIT_RUNNING;
}

/* Until no change is under way, or nobody answers for long. */
static enum exit_code wait_for_end(const struct ctl_settings *settings, const json_t *begun)
{
    char shown[256] = "";
    int64_t heard_us = base_mono_us();
    json_int_t begun_version = json_integer_value(json_object_get(begun, "version"));
    for (;;) {
        struct fault fault = { "" };
        json_t *list = NULL;
        enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms,
                                           json_pack("{s:s}", "command", "voter list"), &list, &fault);
        if (outcome == CTL_OK) {
            heard_us = base_mono_us();
            const json_t *change = json_object_get(list, "change");
            /* A node that forwarded the order hears of the new set from the one that carries it out. */
            bool knows = json_integer_value(json_object_get(list, "version")) >= begun_version;
            if (knows && !json_is_object(change)) {
                if (settings->json)
                    (void)ctl_print_json(list, EXIT_DONE);
                else
                    table_voters(&settings->style, list);
                json_decref(list);
                return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
            }
            if (json_is_object(change))
                show_waiting(settings, change, shown, sizeof shown);
        }
        json_decref(list);
        if (ctl_interrupted() || base_mono_us() - heard_us > SILENCE_US)
            return still_running(settings, begun);
        ctl_sleep_ms(POLL_MS);
    }
}

enum exit_code ctl_voter(const struct ctl_settings *settings, json_t *request)
{
    struct fault fault = { "" };
    json_t *result = NULL;
    enum exit_code code = ctl_confirm(settings, request);
    if (code != EXIT_DONE) {
        json_decref(request);
        return code;
    }
    enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms, request, &result, &fault);
    if (outcome != CTL_OK) {
        code = ctl_complain(settings, outcome, result, &fault);
        if (outcome == CTL_BROKEN || outcome == CTL_INTERRUPTED)
            fputs("failoverctl: whether the order was taken is not known: look at failoverctl voter list\n", stderr);
    } else {
        if (!settings->json)
            printf("%s\n%s\n", peek_str(result, "text", "?"), peek_str(result, "todo", ""));
        (void)fflush(stdout);
        code = settings->no_wait ? still_running(settings, result) : wait_for_end(settings, result);
    }
    json_decref(result);
    return code;
}
