/* Runs to read and to compare: see trace.h. */
#include "tests/sim/trace.h"

#include "tests/sim/words.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 320

void trace_print(void *arg, const struct world *w, int64_t start_us, const struct host *h,
                 const struct note *note, const char *words)
{
    char said[LINE_MAX_BYTES];
    (void)arg;
    if (note != NULL && !words_of_note(w, note, said, sizeof said))
        return;
    if (note == NULL)
        (void)snprintf(said, sizeof said, "%s", words);
    bool of_service = note != NULL && note->service < w->service_count && w->service_count > 1;
    char service[16] = "";
    if (of_service)
        (void)snprintf(service, sizeof service, "[%u] ", note->service);
    printf("%10.3fs  %s%s%s%s\n", (double)(w->now_us - start_us) / 1e6, h != NULL ? h->name : "",
           h != NULL ? ": " : "", service, said);
}

static void take(uint64_t *hash, uint64_t value)
{
    *hash = (*hash ^ value) * UINT64_C(0x100000001b3);
    *hash ^= *hash >> 29;
}

static void take_text(uint64_t *hash, const char *text)
{
    for (; *text != '\0'; text++)
        take(hash, (unsigned char)*text);
}

/* Field by field: between them there may be anything. */
static void take_note(uint64_t *hash, const struct note *n)
{
    take(hash, (uint64_t)n->kind);
    take(hash, (uint64_t)n->service << 32 | (uint64_t)n->region << 24 | (uint64_t)n->node << 16 |
                   (uint64_t)n->check << 8 | n->step);
    take(hash, n->epoch);
    take(hash, n->operation);
    take(hash, (uint64_t)n->a);
    take(hash, (uint64_t)n->b);
    take(hash, (uint64_t)n->c);
    if (n->kind == NOTE_GATE_SHUT) {
        take(hash, (uint64_t)n->gate.value);
        take(hash, (uint64_t)n->gate.limit);
    }
    take_text(hash, n->detail.s);
}

void trace_hash(void *arg, const struct world *w, int64_t start_us, const struct host *h,
                const struct note *note, const char *words)
{
    uint64_t *hash = arg;
    take(hash, (uint64_t)(w->now_us - start_us));
    take(hash, h != NULL ? host_index(w, h) : NODE_NONE);
    if (note != NULL)
        take_note(hash, note);
    else
        take_text(hash, words);
}

/* By time, as they are read; those of one time in their order in the list. */
void trace_faults(const struct mix *m)
{
    bool shown[FAULTS_MAX] = { false };
    for (uint16_t n = 0; n < m->fault_count; n++) {
        int next = -1;
        for (uint16_t i = 0; i < m->fault_count; i++)
            if (!shown[i] && (next < 0 || m->faults[i].at_us < m->faults[next].at_us))
                next = i;
        char words[LINE_MAX_BYTES];
        shown[next] = true;
        fault_words(&m->faults[next], &m->options, words, sizeof words);
        printf("  %10.3fs  %s\n", (double)m->faults[next].at_us / 1e6, words);
    }
    if (m->fault_count == 0)
        printf("  no faults\n");
}
