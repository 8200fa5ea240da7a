/* Rules for nodes, voters and regions, and for the local file: see rules.h. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "coordinator/config/rules.h"
#include "coordinator/config/values.h"

const char *rules_hint(char *buffer, size_t size, const char *wrong, const char *const *names, size_t count)
{
    const char *nearest = value_nearest(wrong, names, count);
    if (nearest != NULL)
        (void)snprintf(buffer, size, " (did you mean \"%s\"?)", nearest);
    else
        buffer[0] = '\0';
    return buffer;
}

/* ---- regions ----------------------------------------------------------------------------- */

static int compare_regions(const void *a, const void *b)
{
    return strcmp(((const struct region_config *)a)->name, ((const struct region_config *)b)->name);
}

/* The distinct regions of the nodes, sorted. */
static void collect_regions(struct document *d, struct cluster_config *c)
{
    c->regions = arena_take(d->arena, (c->node_count + 1) * sizeof *c->regions);
    if (c->regions == NULL) {
        document_error(d, "$", "no memory to read the file");
        return;
    }
    for (size_t i = 0; i < c->node_count; i++) {
        const char *name = c->nodes[i].region_name;
        bool known = name == NULL;
        for (size_t j = 0; j < c->region_count && !known; j++)
            known = strcmp(c->regions[j].name, name) == 0;
        if (!known)
            c->regions[c->region_count++].name = name;
    }
    qsort(c->regions, c->region_count, sizeof *c->regions, compare_regions);
    if (c->region_count > CONFIG_MAX_REGIONS)
        document_error(d, "$.nodes", "the nodes are in %zu regions; the most is %d", c->region_count, CONFIG_MAX_REGIONS);
    for (size_t i = 0; i < c->node_count; i++) {
        struct node_config *node = &c->nodes[i];
        node->region = node->region_name != NULL ? config_find_region(c, node->region_name) : CONFIG_NONE;
        if (node->region != CONFIG_NONE)
            c->regions[node->region].node_count++;
    }
}

static void check_addresses(struct document *d, const struct cluster_config *c)
{
    for (size_t i = 0; i < c->node_count; i++)
        for (size_t j = 0; j < i; j++)
            if (c->nodes[i].address != NULL && c->nodes[j].address != NULL &&
                strcmp(c->nodes[i].address, c->nodes[j].address) == 0) {
                document_error(d, PATH("$.nodes.%s.address", c->nodes[i].name),
                               "\"%s\" is the address of node %s already; each node has one of its own",
                               c->nodes[i].address, c->nodes[j].name);
                break;
            }
}

/* ---- voters ------------------------------------------------------------------------------ */

static int compare_indexes(const void *a, const void *b)
{
    size_t i = *(const size_t *)a;
    size_t j = *(const size_t *)b;
    return i < j ? -1 : i > j;
}

/* `place` is where the name stands in the file's list. */
static void resolve_voter(struct document *d, struct cluster_config *c, const char *name, size_t place)
{
    const char *path = PATH("$.voters[%zu]", place);
    size_t node = config_find_node(c, name);
    if (node == CONFIG_NONE) {
        const char *names[CONFIG_MAX_NODES];
        char hint[96];
        for (size_t i = 0; i < c->node_count; i++)
            names[i] = c->nodes[i].name;
        document_error(d, path, "\"%s\" is none of the nodes%s; add it to \"nodes\" or take it out", name,
                       rules_hint(hint, sizeof hint, name, names, c->node_count));
        return;
    }
    if (c->nodes[node].voter) {
        document_error(d, path, "\"%s\" is a voter already; each node has one vote", name);
        return;
    }
    c->nodes[node].voter = true;
    c->voters[c->voter_count++] = node;
    if (c->nodes[node].region != CONFIG_NONE)
        c->regions[c->nodes[node].region].voter_count++;
}

static void warn_of_crowded_regions(struct document *d, const struct cluster_config *c)
{
    size_t majority = c->voter_count / 2 + 1;
    for (size_t i = 0; i < c->region_count; i++) {
        const struct region_config *region = &c->regions[i];
        if (region->voter_count >= majority)
            document_warn(d, "$.voters", "%zu of %zu voters are in region %s: when it is lost there is no majority, "
                          "and nothing fails over; spread them over three regions", region->voter_count,
                          c->voter_count, region->name);
        else if (region->voter_count > 1)
            document_warn(d, "$.voters", "%zu voters are in region %s and are lost together with it; best each has "
                          "a region of its own", region->voter_count, region->name);
    }
}

static void check_voters(struct document *d, struct cluster_config *c)
{
    const json_t *list = json_object_get(d->root, "voters");
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count && c->voter_count < CONFIG_MAX_VOTERS; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name != NULL)
            resolve_voter(d, c, name, i);
    }
    qsort(c->voters, c->voter_count, sizeof *c->voters, compare_indexes);
    if (count % 2 == 0 && count >= CONFIG_MIN_VOTERS)
        document_error(d, "$.voters", "has %zu voters; the number must be odd, 3 or 5: one of an even number only makes "
                       "a majority harder to reach. Take one out, or add one", count);
    warn_of_crowded_regions(d, c);
}

static void check_brake(struct document *d, const struct cluster_config *c)
{
    if (c->failovers_at_once > 0 && (size_t)c->failovers_at_once >= c->service_count)
        document_warn(d, "$.failovers_at_once", "is %lld, and there %s %zu service%s: it never holds one back. Set it "
                      "lower, or to 0, which says so", (long long)c->failovers_at_once, c->service_count == 1 ? "is" : "are",
                      c->service_count, c->service_count == 1 ? "" : "s");
}

void rules_cluster(struct document *d, struct cluster_config *c)
{
    check_brake(d, c);
    collect_regions(d, c);
    if (c->regions == NULL)
        return;
    check_addresses(d, c);
    check_voters(d, c);
}

/* ---- the local file ---------------------------------------------------------------------- */

void rules_node(struct document *d, struct local_config *node)
{
    size_t most = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (node->control_socket != NULL && strlen(node->control_socket) > most)
        document_error(d, "$.control_socket", "has %zu characters; a socket's path may have at most %zu",
                       strlen(node->control_socket), most);
    if (node->tls.key != NULL && node->tls.certificate != NULL && node->tls.ca != NULL &&
        (strcmp(node->tls.ca, node->tls.key) == 0))
        document_error(d, "$.tls.ca", "names the same file as \"key\"; the authority's certificate is a file of its own");
    if (node->audit != NULL && node->journal != NULL && strcmp(node->audit, node->journal) == 0)
        document_error(d, "$.audit", "names the same file as \"journal\"; the audit trail is a file of its own");
}

bool config_check(const struct cluster_config *cluster, const struct local_config *node,
                  struct config_problems *problems)
{
    if (config_find_node(cluster, node->name) != CONFIG_NONE)
        return true;
    const char *names[CONFIG_MAX_NODES];
    char hint[96];
    for (size_t i = 0; i < cluster->node_count; i++)
        names[i] = cluster->nodes[i].name;
    struct document document;
    document_reopen(&document, node->path, problems);
    document_error(&document, "$.name", "\"%s\" is none of the nodes in %s%s", node->name, cluster->path,
                   rules_hint(hint, sizeof hint, node->name, names, cluster->node_count));
    document_close(&document);
    return false;
}
