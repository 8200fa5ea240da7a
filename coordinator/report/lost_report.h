/* The report of an old primary's lost writes: what it says, and the file that keeps it.
 *
 * One JSON file for each time that an old primary was found with writes of its own, STATE_DIR/lost/SERVICE-EPOCH.json:
 * written once, synced with its folder, never changed and never deleted by failoverd. A server that was started
 * again meanwhile may have more; it gets SERVICE-EPOCH-2.json, and so on up to LOST_REPORT_LIVES_MAX.
 * README.md of etc/ tells people what to do with it.
 */
#ifndef FAILOVERD_REPORT_LOST_REPORT_H
#define FAILOVERD_REPORT_LOST_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/text.h"
#include "coordinator/database/lost_writes.h"
#include "coordinator/database/timelines.h"

#define LOST_REPORT_FOLDER "lost"     /* within state_dir */
#define LOST_REPORT_LIVES_MAX 16
#define LOST_REPORT_PATH_MAX 1024
#define LOST_REPORT_TEXT_MAX 1024
#define LOST_REPORT_BYTES_MAX (4 * 1024 * 1024) /* of a report that is read back */
#define LOST_SENTENCE_TABLES_MAX 4    /* named in the sentence */

/* Everything of the report that is not in the lost writes themselves; borrowed. */
struct lost_context {
    const char *service;
    const char *region;       /* of the old primary */
    const char *writer;       /* the region that writes now */
    const char *node;
    uint64_t epoch;
    uint64_t system_id;
    struct timelines_fork fork;
    uint32_t writer_timeline;
};

/* "us-east-1's old primary is back, fenced; it has 3 transactions (12 rows in public.orders, ...) from 02:13:01
 * to 02:13:02 that us-west-2 lacks", without full stop. For outcomes LISTED, BYTES_ONLY and NOTHING. */
void lost_report_sentence(struct text *text, const struct lost_context *context, const struct lost_report *report);

/* The file's contents. A new reference; NULL without memory. */
json_t *lost_report_json(const struct lost_context *context, const struct lost_report *report);

/* On the loop, once, unless it is dropped. ok: `path` holds the report; `found` says that it was there before
 * (this life's), and then `text` is the sentence that it was written with. Else the fault says why. */
struct lost_saved {
    bool ok;
    bool found;
    char path[LOST_REPORT_PATH_MAX];
    char text[LOST_REPORT_TEXT_MAX];
    struct fault fault;
};
typedef void lost_saved_fn(void *arg, const struct lost_saved *saved);

struct lost_save;

/* Has a thread of its own write `report` (stolen) into `state_dir`, and sync it. NULL with the fault set. */
struct lost_save *lost_report_save(struct loop *loop, const char *state_dir, const char *service, uint64_t epoch,
                                   json_t *report, lost_saved_fn *done, void *arg, struct fault *fault);
/* No callback any more; the file is written all the same. NULL is allowed. */
void lost_report_drop(struct lost_save *save);

#endif
