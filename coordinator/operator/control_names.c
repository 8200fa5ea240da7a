/* Names that there are not: see control_names.h. */
#include "coordinator/operator/control_names.h"

#include "coordinator/base/text.h"

#define NAMES_BYTES 2048 /* all that a cluster may have, or as many as fit */

struct list {
    char words[NAMES_BYTES];
    struct text text;
    size_t count;
};

static void list_init(struct list *list, const char *before)
{
    list->text = TEXT_OF(list->words);
    list->count = 0;
    text_append(&list->text, before);
}

static void list_add(struct list *list, const char *name)
{
    text_appendf(&list->text, "%s%s", list->count++ > 0 ? ", " : "", name);
}

static void refuse(struct control_server *server, uint64_t ticket, const char *code, const char *what, const char *name,
                   const struct list *there)
{
    char words[CONFIG_MAX_NAME + 128];
    struct text text = TEXT_OF(words);
    text_appendf(&text, "%s%s%s", what, name != NULL ? ": " : "", name != NULL ? name : "");
    control_refuse(server, ticket, code, EXIT_USAGE, words, there->words, NULL);
}

void control_no_service(struct control_server *server, uint64_t ticket, const struct cluster_config *cluster,
                        const char *name)
{
    struct list there;
    list_init(&there, "It has ");
    for (size_t i = 0; i < cluster->service_count; i++)
        list_add(&there, cluster->services[i].name);
    text_append(&there.text, "; failoverctl status shows how each is.");
    refuse(server, ticket, "no_service", "this cluster has no such service", name, &there);
}

void control_no_region(struct control_server *server, uint64_t ticket, const struct cluster_config *cluster,
                       size_t service, const char *name)
{
    struct list there;
    list_init(&there, service != CONFIG_NONE ? "The service is in " : "It has ");
    for (size_t i = 0; service != CONFIG_NONE && i < cluster->services[service].region_count; i++)
        list_add(&there, cluster->regions[cluster->services[service].regions[i].region].name);
    for (size_t i = 0; service == CONFIG_NONE && i < cluster->region_count; i++)
        list_add(&there, cluster->regions[i].name);
    text_append(&there.text, "; failoverctl status shows which of them is the writer.");
    refuse(server, ticket, "no_region", "this cluster has no such region", name, &there);
}

void control_no_node(struct control_server *server, uint64_t ticket, const struct cluster_config *cluster,
                     const char *name)
{
    struct list there;
    list_init(&there, "A voter has to be a node of every coordinator's cluster.json. This one's are ");
    for (size_t i = 0; i < cluster->node_count; i++)
        list_add(&there, cluster->nodes[i].name);
    text_append(&there.text, ".");
    refuse(server, ticket, "no_node", "cluster.json has no such node", name, &there);
}
