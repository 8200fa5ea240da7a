/* failoverctl probe: see failoverctl_probe.h.
 *
 * How it ended comes first, then what took how long, then what this node judges without this round. */
#include "coordinator/operator/failoverctl_probe.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/status/status_text.h"

#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define RESET "\033[0m"

struct ending {
    const char *outcome, *words, *color;
};

static const struct ending *ending_of(const json_t *probe)
{
    static const struct ending endings[] = {
        { "ok", "passed", GREEN },
        { "failed", "FAILED", RED },
        { "observer", "NOT KNOWN: this node could not look", YELLOW },
    };
    static const struct ending other = { "", "?", YELLOW };
    const char *outcome = peek_str(probe, "outcome", "");
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (strcmp(endings[i].outcome, outcome) == 0)
            return &endings[i];
    return &other;
}

static void show(const struct table_style *style, const json_t *probe)
{
    const struct ending *ending = ending_of(probe);
    const json_t *certificate = json_object_get(probe, "certificate");
    double took;
    int64_t days;
    bool paint = style->color;
    fprintf(style->stream, "%s%s%s %s in %s (%s), from %s: %s%s%s", paint ? BOLD : "", peek_str(probe, "service", "?"),
            paint ? RESET : "", peek_str(probe, "check", "?"), peek_str(probe, "region", "?"),
            peek_str(probe, "type", "?"),
            peek_str(probe, "node", "?"), paint ? ending->color : "", ending->words, paint ? RESET : "");
    if (peek_real(probe, "took_ms", &took) && took >= 0 && took < 1e9)
        fprintf(style->stream, ", after %.2f ms", took);
    fprintf(style->stream, "\n  %s\n", peek_str(probe, "text", "why was not told"));
    if (peek_str(probe, "address", NULL) != NULL)
        fprintf(style->stream, "  at %s\n", peek_str(probe, "address", "?"));
    if (peek_int(certificate, "days_left", &days))
        fprintf(style->stream, "  its certificate ends in %" PRId64 " days (%s)\n", days,
                peek_str(certificate, "not_after", "?"));
    fputc('\n', style->stream);
    table_phases(style, json_object_get(probe, "phases"));
    fprintf(style->stream, "\nBy the check's own turns, of which this was none, it is %s.\n",
            peek_str(json_object_get(probe, "judged"), "text", "not known here"));
}

enum exit_code ctl_probe(const struct ctl_settings *settings, json_t *request)
{
    struct fault fault = { "" };
    json_t *probe = NULL;
    enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms, request, &probe, &fault);
    bool passed = peek_yes(probe, "passed") && strcmp(peek_str(probe, "outcome", ""), "ok") == 0;
    enum exit_code code = passed ? EXIT_DONE : EXIT_FAILED;
    if (outcome != CTL_OK)
        code = ctl_complain(settings, outcome, probe, &fault);
    else if (settings->json)
        code = ctl_print_json(probe, code);
    else
        show(&settings->style, probe);
    json_decref(probe);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}
