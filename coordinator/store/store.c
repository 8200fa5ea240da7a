/* Two slots, written in turn: see store.h. The layout of a slot is in slot.h. */
#include "coordinator/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/random.h"
#include "coordinator/base/text.h"
#include "coordinator/store/slot.h"

#define SLOT_COUNT 2
#define SLOT_FILE_MODE 0600
#define SLOT_TEMPORARY_SUFFIX ".new"

struct store {
    const struct store_disk *disk;
    char *folder_name;
    int folder;           /* holds the lock */
    int slots[SLOT_COUNT];
    size_t newest;        /* index of the slot that counts */
    struct slot_header header; /* of the newest durable save */
    unsigned char *found_payload;
    unsigned char *image; /* STORE_SLOT_BYTES, what is written */
    atomic_bool doubt;
    bool started;
    bool failed;
    struct fault failure;
};

static const char *const slot_names[SLOT_COUNT] = { STORE_SLOT_A, STORE_SLOT_B };

static int real_fallocate(int fd, off_t offset, off_t length)
{
    return posix_fallocate(fd, offset, length);
}

static const struct store_disk real_disk = {
    .pread = pread,
    .pwrite = pwrite,
    .fdatasync = fdatasync,
    .fsync = fsync,
    .fallocate = real_fallocate,
};

static const struct store_disk *disk_of(const struct store_settings *settings)
{
    return settings->disk != NULL ? settings->disk : &real_disk;
}

const char *store_outcome_name(enum store_outcome outcome)
{
    switch (outcome) {
    case STORE_OK:
        return "ok";
    case STORE_MISSING:
        return "missing";
    case STORE_CORRUPT:
        return "corrupt";
    case STORE_FOREIGN:
        return "foreign";
    case STORE_LOCKED:
        return "locked";
    case STORE_IO:
        return "io";
    }
    return "unknown";
}

