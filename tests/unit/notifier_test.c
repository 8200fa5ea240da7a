/* The courier and the notifier on real sockets, files and programs: what each kind of receiver's answer comes to,
 * secrets that stay secret, and notes of the core that reach a receiver in order, also one that fails at first. */
#include "tests/unit/suite.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/text.h"
#include "coordinator/notify/courier.h"
#include "coordinator/notify/notifier.h"
#include "coordinator/notify/notifier_parts.h"
#include "policy/failover/plan.h"
#include "tests/unit/cluster_fixture.h"
#include "tests/unit/stub_server.h"

#define SECRET "T0PSECRET"
#define OPERATION UINT64_C(0x00c0ffee00c0ffee)

static char folder[64];
static struct fault fault;
static struct loop *loop;
static struct stub stub;
static struct courier *courier;
static struct channel_config channel;
static struct courier_job job;
static char url_file[128];
static char out_file[128];

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, mode) != 0)
        abort();
}

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/failoverd-notify-XXXXXX");
    if (mkdtemp(folder) == NULL)
        abort();
    (void)snprintf(url_file, sizeof url_file, "%s/url", folder);
    (void)snprintf(out_file, sizeof out_file, "%s/out", folder);
}

static void remove_folder(void)
{
    (void)unlink(url_file);
    (void)unlink(out_file);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static void write_url(uint16_t port)
{
    char url[128];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/services/%s\n", (unsigned)port, SECRET);
    write_file(url_file, url, 0600);
}

static void on_done(struct courier_job *done)
{
    CU_ASSERT_PTR_EQUAL(done, &job);
    loop_stop(loop);
}

static void open_all(const char *(*respond)(struct stub *, const char *))
{
    make_folder();
    loop = loop_new("test", &fault);
    CU_ASSERT_TRUE_FATAL(stub_open(&stub, loop, respond));
    courier = courier_new(loop, loop, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(courier);
    write_url(stub.port);
    channel = (struct channel_config){ .name = "chat", .kind = CONFIG_CHANNEL_SLACK, .url_file = url_file,
                                       .deadline_us = 1000000 };
}

static void close_all(void)
{
    courier_free(courier);
    stub_close(&stub);
    loop_free(loop);
    remove_folder();
}

static void send_it(enum queue_outcome wanted)
{
    job = (struct courier_job){ .channel = &channel, .done = on_done };
    job.notice = (struct notice){ .event = "begin", .severity = "warning", .text = "it begins", .node = "usw2-a" };
    CU_ASSERT_TRUE_FATAL(courier_send(courier, &job));
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(job.outcome, wanted);
    CU_ASSERT_PTR_NULL(strstr(job.text, SECRET));
    CU_ASSERT_TRUE(job.text[0] != '\0');
}

static const char *answer;

static const char *respond(struct stub *s, const char *request)
{
    (void)s;
    (void)request;
    return answer;
}

static void answers_and_what_they_come_to(void)
{
    open_all(respond);
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    send_it(QUEUE_TAKEN);
    CU_ASSERT_EQUAL(job.status, 200);
    CU_ASSERT_EQUAL(strncmp(stub.request, "POST /services/" SECRET " HTTP/1.1\r\n", 30), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(stub.request, "Content-Type: application/json\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(stub.request, "\r\n\r\n{\"text\":\"[warning] begin: it begins"));
    answer = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    send_it(QUEUE_TAKEN);
    answer = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
    send_it(QUEUE_FAILED);
    CU_ASSERT_EQUAL(job.status, 500);
    answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    send_it(QUEUE_FAILED);
    answer = "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n";
    send_it(QUEUE_FAILED);
    answer = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n";
    send_it(QUEUE_NONSENSE);
    answer = NULL; /* says nothing */
    send_it(QUEUE_UNKNOWN);
    CU_ASSERT_TRUE(job.took_us < 5000000);
    stub.close_after = true;
    send_it(QUEUE_UNKNOWN);
    close_all();
}

static void a_secret_has_to_be_one(void)
{
    open_all(respond);
    CU_ASSERT_EQUAL(chmod(url_file, 0644), 0);
    send_it(QUEUE_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(job.text, "it is a secret"));
    write_file(url_file, "ftp://127.0.0.1/" SECRET, 0600);
    send_it(QUEUE_FAILED);
    write_file(url_file, "nothing like a URL " SECRET, 0600);
    send_it(QUEUE_FAILED);
    write_file(url_file, "http:///" SECRET, 0600);
    send_it(QUEUE_FAILED);
    write_file(url_file, "http://user:" SECRET "@127.0.0.1/", 0600);
    send_it(QUEUE_FAILED);
    CU_ASSERT_EQUAL(unlink(url_file), 0);
    send_it(QUEUE_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(job.text, url_file));
    CU_ASSERT_EQUAL(stub.requests, 0);
    /* And put right it counts at once, without a restart. */
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    write_url(stub.port);
    send_it(QUEUE_TAKEN);
    write_url(1); /* nobody listens */
    send_it(QUEUE_FAILED);
    close_all();
}

static void pagerduty_gets_its_key_in_the_body(void)
{
    char endpoint[64];
    open_all(respond);
    answer = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    write_file(url_file, SECRET "\n", 0600);
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/v2/enqueue", (unsigned)stub.port);
    channel = (struct channel_config){ .name = "duty", .kind = CONFIG_CHANNEL_PAGERDUTY, .routing_key_file = url_file,
                                       .endpoint = endpoint, .deadline_us = 1000000 };
    send_it(QUEUE_TAKEN);
    CU_ASSERT_EQUAL(strncmp(stub.request, "POST /v2/enqueue HTTP/1.1\r\n", 27), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(stub.request, "\"routing_key\":\"" SECRET "\""));
    close_all();
}

static char *read_out(void)
{
    static char text[8192];
    FILE *file = fopen(out_file, "r");
    size_t length = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    text[length] = '\0';
    if (file != NULL)
        (void)fclose(file);
    return text;
}

static void a_program_gets_the_object_on_its_stdin(void)
{
    open_all(respond);
    const char *good[] = { "/bin/sh", "-c", "cat > \"$0\"; echo \"$#\" >> \"$0\"", out_file };
    const char *bad[] = { "/bin/sh", "-c", "exit 3" };
    const char *slow[] = { "/bin/sh", "-c", "sleep 60" };
    const char *none[] = { "/nowhere/at/all" };
    channel = (struct channel_config){ .name = "pager", .kind = CONFIG_CHANNEL_EXEC, .program = { good, 4 },
                                       .deadline_us = 5000000 };
    send_it(QUEUE_TAKEN);
    char *text = read_out();
    CU_ASSERT_EQUAL(strncmp(text, "{\"event\":\"begin\"", 16), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "}0\n"));
    channel.program = (struct config_texts){ bad, 3 };
    send_it(QUEUE_UNKNOWN);
    CU_ASSERT_EQUAL(job.status, 3);
    channel.program = (struct config_texts){ none, 1 };
    send_it(QUEUE_FAILED);
    channel.program = (struct config_texts){ slow, 3 };
    channel.deadline_us = 300000;
    send_it(QUEUE_UNKNOWN);
    close_all();
}

/* What is under way when the daemon ends is left; nobody is called back. */
static void ends_with_work_under_way(void)
{
    open_all(respond);
    answer = NULL;
    channel.deadline_us = 60000000;
    job = (struct courier_job){ .channel = &channel, .done = on_done };
    job.notice = (struct notice){ .event = "begin", .severity = "warning" };
    CU_ASSERT_TRUE_FATAL(courier_send(courier, &job));
    struct timer stop;
    timer_init(&stop, loop, (void (*)(void *))loop_stop, loop);
    timer_set_after_us(&stop, 300000);
    CU_ASSERT_TRUE(loop_run(loop, &fault));
    CU_ASSERT_EQUAL(stub.requests, 1);
    close_all();
}

/* ---- the notifier ---------------------------------------------------------------------------- */

static char seen[512];
static struct text seen_text;
static unsigned failures;

/* 500 at first; then the events as they are taken. */
static const char *receive(struct stub *s, const char *request)
{
    const char *body = strstr(request, "\r\n\r\n");
    json_t *object = body != NULL ? json_loads(body + 4, 0, NULL) : NULL;
    (void)s;
    if (failures > 0) {
        failures--;
        json_decref(object);
        return "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
    }
    const char *event = json_string_value(json_object_get(object, "event"));
    const char *step = json_string_value(json_object_get(object, "step"));
    text_appendf(&seen_text, "%s%s%s ", event != NULL ? event : "?", step != NULL ? "/" : "", step != NULL ? step : "");
    if (event != NULL && strcmp(event, "done") == 0)
        loop_stop(loop);
    json_decref(object);
    return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
}

static void note(struct notifier *n, enum note_kind kind, enum step_id step)
{
    struct note made = { .kind = kind, .service = 0, .region = FIXTURE_WEST, .node = NODE_NONE, .check = CHECK_NONE,
                         .step = (uint8_t)step, .epoch = 8, .operation = OPERATION };
    notifier_note(n, &made);
}

static void notes_reach_the_receiver_in_order(void)
{
    char journal_path[128];
    struct cluster_config cluster = *fixture_cluster();
    open_all(receive);
    (void)snprintf(journal_path, sizeof journal_path, "%s/journal", folder);
    struct journal *journal = journal_new(&(struct journal_settings){ .path = journal_path, .node = "usw2-a",
                                                                      .cluster = &cluster, .loop = loop }, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
    channel = (struct channel_config){ .name = "tickets", .kind = CONFIG_CHANNEL_JSON, .url_file = url_file,
                                       .deadline_us = 1000000 };
    cluster.notify = (struct notify_config){ .channels = &channel, .channel_count = 1,
                                             .escalate_us = { 0, 900000000, 1800000000, 3600000000 } };
    struct notifier_settings settings = { .loop = loop, .sending = loop, .cluster = &cluster, .self = 2,
                                          .journal = journal };
    struct notifier *n = notifier_new(&settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    seen_text = TEXT_OF(seen);
    failures = 1;
    note(n, NOTE_OPERATION_BEGUN, STEP_NONE);
    note(n, NOTE_STEP_DONE, STEP_FENCE); /* can be taken back */
    note(n, NOTE_STEP_DONE, STEP_GRANT);
    note(n, NOTE_STEP_OVERDUE, STEP_PROMOTE);
    note(n, NOTE_STEP_DONE, STEP_PROMOTE);
    note(n, NOTE_ACT_DONE, STEP_PROMOTE); /* nobody is told */
    json_t *shown = notifier_json(n);
    const json_t *incident = json_array_get(json_object_get(shown, "incidents"), 0);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(incident, "id")), "00c0ffee00c0ffee");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(incident, "event")), "step");
    CU_ASSERT_FALSE(json_is_true(json_object_get(incident, "needs_person")));
    json_decref(shown);
    note(n, NOTE_OPERATION_DONE, STEP_NONE);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_STRING_EQUAL(seen, "begin step/grant stuck/promote step/promote done ");
    CU_ASSERT_EQUAL(stub.requests, 6);
    CU_ASSERT_FALSE(notifier_acknowledged(n, OPERATION, "ann", base_wall_us())); /* it is over */
    notifier_free(n);
    CU_ASSERT_TRUE(journal_free(journal, 2000));
    int fd = open(journal_path, O_RDONLY | O_CLOEXEC);
    static char lines[16384];
    ssize_t length = read(fd, lines, sizeof lines - 1);
    CU_ASSERT_TRUE(length > 0);
    (void)close(fd);
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "\"event\":\"notify_failed\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "\"event\":\"notified\""));
    CU_ASSERT_PTR_NULL(strstr(lines, SECRET));
    (void)unlink(journal_path);
    close_all();
}

