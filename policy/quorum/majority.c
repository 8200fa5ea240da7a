/* Counting voters: see majority.h. */
#include "policy/quorum/majority.h"

uint8_t set_size(node_set set)
{
    uint8_t size = 0;
    for (; set != 0; set = (node_set)(set & (set - 1u)))
        size++;
    return size;
}

static uint8_t more_than_half(unsigned size)
{
    return (uint8_t)(size / 2 + 1);
}

uint8_t majority_of(node_set voters)
{
    return more_than_half(set_size(voters));
}

bool majority_has(node_set voters, node_set yes)
{
    return set_size((node_set)(voters & yes)) >= majority_of(voters); /* of nobody, nobody has one */
}

bool majority_lost(node_set voters, node_set no)
{
    return !majority_has(voters, (node_set)(voters & ~no));
}

struct electorate electorate_of(node_set voters)
{
    return (struct electorate){ .now = voters, .next = voters };
}

static uint8_t needed_now(struct electorate e)
{
    return more_than_half((unsigned)set_size(e.now) + e.gone);
}

bool electorate_has(struct electorate e, node_set yes)
{
    bool in_force = set_size((node_set)(e.now & yes)) >= needed_now(e);
    return in_force && majority_has(e.next, yes);
}

bool electorate_lost(struct electorate e, node_set no)
{
    return !electorate_has(e, (node_set)(electorate_all(e) & ~no));
}

uint8_t electorate_needed(struct electorate e)
{
    uint8_t now = needed_now(e), next = majority_of(e.next);
    return now > next ? now : next;
}

static unsigned missing(unsigned needed, node_set voters, node_set yes)
{
    unsigned have = set_size((node_set)(voters & yes));
    return needed > have ? needed - have : 0;
}

/* Who is in both sets is missing once. There are always enough of them: two sets differ in one voter. */
uint8_t electorate_counted(struct electorate e, node_set yes)
{
    unsigned now = missing(needed_now(e), e.now, yes), next = missing(majority_of(e.next), e.next, yes);
    unsigned more = now > next ? now : next, needed = electorate_needed(e);
    if (more == 0)
        return set_size((node_set)(electorate_all(e) & yes));
    return (uint8_t)(needed > more ? needed - more : 0);
}
