/* Do the zone's own name servers all answer what was written? See verify.h.
 *
 * First the servers' addresses (given, or NS and one lookup each), then every question to every server at
 * once. A server agrees only when each of its answers is authoritative and right.
 */
#include "dns/verify.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "dns/fence_text.h"

#define DEFAULT_DEADLINE_MS 4000
#define TRY_MS 500
#define QUESTIONS_MAX (DNS_RECORDS_MAX + 1)

/* One name and type to ask for; weighted and failover sets of a name are one question. */
struct question {
    char name[DNS_NAME_MAX];
    bool is_fence;
    enum dns_type type;
};

/* A question put to a server, or a server's name to its address. */
struct asking {
    struct dns_verify *verify;
    size_t server, question;
    struct resolve *resolve; /* NULL when answered */
};

struct dns_verify {
    struct loop *loop;
    struct resolver *resolver;
    char zone_name[DNS_NAME_MAX];
    struct dns_record records[DNS_RECORDS_MAX];
    size_t record_count;
    bool check_fence;
    char service[DNS_SERVICE_MAX];
    struct dns_stamp stamp;
    struct question questions[QUESTIONS_MAX];
    size_t question_count;
    struct asking zone; /* the NS question */
    struct asking names[DNS_VERIFY_SERVERS_MAX];
    struct asking askings[DNS_VERIFY_SERVERS_MAX][QUESTIONS_MAX];
    size_t open;
    struct timer limit;    /* the deadline, then the conclusion */
    bool over;
    int64_t started_us, deadline_us;
    struct dns_verify_result result;
    dns_verify_done *done;
    void *arg;
};

static void same_name_form(const char *name, char *out, size_t size)
{
    struct text text = text_over(out, size);
    text_append(&text, name);
    if (text.length > 1 && out[text.length - 1] == '.')
        out[text.length - 1] = '\0';
}

static bool names_equal(const char *a, const char *b)
{
    char x[DNS_NAME_MAX], y[DNS_NAME_MAX];
    same_name_form(a, x, sizeof x);
    same_name_form(b, y, sizeof y);
    return strcasecmp(x, y) == 0;
}

static enum resolve_type wire_type(const struct question *question)
{
    if (question->is_fence)
        return RESOLVE_TYPE_TXT;
    return question->type == DNS_TYPE_A      ? RESOLVE_TYPE_A
           : question->type == DNS_TYPE_AAAA ? RESOLVE_TYPE_AAAA : RESOLVE_TYPE_CNAME;
}

static int64_t left_ms(const struct dns_verify *verify)
{
    int64_t left = (verify->deadline_us - base_mono_us()) / CLOCK_US_PER_MS;
    return left > 0 ? left : 1;
}

/* --- the end --- */

static void drop_askings(struct dns_verify *verify)
{
    if (verify->zone.resolve != NULL)
        resolve_cancel(verify->zone.resolve);
    for (size_t i = 0; i < DNS_VERIFY_SERVERS_MAX; i++) {
        if (verify->names[i].resolve != NULL)
            resolve_cancel(verify->names[i].resolve);
        for (size_t j = 0; j < QUESTIONS_MAX; j++)
            if (verify->askings[i][j].resolve != NULL)
                resolve_cancel(verify->askings[i][j].resolve);
    }
}

static void verify_free(struct dns_verify *verify)
{
    timer_cancel(&verify->limit);
    drop_askings(verify);
    free(verify);
}

static void conclude(struct dns_verify *verify)
{
    struct dns_verify_result *result = &verify->result;
    size_t agree = 0;
    for (size_t i = 0; i < result->server_count; i++)
        agree += result->servers[i].agrees ? 1 : 0;
    result->all_agree = result->server_count > 0 && agree == result->server_count;
    result->took_us = base_mono_us() - verify->started_us;
    if (result->server_count > 0)
        (void)snprintf(result->text, sizeof result->text, "%zu of %zu name servers answer what was written",
                       agree, result->server_count);
    verify->done(result, verify->arg);
    verify_free(verify);
}

/* The loop's next turn concludes, outside of any call of ours or the resolver's. */
static void finish(struct dns_verify *verify)
{
    if (verify->over)
        return;
    verify->over = true;
    timer_set_after_us(&verify->limit, 0);
}

