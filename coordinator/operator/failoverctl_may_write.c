/* May a database start: see failoverctl_may_write.h.
 *
 * Runs where nobody looks on, before PostgreSQL. So what it waits for goes to stderr as it changes, for the unit's
 * log, and every way in which it fails to get a yes ends in a refusal. */
#include "coordinator/operator/failoverctl_may_write.h"

#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/status/status_text.h"

#define AGAIN_MS 500
#define ASK_LEAST_MS 1000 /* for one answer, also when the time to wait is nearly over */

struct asking {
    const struct ctl_settings *settings;
    const json_t *request;
    int64_t deadline_us;
    char said[512]; /* what is waited for, as it was last told */
};

static enum exit_code judge(const struct asking *asking, enum ctl_outcome outcome, const json_t *result)
{
    const char *asked = peek_str(asking->request, "service", "");
    int64_t code;
    bool yes = outcome == CTL_OK && peek_yes(result, "may_write") &&
               strcmp(peek_str(result, "service", ""), asked) == 0;
    bool no = outcome == CTL_REFUSED && peek_int(result, "exit", &code) && code == EXIT_NOT_WRITER;
    return yes ? EXIT_DONE : no ? EXIT_NOT_WRITER : EXIT_CANT_KNOW;
}

static int64_t ask_ms(const struct asking *asking)
{
    int64_t left_ms = (asking->deadline_us - base_mono_us()) / CLOCK_US_PER_MS;
    if (left_ms < ASK_LEAST_MS)
        left_ms = ASK_LEAST_MS;
    return left_ms < asking->settings->timeout_ms ? left_ms : asking->settings->timeout_ms;
}

static void say_waiting(struct asking *asking, enum ctl_outcome outcome, const json_t *result,
                        const struct fault *fault)
{
    const char *text = outcome == CTL_REFUSED ? peek_str(result, "text", "refused") : fault->text;
    if (asking->settings->json || strncmp(text, asking->said, sizeof asking->said - 1) == 0)
        return;
    (void)text_copy(asking->said, sizeof asking->said, text);
    fprintf(stderr, "failoverctl: waiting: %s\n", text);
}

static enum exit_code finish(const struct asking *asking, enum exit_code code, enum ctl_outcome outcome,
                             const json_t *result, const struct fault *fault)
{
    if (outcome == CTL_OK && asking->settings->json)
        return ctl_print_json(result, code) == code ? code : EXIT_CANT_KNOW;
    if (code == EXIT_DONE) {
        printf("%s\n", peek_str(result, "text", "yes"));
        return fflush(stdout) == 0 ? EXIT_DONE : EXIT_CANT_KNOW;
    }
    if (outcome == CTL_OK)
        fputs("failoverctl: the daemon's answer is about something else\n", stderr);
    else
        (void)ctl_complain(asking->settings, outcome, result, fault);
    if (!asking->settings->json && outcome != CTL_REFUSED)
        fputs("Whether this database may start as a primary can't be known. Look after failoverd on this host "
              "(systemctl status failoverd), then start it again.\n", stderr);
    return code;
}

enum exit_code ctl_may_write(const struct ctl_settings *settings, json_t *request, int64_t wait_us)
{
    struct asking asking = { .settings = settings, .request = request,
                             .deadline_us = base_mono_us() + wait_us };
    for (;;) {
        struct fault fault = { "" };
        json_t *result = NULL;
        enum ctl_outcome outcome =
            ctl_ask(settings->socket_path, ask_ms(&asking), json_deep_copy(request), &result, &fault);
        enum exit_code code = judge(&asking, outcome, result);
        bool final = code == EXIT_DONE || peek_yes(result, "final") || ctl_interrupted() ||
                     base_mono_us() >= asking.deadline_us;
        if (final)
            code = finish(&asking, code, outcome, result, &fault);
        else
            say_waiting(&asking, outcome, result, &fault);
        json_decref(result);
        if (final) {
            json_decref(request);
            return code;
        }
        ctl_sleep_ms(AGAIN_MS);
    }
}
