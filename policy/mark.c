/* Which of several marks: see mark.h. */
#include "policy/mark.h"

bool mark_is_older(const struct mark *mark, const struct mark *than)
{
    return mark->at.us < than->at.us || (mark->at.us == than->at.us && mark->id < than->id);
}

bool mark_rests(const struct mark *mark)
{
    return mark->state == MARK_SHUT && (mark->yields == mark->region || mark->yields == REGION_NONE);
}

static bool goes_before(const struct mark *mark, const struct mark *than)
{
    bool stands = mark->state == MARK_STANDS;
    return stands != (than->state == MARK_STANDS) ? stands : mark_is_older(mark, than);
}

const struct mark *mark_of_region(const struct mark marks[POLICY_NODES_MAX], region_id region)
{
    const struct mark *first = NULL;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (marks[n].state != MARK_NONE && marks[n].region == region &&
            (first == NULL || goes_before(&marks[n], first)))
            first = &marks[n];
    return first;
}