static void on_limit(void *arg)
{
    struct dns_verify *verify = arg;
    if (!verify->over && verify->result.server_count == 0)
        (void)snprintf(verify->result.text, sizeof verify->result.text,
                       "the name servers of %s could not be found in time", verify->zone_name);
    for (size_t i = 0; i < verify->result.server_count && !verify->over; i++)
        for (size_t j = 0; j < verify->question_count; j++)
            if (verify->askings[i][j].resolve != NULL) {
                verify->result.servers[i].agrees = false;
                (void)snprintf(verify->result.servers[i].text, DNS_TEXT_MAX, "no answer about %s in time",
                               verify->questions[j].name);
            }
    conclude(verify);
}

/* --- what an answer is worth --- */

static bool values_equal(enum dns_type type, const char *a, const char *b)
{
    struct in6_addr x = { 0 }, y = { 0 };
    if (type == DNS_TYPE_CNAME)
        return names_equal(a, b);
    int family = type == DNS_TYPE_A ? AF_INET : AF_INET6;
    return inet_pton(family, a, &x) == 1 && inet_pton(family, b, &y) == 1 && memcmp(&x, &y, sizeof x) == 0;
}

static bool answer_has(const struct resolve_answer *answer, enum dns_type type, const char *value,
                       enum resolve_type wire)
{
    for (size_t i = 0; i < answer->record_count; i++)
        if (answer->records[i].type == wire && values_equal(type, answer->records[i].value, value))
            return true;
    return false;
}

static size_t count_of_type(const struct resolve_answer *answer, enum resolve_type wire)
{
    size_t count = 0;
    for (size_t i = 0; i < answer->record_count; i++)
        count += answer->records[i].type == wire ? 1 : 0;
    return count;
}

/* Is the answer exactly this record? */
static bool answer_is(const struct dns_record *record, const struct question *question,
                      const struct resolve_answer *answer)
{
    enum resolve_type wire = wire_type(question);
    size_t count = count_of_type(answer, wire);
    if (record->alias_name[0] != '\0')
        return count > 0;
    if (count != record->value_count)
        return false;
    for (size_t i = 0; i < record->value_count; i++)
        if (!answer_has(answer, record->type, record->values[i], wire))
            return false;
    /* The last authoritative word on the TTL; a smaller one would be a cache's. */
    for (size_t i = 0; i < answer->record_count; i++)
        if (answer->records[i].type == wire && answer->records[i].ttl_s != record->ttl_s)
            return false;
    return true;
}

static bool judge_records(const struct dns_verify *verify, const struct question *question,
                          const struct resolve_answer *answer)
{
    bool only_zero_weights = true;
    for (size_t i = 0; i < verify->record_count; i++) {
        const struct dns_record *record = &verify->records[i];
        bool same = record->type == question->type && names_equal(record->name, question->name);
        if (same && (record->kind != DNS_KIND_WEIGHTED || record->weight > 0))
            only_zero_weights = false;
    }
    for (size_t i = 0; i < verify->record_count; i++) {
        const struct dns_record *record = &verify->records[i];
        if (record->type != question->type || !names_equal(record->name, question->name))
            continue;
        if (record->kind == DNS_KIND_WEIGHTED && record->weight == 0 && !only_zero_weights)
            continue;
        if (answer_is(record, question, answer))
            return true;
    }
    return false;
}

static bool judge_fence(struct dns_verify *verify, struct dns_verify_server *server,
                        const struct resolve_answer *answer)
{
    char service[DNS_SERVICE_MAX];
    struct dns_stamp stamp;
    if (count_of_type(answer, RESOLVE_TYPE_TXT) != 1)
        return false;
    for (size_t i = 0; i < answer->record_count; i++)
        if (answer->records[i].type == RESOLVE_TYPE_TXT &&
            fence_text_parse(answer->records[i].value, service, &stamp) &&
            strcmp(service, verify->service) == 0) {
            server->fence_epoch = stamp.epoch;
            return stamp.epoch == verify->stamp.epoch && stamp.operation == verify->stamp.operation &&
                   stamp.share == verify->stamp.share;
        }
    return false;
}

static void describe_answer(const struct resolve_answer *answer, struct text *text)
{
    for (size_t i = 0; i < answer->record_count; i++)
        text_appendf(text, "%s%s (TTL %" PRIu32 ")", i > 0 ? ", " : " ", answer->records[i].value, answer->records[i].ttl_s);
    if (answer->record_count == 0)
        text_append(text, " nothing");
}

