/* Playing sentences: see verbs.h and README.md. What may be said is in three tables: verbs_given.c,
 * verbs_when.c, verbs_expect.c. */
#include "tests/scenario/verbs_match.h"
#include "tests/sim/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP_US (10 * US_PER_S)

/* ---- words ---- */

bool match_take_word(const char **text, char *word)
{
    *text += strspn(*text, " \t");
    size_t length = strcspn(*text, " \t");
    if (length == 0 || length >= PLAY_WORD_MAX)
        return false;
    memcpy(word, *text, length);
    word[length] = '\0';
    *text += length;
    return true;
}

bool match_sentence(struct match *m, const char *pattern, const char *sentence)
{
    char want[PLAY_WORD_MAX], have[PLAY_WORD_MAX];
    m->count = 0;
    for (;;) {
        bool more = match_take_word(&pattern, want), said = match_take_word(&sentence, have);
        if (!more || !said)
            return more == said;
        if (strcmp(want, "%") == 0) {
            if (m->count == WORDS_MAX)
                return false;
            memcpy(m->word[m->count++], have, sizeof have);
        } else if (strcmp(want, have) != 0) {
            return false;
        }
    }
}

int64_t match_number(struct match *m, unsigned i)
{
    char *end;
    long long value = strtoll(m->word[i], &end, 10);
    if (end == m->word[i] || *end != '\0')
        play_fail(m->play, "'%s' is not a number", m->word[i]);
    return value;
}

int64_t match_duration(struct match *m, unsigned i)
{
    char *end;
    double value = strtod(m->word[i], &end);
    if (strcmp(end, "ms") == 0)
        return (int64_t)(value * 1e3);
    if (strcmp(end, "s") == 0)
        return (int64_t)(value * 1e6);
    if (strcmp(end, "m") == 0)
        return (int64_t)(value * 60e6);
    play_fail(m->play, "'%s' is not a duration like 5s", m->word[i]);
    return 0;
}

region_id match_region(struct match *m, unsigned i)
{
    region_id r = world_region(m->play->world, m->word[i]);
    if (r == REGION_NONE) {
        play_fail(m->play, "there is no region '%s'", m->word[i]);
        return 0;
    }
    return r;
}

struct host *match_host(struct match *m, unsigned i)
{
    struct host *h = world_host(m->play->world, m->word[i]);
    if (h == NULL) {
        play_fail(m->play, "there is no coordinator '%s'", m->word[i]);
        return &m->play->world->hosts[0];
    }
    return h;
}

struct world *match_world(struct match *m)
{
    return m->play->world;
}

struct world_service *match_service(struct match *m)
{
    return &m->play->world->services[0];
}

/* ---- playing ---- */

void verbs_defaults(struct play *p)
{
    p->ruling = -1;
    p->options = (struct world_options){
        .seed = 1,
        .heartbeat_us = 500 * US_PER_MS,
        .health_for_us = 2 * US_PER_S,
        .dns_adopted = true,
        .policy = {
            .mode = MODE_AUTOMATIC,
            .lease_us = 2 * US_PER_S,
            .renew_us = 500 * US_PER_MS,
            .fence_budget_us = 500 * US_PER_MS,
            .clock_error_ppm = 100000,
            .fence = FENCE_ENFORCED,
            .rpo_bytes = 100000,
            .rpo_us = 30 * US_PER_S,
            .evidence_max_age_us = 3 * US_PER_S,
            .confirm_timeout_us = US_PER_S,
            .fence_deadline_us = 30 * US_PER_S,
            .promote_deadline_us = 60 * US_PER_S,
            .dns_deadline_us = 60 * US_PER_S,
            .verify_deadline_us = 60 * US_PER_S,
            .hooks_deadline_us = 30 * US_PER_S,
            .has_endpoints = true,
            .settings = 7,
            .zone_count = 1,
        },
    };
}

/* The words of the script's long pause are all of two bytes, the second of which never begins a character. */
static void remember_words(struct play *p, const struct policy_text *words)
{
    size_t length = strnlen(words->s, sizeof words->s);
    if (length + 3 < sizeof words->s)
        return;
    p->cut = true;
    p->half = p->half || ((unsigned char)words->s[length - 1] & 0xc0) == 0xc0;
}

