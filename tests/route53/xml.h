/* XML in and out.
 *
 * In: a bounded tree built by expat, with namespaces checked, DOCTYPE and processing instructions refused.
 * Out: escaping into an evbuffer.
 */
#ifndef ROUTE53_EMULATOR_XML_H
#define ROUTE53_EMULATOR_XML_H

#include <event2/buffer.h>
#include <stdbool.h>
#include <stddef.h>

#define XML_NAMESPACE "https://route53.amazonaws.com/doc/2013-04-01/"

enum {
    XML_DEPTH_MAX = 16,
    XML_NODES_MAX = 60000,           /* 1000 changes with all their elements, and room */
    XML_TEXT_MAX = 8192,             /* characters of one element */
};

struct xml_node {
    char *name;                      /* local name; elements of a foreign namespace are refused */
    char *text;                      /* never NULL; white space only between children is kept out */
    size_t text_length, text_room;
    struct xml_node *parent, *first, *last, *next;
};

/* Parses a whole document. Returns NULL and says in `message` what is wrong. Free with xml_free. */
struct xml_node *xml_parse(const char *bytes, size_t length, char *message, size_t message_size);
void xml_free(struct xml_node *root);

/* The first child of that name, or NULL. */
struct xml_node *xml_child(const struct xml_node *node, const char *name);

/* The text of the first child of that name, or NULL when there is none. */
const char *xml_child_text(const struct xml_node *node, const char *name);

void xml_escape(struct evbuffer *out, const char *text);
void xml_element(struct evbuffer *out, const char *name, const char *text);

#endif
