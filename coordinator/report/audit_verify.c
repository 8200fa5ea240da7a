/* Walking an audit trail: see audit_verify.h. */
#include "coordinator/report/audit_verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct walk {
    struct audit_report *report;
    const char *expect;
    audit_seen *seen;
    void *arg;
    size_t line;             /* that is looked at */
    struct audit_link last;  /* seq 0: none yet */
    struct audit_link before;
    size_t last_line;
    bool last_sound;         /* what it is, is known: the next one's prev can be held against it */
    /* What could not be read, until a line accounts for it. */
    char *piece;
    size_t piece_length;
    size_t piece_line;       /* 0: there is none */
};

/* ---- findings ----------------------------------------------------------------------------- */

static void find(struct walk *walk, enum audit_break what, size_t line, uint64_t from, uint64_t to)
{
    struct audit_report *report = walk->report;
    if (report->breaks < AUDIT_FINDINGS_MAX)
        report->findings[report->breaks] = (struct audit_finding){ what, line, from, to };
    report->breaks++;
}

static const struct {
    const char *name;
    const char *todo;
} words[AUDIT_BREAK_COUNT] = {
    [AUDIT_BREAK_CHANGED] = { "changed",
        "It does not say any more what was written. Compare it with a copy, and with the journal's order_ lines of "
        "that time." },
    [AUDIT_BREAK_REPLACED] = { "replaced",
        "Somebody wrote another line in its place and counted its hash anew. Compare it with a copy, and with the "
        "journal's order_ lines of that time." },
    [AUDIT_BREAK_UNREADABLE] = { "unreadable",
        "It was damaged, or put there by something else than failoverd; a disk that was full just before a crash can "
        "leave this, too. Compare it with a copy." },
    [AUDIT_BREAK_REMOVED] = { "removed",
        "What was ordered there is not known from this file. Look for the lines in a copy, and for order_ lines in the "
        "journal." },
    [AUDIT_BREAK_INSERTED] = { "inserted", "failoverd did not write it at this place. Compare it with a copy." },
    [AUDIT_BREAK_MOVED] = { "moved",
        "Lines were put into another order, or are there twice. Compare the file with a copy; of rotated files give "
        "the oldest first." },
    [AUDIT_BREAK_TORN] = { "torn",
        "A crash or a full disk leaves this; an order that it began was not carried out. failoverd's next start "
        "accounts for the piece. While failoverd writes it can also be seen for a moment: ask again." },
    [AUDIT_BREAK_ANEW] = { "another_chain",
        "failoverd found no trail that it could continue when it started: the file was removed or moved while "
        "failoverd was down, or its end was damaged, or somebody else made this one. Each part is proven by its own "
        "chain alone." },
};

const char *audit_break_name(enum audit_break what)
{
    return (unsigned)what < AUDIT_BREAK_COUNT ? words[what].name : "unknown";
}

const char *audit_break_todo(enum audit_break what)
{
    return (unsigned)what < AUDIT_BREAK_COUNT ? words[what].todo : "";
}

void audit_break_text(struct text *text, const struct audit_finding *finding)
{
    switch (finding->what) {
    case AUDIT_BREAK_CHANGED:
        text_appendf(text, "number %" PRIu64 " was changed: its hash does not fit it", finding->from);
        return;
    case AUDIT_BREAK_REPLACED:
        text_appendf(text, "number %" PRIu64 " was replaced: the line after it continues another one", finding->from);
        return;
    case AUDIT_BREAK_UNREADABLE:
        text_append(text, "no line of an audit trail, and nothing accounts for what is there");
        return;
    case AUDIT_BREAK_REMOVED:
        if (finding->from == finding->to) {
            text_appendf(text, "number %" PRIu64 " was removed before it: it is missing", finding->from);
            return;
        }
        text_appendf(text, "numbers %" PRIu64 " to %" PRIu64 " were removed before it: they are missing", finding->from,
                     finding->to);
        return;
    case AUDIT_BREAK_INSERTED:
        text_appendf(text, "inserted: the line after it continues number %" PRIu64 ", the one before it",
                     finding->from);
        return;
    case AUDIT_BREAK_MOVED:
        text_appendf(text, "number %" PRIu64 " was moved: it comes after number %" PRIu64, finding->from,
                     finding->to);
        return;
    case AUDIT_BREAK_TORN:
        text_append(text, "torn: the file ends within it");
        return;
    case AUDIT_BREAK_ANEW:
        text_appendf(text, "another chain begins; number %" PRIu64 " was the last of the one before", finding->from);
        return;
    case AUDIT_BREAK_COUNT:
    default:
        text_append(text, "wrong");
    }
}