/* ---- looking --------------------------------------------------------------------------------- */

static struct cluster_config looked_at;
static struct service_config looked_service;
static struct view_service view;
static struct notifier *notifier;
static struct journal *journal;

/* On euw1-a, the first by name, which hears both others; nothing is sent, the loop does not run. */
static void begin_looking(void)
{
    char path[128];
    open_all(respond);
    looked_at = *fixture_cluster();
    looked_service = looked_at.services[0];
    looked_at.services = &looked_service;
    looked_at.heartbeat_us = 1000000;
    channel = (struct channel_config){ .name = "tickets", .kind = CONFIG_CHANNEL_JSON, .url_file = url_file,
                                       .deadline_us = 1000000 };
    looked_at.notify = (struct notify_config){ .channels = &channel, .channel_count = 1,
                                               .escalate_us = { 0, 900000000, 1800000000, 3600000000 } };
    (void)snprintf(path, sizeof path, "%s/journal", folder);
    journal = journal_new(&(struct journal_settings){ .path = path, .node = "euw1-a",
                                                      .cluster = &looked_at, .loop = loop }, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
    notifier = notifier_new(&(struct notifier_settings){ .loop = loop, .sending = loop, .cluster = &looked_at,
                                                         .self = 0, .journal = journal }, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(notifier);
    notifier->started_us -= 60 * US_PER_S;
    fixture_view(&view);
    for (size_t n = 0; n < 3; n++)
        view.nodes[n] = (struct view_node){ .linked = true, .heard = true, .voting = true };
}

static void end_looking(void)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/journal", folder);
    notifier_free(notifier);
    CU_ASSERT_TRUE(journal_free(journal, 2000));
    (void)unlink(path);
    close_all();
}

static void look(const char *warnings)
{
    json_t *list = json_loads(warnings, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    notifier_look(notifier, &view, list);
    json_decref(list);
}

/* "event:told:person " of each open incident, in the order of their places. */
static const char *open_incidents(void)
{
    static char text[512];
    struct text words = TEXT_OF(text);
    json_t *shown = notifier_json(notifier);
    size_t index;
    const json_t *incident;
    CU_ASSERT_PTR_NOT_NULL_FATAL(shown);
    json_array_foreach(json_object_get(shown, "incidents"), index, incident)
        text_appendf(&words, "%s:%zu:%d ", json_string_value(json_object_get(incident, "event")),
                     json_array_size(json_object_get(incident, "told")),
                     (int)json_is_true(json_object_get(incident, "needs_person")));
    json_decref(shown);
    return text;
}

static void warnings_that_matter_are_told(void)
{
    begin_looking();
    look("[{\"code\": \"certificate\", \"service\": null, \"text\": \"it ends\"},"
         " {\"code\": \"paused\", \"service\": \"shop\", \"text\": \"a person wants it\"},"
         " {\"code\": \"lag_beyond_rpo\", \"service\": \"shop\", \"text\": \"not for long enough\"},"
         " {\"code\": \"fence_failed\", \"service\": \"shop\", \"text\": \"open\"},"
         " {\"code\": 7}, {}, 3, {\"code\": \"audit_failing\"},"
         " {\"code\": \"audit_failing\", \"service\": \"no such\", \"text\": \"full\"}]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "certificate:1:0 fence:1:1 audit:1:1 ");
    end_looking();
}

static void doubt(size_t region, size_t voters, enum verdict verdict)
{
    for (size_t v = 0; v < 3; v++)
        view.regions[region].observers[v].verdict = v < voters ? verdict : VERDICT_HEALTHY;
    view.regions[region].failed_votes = verdict == VERDICT_FAILED ? (uint8_t)voters : 0;
}

static void a_majority_that_suspects_is_told(void)
{
    begin_looking();
    doubt(FIXTURE_EAST, 1, VERDICT_FAILED);
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "");
    doubt(FIXTURE_EAST, 2, VERDICT_SUSPECT);
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "suspicion:1:0 ");
    doubt(FIXTURE_EAST, 2, VERDICT_FAILED);
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "suspicion:1:0 "); /* it will be failed over */
    looked_service.mode = CONFIG_MODE_MANUAL;
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "suspicion:1:1 "); /* nobody will, but a person */
    end_looking();
}

