/* ensure(): what only a mistake of ours can make false.
 *
 * It stays on in production: a coordinator that has lost track of its own state must stop
 * rather than decide about other people's data. Input from peers, people, files or servers is
 * never a reason to abort; it is refused with a fault instead.
 */
#ifndef FAILOVERD_BASE_ENSURE_H
#define FAILOVERD_BASE_ENSURE_H

#include <stdio.h>
#include <stdlib.h>

#define ensure(condition)                                                                        \
    do {                                                                                         \
        if (!(condition)) {                                                                      \
            fprintf(stderr, "failoverd: internal error at %s:%d: %s does not hold; stopping\n",  \
                    __FILE__, __LINE__, #condition);                                             \
            abort();                                                                             \
        }                                                                                        \
    } while (0)

#endif
