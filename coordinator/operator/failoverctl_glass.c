/* Breaking the glass and reconciling it: see failoverctl_glass.h.
 *
 * Everything shown comes from one status of this node, and nothing is hidden behind --yes but the questions. A
 * reconciliation names the very mark that was shown, so it can't end another. */
#include "coordinator/operator/failoverctl_glass.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/operator/failoverctl_operation.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status_text.h"

#define LOOK_AGAIN_MS 250
#define OPENS_WITHIN_MS 60000
#define ENDS_WITHIN_MS 30000

/* The service of a fresh status; `status` is what it is borrowed from. NULL: `code` says why, and it was told. */
static const json_t *look(const struct ctl_settings *settings, const char *service, json_t **status,
                          enum exit_code *code)
{
    struct fault fault = { "" };
    *status = NULL;
    enum ctl_outcome outcome =
        ctl_ask(settings->socket_path, settings->timeout_ms,
                json_pack("{s:s, s:s}", "command", "status", "service", service), status, &fault);
    if (outcome != CTL_OK) {
        *code = ctl_complain(settings, outcome, *status, &fault);
        return NULL;
    }
    return json_array_get(json_object_get(*status, "services"), 0);
}

static const json_t *region_of(const json_t *service, const char *name)
{
    size_t index;
    const json_t *region;
    json_array_foreach(json_object_get(service, "regions"), index, region)
        if (strcmp(peek_str(region, "name", ""), name) == 0)
            return region;
    return NULL;
}

static const char *age(char out[CLOCK_DURATION_TEXT_MAX], const json_t *object, const char *key, int64_t unit_us)
{
    double number;
    if (!peek_real(object, key, &number) || number < 0 || number > 1e12)
        return "an unknown time";
    return base_format_duration(out, CLOCK_DURATION_TEXT_MAX, (int64_t)(number * (double)unit_us));
}

static void print_records(FILE *out, const json_t *service)
{
    size_t index;
    const json_t *line;
    const json_t *records = json_object_get(json_object_get(service, "break_glass"), "records_by_hand");
    if (json_array_size(records) == 0)
        return;
    fputs("DNS is not changed, since no epoch can be agreed on. By hand, until it is reconciled:\n", out);
    json_array_foreach(records, index, line)
        fprintf(out, "  %s\n", json_is_string(line) ? json_string_value(line) : "?");
}

/* ---- breaking it --------------------------------------------------------------------------- */

static void print_unknown(FILE *out, const json_t *service, const char *to)
{
    char known[CLOCK_DURATION_TEXT_MAX];
    const char *writer = peek_str(service, "writer", "the last writer");
    const json_t *lag = json_object_get(region_of(service, to), "lag");
    char words[128];
    struct text lacks = TEXT_OF(words);
    fprintf(out, "\nBREAK THE GLASS: make %s the writer of %s at your word, with no majority to ask.\n", to,
            peek_str(service, "name", "?"));
    fprintf(out, "\n%s\nWho is the writer was confirmed last %s ago: %s.\n", peek_str(service, "headline", "?"),
            age(known, service, "ledger_age_ms", CLOCK_US_PER_MS), writer);
    fputs("\nWhat can't be known from here:\n", out);
    fprintf(out, "  - whether the database of %s is dead, or only out of sight. If it lives, two databases "
                 "acknowledge writes, and what one of them took will be given up;\n", writer);
    if (status_text_loss(&lacks, lag))
        fprintf(out, "  - how much %s acknowledged that %s lacks: %s by what was known %s ago, and all that came after;\n",
                writer, to, words, age(known, lag, "age_seconds", CLOCK_US_PER_S));
    else
        fprintf(out, "  - how much %s acknowledged that %s lacks: nothing is known of that here;\n", writer, to);
    fputs("  - whether the voters that are not heard are a majority elsewhere, and named another writer.\n", out);
    fprintf(out, "\nA mark is written to this node's disk; then the database of %s is frozen, promoted and held "
                 "open by this node alone, without a lease. When a node is met that has another writer, it is shut by "
                 "itself. A person has to end it with failoverctl reconcile.\n", to);
    print_records(out, service);
    if (peek_yes(json_object_get(service, "quorum"), "have"))
        fprintf(out, "\nThis node hears a majority of the voters now. While it does this is refused, and an ordinary failover "
                     "is right: failoverctl failover %s --to %s --reason \"...\"\n", peek_str(service, "name", "?"), to);
}

/* The person's own words, unless they were given. */
static enum exit_code ask_how(json_t *request)
{
    char typed[COMMAND_TEXT_MAX + 1];
    if (json_object_get(request, "old_is_dead") != NULL)
        return EXIT_DONE;
    fputs("How do you know that the old database is dead? (kept in the audit trail and with the mark): ", stderr);
    fflush(stderr);
    if (!ctl_read_line(typed, sizeof typed) || typed[strspn(typed, " ")] == '\0') {
        fputs("\nfailoverctl: nothing was said, and nothing was changed\n", stderr);
        return EXIT_USAGE;
    }
    (void)json_object_set_new(request, "old_is_dead", json_string(typed));
    return EXIT_DONE;
}

