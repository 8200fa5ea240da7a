/* A snapshot of the small cluster (cluster_fixture.h), as the first node has it: for suites of what status says. */
#ifndef FAILOVERD_TESTS_STATUS_FIXTURE_H
#define FAILOVERD_TESTS_STATUS_FIXTURE_H

#include <string.h>

#include "coordinator/status/status.h"
#include "coordinator/status/status_text.h"
#include "tests/unit/cluster_fixture.h"
#include "tests/unit/suite.h"

static struct view_service view;

static inline json_t *render(void)
{
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1",
                                  .self = FIXTURE_EAST, .now_mono_us = 9000000,
                                  .now_wall_us = 1763720265123000, .started_mono_us = 1000000,
                                  .mute = MUTE_NOT, .views = &view };
    json_t *status = status_render(&input, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(status);
    return status;
}

static inline json_t *service_of(const json_t *status)
{
    return json_array_get(json_object_get(status, "services"), 0);
}

static inline const char *state(void)
{
    static char word[32];
    json_t *status = render();
    (void)text_copy(word, sizeof word, peek_str(service_of(status), "state", "?"));
    json_decref(status);
    return word;
}

static inline bool warned(const json_t *status, const char *code)
{
    size_t index;
    const json_t *warning;
    json_array_foreach(json_object_get(status, "warnings"), index, warning)
        if (strcmp(peek_str(warning, "code", ""), code) == 0)
            return true;
    return false;
}

static inline const char *warning_text(const json_t *status, const char *code)
{
    size_t index;
    const json_t *warning;
    json_array_foreach(json_object_get(status, "warnings"), index, warning)
        if (strcmp(peek_str(warning, "code", ""), code) == 0)
            return peek_str(warning, "text", "");
    return "";
}

static inline bool warned_of(const json_t *status, const char *code, const char *words)
{
    size_t index;
    const json_t *warning;
    json_array_foreach(json_object_get(status, "warnings"), index, warning)
        if (strcmp(peek_str(warning, "code", ""), code) == 0 && strstr(peek_str(warning, "text", ""), words) != NULL)
            return true;
    return false;
}

#endif