/* ---- pieces ------------------------------------------------------------------------------- */

/* An empty line is nobody's beginning: failoverd never writes one. */
static bool begins_with(const char *text, size_t length, const char *piece, size_t piece_length)
{
    return piece_length > 0 && piece_length <= length && memcmp(text, piece, piece_length) == 0;
}

/* Does the line that was written at a start name this piece as what it found at the file's end? */
static bool named_by(const json_t *line, const struct walk *walk)
{
    const json_t *torn = json_object_get(line, "torn");
    const json_t *bytes = json_object_get(torn, "bytes");
    const char *hash = json_string_value(json_object_get(torn, "sha256"));
    char counted[AUDIT_HASH_SIZE];
    return hash != NULL && json_is_integer(bytes) && json_integer_value(bytes) == (json_int_t)walk->piece_length &&
           audit_hash(walk->piece, walk->piece_length, counted) && strcmp(hash, counted) == 0;
}

/* A line follows: either it accounts for the piece, or the piece is a break. One that stands where exactly one
 * number is missing is that one, and the next line can't be held against it. */
static void settle_piece(struct walk *walk, const char *text, size_t length, const json_t *line,
                         const struct audit_link *link)
{
    if (walk->piece_line == 0)
        return;
    if (begins_with(text, length, walk->piece, walk->piece_length) || named_by(line, walk)) {
        walk->report->pieces++;
    } else {
        find(walk, AUDIT_BREAK_UNREADABLE, walk->piece_line, 0, 0);
        if (walk->last.seq != 0 && link->seq == walk->last.seq + 2) {
            walk->before = walk->last;
            walk->last.seq++;
            walk->last_sound = false;
        }
    }
    walk->piece_line = 0;
}

/* Pieces that a full disk left one after the other are beginnings of the same line: the longest stands for all. */
static bool keep_piece(struct walk *walk, const char *text, size_t length)
{
    if (walk->piece_line != 0) {
        if (begins_with(walk->piece, walk->piece_length, text, length))
            return true;
        if (!begins_with(text, length, walk->piece, walk->piece_length))
            find(walk, AUDIT_BREAK_UNREADABLE, walk->piece_line, 0, 0);
    }
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text, length);
    free(walk->piece);
    walk->piece = copy;
    walk->piece_length = length;
    walk->piece_line = walk->line;
    return true;
}

/* ---- lines -------------------------------------------------------------------------------- */

/* Does it continue the last one? */
static void follow(struct walk *walk, const struct audit_link *link)
{
    const struct audit_link *last = &walk->last;
    bool begins = link->seq == 1 && strcmp(link->prev, audit_genesis) == 0;
    if (last->seq == 0)
        walk->report->continues = !begins;
    else if (begins)
        find(walk, AUDIT_BREAK_ANEW, walk->line, last->seq, 0);
    else if (link->seq == last->seq + 1 && walk->last_sound && strcmp(link->prev, last->hash) != 0)
        find(walk, AUDIT_BREAK_REPLACED, walk->last_line, last->seq, 0);
    else if (walk->before.seq != 0 && link->seq == walk->before.seq + 1 && strcmp(link->prev, walk->before.hash) == 0)
        find(walk, AUDIT_BREAK_INSERTED, walk->last_line, walk->before.seq, 0);
    else if (link->seq > last->seq + 1)
        find(walk, AUDIT_BREAK_REMOVED, walk->line, last->seq + 1, link->seq - 1);
    else if (link->seq <= last->seq)
        find(walk, AUDIT_BREAK_MOVED, walk->line, link->seq, last->seq);
}

/* It may be anybody's file: a time that is none does not get to a terminal. */
static const char *time_of(const json_t *line)
{
    const char *when = json_string_value(json_object_get(line, "time"));
    return when != NULL && strspn(when, "0123456789-:.TZ") == strlen(when) ? when : "?";
}

