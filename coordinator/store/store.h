/* The acceptor's disk: one blob that is there after a crash, or is known not to be.
 *
 * The state folder holds two slot files of fixed, preallocated size. Each save writes the whole blob
 * to the slot that does not hold the newest one, and syncs it; so a write cut short at any byte
 * leaves the one before it untouched. A header in each slot says whose it is, carries checksums of
 * itself and of the payload, and a sequence that grows by one with every save; of two good slots
 * the higher sequence counts.
 *
 * What a restart can't know by itself is whether a damaged slot held a save that was cut short (and
 * never answered for), or one that was complete and has rotted since. It says `doubt` then, which
 * is kept on disk over further restarts until store_settle: the voter asks a majority of the
 * others before it votes again. A failed write or sync is final for the process: the kernel may have
 * thrown the dirty pages away, and a later sync that succeeds would prove nothing.
 *
 * The folder is locked against a second process. Everything here blocks on the disk; while running,
 * only the thread of store_writer.c calls it. Sizes in bytes.
 */
#ifndef FAILOVERD_STORE_STORE_H
#define FAILOVERD_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "coordinator/base/fault.h"

#define STORE_FORMAT 1
#define STORE_PAYLOAD_MAX (1024 * 1024)
#define STORE_HEADER_BYTES 4096 /* a block of its own, so the payload is aligned */
#define STORE_SLOT_BYTES (STORE_HEADER_BYTES + STORE_PAYLOAD_MAX)
#define STORE_NAME_MAX 64 /* cluster and node names with their end */
#define STORE_TEXT_MAX 512
#define STORE_SLOT_A "slot-a"
#define STORE_SLOT_B "slot-b"

/* The calls that reach the disk, so that tests can let them fail. They behave as their namesakes. */
struct store_disk {
    ssize_t (*pread)(int fd, void *bytes, size_t count, off_t offset);
    ssize_t (*pwrite)(int fd, const void *bytes, size_t count, off_t offset);
    int (*fdatasync)(int fd);
    int (*fsync)(int fd);
    int (*fallocate)(int fd, off_t offset, off_t length); /* posix_fallocate: returns the error */
};

struct store_settings {
    const char *folder;  /* state_dir; exists, and is ours alone */
    const char *cluster;
    const char *node;
    const struct store_disk *disk; /* NULL: the real one; outlives the store */
};

enum store_outcome {
    STORE_OK,
    STORE_MISSING, /* no store there: never formatted, or lost */
    STORE_CORRUPT, /* no slot can be trusted */
    STORE_FOREIGN, /* of another cluster, node or format */
    STORE_LOCKED,  /* another process has it */
    STORE_IO,      /* the folder or the files can't be opened, read or written */
};
/* "ok", "missing", ...: stable names. */
const char *store_outcome_name(enum store_outcome outcome);

/* What was found. The payload belongs to the store and is valid until store_close. */
struct store_found {
    uint64_t store_id;  /* random, made by store_format */
    uint64_t sequence;  /* of the save that counts */
    uint64_t restarts;  /* as stored; store_start adds one */
    int64_t written_wall_us; /* when it was saved, by the wall clock of then */
    const unsigned char *payload;
    size_t length;      /* 0 after store_format */
    char slot;          /* 'a' or 'b' */
    bool doubt;         /* something newer may have been lost; see above */
    char doubt_text[STORE_TEXT_MAX]; /* why, for people; "" without doubt */
};

struct store;

/* Makes an empty store with a new id. Refuses when anything of one exists, even damaged: losing
 * promises has to be a person's own act. Both slots are on disk, folder entry included, on return. */
bool store_format(const struct store_settings *settings, struct fault *fault) CHECKED;

/* Locks the folder and reads both slots. With STORE_OK *out owns the lock and *found is set; with
 * every other outcome *out is NULL and the fault says what it means and what to do. Nothing is
 * changed on disk, except that a slot file that is missing beside a good one is made anew. */
enum store_outcome store_open(const struct store_settings *settings, struct store **out,
                              struct store_found *found, struct fault *fault) CHECKED;

/* Before anything else after store_open: makes the next restart number durable, along with the
 * payload as found and its doubt. *restarts is the number of this life. Once only. */
bool store_start(struct store *store, uint64_t *restarts, struct fault *fault) CHECKED;

/* Replaces the blob; durable on true. Length 0..STORE_PAYLOAD_MAX (above: refused, not final).
 * After a failure on disk every call fails at once. After store_start only. */
bool store_save(struct store *store, const void *payload, size_t length, struct fault *fault) CHECKED;

/* The others have confirmed that nothing was lost: saves from now on carry no doubt. Any thread. */
void store_settle(struct store *store);

/* Is there doubt on what is or will be written? Any thread. */
bool store_in_doubt(const struct store *store);

/* The sequence of the newest durable save. Same thread as store_save. */
uint64_t store_sequence(const struct store *store);
uint64_t store_id(const struct store *store);

/* Lets the lock go. NULL is allowed. */
void store_close(struct store *store);

/* The checksum in use (CRC-32C, Castagnoli); `crc` is 0 or the result over the bytes before. */
uint32_t store_checksum(uint32_t crc, const void *bytes, size_t length);

#endif