static enum exit_code told_open(const struct ctl_settings *settings, const json_t *service, const json_t *result,
                                bool open)
{
    enum exit_code code = open ? EXIT_DONE : EXIT_RUNNING;
    if (settings->json) {
        json_t *document = json_pack("{s:b, s:s, s:b, s:O?}", "ok", 1, "mark", peek_str(result, "operation", ""),
                                     "open", open, "break_glass", json_object_get(service, "break_glass"));
        code = ctl_print_json(document, code);
        json_decref(document);
        return code;
    }
    printf("%s\nmark %s\n",
           open ? "The database is open. No lease stands behind it: nothing but your word says that it is the only "
                  "writer."
                : "The mark is made; the database is not open yet. It goes on by itself: failoverctl status shows it.",
           peek_str(result, "operation", "?"));
    print_records(stdout, service);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

static enum exit_code follow_open(const struct ctl_settings *settings, const char *name, const json_t *result)
{
    json_t *status = NULL;
    enum exit_code code = EXIT_RUNNING;
    for (int64_t waited_ms = 0;; waited_ms += LOOK_AGAIN_MS) {
        const json_t *service = look(settings, name, &status, &code);
        bool open = peek_yes(json_object_get(service, "break_glass"), "open_by_mark");
        if (service != NULL && (open || settings->no_wait || waited_ms >= OPENS_WITHIN_MS || ctl_interrupted())) {
            code = told_open(settings, service, result, open);
            json_decref(status);
            return code;
        }
        json_decref(status);
        if (service == NULL)
            return EXIT_RUNNING; /* the mark is made, whatever became of the daemon since */
        ctl_sleep_ms(LOOK_AGAIN_MS);
    }
}

static enum exit_code confirm_break(const struct ctl_settings *settings, json_t *request)
{
    json_t *status = NULL;
    enum exit_code code = EXIT_DONE;
    const json_t *service = look(settings, peek_str(request, "service", ""), &status, &code);
    if (service != NULL && settings->dry_run && settings->json)
        code = ctl_print_json(json_object_get(service, "break_glass"), EXIT_DONE);
    else if (service != NULL && !settings->json)
        print_unknown(settings->dry_run ? stdout : stderr, service, peek_str(request, "to", "?"));
    json_decref(status);
    if (code != EXIT_DONE || settings->dry_run)
        return code;
    if (settings->yes && json_object_get(request, "old_is_dead") == NULL)
        return ctl_refuse(settings, "usage", EXIT_USAGE,
                          "with --yes nobody is asked: say with --old-is-dead TEXT how you know that the old database is "
                          "dead", "");
    code = ctl_confirm(settings, request);
    return code != EXIT_DONE ? code : ask_how(request);
}

enum exit_code ctl_break_glass(const struct ctl_settings *settings, json_t *request)
{
    struct fault fault = { "" };
    char name[CONFIG_MAX_NAME + 1];
    json_t *result = NULL;
    (void)text_copy(name, sizeof name, peek_str(request, "service", ""));
    enum exit_code code = confirm_break(settings, request);
    if (code != EXIT_DONE || settings->dry_run) {
        json_decref(request);
        return code;
    }
    enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms, request, &result, &fault);
    code = outcome == CTL_OK ? follow_open(settings, name, result) : ctl_complain(settings, outcome, result, &fault);
    if (outcome == CTL_BROKEN || outcome == CTL_INTERRUPTED)
        fputs("failoverctl: whether the mark was made is not known: look at failoverctl status\n", stderr);
    json_decref(result);
    return code;
}

/* ---- reconciling --------------------------------------------------------------------------- */

/* As the core picks it: first those of other regions than the one that is kept. */
static const json_t *mark_for(const json_t *service, const char *keep)
{
    size_t index;
    const json_t *mark, *own = NULL;
    json_array_foreach(json_object_get(json_object_get(service, "break_glass"), "marks"), index, mark) {
        if (strcmp(peek_str(mark, "region", ""), keep) != 0)
            return mark;
        own = own != NULL ? own : mark;
    }
    return own;
}

static void print_sides(FILE *out, const json_t *mark, const char *keep)
{
    size_t index;
    const json_t *side;
    char seen[CLOCK_DURATION_TEXT_MAX];
    char bytes[NAME_BYTES_MAX];
    int64_t number;
    fprintf(out, "\n%s.\nBroken at %s by %s; reason: %s\n", peek_str(mark, "text", "?"), peek_str(mark, "at", "?"),
            peek_str(mark, "by", "?"), peek_str(mark, "reason", ""));
    int64_t timeline = 0;
    (void)peek_int(mark, "fork_timeline", &timeline);
    fprintf(out, "The sides parted on timeline %" PRId64 " at %s.\n", timeline, peek_str(mark, "fork_lsn", "?"));
    json_array_foreach(json_object_get(mark, "sides"), index, side) {
        const char *region = peek_str(side, "region", "?");
        timeline = 0;
        (void)peek_int(side, "timeline", &timeline);
        fprintf(out, "  %-16s %s  timeline %" PRId64 " at %s, seen %s ago, fence %s; beyond the fork: %s%s\n", region,
                peek_yes(side, "marked") ? "marked " : "ledger's", timeline, peek_str(side, "lsn", "?"),
                age(seen, side, "seen_ms_ago", CLOCK_US_PER_MS),
                peek_str(side, "fence", "not heard"),
                peek_int(side, "beyond_bytes", &number) ? format_bytes(bytes, sizeof bytes, number) : "not known",
                strcmp(region, keep) == 0 ? " (kept)" : " (given up; the files stay until it is made a standby)");
    }
    const char *obstacle = peek_str(mark, "obstacle", "");
    if (obstacle[0] != '\0')
        fprintf(out, "In the way: %s.\n", obstacle);
}

