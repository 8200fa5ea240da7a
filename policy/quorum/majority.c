/* Counting voters: see majority.h. */
#include "policy/quorum/majority.h"

uint8_t set_size(node_set set)
{
    uint8_t size = 0;
    for (; set != 0; set = (node_set)(set & (set - 1u)))
        size++;
    return size;
}

uint8_t majority_of(node_set voters)
{
    return (uint8_t)(set_size(voters) / 2 + 1);
}

bool majority_has(node_set voters, node_set yes)
{
    return set_size((node_set)(voters & yes)) >= majority_of(voters); /* of nobody, nobody has one */
}

bool majority_lost(node_set voters, node_set no)
{
    return !majority_has(voters, (node_set)(voters & ~no));
}