static void count_line(struct walk *walk, const struct audit_link *link, const json_t *line)
{
    struct audit_report *report = walk->report;
    const char *when = time_of(line);
    if (report->lines == 0) {
        report->first = *link;
        (void)text_copy(report->first_time, sizeof report->first_time, when);
    }
    report->lines++;
    report->last = *link;
    (void)text_copy(report->last_time, sizeof report->last_time, when);
    report->expected = report->expected || (walk->expect != NULL && strcmp(walk->expect, link->hash) == 0);
}

/* A changed line says of itself what it likes: its number is the one that is due, its hash what it claims. */
static void take_changed(struct walk *walk, const struct audit_link *link)
{
    uint64_t due = walk->last.seq != 0 ? walk->last.seq + 1 : link->seq;
    find(walk, AUDIT_BREAK_CHANGED, walk->line, due, 0);
    walk->report->continues = walk->report->continues || (walk->last.seq == 0 && due != 1);
    walk->before = walk->last;
    walk->last = *link;
    walk->last.seq = due;
    walk->last_sound = false;
}

static void take_whole(struct walk *walk, const struct audit_link *link)
{
    follow(walk, link);
    walk->before = walk->last;
    walk->last = *link;
    walk->last_sound = true;
    walk->report->any = true;
    walk->report->sound = *link;
}

static bool take_torn(struct walk *walk, const char *text, size_t length, enum audit_shape shape)
{
    struct audit_report *report = walk->report;
    report->unended = true;
    find(walk, AUDIT_BREAK_TORN, walk->line, 0, 0);
    if (shape == AUDIT_WHOLE)
        return true;
    report->torn_bytes = length;
    return audit_hash(text, length, report->torn_hash);
}

/* `ended`: with a line end, which is not among `length`. False: no memory. */
static bool take_line(struct walk *walk, const char *text, size_t length, bool ended)
{
    struct audit_link link;
    json_t *line = NULL;
    enum audit_shape shape = audit_read(text, length, &link, &line);
    bool good = ended || take_torn(walk, text, length, shape);
    if (!ended && shape != AUDIT_WHOLE) {
        json_decref(line);
        return good;
    }
    if (shape == AUDIT_ALIEN)
        return keep_piece(walk, text, length);
    settle_piece(walk, text, length, line, &link);
    count_line(walk, &link, line);
    if (shape == AUDIT_CHANGED)
        take_changed(walk, &link);
    else
        take_whole(walk, &link);
    walk->last_line = walk->line;
    if (walk->seen != NULL)
        walk->seen(line, shape, walk->arg);
    json_decref(line);
    return good;
}

/* ---- the file ----------------------------------------------------------------------------- */

/* One line into `buffer`, of which bytes past its size are passed over (then it is no line of ours). False at the
 * end of the file. */
static bool next_line(FILE *file, char *buffer, size_t size, size_t *length, bool *ended)
{
    int c;
    *length = 0;
    *ended = false;
    while ((c = getc_unlocked(file)) != EOF) {
        if (c == '\n') {
            *ended = true;
            return true;
        }
        if (*length < size)
            buffer[(*length)++] = (char)c;
    }
    return *length > 0;
}

bool audit_walk(FILE *file, const char *expect, audit_seen *seen, void *arg, struct audit_report *report,
                struct fault *fault)
{
    struct walk walk = { .report = report, .expect = expect, .seen = seen, .arg = arg };
    size_t size = AUDIT_LINE_MAX + 1; /* one more than any line of ours: what fills it is alien */
    size_t length;
    bool ended;
    bool good = true;
    char *buffer = malloc(size);
    *report = (struct audit_report){ .lines = 0 };
    if (buffer == NULL)
        return fault_set(fault, "out of memory");
    errno = 0;
    while (good && next_line(file, buffer, size, &length, &ended)) {
        walk.line++;
        good = take_line(&walk, buffer, length, ended);
    }
    if (walk.piece_line != 0)
        find(&walk, AUDIT_BREAK_UNREADABLE, walk.piece_line, 0, 0);
    if (!good)
        (void)fault_set(fault, "out of memory");
    else if (ferror(file) != 0)
        good = fault_errno(fault, errno, "it can't be read to its end");
    free(walk.piece);
    free(buffer);
    return good;
}