static void judge(struct dns_verify *verify, struct asking *asking, const struct resolve_answer *answer)
{
    struct dns_verify_server *server = &verify->result.servers[asking->server];
    const struct question *question = &verify->questions[asking->question];
    bool replied = answer->rcode >= 0;
    server->answered = server->answered || replied;
    bool right = answer->outcome == RESOLVE_OK && answer->authoritative &&
                 (question->is_fence ? judge_fence(verify, server, answer) : judge_records(verify, question, answer));
    if (right)
        return;
    server->agrees = false;
    struct text text = TEXT_OF(server->text);
    if (answer->outcome != RESOLVE_OK) {
        text_append(&text, answer->text);
    } else if (!answer->authoritative) {
        text_appendf(&text, "%s: its answer is not authoritative", question->name);
    } else {
        text_appendf(&text, "%s %s is not what was written:", question->name, resolve_type_name(wire_type(question)));
        describe_answer(answer, &text);
    }
}

static void on_answer(const struct resolve_answer *answer, void *arg)
{
    struct asking *asking = arg;
    struct dns_verify *verify = asking->verify;
    asking->resolve = NULL;
    judge(verify, asking, answer);
    if (--verify->open == 0)
        finish(verify);
}

/* --- asking --- */

static void ask(struct dns_verify *verify, size_t server, size_t question)
{
    struct asking *asking = &verify->askings[server][question];
    struct fault fault;
    struct resolve_query query = {
        .name = verify->questions[question].name,
        .type = wire_type(&verify->questions[question]),
        .server = verify->result.servers[server].address,
        .deadline_ms = left_ms(verify),
        .try_ms = TRY_MS,
        .done = on_answer,
        .arg = asking,
    };
    *asking = (struct asking){ .verify = verify, .server = server, .question = question };
    asking->resolve = resolver_query(verify->resolver, &query, &fault);
    if (asking->resolve != NULL) {
        verify->open++;
        return;
    }
    verify->result.servers[server].agrees = false;
    (void)text_copy(verify->result.servers[server].text, DNS_TEXT_MAX, fault.text);
}

static void ask_server(struct dns_verify *verify, size_t server)
{
    struct dns_verify_server *result = &verify->result.servers[server];
    result->agrees = true; /* until an answer says otherwise */
    for (size_t i = 0; i < verify->question_count; i++)
        ask(verify, server, i);
    if (result->agrees)
        (void)snprintf(result->text, sizeof result->text, "answers what was written");
}

static void on_server_address(const struct resolve_answer *answer, void *arg)
{
    struct asking *asking = arg;
    struct dns_verify *verify = asking->verify;
    struct dns_verify_server *server = &verify->result.servers[asking->server];
    asking->resolve = NULL;
    if (answer->outcome == RESOLVE_OK && answer->address_count > 0) {
        (void)text_copy(server->address, sizeof server->address, answer->addresses[0].text);
        ask_server(verify, asking->server);
    } else {
        (void)text_copy(server->text, sizeof server->text, answer->text);
    }
    if (--verify->open == 0)
        finish(verify);
}

static void find_address(struct dns_verify *verify, size_t server)
{
    struct asking *asking = &verify->names[server];
    struct fault fault;
    struct resolve_lookup lookup = {
        .name = verify->result.servers[server].name,
        .family = RESOLVE_IPV4, /* every name server of the provider's has one; not every machine has IPv6 */
        .deadline_ms = left_ms(verify),
        .done = on_server_address,
        .arg = asking,
    };
    *asking = (struct asking){ .verify = verify, .server = server };
    asking->resolve = resolver_lookup(verify->resolver, &lookup, &fault);
    if (asking->resolve != NULL)
        verify->open++;
    else
        (void)text_copy(verify->result.servers[server].text, DNS_TEXT_MAX, fault.text);
}

static void on_zone_servers(const struct resolve_answer *answer, void *arg)
{
    struct dns_verify *verify = ((struct asking *)arg)->verify;
    verify->zone.resolve = NULL;
    verify->open--;
    for (size_t i = 0; i < answer->record_count; i++) {
        if (answer->records[i].type != RESOLVE_TYPE_NS || verify->result.server_count == DNS_VERIFY_SERVERS_MAX)
            continue;
        size_t server = verify->result.server_count++;
        (void)text_copy(verify->result.servers[server].name, DNS_NAME_MAX, answer->records[i].value);
        find_address(verify, server);
    }
    if (verify->result.server_count == 0)
        (void)snprintf(verify->result.text, sizeof verify->result.text, "no name servers found: %s", answer->text);
    if (verify->open == 0)
        finish(verify);
}

