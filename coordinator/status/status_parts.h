/* What the files of this folder share; not for others. All of it renders into JSON, and a value
 * that could not be allocated is left out. */
#ifndef FAILOVERD_STATUS_STATUS_PARTS_H
#define FAILOVERD_STATUS_STATUS_PARTS_H

#include "coordinator/status/names.h"
#include "coordinator/status/sentences.h"
#include "coordinator/status/status.h"

/* One service of a snapshot, so that functions take one argument. */
struct status_service {
    const struct status_input *input;
    const struct service_config *config;
    const struct view_service *view;
    size_t index;
};

/* What our own guard says of its fence; empty texts for every other region's. */
struct status_own_fence {
    const char *trouble, *said;
};

static inline struct status_own_fence status_own_fence(const struct status_service *service,
                                                       const struct view_region *region)
{
    const struct status_guarded *guarded = service->input->guarded;
    struct status_own_fence own = { "", "" };
    if (guarded == NULL || !region->guard_heard || region->guard_node != service->input->self)
        return own;
    if (guarded[service->index].trouble != NULL)
        own.trouble = guarded[service->index].trouble;
    if (guarded[service->index].said != NULL)
        own.said = guarded[service->index].said;
    return own;
}

/* Both steal the value. */
static inline void put(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static inline void add(json_t *array, json_t *value)
{
    (void)json_array_append_new(array, value);
}

static inline const char *region_of(const struct status_service *service, unsigned region)
{
    return name_region(service->input->cluster, region);
}

/* "none" becomes null. */
json_t *status_region_name(const struct status_input *input, region_id region);
json_t *status_node_name(const struct status_input *input, node_id node);

/* The writer, or while none is named the region that wrote last; REGION_NONE if not known. */
region_id status_subject(const struct view_service *view);

/* The region that would be failed over to first, going by what is shown; REGION_NONE: none. */
region_id status_best_target(const struct status_service *service);
/* The candidate with the fewest gates shut, then by priority; REGION_NONE: none. */
typedef unsigned status_gate_count(const struct view_region *region);
region_id status_fewest_shut(const struct status_service *service, status_gate_count *count);

/* status_fence.c: what the fence allows, and where it leaks. */
json_t *status_fence(const struct status_service *service);
void status_fence_warnings(const struct status_service *service, json_t *warnings);

/* status_remote.c: the remote hook that would cut a region off, NULL if it has none; what its last run here came
 * to, null if there was none; what to do about that. */
const struct remote_hook_config *status_remote_of(const struct status_service *service, region_id region);
json_t *status_remote_hook(const struct status_service *service);
void status_remote_warnings(const struct status_service *service, json_t *warnings);

/* status_quorum.c: what the loss of the quorum means right now; the texts are appended. The second says nothing
 * while there is a quorum. */
json_t *status_quorum_loss(const struct status_service *service);
void status_quorum_text(const struct status_service *service, struct text *text);
void status_quorum_todo(const struct status_service *service, struct text *text);

/* status_evidence.c: for an explanation, from the service as status has it. `subject`: the region that it is about. */
json_t *status_evidence_candidates(const struct status_service *service, const json_t *status);
json_t *status_evidence_fence(const struct status_service *service, const json_t *status, region_id subject);
json_t *status_evidence_commits(const struct status_service *service, const json_t *status, region_id subject);

/* status_runbook.c: the checklist of the operation that runs, or of the last one; null: there is none. */
json_t *status_runbook(const struct status_service *service);
/* Its items for before an operation that was not ordered yet; null: there is none. */
struct status_runbook_plan {
    enum operation_kind kind;
    region_id to;                     /* REGION_NONE: none could be chosen */
    const struct view_region *target; /* with the gates as that order is judged */
    const char *obstacle;             /* why there is nothing to judge; NULL: there is */
};
json_t *status_runbook_before(const struct status_service *service, const struct status_runbook_plan *plan);
/* status_dry_run.c: a gate that binds failoverd alone, and nobody who orders. */
bool status_gate_is_automatic(int gate);
/* status_proposal.c: what is put before people, null if nothing is; and as sentences without the last one's stop, false
 * and nothing appended if nothing is. */
json_t *status_proposal(const struct status_service *service);
bool status_proposal_text(const struct status_service *service, struct text *text);

/* status_shift.c: a failback's traffic. Whether it moves now; how it stands, in words (only then) and as an object,
 * null without stages; what a person should know; and what would be done. */
bool status_shifts(const struct status_service *service);
void status_shift_text(const struct status_service *service, struct text *text);
json_t *status_shift(const struct status_service *service);
/* A failback's traffic was sent back, or held, by failoverd itself: nobody has said a word yet. */
bool status_is_its_own(const struct status_service *service);
/* What a change of the voters that is under way waits for. */
void status_voter_change_text(const struct status_input *input, struct text *text);
void status_shift_warn(const struct status_service *service, json_t *warnings);
json_t *status_shift_plan(const struct status_service *service, region_id home, const struct shift *shift);

/* status_glass.c: broken glasses, and what is open by one; texts for the headline and the outlook; a warning each. */
bool status_glass_any(const struct view_service *view);
json_t *status_glass(const struct status_service *service);
void status_glass_headline(const struct status_service *service, struct text *text);
void status_glass_outlook(const struct status_service *service, struct text *text);
void status_glass_warnings(const struct status_service *service, json_t *warnings);
/* Why the operation that reconciles one does not go on, and what to do, without the last stop; false: it does. */
bool status_glass_stuck(const struct status_service *service, struct text *text);

json_t *status_gates(const struct status_service *service, const struct view_region *region);
/* As in the journal; null: never. */
json_t *status_wall(struct wall_time wall);
json_t *status_loss(int64_t bytes, int64_t us, int64_t age_us);
/* More than may be lost, of either kind; a time that is not known (`us` < 0) is not said to be. */
bool status_beyond_rpo(const struct service_config *config, int64_t bytes, int64_t us);

/* One of a service's `checks`. */
json_t *status_check(const struct service_region_config *region, const struct check_config *config,
                     const struct view_check *check);

json_t *status_render_service(const struct status_service *service);

/* A pause is in force, by this node's calendar. */
bool status_is_paused(const struct status_service *service);

/* state, headline and outlook into the rendered service. */
void status_outlook(const struct status_service *service, json_t *object);

/* status_warnings.c: adds {"code", "service", "text"}; `service` NULL: of the node. */
void status_warn(json_t *warnings, const char *code, const char *service, const char *format, ...)
    PRINTF_LIKE(4, 5);
void status_service_warnings(const struct status_service *service, json_t *warnings);
void status_node_warnings(const struct status_input *input, json_t *warnings);

/* Who waits to commit: of this node's guard, and of a region as this node's checks see it. */
json_t *status_commit_lease(const struct status_service *service);
json_t *status_commits_waiting(const struct status_service *service, size_t region);
void status_commit_warnings(const struct status_service *service, json_t *warnings);

#endif
