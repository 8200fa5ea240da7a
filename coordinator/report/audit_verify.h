/* Walking an audit trail: is every line what it was, and are all of them there, in their order?
 *
 * What that can show: a line that was changed, removed from the middle, inserted or moved; a line that a crash left
 * half; another chain begun. What it can't: who can write the file can also make all of it anew, or cut lines off its
 * end, and the chain is whole again. So the newest hash belongs elsewhere too (the journal has each; a log shipper
 * carries them away): a trail that has lost a hash known elsewhere was cut or made anew, and `expect` looks for it.
 *
 * Torn pieces that failoverd itself accounts for are no break: one that a full disk cut off, when the line it began
 * follows whole; one that a crash left, when the line written at the next start ("opened") names its length and hash.
 * A file that begins within a chain is whole: rotation moved what was before; the first line's `prev` is the former
 * file's newest hash.
 */
#ifndef FAILOVERD_REPORT_AUDIT_VERIFY_H
#define FAILOVERD_REPORT_AUDIT_VERIFY_H

#include <stdio.h>

#include "coordinator/base/text.h"
#include "coordinator/report/audit_chain.h"

#define AUDIT_FINDINGS_MAX 16
#define AUDIT_TIME_MAX 40

enum audit_break {
    AUDIT_BREAK_CHANGED,    /* the line's hash does not fit it */
    AUDIT_BREAK_REPLACED,   /* its hash fits it, but the next line continues another */
    AUDIT_BREAK_UNREADABLE, /* no line of a trail, and nothing accounts for it */
    AUDIT_BREAK_REMOVED,    /* numbers are missing before it */
    AUDIT_BREAK_INSERTED,   /* the next line continues the one before it */
    AUDIT_BREAK_MOVED,      /* its number has been there already */
    AUDIT_BREAK_TORN,       /* the file ends within a line */
    AUDIT_BREAK_ANEW,       /* another chain begins */
    AUDIT_BREAK_COUNT
};

struct audit_finding {
    enum audit_break what;
    size_t line;        /* of the file, from 1 */
    uint64_t from, to;  /* numbers that have to do with it; 0: none */
};

struct audit_report {
    size_t lines;       /* of the trail: whole or changed ones */
    struct audit_link first, last;
    char first_time[AUDIT_TIME_MAX], last_time[AUDIT_TIME_MAX];
    bool continues;     /* the first line has one before it, in another file */
    size_t pieces;      /* torn ones that are accounted for */
    size_t breaks;
    struct audit_finding findings[AUDIT_FINDINGS_MAX]; /* the first ones */
    bool expected;      /* a line has the hash that was looked for */
    /* The end, for whoever goes on writing: */
    bool any;           /* there is a whole line; `sound` is the last */
    struct audit_link sound;
    bool unended;       /* the file does not end with a line end */
    size_t torn_bytes;  /* of what is there past the last line end, unless it is a whole line; 0: nothing */
    char torn_hash[AUDIT_HASH_SIZE];
};

/* Each line of the trail, in order; the object is borrowed. */
typedef void audit_seen(const json_t *line, enum audit_shape shape, void *arg);

/* Reads to the end of the stream. `expect` and `seen` may be NULL. False with the fault set when the file can't be
 * read, or no memory; breaks are no fault. Blocks on the disk. */
bool audit_walk(FILE *file, const char *expect, audit_seen *seen, void *arg, struct audit_report *report,
                struct fault *fault) CHECKED;

/* "changed", "removed", ...: stable. */
const char *audit_break_name(enum audit_break what);
/* What is wrong, to be read after the line's number; and what it means and what to do. */
void audit_break_text(struct text *text, const struct audit_finding *finding);
const char *audit_break_todo(enum audit_break what);

#endif