static bool write_whole(const struct store_disk *disk, int fd, const unsigned char *bytes, size_t count,
                        const char *name, struct fault *fault)
{
    size_t done = 0;
    while (done < count) {
        ssize_t n = disk->pwrite(fd, bytes + done, count - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(fault, errno, "writing %s", name);
        if (n == 0)
            return fault_set(fault, "writing %s: the disk takes no more bytes", name);
        done += (size_t)n;
    }
    return true;
}

/* Short files are good for a shorter count: what is missing shows in the checksums. */
static bool read_whole(const struct store_disk *disk, int fd, unsigned char *bytes, size_t count,
                       size_t *got, struct fault *fault)
{
    *got = 0;
    while (*got < count) {
        ssize_t n = disk->pread(fd, bytes + *got, count - *got, (off_t)*got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(fault, errno, "it can't be read");
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return true;
}

static bool sync_folder(const struct store_disk *disk, int folder, const char *name, struct fault *fault)
{
    if (disk->fsync(folder) != 0)
        return fault_errno(fault, errno, "syncing the folder %s", name);
    return true;
}

static enum store_outcome lock_folder(const char *name, int *out, struct fault *fault)
{
    int folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        int error = errno;
        fault_errno(fault, error, "the state folder %s can't be opened; create it, owned by the user that "
                                  "failoverd runs as with mode 0700, or correct state_dir", name);
        return STORE_IO;
    }
    if (flock(folder, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        close(folder);
        if (error == EWOULDBLOCK) {
            fault_set(fault, "the state folder %s is in use by another process; two voters with one memory "
                             "are not safe: stop the other failoverd, or give this one a folder of its own",
                      name);
            return STORE_LOCKED;
        }
        fault_errno(fault, error, "the state folder %s can't be locked", name);
        return STORE_IO;
    }
    *out = folder;
    return STORE_OK;
}

/* --- format ------------------------------------------------------------------------------- */

static bool slot_create(const struct store_disk *disk, int folder, const char *name, const char *temporary,
                        const unsigned char *image, struct fault *fault)
{
    bool ok = false;
    int fd = openat(folder, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, SLOT_FILE_MODE);
    if (fd < 0)
        return fault_errno(fault, errno, "creating %s", temporary);
    int error = disk->fallocate(fd, 0, STORE_SLOT_BYTES);
    if (error != 0) {
        fault_errno(fault, error, "setting %d bytes aside for %s", STORE_SLOT_BYTES, name);
        goto out;
    }
    if (!write_whole(disk, fd, image, STORE_SLOT_BYTES, name, fault))
        goto out;
    if (disk->fsync(fd) != 0) {
        fault_errno(fault, errno, "syncing %s", name);
        goto out;
    }
    /* The name appears only when the contents are whole, so a half-made slot is never found. */
    if (renameat(folder, temporary, folder, name) != 0) {
        fault_errno(fault, errno, "naming %s", name);
        goto out;
    }
    ok = true;
out:
    close(fd);
    if (!ok)
        (void)unlinkat(folder, temporary, 0);
    return ok;
}

static bool slot_absent(int folder, const char *name, const char *folder_name, struct fault *fault)
{
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return fault_set(fault, "%s/%s exists already. It may hold promises that this voter has given; "
                                "formatting would forget them. If that is what you want, and no majority "
                                "relies on it, move it away first", folder_name, name);
    if (errno != ENOENT)
        return fault_errno(fault, errno, "looking for %s/%s", folder_name, name);
    return true;
}

static bool header_init(struct slot_header *header, const struct store_settings *settings, struct fault *fault)
{
    *header = (struct slot_header){ .format = STORE_FORMAT };
    if (settings->cluster[0] == '\0' || !text_copy(header->cluster, sizeof header->cluster, settings->cluster))
        return fault_set(fault, "the cluster's name has to have 1 to %d bytes", STORE_NAME_MAX - 1);
    if (settings->node[0] == '\0' || !text_copy(header->node, sizeof header->node, settings->node))
        return fault_set(fault, "the node's name has to have 1 to %d bytes", STORE_NAME_MAX - 1);
    return true;
}

bool store_format(const struct store_settings *settings, struct fault *fault)
{
    const struct store_disk *disk = disk_of(settings);
    int folder = -1;
    bool ok = false;
    unsigned char *image = NULL;
    struct slot_header header;
    if (!header_init(&header, settings, fault))
        goto out;
    if (lock_folder(settings->folder, &folder, fault) != STORE_OK)
        goto out;
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (!slot_absent(folder, slot_names[i], settings->folder, fault))
            goto out;
    image = calloc(1, STORE_SLOT_BYTES);
    if (image == NULL) {
        fault_set(fault, "no memory");
        goto out;
    }
    header.store_id = base_random_u64();
    header.written_wall_us = base_wall_us();
    /* b, of sequence 0, comes first: a store that has its a is complete. */
    slot_encode(image, &header, NULL);
    if (!slot_create(disk, folder, STORE_SLOT_B, STORE_SLOT_B SLOT_TEMPORARY_SUFFIX, image, fault))
        goto out;
    header.sequence = 1;
    slot_encode(image, &header, NULL);
    if (!slot_create(disk, folder, STORE_SLOT_A, STORE_SLOT_A SLOT_TEMPORARY_SUFFIX, image, fault))
        goto out;
    ok = sync_folder(disk, folder, settings->folder, fault);
out:
    free(image);
    if (folder >= 0)
        close(folder);
    return ok || fault_wrap(fault, "formatting the store in %s", settings->folder);
}

/* --- open --------------------------------------------------------------------------------- */

/* One slot as read. */
struct reading {
    enum slot_state state;
    struct slot_header header;
    unsigned char *image;
    struct fault why; /* when state is not SLOT_GOOD */
    bool io;          /* the disk failed rather than the contents */
};

static void slot_read(const struct store *store, size_t index, struct reading *reading)
{
    size_t got = 0;
    if (store->slots[index] < 0) {
        reading->state = SLOT_ABSENT;
        fault_set(&reading->why, "the file is not there");
        return;
    }
    if (!read_whole(store->disk, store->slots[index], reading->image, STORE_SLOT_BYTES, &got, &reading->why)) {
        reading->state = SLOT_BAD;
        reading->io = true;
        return;
    }
    reading->state = slot_decode(reading->image, got, &reading->header, &reading->why);
}

static bool is_ours(const struct slot_header *header, const struct store_settings *settings)
{
    return strcmp(header->cluster, settings->cluster) == 0 && strcmp(header->node, settings->node) == 0;
}

static enum store_outcome refuse_foreign(const struct store_settings *settings, size_t index,
                                         const struct slot_header *header, struct fault *fault)
{
    fault_set(fault, "%s/%s was written by node %s of cluster %s, and this is node %s of cluster %s; another "
                     "node's promises are not ours to keep: correct state_dir, the node's or the cluster's name",
              settings->folder, slot_names[index], header->node, header->cluster, settings->node,
              settings->cluster);
    return STORE_FOREIGN;
}

static enum store_outcome refuse_without_good(const struct store_settings *settings,
                                              const struct reading readings[SLOT_COUNT], struct fault *fault)
{
    if (readings[0].state == SLOT_ABSENT && readings[1].state == SLOT_ABSENT) {
        fault_set(fault, "there is no store in %s. For a new voter create it with: failoverd --format. If this "
                         "voter has voted before, its promises are lost: it stays mute, and has to come back "
                         "as a new voter", settings->folder);
        return STORE_MISSING;
    }
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (readings[i].state == SLOT_OTHER_FORMAT) {
            fault_set(fault, "%s/%s: %s", settings->folder, slot_names[i], readings[i].why.text);
            return STORE_FOREIGN;
        }
    bool io = readings[0].io || readings[1].io;
    fault_set(fault, "the store in %s can't be trusted (%s: %s; %s: %s). The voter stays mute, since it may have "
                     "promised what it no longer knows. Keep the files for inspection, check the disk, and let "
                     "it come back as a new voter", settings->folder, slot_names[0], readings[0].why.text,
              slot_names[1], readings[1].why.text);
    return io ? STORE_IO : STORE_CORRUPT;
}

/* Which slot counts, given that at least one may be good; and is there doubt? */
static enum store_outcome choose(struct store *store, const struct store_settings *settings,
                                 const struct reading readings[SLOT_COUNT], struct store_found *found,
                                 struct fault *fault)
{
    const bool good[SLOT_COUNT] = { readings[0].state == SLOT_GOOD, readings[1].state == SLOT_GOOD };
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (good[i] && !is_ours(&readings[i].header, settings))
            return refuse_foreign(settings, i, &readings[i].header, fault);
    if (!good[0] && !good[1])
        return refuse_without_good(settings, readings, fault);
    const struct slot_header *a = &readings[0].header;
    const struct slot_header *b = &readings[1].header;
    struct text doubt = TEXT_OF(found->doubt_text);
    text_append(&doubt, "");
    if (good[0] && good[1]) {
        if (a->store_id != b->store_id || a->sequence == b->sequence) {
            fault_set(fault, "the two slots in %s are not of one store (ids %016llx and %016llx, sequences %llu and "
                             "%llu); a file has been copied in. The voter stays mute: restore the files as they "
                             "were, or let it come back as a new voter", settings->folder,
                      (unsigned long long)a->store_id, (unsigned long long)b->store_id,
                      (unsigned long long)a->sequence, (unsigned long long)b->sequence);
            return STORE_CORRUPT;
        }
        store->newest = a->sequence > b->sequence ? 0 : 1;
        uint64_t gap = a->sequence > b->sequence ? a->sequence - b->sequence : b->sequence - a->sequence;
        if (gap != 1)
            text_appendf(&doubt, "the slots are %llu saves apart where they should be 1: one is an older copy",
                         (unsigned long long)gap);
    } else {
        store->newest = good[0] ? 0 : 1;
        size_t other = 1 - store->newest;
        text_appendf(&doubt, "%s is bad (%s), so the save of sequence %llu may not be the latest: a write was cut "
                             "short by a crash, or the disk has lost one",
                     slot_names[other], readings[other].why.text,
                     (unsigned long long)readings[store->newest].header.sequence);
    }
    const struct slot_header *newest = &readings[store->newest].header;
    if (doubt.length == 0 && newest->doubt)
        text_append(&doubt, "an earlier start found a bad slot, and no majority has confirmed since that nothing was lost");
    store->header = *newest;
    found->doubt = doubt.length > 0;
    return STORE_OK;
}

static bool slots_open(struct store *store, struct fault *fault)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        store->slots[i] = openat(store->folder, slot_names[i], O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (store->slots[i] < 0 && errno != ENOENT)
            return fault_errno(fault, errno, "%s/%s can't be opened", store->folder_name, slot_names[i]);
    }
    return true;
}

/* The good slot's twin has to exist before the next save. */
static bool slot_recreate(struct store *store, size_t index, struct fault *fault)
{
    int fd = openat(store->folder, slot_names[index], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, SLOT_FILE_MODE);
    if (fd < 0)
        return fault_errno(fault, errno, "making %s/%s anew", store->folder_name, slot_names[index]);
    store->slots[index] = fd;
    int error = store->disk->fallocate(fd, 0, STORE_SLOT_BYTES);
    if (error != 0)
        return fault_errno(fault, error, "setting %d bytes aside for %s/%s", STORE_SLOT_BYTES,
                           store->folder_name, slot_names[index]);
    if (store->disk->fsync(fd) != 0)
        return fault_errno(fault, errno, "syncing %s/%s", store->folder_name, slot_names[index]);
    return sync_folder(store->disk, store->folder, store->folder_name, fault);
}

static void found_fill(struct store *store, const struct reading *newest, struct store_found *found)
{
    memcpy(store->found_payload, newest->image + STORE_HEADER_BYTES, newest->header.length);
    found->store_id = newest->header.store_id;
    found->sequence = newest->header.sequence;
    found->restarts = newest->header.restarts;
    found->written_wall_us = newest->header.written_wall_us;
    found->payload = store->found_payload;
    found->length = newest->header.length;
    found->slot = store->newest == 0 ? 'a' : 'b';
    atomic_store(&store->doubt, found->doubt);
}

static struct store *store_alloc(const struct store_settings *settings)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    store->disk = disk_of(settings);
    store->folder = store->slots[0] = store->slots[1] = -1;
    store->folder_name = strdup(settings->folder);
    store->found_payload = calloc(1, STORE_PAYLOAD_MAX);
    store->image = calloc(1, STORE_SLOT_BYTES);
    if (store->folder_name == NULL || store->found_payload == NULL || store->image == NULL) {
        store_close(store);
        return NULL;
    }
    return store;
}

enum store_outcome store_open(const struct store_settings *settings, struct store **out,
                              struct store_found *found, struct fault *fault)
{
    enum store_outcome outcome = STORE_IO;
    struct reading readings[SLOT_COUNT] = { 0 };
    *out = NULL;
    memset(found, 0, sizeof *found);
    struct store *store = store_alloc(settings);
    for (size_t i = 0; i < SLOT_COUNT; i++)
        readings[i].image = calloc(1, STORE_SLOT_BYTES);
    if (store == NULL || readings[0].image == NULL || readings[1].image == NULL) {
        fault_set(fault, "no memory for the store");
        goto out;
    }
    outcome = lock_folder(settings->folder, &store->folder, fault);
    if (outcome != STORE_OK)
        goto out;
    outcome = STORE_IO;
    if (!slots_open(store, fault))
        goto out;
    for (size_t i = 0; i < SLOT_COUNT; i++)
        slot_read(store, i, &readings[i]);
    outcome = choose(store, settings, readings, found, fault);
    if (outcome != STORE_OK)
        goto out;
    size_t other = 1 - store->newest;
    if (readings[other].state == SLOT_ABSENT && !slot_recreate(store, other, fault)) {
        outcome = STORE_IO;
        goto out;
    }
    found_fill(store, &readings[store->newest], found);
out:
    for (size_t i = 0; i < SLOT_COUNT; i++)
        free(readings[i].image);
    if (outcome == STORE_OK)
        *out = store;
    else
        store_close(store);
    return outcome;
}

/* --- save --------------------------------------------------------------------------------- */

static bool write_slot(struct store *store, const struct slot_header *header, const void *payload,
                       struct fault *fault)
{
    size_t target = 1 - store->newest;
    size_t used = slot_encode(store->image, header, payload);
    if (!write_whole(store->disk, store->slots[target], store->image, used, slot_names[target], fault))
        return false;
    if (store->disk->fdatasync(store->slots[target]) != 0)
        return fault_errno(fault, errno, "syncing %s", slot_names[target]);
    store->newest = target;
    store->header = *header;
    return true;
}

static bool save(struct store *store, const void *payload, size_t length, uint64_t restarts,
                 struct fault *fault)
{
    if (store->failed)
        return fault_set(fault, "%s", store->failure.text);
    struct slot_header header = store->header;
    header.sequence++;
    header.restarts = restarts;
    header.written_wall_us = base_wall_us();
    header.length = (uint32_t)length;
    header.doubt = atomic_load(&store->doubt);
    struct fault why;
    if (write_slot(store, &header, payload, &why))
        return true;
    store->failed = true;
    fault_set(&store->failure, "the store in %s failed for good in this process (%s). Nothing is saved any more, "
                               "and so this voter is mute: see to the disk, then restart failoverd",
              store->folder_name, why.text);
    return fault_set(fault, "%s", store->failure.text);
}

bool store_start(struct store *store, uint64_t *restarts, struct fault *fault)
{
    ensure(!store->started);
    uint64_t next = store->header.restarts + 1;
    if (!save(store, store->found_payload, store->header.length, next, fault))
        return false;
    store->started = true;
    *restarts = next;
    return true;
}

bool store_save(struct store *store, const void *payload, size_t length, struct fault *fault)
{
    ensure(store->started);
    if (length > STORE_PAYLOAD_MAX)
        return fault_set(fault, "a state of %zu bytes doesn't fit into the store's %d", length, STORE_PAYLOAD_MAX);
    return save(store, payload, length, store->header.restarts, fault);
}

void store_settle(struct store *store)
{
    atomic_store(&store->doubt, false);
}

bool store_in_doubt(const struct store *store)
{
    return atomic_load(&store->doubt);
}

uint64_t store_sequence(const struct store *store)
{
    return store->header.sequence;
}

uint64_t store_id(const struct store *store)
{
    return store->header.store_id;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (store->slots[i] >= 0)
            close(store->slots[i]);
    if (store->folder >= 0)
        close(store->folder);
    free(store->folder_name);
    free(store->found_payload);
    free(store->image);
    free(store);
}
