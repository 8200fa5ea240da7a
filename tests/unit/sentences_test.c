/* The words and units in which numbers are told. */
#include <string.h>

#include "coordinator/status/names.h"
#include "coordinator/status/sentences.h"
#include "tests/unit/suite.h"

static void every_step_has_its_words(void)
{
    for (int kind = OPERATION_NONE; kind < OPERATION_KIND_COUNT; kind++)
        for (int step = 0; step < STEP_COUNT; step++) {
            CU_ASSERT(strlen(name_step_text(kind, step)) > 5);
            CU_ASSERT(strlen(name_way_back_text(step)) > 5);
        }
    CU_ASSERT_STRING_NOT_EQUAL(name_step_text(OPERATION_SWITCHOVER, STEP_FENCE),
                               name_step_text(OPERATION_FAILOVER, STEP_FENCE));
    CU_ASSERT_STRING_EQUAL(name_step_text(OPERATION_FAILOVER, STEP_COUNT), name_step_text(OPERATION_FAILOVER, -1));
}

static void units(void)
{
    char lsn[NAME_LSN_MAX];
    char bytes[NAME_BYTES_MAX];
    char hex[NAME_HEX_MAX];
    uint64_t id = 0;
    CU_ASSERT_STRING_EQUAL(format_lsn(lsn, UINT64_MAX), "FFFFFFFF/FFFFFFFF");
    CU_ASSERT_STRING_EQUAL(format_bytes(bytes, sizeof bytes, 1536), "1.5 KiB");
    CU_ASSERT_STRING_EQUAL(format_bytes(bytes, sizeof bytes, 0), "0 B");
    CU_ASSERT_STRING_EQUAL(format_hex(hex, 0xc0ffee), "0000000000c0ffee");
    CU_ASSERT_TRUE(parse_hex("0000000000c0ffee", &id));
    CU_ASSERT_EQUAL(id, 0xc0ffee);
    CU_ASSERT_FALSE(parse_hex("c0ffee", &id));
    CU_ASSERT_FALSE(parse_hex("0000000000C0FFEE", &id));
    CU_ASSERT_FALSE(parse_hex("0000000000c0ffeeX", &id));
    CU_ASSERT_STRING_EQUAL(name_verdict(77), "unknown_value");
    CU_ASSERT_STRING_EQUAL(name_verdict(-1), "unknown_value");
    for (int i = 0; i < GATE_COUNT; i++) {
        enum gate_id gate = GATE_COUNT;
        CU_ASSERT_TRUE(name_find_gate(name_gate(i), &gate));
        CU_ASSERT_EQUAL((int)gate, i);
    }
}

static void an_answer_that_is_waited_for_reads_well(void)
{
    char words[256];
    struct text text = TEXT_OF(words);
    struct gate gate = { .known = true, .value = PROPOSAL_WAITS, .value_us = 4 * US_PER_S, .limit_us = 900 * US_PER_S };
    text_gate(&text, GATE_APPROVED, &gate);
    CU_ASSERT_STRING_EQUAL(words, "a person was asked 4s ago, and has not answered; the time for it is 15m");
    gate.open = true;
    gate.value_us = 960 * US_PER_S;
    text_clear(&text);
    text_gate(&text, GATE_APPROVED, &gate);
    CU_ASSERT_STRING_EQUAL(words, "a person was asked 16m ago, and has not answered within 15m: it goes on without");
}

SUITE_MAIN("sentences", TEST(every_step_has_its_words), TEST(units), TEST(an_answer_that_is_waited_for_reads_well))
