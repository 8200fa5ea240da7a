/* Permission in time: see lease.h. */
#include "policy/quorum/lease.h"

#define PPM INT64_C(1000000)

void lease_init(struct lease *lease, uint64_t nonce_base)
{
    *lease = (struct lease){ .nonce = nonce_base };
}

void lease_enter(struct lease *lease, uint64_t epoch)
{
    uint64_t nonce = lease->nonce;
    *lease = (struct lease){ .epoch = epoch, .nonce = nonce };
}

uint64_t lease_attempt(struct lease *lease, struct mono_time now)
{
    struct lease_attempt *oldest = &lease->attempts[0];
    for (size_t i = 1; i < LEASE_ATTEMPTS; i++)
        if (lease->attempts[i].nonce < oldest->nonce)
            oldest = &lease->attempts[i];
    *oldest = (struct lease_attempt){ .nonce = ++lease->nonce, .sent = now };
    return oldest->nonce;
}

void lease_voters_changed(struct lease *lease)
{
    for (size_t i = 0; i < LEASE_ATTEMPTS; i++)
        lease->attempts[i].granted = 0;
}

bool lease_granted(struct lease *lease, struct electorate voters, node_id voter, uint64_t epoch,
                   uint64_t nonce, int64_t lease_us)
{
    if (epoch != lease->epoch || nonce == 0 || !node_in(electorate_all(voters), voter))
        return false;
    for (size_t i = 0; i < LEASE_ATTEMPTS; i++) {
        struct lease_attempt *attempt = &lease->attempts[i];
        if (attempt->nonce != nonce)
            continue;
        attempt->granted = (node_set)(attempt->granted | node_bit(voter));
        if (!electorate_has(voters, attempt->granted))
            return false;
        struct mono_time deadline = mono_after(attempt->sent, lease_us);
        lease->confirmed = mono_later(lease->confirmed, attempt->sent);
        if (deadline.us <= lease->deadline.us)
            return false;
        lease->deadline = deadline;
        return true;
    }
    return false;
}

bool lease_held(const struct lease *lease, struct mono_time now)
{
    return now.us < lease->deadline.us;
}

int64_t lease_left_us(const struct lease *lease, struct mono_time now)
{
    return lease->deadline.us - now.us;
}

struct mono_time lease_wait_until(const struct ledger *ledger, int64_t grant_age_us,
                                  struct mono_time received)
{
    int64_t rho = (int64_t)ledger->clock_error_ppm;
    int64_t lease = ledger->longest_lease_us;
    /* In range for anything that ledger_valid() lets in: a day is 8.64e10 us, the factor 1.5e6. */
    int64_t wait = lease * (PPM + rho) / (PPM - rho) + 1;
    if (grant_age_us < 0)
        grant_age_us = 0;
    int64_t left = wait > grant_age_us ? wait - grant_age_us : 0;
    return mono_after(received, left);
}
