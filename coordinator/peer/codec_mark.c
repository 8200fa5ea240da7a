/* Marks for the codec: see codec_mark.h. */
#include "coordinator/peer/codec_mark.h"

#include "coordinator/peer/codec_ledger.h"

static const char *const state_words[] = {
    [MARK_NONE] = "none",
    [MARK_STANDS] = "stands",
    [MARK_GIVEN] = "given",
    [MARK_SHUT] = "shut",
};
_Static_assert(sizeof state_words / sizeof state_words[0] == MARK_STATE_COUNT, "every state has a word");

void codec_mark(struct codec *codec, const char *key, struct mark *mark)
{
    struct codec_object in;
    bool present = mark->state != MARK_NONE;
    if (!codec_enter_or_null(codec, &in, key, &present)) {
        *mark = (struct mark){ .state = MARK_NONE };
        return;
    }
    CODEC_WORD(codec, "state", state_words, mark->state);
    codec_u64(codec, "id", &mark->id);
    codec_instance(codec, "maker", &mark->maker);
    codec_region(codec, "region", &mark->region);
    codec_region_or_none(codec, "yields", &mark->yields);
    codec_wall(codec, "at", &mark->at);
    codec_text(codec, "by", &mark->by);
    codec_text(codec, "why", &mark->why);
    codec_text(codec, "proof", &mark->proof);
    codec_u64(codec, "version", &mark->version);
    codec_u64(codec, "epoch", &mark->epoch);
    codec_region_or_none(codec, "writer", &mark->writer);
    codec_u32(codec, "timeline", UINT32_MAX, &mark->timeline);
    codec_u64(codec, "lsn", &mark->lsn);
    codec_bool(codec, "promoted", &mark->promoted);
    if (!codec->failed && (mark->state == MARK_NONE || mark->id == 0))
        codec_refuse(codec, "", "is a mark without a state or an id, which is written as null");
    codec_leave(codec, &in);
}
