/* A small tree over expat, bounded in depth, nodes and text; and escaping for output. See xml.h. */
#include "tests/route53/xml.h"

#include <expat.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    XML_Parser parser;
    struct xml_node *root, *current;
    unsigned depth, nodes;
    const char *refusal;
};

static void refuse(struct builder *builder, const char *why)
{
    if (builder->refusal == NULL)
        builder->refusal = why;
    XML_StopParser(builder->parser, XML_FALSE);
}

static const char *local_name(struct builder *builder, const char *name)
{
    size_t prefix = strlen(XML_NAMESPACE);
    if (strncmp(name, XML_NAMESPACE, prefix) == 0 && name[prefix] == '|')
        return name + prefix + 1;
    refuse(builder, "an element is not in the namespace " XML_NAMESPACE);
    return NULL;
}

static void XMLCALL on_start(void *context, const char *name, const char **attributes)
{
    struct builder *builder = context;
    (void)attributes;
    if (builder->refusal != NULL)
        return;
    const char *local = local_name(builder, name);
    if (local == NULL)
        return;
    if (builder->depth == XML_DEPTH_MAX || builder->nodes == XML_NODES_MAX) {
        refuse(builder, builder->depth == XML_DEPTH_MAX ? "elements are nested too deeply" : "there are too many elements");
        return;
    }
    struct xml_node *node = calloc(1, sizeof *node);
    if (node == NULL || (node->name = strdup(local)) == NULL || (node->text = strdup("")) == NULL) {
        if (node != NULL)
            free(node->name);
        free(node);
        refuse(builder, "out of memory");
        return;
    }
    node->parent = builder->current;
    if (node->parent == NULL)
        builder->root = node;
    else if (node->parent->last == NULL)
        node->parent->first = node->parent->last = node;
    else
        node->parent->last = node->parent->last->next = node;
    builder->current = node;
    builder->depth++;
    builder->nodes++;
}

static void XMLCALL on_end(void *context, const char *name)
{
    struct builder *builder = context;
    (void)name;
    if (builder->refusal != NULL)    /* expat still ends an empty element whose start was refused */
        return;
    builder->current = builder->current->parent;
    builder->depth--;
}

static void XMLCALL on_text(void *context, const char *text, int length)
{
    struct builder *builder = context;
    struct xml_node *node = builder->current;
    if (node == NULL || length <= 0 || builder->refusal != NULL)
        return;
    size_t more = (size_t)length;
    if (node->text_length + more > XML_TEXT_MAX) {
        refuse(builder, "an element's text is too long");
        return;
    }
    if (node->text_length + more + 1 > node->text_room) {
        size_t room = 2 * (node->text_length + more + 1);
        char *grown = realloc(node->text, room);
        if (grown == NULL) {
            refuse(builder, "out of memory");
            return;
        }
        node->text = grown;
        node->text_room = room;
    }
    memcpy(node->text + node->text_length, text, more);
    node->text_length += more;
    node->text[node->text_length] = '\0';
}

static void XMLCALL on_doctype(void *context, const char *name, const char *system_id, const char *public_id,
                               int subset)
{
    (void)name, (void)system_id, (void)public_id, (void)subset;
    refuse(context, "DOCTYPE is not allowed");
}

static void XMLCALL on_instruction(void *context, const char *target, const char *data)
{
    (void)target, (void)data;
    refuse(context, "processing instructions are not allowed");
}

struct xml_node *xml_parse(const char *bytes, size_t length, char *message, size_t message_size)
{
    struct builder builder = { 0 };
    struct xml_node *root = NULL;
    if (length > INT_MAX) {
        snprintf(message, message_size, "the document is too long");
        return NULL;
    }
    builder.parser = XML_ParserCreateNS(NULL, '|');
    if (builder.parser == NULL) {
        snprintf(message, message_size, "out of memory");
        return NULL;
    }
    XML_SetUserData(builder.parser, &builder);
    XML_SetElementHandler(builder.parser, on_start, on_end);
    XML_SetCharacterDataHandler(builder.parser, on_text);
    XML_SetStartDoctypeDeclHandler(builder.parser, on_doctype);
    XML_SetProcessingInstructionHandler(builder.parser, on_instruction);
    if (XML_Parse(builder.parser, bytes, (int)length, 1) == XML_STATUS_OK && builder.refusal == NULL) {
        root = builder.root;
    } else {
        snprintf(message, message_size, "line %lu, column %lu: %s", (unsigned long)XML_GetCurrentLineNumber(builder.parser),
                 (unsigned long)XML_GetCurrentColumnNumber(builder.parser),
                 builder.refusal ? builder.refusal : XML_ErrorString(XML_GetErrorCode(builder.parser)));
        xml_free(builder.root);
    }
    XML_ParserFree(builder.parser);
    return root;
}

/* Depth is bounded by XML_DEPTH_MAX, so recursing is safe. */
void xml_free(struct xml_node *root)
{
    if (root == NULL)
        return;
    for (struct xml_node *child = root->first, *next; child != NULL; child = next) {
        next = child->next;
        xml_free(child);
    }
    free(root->name);
    free(root->text);
    free(root);
}

struct xml_node *xml_child(const struct xml_node *node, const char *name)
{
    for (struct xml_node *child = node->first; child != NULL; child = child->next)
        if (strcmp(child->name, name) == 0)
            return child;
    return NULL;
}

const char *xml_child_text(const struct xml_node *node, const char *name)
{
    const struct xml_node *child = xml_child(node, name);
    return child == NULL ? NULL : child->text;
}

void xml_escape(struct evbuffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<': evbuffer_add(out, "&lt;", 4); break;
        case '>': evbuffer_add(out, "&gt;", 4); break;
        case '&': evbuffer_add(out, "&amp;", 5); break;
        case '"': evbuffer_add(out, "&quot;", 6); break;
        default:
            /* Control characters can't stand in XML 1.0 at all. */
            evbuffer_add(out, (unsigned char)*text < ' ' && *text != '\t' && *text != '\n' ? "?" : text, 1);
        }
    }
}

void xml_element(struct evbuffer *out, const char *name, const char *text)
{
    evbuffer_add_printf(out, "<%s>", name);
    xml_escape(out, text);
    evbuffer_add_printf(out, "</%s>", name);
}
