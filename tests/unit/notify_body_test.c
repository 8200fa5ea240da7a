/* What goes out: each kind's JSON, templates, and words of others that try to be more than words. */
#include "tests/unit/suite.h"

#include <jansson.h>
#include <string.h>

#include "coordinator/notify/body.h"

static struct notice sample(void)
{
    struct notice n = { .action = NOTICE_TRIGGER,
                        .incident = UINT64_C(0x00c0ffee00c0ffee),
                        .operation = UINT64_C(0x00c0ffee00c0ffee),
                        .event = "step",
                        .severity = "info",
                        .step = "grant",
                        .cluster = "demo",
                        .service = "shop",
                        .region = "us-west-2",
                        .node = "usw2-a",
                        .text = "step grant done",
                        .todo = "failoverctl status shop" };
    return n;
}

static json_t *made(const struct channel_config *channel, const struct notice *notice, const char *secret)
{
    size_t length = 0;
    char *body = body_make(channel, notice, secret, &length);
    CU_ASSERT_PTR_NOT_NULL_FATAL(body);
    CU_ASSERT_EQUAL(length, strlen(body));
    json_t *object = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(object);
    free(body);
    return object;
}

static const char *str(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "(none)";
}

static void the_plain_object(void)
{
    struct channel_config channel = { .name = "a", .kind = CONFIG_CHANNEL_JSON };
    struct notice n = sample();
    json_t *object = made(&channel, &n, NULL);
    CU_ASSERT_STRING_EQUAL(str(object, "event"), "step");
    CU_ASSERT_STRING_EQUAL(str(object, "action"), "trigger");
    CU_ASSERT_STRING_EQUAL(str(object, "incident"), "00c0ffee00c0ffee");
    CU_ASSERT_STRING_EQUAL(str(object, "step"), "grant");
    CU_ASSERT_STRING_EQUAL(str(object, "service"), "shop");
    CU_ASSERT_STRING_EQUAL(str(object, "time"), "1970-01-01T00:00:00.000Z");
    CU_ASSERT_TRUE(json_is_null(json_object_get(object, "acknowledged_by")));
    CU_ASSERT_PTR_NOT_NULL(strstr(str(object, "message"), "[info] shop step: step grant done"));
    CU_ASSERT_EQUAL(json_object_size(object), 17);
    json_decref(object);
    n.service[0] = '\0';
    n.operation = 0;
    object = made(&channel, &n, NULL);
    CU_ASSERT_TRUE(json_is_null(json_object_get(object, "service")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(object, "operation")));
    json_decref(object);
}

static void pagerduty_gets_its_events(void)
{
    struct channel_config channel = { .name = "a", .kind = CONFIG_CHANNEL_PAGERDUTY };
    struct notice n = sample();
    json_t *object = made(&channel, &n, "secret-key");
    const json_t *payload = json_object_get(object, "payload");
    CU_ASSERT_STRING_EQUAL(str(object, "routing_key"), "secret-key");
    CU_ASSERT_STRING_EQUAL(str(object, "event_action"), "trigger");
    CU_ASSERT_STRING_EQUAL(str(object, "dedup_key"), "failoverd/demo/00c0ffee00c0ffee");
    CU_ASSERT_STRING_EQUAL(str(payload, "severity"), "info");
    CU_ASSERT_STRING_EQUAL(str(payload, "source"), "usw2-a");
    CU_ASSERT_STRING_EQUAL(str(payload, "summary"), "shop: step grant done");
    CU_ASSERT_PTR_NULL(strstr(str(json_object_get(payload, "custom_details"), "message"), "secret-key"));
    json_decref(object);
    n.action = NOTICE_RESOLVE;
    object = made(&channel, &n, "k");
    CU_ASSERT_STRING_EQUAL(str(object, "event_action"), "resolve");
    CU_ASSERT_PTR_NULL(json_object_get(object, "payload"));
    json_decref(object);
    n.action = NOTICE_ACKNOWLEDGE;
    object = made(&channel, &n, "k");
    CU_ASSERT_STRING_EQUAL(str(object, "event_action"), "acknowledge");
    json_decref(object);
}

static void slack_gets_the_template(void)
{
    struct channel_config channel = { .name = "a", .kind = CONFIG_CHANNEL_SLACK,
                                      .template = "<!here> {{{service}}} {event} {region} {node} {operation} {severity} {todo} "
                                                  "{incident} {time}: {text}" };
    struct notice n = sample();
    json_t *object = made(&channel, &n, NULL);
    CU_ASSERT_STRING_EQUAL(str(object, "text"), "<!here> {shop} step us-west-2 usw2-a 00c0ffee00c0ffee info failoverctl status shop "
                                                "00c0ffee00c0ffee 1970-01-01T00:00:00.000Z: step grant done");
    CU_ASSERT_EQUAL(json_object_size(object), 1);
    json_decref(object);
}

/* A server's own words must not page everybody, forge a line, be read as a placeholder, or break the JSON. */
static void hostile_words_stay_words(void)
{
    struct channel_config slack = { .name = "a", .kind = CONFIG_CHANNEL_SLACK, .template = "{text}|{node}" };
    struct channel_config plain = { .name = "a", .kind = CONFIG_CHANNEL_JSON, .template = "{text}" };
    struct notice n = sample();
    (void)snprintf(n.text, sizeof n.text, "<!channel> & \"}{node}\\ \n\x1b[31m\xff\xfe {{ %%s");
    json_t *object = made(&slack, &n, NULL);
    CU_ASSERT_STRING_EQUAL(str(object, "text"),
                           "&lt;!channel&gt; &amp; \"}{node}\\   [31m?? {{ %s|usw2-a");
    json_decref(object);
    object = made(&plain, &n, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(str(object, "message"), "<!channel> & \"}{node}\\"));
    CU_ASSERT_PTR_NULL(strchr(str(object, "message"), '\n'));
    json_decref(object);
}

static void what_is_too_long_is_cut_and_stays_json(void)
{
    struct channel_config slack = { .name = "a", .kind = CONFIG_CHANNEL_SLACK,
                                    .template = "{text}{text}{text}{text}{text}{text}{text}{text}" };
    struct notice n = sample();
    memset(n.text, '&', sizeof n.text - 1);
    json_t *object = made(&slack, &n, NULL);
    CU_ASSERT_TRUE(strlen(str(object, "text")) < BODY_MESSAGE_MAX);
    CU_ASSERT_TRUE(strlen(str(object, "text")) > BODY_MESSAGE_MAX - 10);
    json_decref(object);
}

SUITE_MAIN("notify_body", TEST(the_plain_object), TEST(pagerduty_gets_its_events), TEST(slack_gets_the_template),
           TEST(hostile_words_stay_words), TEST(what_is_too_long_is_cut_and_stays_json))
