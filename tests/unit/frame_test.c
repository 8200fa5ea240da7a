/* Frames cut out of streams that arrive in any pieces, and streams that are none. */
#include "coordinator/peer/frame.h"

#include <event2/buffer.h>
#include <string.h>

#include "tests/unit/suite.h"

static struct fault fault;
static const unsigned char *payload;
static size_t length;

static void add_frame(struct evbuffer *buffer, const void *bytes, size_t count)
{
    unsigned char header[FRAME_HEADER_BYTES];
    frame_header(header, count);
    evbuffer_add(buffer, header, sizeof header);
    evbuffer_add(buffer, bytes, count);
}

static void header_is_big_endian(void)
{
    unsigned char header[FRAME_HEADER_BYTES];
    frame_header(header, 0x0102);
    CU_ASSERT_EQUAL(memcmp(header, "\0\0\1\2", 4), 0);
    frame_header(header, FRAME_MAX);
    CU_ASSERT_EQUAL(memcmp(header, "\0\1\0\0", 4), 0);
}

static void byte_by_byte(void)
{
    struct evbuffer *whole = evbuffer_new();
    struct evbuffer *in = evbuffer_new();
    add_frame(whole, "hello", 5);
    add_frame(whole, "x", 1);
    size_t found = 0;
    unsigned char byte;
    while (evbuffer_remove(whole, &byte, 1) == 1) {
        evbuffer_add(in, &byte, 1);
        enum frame_result result = frame_peek(in, &payload, &length, &fault);
        if (result == FRAME_PARTIAL)
            continue;
        CU_ASSERT_EQUAL_FATAL(result, FRAME_READY);
        CU_ASSERT_EQUAL(length, found == 0 ? 5u : 1u);
        CU_ASSERT_EQUAL(memcmp(payload, found == 0 ? "hello" : "x", length), 0);
        frame_drop(in, length);
        found++;
    }
    CU_ASSERT_EQUAL(found, 2);
    CU_ASSERT_EQUAL(evbuffer_get_length(in), 0);
    evbuffer_free(whole);
    evbuffer_free(in);
}

static void several_at_once_and_the_biggest(void)
{
    struct evbuffer *in = evbuffer_new();
    static unsigned char big[FRAME_MAX];
    memset(big, 7, sizeof big);
    add_frame(in, "a", 1);
    add_frame(in, big, sizeof big);
    add_frame(in, "b", 1);
    static const size_t wanted[] = { 1, FRAME_MAX, 1 };
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL_FATAL(frame_peek(in, &payload, &length, &fault), FRAME_READY);
        CU_ASSERT_EQUAL(length, wanted[i]);
        CU_ASSERT_EQUAL(payload[length - 1], i == 1 ? 7 : i == 0 ? 'a' : 'b');
        frame_drop(in, length);
    }
    CU_ASSERT_EQUAL(frame_peek(in, &payload, &length, &fault), FRAME_PARTIAL);
    evbuffer_free(in);
}

static void refused(const void *bytes, size_t count, const char *word)
{
    struct evbuffer *in = evbuffer_new();
    evbuffer_add(in, bytes, count);
    CU_ASSERT_EQUAL(frame_peek(in, &payload, &length, &fault), FRAME_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, word));
    CU_ASSERT_EQUAL(evbuffer_get_length(in), count);
    evbuffer_free(in);
}

static void what_is_no_frame_is_refused(void)
{
    refused("\0\0\0\0", 4, "empty");
    refused("\0\1\0\1", 4, "65537");
    refused("\377\377\377\377", 4, "4294967295");
    refused("GET / HTTP/1.1\r\n\r\n", 18, "bytes is announced");
    refused("\26\3\1\2\0\1", 6, "bytes is announced"); /* TLS inside of TLS */
}

SUITE_MAIN("frame", TEST(header_is_big_endian), TEST(byte_by_byte), TEST(several_at_once_and_the_biggest),
           TEST(what_is_no_frame_is_refused))