static bool find_servers(struct dns_verify *verify, struct fault *fault)
{
    struct resolve_query query = {
        .name = verify->zone_name,
        .type = RESOLVE_TYPE_NS,
        .want_recursion = true,
        .deadline_ms = left_ms(verify),
        .done = on_zone_servers,
        .arg = &verify->zone,
    };
    verify->zone.verify = verify;
    verify->zone.resolve = resolver_query(verify->resolver, &query, fault);
    if (verify->zone.resolve == NULL)
        return false;
    verify->open++;
    return true;
}

/* --- beginning --- */

static void add_question(struct dns_verify *verify, const char *name, bool is_fence, enum dns_type type)
{
    for (size_t i = 0; i < verify->question_count; i++)
        if (verify->questions[i].is_fence == is_fence && verify->questions[i].type == type &&
            names_equal(verify->questions[i].name, name))
            return;
    struct question *question = &verify->questions[verify->question_count++];
    same_name_form(name, question->name, sizeof question->name);
    question->is_fence = is_fence;
    question->type = type;
}

static bool take_request(struct dns_verify *verify, const struct dns_verify_request *request, struct fault *fault)
{
    if (request->record_count > DNS_RECORDS_MAX || request->server_count > DNS_VERIFY_SERVERS_MAX)
        return fault_set(fault, "more than %d records or %d name servers", DNS_RECORDS_MAX, DNS_VERIFY_SERVERS_MAX);
    for (size_t i = 0; i < request->record_count; i++) {
        verify->records[i] = request->records[i];
        add_question(verify, request->records[i].name, false, request->records[i].type);
    }
    verify->record_count = request->record_count;
    if (request->fence_name != NULL) {
        add_question(verify, request->fence_name, true, DNS_TYPE_A);
        verify->stamp = request->stamp;
        if (request->service == NULL || !text_copy(verify->service, sizeof verify->service, request->service))
            return fault_set(fault, "the fence TXT needs a service name");
    }
    if (verify->question_count == 0)
        return fault_set(fault, "there is nothing to verify");
    if (request->server_count == 0 &&
        (request->zone_name == NULL || !text_copy(verify->zone_name, sizeof verify->zone_name, request->zone_name)))
        return fault_set(fault, "neither name servers nor the zone's name are given");
    for (size_t i = 0; i < request->server_count; i++) {
        struct dns_verify_server *server = &verify->result.servers[i];
        if (!text_copy(server->address, sizeof server->address, request->servers[i]))
            return fault_set(fault, "\"%.60s\" is no address of a name server", request->servers[i]);
        (void)text_copy(server->name, sizeof server->name, request->servers[i]);
    }
    return true;
}

struct dns_verify *dns_verify_start(struct loop *loop, struct resolver *resolver,
                                    const struct dns_verify_request *request, struct fault *fault)
{
    ensure(request->done != NULL);
    struct dns_verify *verify = calloc(1, sizeof *verify);
    if (verify == NULL) {
        (void)fault_set(fault, "DNS verification: out of memory");
        return NULL;
    }
    verify->loop = loop;
    verify->resolver = resolver;
    verify->done = request->done;
    verify->arg = request->arg;
    verify->started_us = base_mono_us();
    int64_t deadline_ms = request->deadline_ms > 0 ? request->deadline_ms : DEFAULT_DEADLINE_MS;
    verify->deadline_us = verify->started_us + deadline_ms * CLOCK_US_PER_MS;
    timer_init(&verify->limit, loop, on_limit, verify);
    if (!take_request(verify, request, fault) || (request->server_count == 0 && !find_servers(verify, fault))) {
        (void)fault_wrap(fault, "DNS verification");
        verify_free(verify);
        return NULL;
    }
    timer_set_at_us(&verify->limit, verify->deadline_us);
    for (; verify->result.server_count < request->server_count; verify->result.server_count++)
        ask_server(verify, verify->result.server_count);
    if (verify->open == 0)
        finish(verify);
    return verify;
}

void dns_verify_cancel(struct dns_verify *verify)
{
    verify_free(verify);
}
