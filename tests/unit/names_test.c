/* Names: every value that there is has one of its own, of a form that programs can compare, and no value is a crash. */
#include <string.h>

#include "coordinator/status/names.h"
#include "coordinator/status/sentences.h"
#include "tests/unit/suite.h"

#define UNKNOWN "unknown_value"

/* `last`: of the enum, where it has no count. */
static const struct {
    const char *what;
    const char *(*name)(int value);
    int last;
} words[] = {
    { "verdict", name_verdict, VERDICT_FAILED },
    { "reason", name_reason, REASON_CHECK_FAILED },
    { "sample outcome", name_sample_outcome, SAMPLE_OBSERVER },
    { "fence state", name_fence_state, FENCE_FAILED },
    { "fence mode", name_fence_mode, FENCE_ENFORCED },
    { "fence proof", name_fence_proof, PROOF_PERSON },
    { "voter change", name_voter_change, VOTER_CHANGE_COUNT - 1 },
    { "mute reason", name_mute_reason, MUTE_IDENTITY },
    { "operation kind", name_operation_kind, OPERATION_KIND_COUNT - 1 },
    { "phase", name_phase, PHASE_GRANTED },
    { "outcome", name_outcome, OUTCOME_ABORTED },
    { "act", name_act_kind, ACT_KIND_COUNT - 1 },
    { "act's outcome", name_act_outcome, ACT_REFUSED },
    { "DNS mark", name_dns_mark, DNS_MARK_FOREIGN },
    { "DNS ruling", name_dns_ruling, DNS_RULING_COUNT - 1 },
    { "order", name_order_kind, ORDER_KIND_COUNT - 1 },
    { "answer", name_order_answer, ANSWER_COUNT - 1 },
    { "message", name_message_kind, MESSAGE_KIND_COUNT - 1 },
    { "wish", name_wish, WISH_COUNT - 1 },
    { "gate", name_gate, GATE_COUNT - 1 },
    { "proposal", name_proposal_state, PROPOSAL_STATE_COUNT - 1 },
    { "step", name_step, STEP_COUNT - 1 },
};

static const char *failover_step_text(int step) { return name_step_text(OPERATION_FAILOVER, step); }
static const char *switchover_step_text(int step) { return name_step_text(OPERATION_SWITCHOVER, step); }

/* For people. */
static const struct {
    const char *what;
    const char *(*text)(int value);
    int last;
} sentences[] = {
    { "fence state", name_fence_state_text, FENCE_FAILED },
    { "fence proof", name_fence_proof_text, PROOF_PERSON },
    { "DNS ruling", name_dns_ruling_text, DNS_RULING_COUNT - 1 },
    { "order", name_order_text, ORDER_KIND_COUNT - 1 },
    { "step", failover_step_text, STEP_COUNT - 1 },
    { "planned step", switchover_step_text, STEP_COUNT - 1 },
    { "mute", name_mute_text, MUTE_IDENTITY },
};

static void every_value_has_a_word_of_its_own(void)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (int value = 0; value <= words[i].last; value++) {
            const char *word = words[i].name(value);
            bool good = word[0] != '\0' && strcmp(word, UNKNOWN) != 0 &&
                        strspn(word, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(word);
            for (int other = 0; other < value; other++)
                good = good && strcmp(words[i].name(other), word) != 0;
            if (!good)
                fprintf(stderr, "%s %d: %s\n", words[i].what, value, word);
            CU_ASSERT_TRUE(good);
        }
}

static void every_value_has_a_sentence(void)
{
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
        for (int value = 0; value <= sentences[i].last; value++) {
            const char *text = sentences[i].text(value);
            size_t length = strlen(text);
            bool good = length > 0 && strcmp(text, UNKNOWN) != 0 && text[length - 1] != '.';
            if (!good)
                fprintf(stderr, "%s %d: %s\n", sentences[i].what, value, text);
            CU_ASSERT_TRUE(good);
        }
}

static void what_there_is_not_has_no_name(void)
{
    static const int odd[] = { -1, -2147483647 - 1, 1000, 2147483647 };
    for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++) {
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            CU_ASSERT_STRING_EQUAL(words[i].name(odd[k]), UNKNOWN);
        for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
            CU_ASSERT_STRING_EQUAL(sentences[i].text(odd[k]), UNKNOWN);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        CU_ASSERT_STRING_EQUAL(words[i].name(words[i].last + 1), UNKNOWN);
}

static void gates_are_found_by_their_names(void)
{
    enum gate_id gate;
    for (int i = 0; i < GATE_COUNT; i++) {
        CU_ASSERT_TRUE(name_find_gate(name_gate(i), &gate));
        CU_ASSERT_EQUAL((int)gate, i);
    }
    CU_ASSERT_FALSE(name_find_gate(UNKNOWN, &gate));
    CU_ASSERT_FALSE(name_find_gate("", &gate));
}

SUITE_MAIN("names", TEST(every_value_has_a_word_of_its_own), TEST(every_value_has_a_sentence),
           TEST(what_there_is_not_has_no_name), TEST(gates_are_found_by_their_names))
