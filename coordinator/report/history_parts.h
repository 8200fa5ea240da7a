/* What history.c, history_file.c and history_render.c share; not for others. */
#ifndef FAILOVERD_REPORT_HISTORY_PARTS_H
#define FAILOVERD_REPORT_HISTORY_PARTS_H

#include "coordinator/base/clock.h"
#include "coordinator/report/history.h"

struct history_step {
    char name[HISTORY_NAME_MAX];
    char began[CLOCK_WALL_TEXT_MAX];
    char detail[HISTORY_TEXT_MAX];
    double took_ms; /* -1: not done */
    unsigned retries;
    bool overdue;
};

struct history_gate {
    char gate[HISTORY_NAME_MAX];
    char when[CLOCK_WALL_TEXT_MAX];
    char text[HISTORY_TEXT_MAX];
};

struct history_operation {
    uint64_t id;
    char service[HISTORY_NAME_MAX];
    char kind[HISTORY_NAME_MAX];
    char from[HISTORY_NAME_MAX];
    char to[HISTORY_NAME_MAX];
    char executor[HISTORY_NAME_MAX];
    char who[HISTORY_NAME_MAX];
    char why[HISTORY_TEXT_MAX];
    bool automatic;
    bool taken_over;
    char begun[CLOCK_WALL_TEXT_MAX];
    char ended[CLOCK_WALL_TEXT_MAX];
    char outcome[HISTORY_NAME_MAX]; /* running, done, aborted, left, unknown */
    double total_ms;                /* as this node measured it; -1: not known */
    double ledger_ms;               /* from begin to end by the ledger, of one that was done; -1: not known */
    double wait_ms;                 /* the longest waiting out that was announced; -1: none */
    char proof[HISTORY_NAME_MAX];
    char proof_text[HISTORY_TEXT_MAX];
    int64_t loss_bytes;             /* -1: not known */
    double loss_ms;
    double loss_age_ms;
    char abort_step[HISTORY_NAME_MAX];
    char abort_gate[HISTORY_NAME_MAX];
    struct history_step steps[HISTORY_STEPS_MAX];
    size_t step_count;
    struct history_gate gates[HISTORY_GATES_MAX];
    size_t gate_count;
};

struct history_service {
    char name[HISTORY_NAME_MAX];
    char writer[HISTORY_NAME_MAX];
    /* What may lead to the next operation. */
    bool ordered;
    char order_kind[HISTORY_NAME_MAX];
    char who[HISTORY_NAME_MAX];
    char why[HISTORY_TEXT_MAX];
    char majority[HISTORY_TEXT_MAX];
    struct history_gate gates[HISTORY_GATES_MAX];
    size_t gate_count;
    bool has_dns;
    struct history_dns dns;
};

/* What an old primary had that the new one lacks, as a line told it. */
struct history_lost {
    char service[HISTORY_NAME_MAX];
    char region[HISTORY_NAME_MAX];
    char writer[HISTORY_NAME_MAX];
    char when[CLOCK_WALL_TEXT_MAX];
    char text[HISTORY_LOST_TEXT_MAX];
    char file[HISTORY_LOST_TEXT_MAX];
    double bytes;                   /* -1: not known */
    double transactions;            /* -1: not known */
};

struct history {
    struct history_operation *operations[HISTORY_OPERATIONS_MAX]; /* oldest first */
    size_t count;
    uint64_t forgotten;
    struct history_lost lost[HISTORY_LOST_MAX]; /* oldest first */
    size_t lost_count;
    struct history_service *services[HISTORY_SERVICES_MAX];
    size_t service_count;
    bool loading;
};

#endif
