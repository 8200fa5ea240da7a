/* nft_watch: tells when somebody changes the host's packet filter in structure (tables, chains, rules,
 * sets), so that a kernel lease whose rules were flushed is put back at once and not at the next look.
 * Elements that come and go, our own holds among them, are no news.
 */
#ifndef FAILOVERD_DATABASE_NFT_WATCH_H
#define FAILOVERD_DATABASE_NFT_WATCH_H

#include "coordinator/base/loop.h"

struct nft_watch;

/* `changed` is called on the loop, once for a burst; also when the kernel says that notices were lost.
 * NULL with the fault set. */
struct nft_watch *nft_watch_new(struct loop *loop, void (*changed)(void *arg), void *arg,
                                struct fault *fault);
void nft_watch_free(struct nft_watch *watch); /* NULL is allowed */

#endif