static void begin_operation(uint64_t id)
{
    view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_FAILOVER, .phase = PHASE_BEGUN, .id = id,
                                                       .from = FIXTURE_EAST, .to = FIXTURE_WEST, .executor = 2 };
}

static void end_operation(uint64_t id, enum operation_outcome outcome)
{
    view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_NONE };
    view.ledger.last_operation = id;
    view.ledger.last_outcome = outcome;
}

static void an_operation_elsewhere_is_left_to_its_executor(void)
{
    begin_looking();
    begin_operation(5);
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "begin:0:0 ");
    view.nodes[2].heard_age_us = 60 * US_PER_S; /* which is lost now */
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "begin:1:0 ");
    end_operation(5, OUTCOME_DONE);
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "");
    end_looking();
}

static void one_that_went_back_needs_a_person_until_all_is_well(void)
{
    begin_looking();
    begin_operation(5);
    look("[]");
    end_operation(5, OUTCOME_ABORTED);
    doubt(FIXTURE_EAST, 3, VERDICT_FAILED);
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "failed:0:1 suspicion:1:0 ");
    CU_ASSERT_EQUAL(incidents_find(notifier->incidents, 5)->well_us, 0);
    doubt(FIXTURE_EAST, 0, VERDICT_HEALTHY);
    look("[]");
    CU_ASSERT_TRUE(incidents_find(notifier->incidents, 5)->well_us > 0);
    incidents_find(notifier->incidents, 5)->well_us -= 61 * US_PER_S;
    look("[]");
    CU_ASSERT_PTR_NULL(incidents_find(notifier->incidents, 5));
    begin_operation(8);
    look("[]");
    end_operation(8, OUTCOME_ABORTED);
    look("[]");
    begin_operation(6); /* the next try */
    look("[]");
    CU_ASSERT_PTR_NULL(incidents_find(notifier->incidents, 8));
    begin_operation(7); /* put in its place */
    look("[]");
    CU_ASSERT_PTR_NULL(incidents_find(notifier->incidents, 6));
    CU_ASSERT_PTR_NOT_NULL(incidents_find(notifier->incidents, 7));
    end_looking();
}

