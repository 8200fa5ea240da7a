/* Domain names as Route 53 keeps them.
 *
 * A name is held in wire form (length-prefixed labels, ended by the root's zero byte), lower-cased, so
 * that comparing is memcmp and a DNS query needs no conversion. Text is the API's form: absolute, with
 * a trailing dot, every byte but a-z, 0-9, '-' and '_' written as a three-digit octal escape (so the
 * wildcard label shows as \052).
 *
 * Nothing here allocates; nothing here is shared with the product, on purpose: this is a second opinion.
 */
#ifndef ROUTE53_EMULATOR_NAMES_H
#define ROUTE53_EMULATOR_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DNAME_WIRE_MAX = 255,        /* bytes of a name on the wire, RFC 1035 */
    DNAME_LABEL_MAX = 63,
    DNAME_TEXT_SIZE = 1040,      /* every byte escaped, dots, and the final zero */
};

struct dname {
    uint8_t length;              /* bytes used in wire, 1 for the root; 0 means "no name" */
    uint8_t wire[DNAME_WIRE_MAX];
};

enum dname_fault {
    DNAME_OK,
    DNAME_EMPTY,
    DNAME_LABEL_EMPTY,
    DNAME_LABEL_TOO_LONG,
    DNAME_TOO_LONG,
    DNAME_BAD_CHARACTER,
};

/* Reads text (with or without trailing dot, \ooo escapes allowed). On a fault *name is unspecified. */
enum dname_fault dname_parse(struct dname *name, const char *text);

/* AWS's words for a fault, e.g. "DomainLabelEmpty (Domain label is empty)". */
const char *dname_fault_text(enum dname_fault fault);

/* Writes the API's text. out must hold DNAME_TEXT_SIZE bytes. Returns out. */
char *dname_text(const struct dname *name, char *out);

/* Takes `length` wire bytes that end with the root label, lower-casing them.
 * Returns false when they are not one well-formed, uncompressed name. */
bool dname_from_wire(struct dname *name, const uint8_t *wire, size_t length);

bool dname_equal(const struct dname *a, const struct dname *b);

/* True when `child` is `parent` or lies beneath it. */
bool dname_within(const struct dname *child, const struct dname *parent);

/* Drops the first label. Returns false at the root. */
bool dname_parent(const struct dname *name, struct dname *parent);

/* Puts one label in front. Returns false when the result would be too long. */
bool dname_prepend(struct dname *out, const char *label, const struct dname *parent);

/* True when the first label is exactly "*". */
bool dname_is_wildcard(const struct dname *name);

/* The order of listings: ASCII order of the names written with their labels reversed. */
int dname_order(const struct dname *a, const struct dname *b);

unsigned dname_label_count(const struct dname *name);

#endif
