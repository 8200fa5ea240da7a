/* What `--check` and `--options` print: see config_report.h. */
#include "coordinator/config/config_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/config/options.h"

#define EXIT_GOOD 0
#define EXIT_BAD 1
#define EXIT_UNWRITTEN 2

static const char *severity_name(enum config_severity severity)
{
    return severity == CONFIG_ERROR ? "error" : "warning";
}

/* ---- problems ---------------------------------------------------------------------------- */

void config_print_problems(const struct config_problems *problems, FILE *stream)
{
    char text[sizeof problems->items->file + sizeof problems->items->path + sizeof problems->items->text + 32];
    for (size_t i = 0; i < problems->count; i++) {
        config_problem_text(&problems->items[i], text, sizeof text);
        fprintf(stream, "%s: %s\n", severity_name(problems->items[i].severity), text);
    }
    if (problems->lost > 0)
        fprintf(stream, "and %zu more\n", problems->lost);
}

static json_t *problem_json(const struct config_problem *problem)
{
    return json_pack("{s:s, s:s, s:I, s:s, s:s}", "severity", severity_name(problem->severity), "file", problem->file,
                     "line", (json_int_t)problem->line, "path", problem->path, "text", problem->text);
}

/* Cut texts may end within a character, which jansson refuses: such a problem is told without its text. */
static bool print_json(const struct config_problems *problems, FILE *stream)
{
    json_t *list = json_array();
    for (size_t i = 0; i < problems->count; i++) {
        json_t *item = problem_json(&problems->items[i]);
        if (item == NULL)
            item = json_pack("{s:s, s:s, s:I, s:s, s:s}", "severity", severity_name(problems->items[i].severity), "file", "",
                             "line", (json_int_t)problems->items[i].line, "path", "", "text",
                             "can't be shown as JSON; run without --json");
        json_array_append_new(list, item);
    }
    json_t *report = json_pack("{s:b, s:I, s:I, s:I, s:o}", "ok", problems->errors == 0, "errors",
                               (json_int_t)problems->errors, "warnings", (json_int_t)problems->warnings, "not_shown",
                               (json_int_t)problems->lost, "problems", list);
    bool good = report != NULL && json_dumpf(report, stream, JSON_INDENT(2)) == 0 && fputc('\n', stream) != EOF;
    json_decref(report);
    return good;
}

static void print_summary(const struct config_problems *problems, const struct cluster_config *cluster, FILE *stream)
{
    if (problems->errors > 0) {
        fprintf(stream, "refused: %zu error%s, %zu warning%s\n", problems->errors, problems->errors == 1 ? "" : "s",
                problems->warnings, problems->warnings == 1 ? "" : "s");
        return;
    }
    fprintf(stream, "good: %zu warning%s\n", problems->warnings, problems->warnings == 1 ? "" : "s");
    if (cluster == NULL)
        return;
    fprintf(stream, "cluster %s: %zu nodes, %zu voters, digest %016" PRIx64 "\n", cluster->cluster, cluster->node_count,
            cluster->voter_count, cluster->digest);
    for (size_t i = 0; i < cluster->service_count; i++)
        fprintf(stream, "service %s: %zu regions, %zu checks, digest %016" PRIx64 "\n", cluster->services[i].name,
                cluster->services[i].region_count, cluster->services[i].check_count, cluster->service_digests[i]);
}

int config_check_files(const char *cluster_path, const char *node_path, const struct config_report_options *options,
                       FILE *stream)
{
    struct config_problems problems = { 0 };
    struct cluster_config *cluster = cluster_path != NULL ? config_load_cluster(cluster_path, &problems) : NULL;
    struct local_config *node = node_path != NULL ? config_load_node(node_path, &problems) : NULL;
    if (cluster != NULL && node != NULL) {
        bool good = config_check(cluster, node, &problems);
        if (!options->without_files)
            good &= config_check_named_files(cluster, node, options->tls_check, &problems);
        (void)good; /* the problems tell */
    }
    bool written = true;
    if (options->json) {
        written = print_json(&problems, stream);
    } else {
        config_print_problems(&problems, stream);
        print_summary(&problems, cluster, stream);
    }
    written &= fflush(stream) == 0 && !ferror(stream);
    int code = !written ? EXIT_UNWRITTEN : problems.errors > 0 ? EXIT_BAD : EXIT_GOOD;
    config_local_free(node);
    config_cluster_free(cluster);
    config_problems_free(&problems);
    return code;
}

/* ---- options ----------------------------------------------------------------------------- */

static void set_choices(json_t *object, const struct option *row)
{
    if (row->choices == NULL)
        return;
    json_t *list = json_array();
    for (size_t i = 0; row->choices[i] != NULL; i++)
        json_array_append_new(list, json_string(row->choices[i]));
    json_object_set_new(object, "choices", list);
}

static json_t *option_json(const struct option *row)
{
    json_t *object = json_pack("{s:s, s:s, s:b, s:b, s:I, s:I, s:s}", "path", row->path, "type",
                               option_type_name(row->type), "list", row->list, "required", row->required, "min",
                               (json_int_t)row->min, "max", (json_int_t)row->max, "means", row->means);
    if (object == NULL)
        return NULL;
    if (row->type == OPTION_MAP)
        json_object_set_new(object, "keys", json_string(option_type_name(row->key)));
    if (row->fallback != NULL)
        json_object_set_new(object, "default", json_loads(row->fallback, JSON_DECODE_ANY, NULL));
    if (row->when != NULL)
        json_object_set_new(object, "when", json_string(row->when));
    set_choices(object, row);
    return object;
}

static json_t *table_json(const struct option_table *table)
{
    json_t *list = json_array();
    for (size_t i = 0; i < table->count; i++)
        json_array_append_new(list, option_json(&table->rows[i]));
    return list;
}

bool config_print_options(FILE *stream)
{
    json_t *all = json_pack("{s:o, s:o}", "cluster", table_json(&cluster_options), "node", table_json(&node_options));
    bool good = all != NULL && json_dumpf(all, stream, JSON_INDENT(1)) == 0 && fputc('\n', stream) != EOF &&
                fflush(stream) == 0;
    json_decref(all);
    return good;
}