/* ---- what is proposed ------------------------------------------------------------------------ */

static void propose(uint64_t id, enum proposal_state state)
{
    view.ledger.proposal = (struct ledger_proposal){ .state = state, .kind = OPERATION_FAILOVER, .id = id,
                                                     .from = FIXTURE_EAST, .to = FIXTURE_WEST, .proposer = 2 };
}

static const char *text_of(uint64_t id)
{
    const struct incident *incident = incidents_find(notifier->incidents, id);
    return incident != NULL ? incident->text : "";
}

static void a_proposal_waits_for_a_person(void)
{
    begin_looking();
    doubt(FIXTURE_EAST, 2, VERDICT_FAILED);
    propose(9, PROPOSAL_WAITS);
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "proposal:1:1 suspicion:1:0 ");
    CU_ASSERT_PTR_NOT_NULL(strstr(text_of(9), "does not begin until somebody approves it"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text_of(9), "of 3 voters 2 say failed"));
    look("[]");
    propose(9, PROPOSAL_APPROVED);
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "proposal:1:0 suspicion:1:0 ");
    propose(0, PROPOSAL_NONE);
    begin_operation(9);
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "begin:1:0 suspicion:1:0 "); /* the same incident goes on */
    end_operation(9, OUTCOME_DONE);
    look("[]");
    CU_ASSERT_PTR_NULL(incidents_find(notifier->incidents, 9));
    end_looking();
}