void play_remember(struct play *p, const struct host *h, const struct note *n)
{
    switch ((int)n->kind) {
    case NOTE_PAUSED: remember_words(p, &n->detail); break;
    case NOTE_GATE_SHUT: p->gates_shut |= 1u << n->a; break;
    case NOTE_OPERATION_BEGUN: p->began++; break;
    case NOTE_OPERATION_TAKEN: p->taken++; break;
    case NOTE_OPERATION_DONE: p->done++; break;
    case NOTE_OPERATION_ABORTED:
        p->aborted++;
        if (n->b >= 0 && n->b < GATE_COUNT)
            p->gates_shut |= 1u << n->b;
        break;
    case NOTE_STEP_STARTED: p->steps_started |= 1u << n->step; break;
    case NOTE_FENCE_PROVEN: p->proofs |= 1u << n->a; break;
    case NOTE_DNS_STOPPED: p->ruling = n->a; break;
    case NOTE_LEFT_CUT_OFF: p->left_cut_off |= 1u << n->region; break;
    case NOTE_WITHDRAWN: p->withdrawn = true; break;
    case NOTE_NO_ANSWER: p->unanswered = true; break;
    case NOTE_STANDBY_AHEAD: p->ahead |= 1u << n->region; break;
    case NOTE_FOLLOW_FAILED:
        if (n->a == ACT_REFUSED)
            p->stuck |= 1u << h->region;
        break;
    case NOTE_LEASE_LOST: p->lost++; break;
    case NOTE_ABSTAINING: p->abstained += n->a != 0; break;
    case NOTE_FENCE_CHANGED:
        if (n->a == FENCE_CLOSING || n->a == FENCE_CONFIRMED)
            p->shut_acts[h->region]++;
        break;
    default: break;
    }
}

static bool start(struct play *p)
{
    if (p->world != NULL)
        return true;
    if (p->options.region_count < 2) {
        play_fail(p, "say first which regions are given");
        return false;
    }
    p->world = world_new(&p->options, p->listener, p);
    if (!world_run(p->world, WARM_UP_US)) {
        play_fail(p, "broken before anything happened: %s", world_broken(p->world));
        return false;
    }
    p->start_us = p->world->now_us;
    p->started = true;
    return true;
}

static bool run_row(struct match *m, const struct row *rows, const char *sentence)
{
    for (size_t i = 0; rows[i].pattern != NULL; i++)
        if (match_sentence(m, rows[i].pattern, sentence)) {
            rows[i].run(m);
            return true;
        }
    return false;
}

/* Clauses between commas, each by itself. */
static bool next_clause(const char **text, char *clause, size_t size)
{
    *text += strspn(*text, ", ");
    size_t length = strcspn(*text, ",");
    if (length == 0 || length >= size)
        return false;
    memcpy(clause, *text, length);
    clause[length] = '\0';
    *text += length;
    return true;
}

/* -1: nobody understands it. */
static int condition_holds(struct match *m, const char *clause)
{
    for (size_t i = 0; expect_rows[i].pattern != NULL; i++)
        if (match_sentence(m, expect_rows[i].pattern, clause))
            return expect_rows[i].holds(m) && !m->play->failed;
    return -1;
}

static void expect_all(struct match *m, const char *text)
{
    char clause[SCRIPT_LINE_MAX];
    while (next_clause(&text, clause, sizeof clause)) {
        int holds = condition_holds(m, clause);
        if (holds < 0)
            play_fail(m->play, "nobody understands 'expect %s'", clause);
        else if (holds == 0)
            play_fail(m->play, "expected %s at %.2fs", clause,
                      (double)(match_world(m)->now_us - m->play->start_us) / 1e6);
    }
}

static void play_within(struct match *m, const char *text)
{
    char word[PLAY_WORD_MAX];
    if (!match_take_word(&text, word)) {
        play_fail(m->play, "within how long?");
        return;
    }
    memcpy(m->word[0], word, sizeof word);
    int64_t limit = match_world(m)->now_us + match_duration(m, 0);
    text += strspn(text, " ");
    int holds;
    while ((holds = condition_holds(m, text)) == 0 && !m->play->failed)
        if (!world_run_one(match_world(m), limit))
            break;
    if (holds < 0)
        play_fail(m->play, "nobody understands '%s'", text);
    else if (holds == 0 && world_broken(match_world(m)) == NULL && condition_holds(m, text) == 0)
        play_fail(m->play, "%s did not come about by %.2fs", text,
                  (double)(limit - m->play->start_us) / 1e6);
}

static void play_given(struct match *m, const char *text)
{
    char clause[SCRIPT_LINE_MAX];
    while (next_clause(&text, clause, sizeof clause))
        if (!run_row(m, given_rows, clause))
            play_fail(m->play, "nobody understands 'given %s'", clause);
}

void verbs_play(struct play *p, const char *sentence)
{
    struct match m = { .play = p };
    if (strncmp(sentence, "given ", 6) == 0) {
        if (p->world != NULL)
            play_fail(p, "what is given comes first");
        else
            play_given(&m, sentence + 6);
        return;
    }
    if (!start(p))
        return;
    if (strncmp(sentence, "expect ", 7) == 0) {
        expect_all(&m, sentence + 7);
    } else if (strncmp(sentence, "within ", 7) == 0) {
        play_within(&m, sentence + 7);
    } else if (match_sentence(&m, "after %", sentence)) {
        (void)world_run(p->world, p->world->now_us + match_duration(&m, 0));
    } else if (strncmp(sentence, "when ", 5) == 0) {
        world_settle(p->world); /* databases are worked out before anything about them changes */
        if (!run_row(&m, when_rows, sentence + 5))
            play_fail(p, "nobody understands '%s'", sentence);
        check_event(p->world);
    } else {
        play_fail(p, "nobody understands '%s'", sentence);
    }
}
