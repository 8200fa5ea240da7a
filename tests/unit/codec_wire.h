/* What the codec's two suites share: one message on the wire, and what was said about it. */
#ifndef FAILOVERD_TESTS_CODEC_WIRE_H
#define FAILOVERD_TESTS_CODEC_WIRE_H

#include "coordinator/peer/codec.h"
#include "tests/unit/random_message.h"
#include "tests/unit/suite.h"

static struct codec_names names;
static struct fault fault;
static char wire[CODEC_MESSAGE_MAX + 1];
static size_t wire_length;

static inline void use_example(void)
{
    names = example_names();
    CU_ASSERT_FATAL(codec_names_finish(&names, &fault));
}

static inline bool encode(const struct message *message)
{
    bool done = codec_encode_message(&names, message, wire, sizeof wire, &wire_length, &fault);
    if (!done)
        printf("    %s\n", fault.text);
    return done;
}

static inline bool decode(node_id peer, struct message *message)
{
    return codec_decode_message(&names, wire, wire_length, peer, message, &fault);
}

static inline bool all_zero(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        if (at[i] != 0)
            return false;
    return true;
}

static inline bool fault_says(const char *a, const char *b)
{
    bool says = strstr(fault.text, a) != NULL && strstr(fault.text, b) != NULL;
    if (!says)
        printf("    not in it: %s / %s: %s\n", a, b, fault.text);
    return says;
}

#endif
