/* The audit trail's chain: whatever is done to a trail's bytes is found, and what it is gets its name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/report/audit_verify.h"
#include "tests/unit/suite.h"

#define LINES 6

/* A trail in memory, line by line without their ends. */
struct trail {
    char *lines[2 * LINES];
    size_t count;
    struct audit_link last;
};

static struct audit_report report;

static void add(struct trail *trail, const json_t *body)
{
    struct audit_link link;
    struct fault fault = { "" };
    size_t length = 0;
    const char *prev = trail->count > 0 ? trail->last.hash : audit_genesis;
    char *line = audit_seal(body, trail->last.seq + 1, prev, &link, &length, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    CU_ASSERT_EQUAL(strlen(line), length);
    trail->lines[trail->count++] = line;
    trail->last = link;
}

static void add_reason(struct trail *trail, const char *reason)
{
    json_t *body = json_pack("{s:s, s:s, s:s}", "time", "2026-11-21T10:17:45.123Z", "event", "order_asked", "reason",
                             reason);
    CU_ASSERT_PTR_NOT_NULL_FATAL(body);
    add(trail, body);
    json_decref(body);
}

static struct trail good_trail(void)
{
    char reason[32];
    struct trail trail = { .count = 0 };
    for (int i = 0; i < LINES; i++) {
        snprintf(reason, sizeof reason, "reason %d", i + 1);
        add_reason(&trail, reason);
    }
    return trail;
}

static void drop(struct trail *trail)
{
    for (size_t i = 0; i < trail->count; i++)
        free(trail->lines[i]);
}

static char *text_of(const struct trail *trail, size_t *size)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, size);
    for (size_t i = 0; i < trail->count; i++)
        fprintf(stream, "%s\n", trail->lines[i]);
    fclose(stream);
    return text;
}

static void walk_bytes(const char *bytes, size_t size, const char *expect)
{
    struct fault fault = { "" };
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    rewind(file);
    CU_ASSERT_TRUE(audit_walk(file, expect, NULL, NULL, &report, &fault));
    fclose(file);
}

static void walk_trail(const struct trail *trail)
{
    size_t size;
    char *text = text_of(trail, &size);
    walk_bytes(text, size, NULL);
    free(text);
}

/* The first finding, and its sentence ends. */
static void expect_break(enum audit_break what, size_t line)
{
    char sentence[256];
    struct text text = TEXT_OF(sentence);
    CU_ASSERT_FATAL(report.breaks > 0);
    CU_ASSERT_STRING_EQUAL(audit_break_name(report.findings[0].what), audit_break_name(what));
    CU_ASSERT_EQUAL(report.findings[0].line, line);
    audit_break_text(&text, &report.findings[0]);
    CU_ASSERT_FALSE(text.cut);
    CU_ASSERT(strlen(sentence) > 5 && strlen(audit_break_todo(what)) > 10);
}

static void a_whole_trail_is_whole(void)
{
    struct trail trail = good_trail();
    walk_trail(&trail);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_EQUAL(report.lines, LINES);
    CU_ASSERT_EQUAL(report.first.seq, 1);
    CU_ASSERT_EQUAL(report.last.seq, LINES);
    CU_ASSERT_FALSE(report.continues);
    CU_ASSERT_STRING_EQUAL(report.last.hash, trail.last.hash);
    CU_ASSERT_STRING_EQUAL(report.last_time, "2026-11-21T10:17:45.123Z");
    walk_bytes("", 0, NULL);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_EQUAL(report.lines, 0);
    drop(&trail);
}