/* Set aside: the mark is gone once this node knows what is chosen. */
static enum exit_code follow_end(const struct ctl_settings *settings, const char *name, const char *id,
                                 const json_t *result)
{
    enum exit_code code = EXIT_RUNNING;
    for (int64_t waited_ms = 0; waited_ms < ENDS_WITHIN_MS && !ctl_interrupted(); waited_ms += LOOK_AGAIN_MS) {
        json_t *status = NULL;
        const json_t *service = look(settings, name, &status, &code);
        bool there = false;
        size_t index;
        const json_t *mark;
        json_array_foreach(json_object_get(json_object_get(service, "break_glass"), "marks"), index, mark)
            there = there || strcmp(peek_str(mark, "id", ""), id) == 0;
        bool answered = service != NULL;
        json_decref(status);
        if (!answered)
            return code;
        if (!there) {
            if (settings->json)
                return ctl_print_json(result, EXIT_DONE);
            printf("The mark is ended. A region that was given up is shut and keeps what it has;\n"
                   "failoverctl rejoin %s --dry-run lists that, and says how it becomes a standby.\n", name);
            return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
        }
        ctl_sleep_ms(LOOK_AGAIN_MS);
    }
    fputs("failoverctl: it is ordered, and not yet known everywhere: failoverctl status shows it\n", stderr);
    return EXIT_RUNNING;
}

/* As the daemon refuses it, which is not asked: there is no mark to name. */
static enum exit_code nothing_to_reconcile(const struct ctl_settings *settings)
{
    return ctl_refuse(settings, "no_mark", EXIT_GATE,
                      "refused: there is no broken glass to reconcile, as far as this node knows",
                      "failoverctl status shows one at every node that has heard of it.");
}

/* It is kept by an operation; but where its region is the writer already, a mark that opens nothing any more is set
 * aside. */
static bool is_kept(const json_t *service, const json_t *mark, const char *keep)
{
    const char *region = peek_str(mark, "region", "");
    bool writer = strcmp(peek_str(service, "writer", ""), keep) == 0;
    bool rests = strcmp(peek_str(mark, "state", ""), "shut") == 0 &&
                 strcmp(peek_str(mark, "gives_way_to", region), region) == 0;
    return strcmp(region, keep) == 0 && !(writer && rests);
}

/* Shows, asks, and adds the mark to the request. `kept`: the marked side is. */
static enum exit_code confirm_reconcile(const struct ctl_settings *settings, json_t *request, bool *kept)
{
    json_t *status = NULL;
    enum exit_code code = EXIT_DONE;
    const char *keep = peek_str(request, "keep", "");
    const json_t *service = look(settings, peek_str(request, "service", ""), &status, &code);
    const json_t *mark = service != NULL ? mark_for(service, keep) : NULL;
    if (service != NULL && mark == NULL)
        code = nothing_to_reconcile(settings);
    if (mark != NULL) {
        *kept = is_kept(service, mark, keep);
        (void)json_object_set_new(request, "mark", json_string(peek_str(mark, "id", "")));
        if (settings->dry_run && settings->json)
            code = ctl_print_json(mark, EXIT_DONE);
        else if (!settings->json)
            print_sides(settings->dry_run ? stdout : stderr, mark, keep);
    }
    json_decref(status);
    if (code != EXIT_DONE || settings->dry_run)
        return code;
    return ctl_confirm(settings, request);
}

enum exit_code ctl_reconcile(const struct ctl_settings *settings, json_t *request)
{
    struct fault fault = { "" };
    char name[CONFIG_MAX_NAME + 1];
    char id[NAME_HEX_MAX];
    bool kept = false;
    json_t *result = NULL;
    (void)text_copy(name, sizeof name, peek_str(request, "service", ""));
    enum exit_code code = confirm_reconcile(settings, request, &kept);
    (void)text_copy(id, sizeof id, peek_str(request, "mark", ""));
    if (code != EXIT_DONE || settings->dry_run) {
        json_decref(request);
        return code;
    }
    enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms, request, &result, &fault);
    if (outcome != CTL_OK)
        code = ctl_complain(settings, outcome, result, &fault);
    else
        code = kept ? ctl_operation_begun(settings, name, result) : follow_end(settings, name, id, result);
    if (outcome == CTL_BROKEN || outcome == CTL_INTERRUPTED)
        fputs("failoverctl: whether the order was taken is not known: look at failoverctl status\n", stderr);
    json_decref(result);
    return code;
}
