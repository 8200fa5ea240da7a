/* Notices of the packet filter's changes: see nft_watch.h. */
#include "coordinator/database/nft_watch.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOTICE_BYTES 16384
#define NOTICES_PER_TURN 64

struct nft_watch {
    int fd;
    struct event *event;
    void (*changed)(void *arg);
    void *arg;
};

/* Structure, not content: whatever is neither an element nor the mark that ends a transaction. */
static bool is_news(const struct nlmsghdr *header)
{
    if (header->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
        return false;
    switch (header->nlmsg_type & 0xff) {
    case NFT_MSG_NEWSETELEM:
    case NFT_MSG_DELSETELEM:
    case NFT_MSG_NEWGEN:
        return false;
    default:
        return true;
    }
}

static bool has_news(const char *bytes, size_t length)
{
    for (size_t at = 0; at + sizeof(struct nlmsghdr) <= length;) {
        const struct nlmsghdr *header = (const void *)(bytes + at);
        if (header->nlmsg_len < sizeof *header || header->nlmsg_len > length - at)
            return true; /* cut: what is missing may be news */
        if (is_news(header))
            return true;
        at += (header->nlmsg_len + 3u) & ~(size_t)3u;
    }
    return false;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct nft_watch *w = arg;
    _Alignas(struct nlmsghdr) char bytes[NOTICE_BYTES];
    bool news = false;
    for (int i = 0; i < NOTICES_PER_TURN; i++) {
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got < 0 && errno == ENOBUFS)
            news = true; /* notices were lost */
        if (got < 0)
            break;
        news = news || has_news(bytes, (size_t)got);
    }
    if (news)
        w->changed(w->arg);
}

struct nft_watch *nft_watch_new(struct loop *loop, void (*changed)(void *arg), void *arg,
                                struct fault *fault)
{
    struct nft_watch *w = calloc(1, sizeof *w);
    int group = NFNLGRP_NFTABLES;
    if (w == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    *w = (struct nft_watch){ .fd = -1, .changed = changed, .arg = arg };
    w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
    /* Bound, so that it has an address of its own: without one it is taken for the sender of notices. */
    struct sockaddr_nl address = { .nl_family = AF_NETLINK };
    if (w->fd >= 0 && bind(w->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        setsockopt(w->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0)
        w->event = event_new(loop_base(loop), w->fd, EV_READ | EV_PERSIST, on_readable, w);
    if (w->event == NULL || event_add(w->event, NULL) != 0) {
        (void)fault_errno(fault, errno, "can't be told of changes of the packet filter");
        nft_watch_free(w);
        return NULL;
    }
    return w;
}

void nft_watch_free(struct nft_watch *w)
{
    if (w == NULL)
        return;
    if (w->event != NULL)
        event_free(w->event);
    if (w->fd >= 0)
        close(w->fd);
    free(w);
}