/* Worked out with sha256sum, so that it is the hash that the header says. */
static void the_hash_is_sha256_of_the_line_without_it(void)
{
    char hash[AUDIT_HASH_SIZE];
    CU_ASSERT_TRUE(audit_hash("abc", 3, hash));
    CU_ASSERT_STRING_EQUAL(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct trail trail = good_trail();
    char *seal = strstr(trail.lines[1], ",\"hash\":\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(seal);
    CU_ASSERT_PTR_NOT_NULL(strstr(trail.lines[1], "\"prev\":"));
    char *text = strdup(trail.lines[1]);
    size_t length = (size_t)(seal - trail.lines[1]);
    text[length] = '}';
    CU_ASSERT_TRUE(audit_hash(text, length + 1, hash));
    CU_ASSERT_PTR_NOT_NULL(strstr(trail.lines[1], hash));
    CU_ASSERT_PTR_NOT_NULL(strstr(trail.lines[2], hash));
    free(text);
    drop(&trail);
}

static void a_changed_byte_anywhere_is_found(void)
{
    size_t size;
    struct trail trail = good_trail();
    char *text = text_of(&trail, &size);
    for (size_t i = 0; i < size; i++) {
        char was = text[i];
        static const char others[] = { 1, 0x20, (char)0x80 };
        for (size_t k = 0; k < sizeof others; k++) {
            text[i] = (char)(was ^ others[k]);
            walk_bytes(text, size, NULL);
            if (report.breaks == 0)
                fprintf(stderr, "byte %zu of %zu changed by %d is not found\n", i, size, others[k]);
            CU_ASSERT(report.breaks > 0);
        }
        text[i] = '\n'; /* a line in two */
        walk_bytes(text, size, NULL);
        CU_ASSERT(report.breaks > 0 || was == '\n');
        text[i] = was;
    }
    free(text);
    drop(&trail);
}

static void a_byte_more_or_less_is_found(void)
{
    size_t size;
    struct trail trail = good_trail();
    char *text = text_of(&trail, &size);
    char *other = malloc(size + 1);
    for (size_t i = 0; i <= size; i++) {
        memcpy(other, text, i);
        other[i] = i % 2 == 0 ? '\n' : ' ';
        memcpy(other + i + 1, text + i, size - i);
        walk_bytes(other, size + 1, NULL);
        CU_ASSERT(report.breaks > 0);
        if (i == size)
            break;
        memcpy(other, text, i);
        memcpy(other + i, text + i + 1, size - i - 1);
        walk_bytes(other, size - 1, NULL);
        CU_ASSERT(report.breaks > 0);
    }
    free(other);
    free(text);
    drop(&trail);
}

/* Cut off at any byte: within a line it is torn; at a line's end only a hash kept elsewhere shows it. */
static void a_torn_end_is_found(void)
{
    size_t size;
    struct trail trail = good_trail();
    char *text = text_of(&trail, &size);
    for (size_t i = 1; i < size; i++) {
        walk_bytes(text, i, trail.last.hash);
        bool at_end = text[i - 1] == '\n';
        CU_ASSERT_EQUAL(report.breaks, at_end ? 0 : 1);
        if (!at_end)
            CU_ASSERT_EQUAL(report.findings[0].what, AUDIT_BREAK_TORN);
        CU_ASSERT_EQUAL(report.unended, !at_end);
        /* a whole line that lacks its end alone has its hash */
        CU_ASSERT_EQUAL(report.expected, i == size - 1);
        CU_ASSERT_EQUAL(report.torn_bytes > 0, !at_end && text[i] != '\n');
    }
    walk_bytes(text, size, trail.last.hash);
    CU_ASSERT_TRUE(report.expected);
    free(text);
    drop(&trail);
}

static void removed_lines_are_found(void)
{
    for (size_t gone = 1; gone < LINES - 1; gone++) {
        struct trail trail = good_trail();
        char *line = trail.lines[gone];
        memmove(&trail.lines[gone], &trail.lines[gone + 1], (--trail.count - gone) * sizeof line);
        walk_trail(&trail);
        CU_ASSERT_EQUAL(report.breaks, 1);
        expect_break(AUDIT_BREAK_REMOVED, gone + 1);
        CU_ASSERT_EQUAL(report.findings[0].from, gone + 1);
        CU_ASSERT_EQUAL(report.findings[0].to, gone + 1);
        free(line);
        drop(&trail);
    }
    /* The first ones: as if rotated away, and said. */
    struct trail trail = good_trail();
    struct trail rest = trail;
    rest.count -= 2;
    memmove(rest.lines, &trail.lines[2], rest.count * sizeof rest.lines[0]);
    walk_trail(&rest);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_TRUE(report.continues);
    CU_ASSERT_EQUAL(report.first.seq, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(trail.lines[1], report.first.prev));
    drop(&trail);
}

static void moved_and_doubled_lines_are_found(void)
{
    for (size_t at = 0; at + 1 < LINES; at++) {
        struct trail trail = good_trail();
        char *line = trail.lines[at];
        trail.lines[at] = trail.lines[at + 1];
        trail.lines[at + 1] = line;
        walk_trail(&trail);
        CU_ASSERT(report.breaks > 0);
        drop(&trail);
    }
    struct trail trail = good_trail();
    char *last = trail.lines[LINES - 1];
    trail.lines[LINES - 1] = strdup(trail.lines[0]);
    walk_trail(&trail);
    expect_break(AUDIT_BREAK_ANEW, LINES);
    free(trail.lines[LINES - 1]);
    trail.lines[LINES - 1] = strdup(trail.lines[2]);
    walk_trail(&trail);
    expect_break(AUDIT_BREAK_MOVED, LINES);
    free(last);
    drop(&trail);
}

/* By somebody who knows how the hash is made, but does not make all that follows anew. */
static void a_line_with_a_hash_of_its_own_is_found(void)
{
    struct trail trail = good_trail();
    struct trail forged = { .count = 1, .last = { .seq = 2 } };
    struct audit_link link;
    CU_ASSERT_EQUAL(audit_read(trail.lines[1], strlen(trail.lines[1]), &link, NULL), AUDIT_WHOLE);
    forged.last = link;
    add_reason(&forged, "forged");
    char *right = trail.lines[2];
    trail.lines[2] = forged.lines[1];
    walk_trail(&trail);
    CU_ASSERT_EQUAL(report.breaks, 1);
    expect_break(AUDIT_BREAK_REPLACED, 3);
    CU_ASSERT_EQUAL(report.findings[0].from, 3);
    /* And beside the right one. */
    memmove(&trail.lines[4], &trail.lines[3], (trail.count++ - 3) * sizeof right);
    trail.lines[3] = right;
    walk_trail(&trail);
    CU_ASSERT_EQUAL(report.breaks, 1);
    expect_break(AUDIT_BREAK_INSERTED, 3);
    drop(&trail);
}

static void another_chain_is_found(void)
{
    struct trail trail = good_trail();
    struct trail other = { .count = 0 };
    add_reason(&other, "made elsewhere");
    add_reason(&other, "as well");
    trail.lines[trail.count++] = other.lines[0];
    trail.lines[trail.count++] = other.lines[1];
    walk_trail(&trail);
    CU_ASSERT_EQUAL(report.breaks, 1);
    expect_break(AUDIT_BREAK_ANEW, LINES + 1);
    CU_ASSERT_EQUAL(report.findings[0].from, LINES);
    drop(&trail);
}

/* What a full disk cuts off is the beginning of the line that follows whole. */
static void pieces_of_a_full_disk_are_no_break(void)
{
    struct trail trail = good_trail();
    char *piece = strndup(trail.lines[3], 40);
    char *shorter = strndup(trail.lines[3], 7);
    memmove(&trail.lines[5], &trail.lines[3], 3 * sizeof piece);
    trail.lines[3] = piece;
    trail.lines[4] = shorter;
    trail.count += 2;
    walk_trail(&trail);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_EQUAL(report.pieces, 1);
    piece[20] ^= 1; /* but of no other line */
    walk_trail(&trail);
    expect_break(AUDIT_BREAK_UNREADABLE, 4);
    drop(&trail);
}

static void a_piece_that_the_next_start_names_is_no_break(void)
{
    char hash[AUDIT_HASH_SIZE];
    static const char piece[] = "{\"seq\":7,\"ti";
    CU_ASSERT_TRUE(audit_hash(piece, sizeof piece - 1, hash));
    for (int i = 0; i < 3; i++) {
        struct trail trail = good_trail();
        json_t *body = json_pack("{s:s, s:{s:i, s:s}}", "event", "opened", "torn", "bytes",
                                 (int)sizeof piece - 1 - (i == 1), "sha256", i == 2 ? audit_genesis : hash);
        trail.lines[trail.count++] = strdup(piece);
        add(&trail, body);
        walk_trail(&trail);
        CU_ASSERT_EQUAL(report.breaks, i > 0);
        CU_ASSERT_EQUAL(report.pieces, i == 0);
        if (i > 0)
            expect_break(AUDIT_BREAK_UNREADABLE, LINES + 1);
        json_decref(body);
        drop(&trail);
    }
}

static void hostile_words_stay_one_line(void)
{
    static char long_one[64 * 1024 + 1];
    memset(long_one, '"', sizeof long_one - 1);
    struct trail trail = { .count = 0 };
    add_reason(&trail, "two\nlines, \"quoted\" \\ back, \t\x01\x1b[31m, \",\"hash\":\"0\"}");
    add_reason(&trail, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\xa5 and U+2028 \xe2\x80\xa8");
    add_reason(&trail, long_one);
    add_reason(&trail, "");
    for (size_t i = 0; i < trail.count; i++)
        CU_ASSERT_PTR_NULL(strchr(trail.lines[i], '\n'));
    walk_trail(&trail);
    CU_ASSERT_EQUAL(report.breaks, 0);
    CU_ASSERT_EQUAL(report.lines, 4);
    /* One that would not fit is refused, and the chain is none the worse. */
    memset(long_one, 1, sizeof long_one - 1);
    json_t *body = json_pack("{s:s}", "reason", long_one);
    struct audit_link link;
    struct fault fault = { "" };
    size_t length;
    CU_ASSERT_PTR_NULL(audit_seal(body, 5, trail.last.hash, &link, &length, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "at most"));
    json_decref(body);
    drop(&trail);
}

static void files_that_are_no_trail_are_broken(void)
{
    static char zeros[3 * AUDIT_LINE_MAX];
    struct trail trail = good_trail();
    size_t size;
    walk_bytes("hello\nworld\n", 12, NULL);
    expect_break(AUDIT_BREAK_UNREADABLE, 1);
    walk_bytes(zeros, sizeof zeros, NULL);
    expect_break(AUDIT_BREAK_TORN, 1);
    /* One endless line before a good trail. */
    char *text = text_of(&trail, &size);
    char *both = malloc(sizeof zeros + 1 + size);
    memcpy(both, zeros, sizeof zeros);
    both[sizeof zeros] = '\n';
    memcpy(both + sizeof zeros + 1, text, size);
    walk_bytes(both, sizeof zeros + 1 + size, NULL);
    CU_ASSERT_EQUAL(report.breaks, 1);
    expect_break(AUDIT_BREAK_UNREADABLE, 1);
    CU_ASSERT_EQUAL(report.lines, LINES);
    /* More breaks than are kept in detail. */
    walk_bytes("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\n", 36, NULL);
    CU_ASSERT_EQUAL(report.breaks, 18);
    free(both);
    free(text);
    drop(&trail);
}

SUITE_MAIN("audit chain", TEST(a_whole_trail_is_whole), TEST(the_hash_is_sha256_of_the_line_without_it),
           TEST(a_changed_byte_anywhere_is_found), TEST(a_byte_more_or_less_is_found), TEST(a_torn_end_is_found),
           TEST(removed_lines_are_found), TEST(moved_and_doubled_lines_are_found),
           TEST(a_line_with_a_hash_of_its_own_is_found), TEST(another_chain_is_found),
           TEST(pieces_of_a_full_disk_are_no_break), TEST(a_piece_that_the_next_start_names_is_no_break),
           TEST(hostile_words_stay_one_line), TEST(files_that_are_no_trail_are_broken))