static void a_proposal_ends_with_its_answer(void)
{
    begin_looking();
    propose(9, PROPOSAL_WAITS);
    look("[]");
    propose(9, PROPOSAL_DECLINED);
    look("[]");
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "");
    propose(11, PROPOSAL_WAITS);
    look("[]");
    propose(13, PROPOSAL_WAITS); /* another candidate's in its place */
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "proposal:1:1 ");
    CU_ASSERT_PTR_NOT_NULL(incidents_find(notifier->incidents, 13));
    propose(0, PROPOSAL_NONE); /* withdrawn */
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "");
    view.nodes[0].voting = false; /* now it is not for this node to tell */
    looked_service.on_no_answer = CONFIG_NO_ANSWER_GO;
    looked_service.approve_within_us = 600000000;
    propose(15, PROPOSAL_WAITS);
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "proposal:0:1 ");
    CU_ASSERT_PTR_NOT_NULL(strstr(text_of(15), "begins by itself if nobody answers within 10m"));
    end_looking();
}

static void a_switchover_that_does_not_begin_calls(void)
{
    begin_looking();
    propose(9, PROPOSAL_SCHEDULED);
    view.ledger.proposal.kind = OPERATION_SWITCHOVER;
    view.ledger.proposal.due.us = base_wall_us() - 5 * US_PER_S;
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "");
    view.ledger.proposal.due.us = base_wall_us() - 30 * US_PER_S;
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "stuck:1:1 ");
    CU_ASSERT_PTR_NOT_NULL(strstr(text_of(9), "failoverctl plan switchover shop --to us-west-2"));
    propose(0, PROPOSAL_NONE);
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "failed:1:1 "); /* that it went is no good news */
    incidents_find(notifier->incidents, 9)->well_us -= 61 * US_PER_S;
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "");
    propose(11, PROPOSAL_SCHEDULED);
    view.ledger.proposal.due.us = base_wall_us() - 30 * US_PER_S;
    look("[]");
    propose(0, PROPOSAL_NONE);
    begin_operation(11); /* late, but it does */
    look("[]");
    CU_ASSERT_STRING_EQUAL(open_incidents(), "begin:1:0 ");
    end_looking();
}

