/* Fuzzing what comes from a peer and from the disk: libFuzzer's entry.
 *
 * The first byte says who sends, or that the rest is a store's content. Beside not crashing: what
 * is taken is whole, that is, it can be written again and then reads as the same.
 */
#include <stdint.h>
#include <string.h>

#include "coordinator/base/ensure.h"
#include "coordinator/peer/ask.h"
#include "coordinator/peer/codec.h"
#include "coordinator/store/durable.h"
#include "tests/unit/random_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_message(const struct codec_names *names, node_id peer, const uint8_t *data,
                         size_t size)
{
    static char bytes[CODEC_MESSAGE_MAX + 1];
    struct message message, again;
    struct fault fault;
    size_t length;
    if (!codec_decode_message(names, data, size, peer, &message, &fault))
        return;
    ensure(codec_encode_message(names, &message, bytes, sizeof bytes, &length, &fault));
    ensure(codec_decode_message(names, bytes, length, peer, &again, &fault));
    ensure(memcmp(&message, &again, sizeof message) == 0);
}

static void fuzz_question(const struct codec_names *names, node_id peer, const uint8_t *data, size_t size)
{
    static char bytes[ASK_PAYLOAD_MAX + 1];
    struct ask_question question, again;
    struct fault fault;
    size_t length;
    if (!ask_decode_question(names, data, size, peer, &question, &fault))
        return;
    ensure(ask_encode_question(names, peer, &question, bytes, sizeof bytes, &length, &fault));
    ensure(ask_decode_question(names, bytes, length, peer, &again, &fault));
    ensure(memcmp(&question, &again, sizeof question) == 0);
}

static void fuzz_answer(const struct codec_names *names, node_id peer, const uint8_t *data, size_t size)
{
    static char bytes[ASK_PAYLOAD_MAX * 6 + 1]; /* its body may have been written shorter, with other escapes */
    struct ask_answer answer, again;
    struct fault fault;
    size_t length;
    if (!ask_decode_answer(names, data, size, peer, &answer, &fault))
        return;
    ensure(ask_encode_answer(names, peer, &answer, bytes, sizeof bytes, &length, &fault));
    if (length <= ASK_PAYLOAD_MAX) {
        ensure(ask_decode_answer(names, bytes, length, peer, &again, &fault));
        ensure(json_equal(answer.body, again.body) == json_equal(answer.body, answer.body));
        json_decref(again.body);
    }
    json_decref(answer.body);
}

static void fuzz_durable(const struct codec_names *names, const uint8_t *data, size_t size)
{
    static char bytes[DURABLE_BYTES_MAX + 1];
    struct durable durable, again;
    struct fault fault;
    size_t length;
    if (!durable_decode(names, data, size, &durable, &fault))
        return;
    ensure(durable_encode(names, &durable, bytes, sizeof bytes, &length, &fault));
    ensure(durable_decode(names, bytes, length, &again, &fault));
    ensure(memcmp(&durable, &again, sizeof durable) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct codec_names names;
    if (names.cluster == NULL) {
        names = example_names();
        ensure(codec_names_finish(&names, NULL));
    }
    if (size == 0)
        return 0;
    if (data[0] == 'd')
        fuzz_durable(&names, data + 1, size - 1);
    else if (ask_what(data + 1, size - 1) == ASK_QUESTION)
        fuzz_question(&names, (node_id)(data[0] % names.node_count), data + 1, size - 1);
    else if (ask_what(data + 1, size - 1) == ASK_ANSWER)
        fuzz_answer(&names, (node_id)(data[0] % names.node_count), data + 1, size - 1);
    else
        fuzz_message(&names, (node_id)(data[0] % names.node_count), data + 1, size - 1);
    return 0;
}