/* ---- who takes care -------------------------------------------------------------------------- */

static const char *taken_by(uint64_t id)
{
    const struct incident *incident = incidents_find(notifier->incidents, id);
    return incident != NULL && incident->acknowledged ? incident->by : "";
}

static void hear_ack(uint64_t id, const char *by, int64_t ago_s)
{
    view.ack = (struct ack){ .incident = id, .at = { base_wall_us() - ago_s * US_PER_S } };
    CU_ASSERT_TRUE(text_copy(view.ack.by.s, sizeof view.ack.by.s, by));
}

static void what_another_node_was_told_counts_here(void)
{
    begin_looking();
    hear_ack(9, "ann", 3600); /* before anything of it is known here */
    look("[]");
    propose(9, PROPOSAL_WAITS);
    look("[]");
    CU_ASSERT_STRING_EQUAL(taken_by(9), "ann");
    CU_ASSERT_EQUAL(incidents_find(notifier->incidents, 9)->level, 0);
    hear_ack(9, "bob", 0);
    look("[]");
    CU_ASSERT_STRING_EQUAL(taken_by(9), "ann"); /* the first one counts */
    hear_ack(77, "eve", 0);
    look("[{\"code\": \"fence_failed\", \"service\": \"shop\", \"text\": \"open\"}]");
    uint64_t fence = incident_id(looked_at.cluster, "shop", "fence_failed", NULL, view.ledger.epoch);
    CU_ASSERT_STRING_EQUAL(taken_by(fence), "");
    CU_ASSERT_EQUAL(notifier_service_of(notifier, fence), 0);
    hear_ack(fence, "eve", 3600); /* of one that had the same id an hour ago */
    look("[{\"code\": \"fence_failed\", \"service\": \"shop\", \"text\": \"open\"}]");
    CU_ASSERT_STRING_EQUAL(taken_by(fence), "");
    hear_ack(fence, "eve", 1);
    look("[{\"code\": \"fence_failed\", \"service\": \"shop\", \"text\": \"open\"}]");
    CU_ASSERT_STRING_EQUAL(taken_by(fence), "eve");
    end_looking();
}

/* Every escalation that is due is judged after what was heard. */
static void what_is_heard_in_time_calls_nobody(void)
{
    begin_looking();
    propose(9, PROPOSAL_WAITS);
    look("[]");
    incidents_find(notifier->incidents, 9)->person_us -= 1000 * US_PER_S;
    hear_ack(9, "ann", 0);
    look("[]");
    CU_ASSERT_EQUAL(incidents_find(notifier->incidents, 9)->level, 0);
    end_looking();
}

static void tested_channels_are_found_by_name(void)
{
    begin_looking();
    struct notifier_test test = { .channel = "nothing", .who = "ann" };
    CU_ASSERT_FALSE(notifier_test(notifier, &test, &fault));
    CU_ASSERT_STRING_EQUAL(fault.text, "there is no channel nothing");
    end_looking();
}

SUITE_MAIN("notifier", TEST(warnings_that_matter_are_told), TEST(a_majority_that_suspects_is_told),
           TEST(an_operation_elsewhere_is_left_to_its_executor),
           TEST(one_that_went_back_needs_a_person_until_all_is_well),
           TEST(a_proposal_waits_for_a_person), TEST(a_proposal_ends_with_its_answer),
           TEST(a_switchover_that_does_not_begin_calls), TEST(what_another_node_was_told_counts_here),
           TEST(what_is_heard_in_time_calls_nobody), TEST(tested_channels_are_found_by_name), TEST(answers_and_what_they_come_to), TEST(a_secret_has_to_be_one),
           TEST(pagerduty_gets_its_key_in_the_body), TEST(a_program_gets_the_object_on_its_stdin),
           TEST(ends_with_work_under_way), TEST(notes_reach_the_receiver_in_order))
