/* Keeping the report of lost writes: see lost_report.h.
 *
 * A thread of its own for each report, because writing and syncing block and a disk may hang. It makes a
 * temporary file, syncs it and links it to its name, which fails where there is one already: nothing is ever
 * overwritten. What is there already is read, to know whether it is of the same life of the server.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/report/lost_report.h"

struct lost_save {
    pthread_mutex_t lock;
    struct loop *loop;          /* NULL: dropped; guarded by the lock */
    bool untold;                /* the thread is over and could not tell; guarded by the lock */
    char folder[LOST_REPORT_PATH_MAX];
    char name[LOST_REPORT_PATH_MAX / 2]; /* "shop-7" */
    char *started;              /* server_started of the report, or NULL */
    char *bytes;
    size_t length;
    struct lost_saved saved;
    lost_saved_fn *done;
    void *arg;
};

static void save_free(struct lost_save *save)
{
    (void)pthread_mutex_destroy(&save->lock);
    free(save->started);
    free(save->bytes);
    free(save);
}

/* ---- in the thread ------------------------------------------------------------------------- */

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(fd, bytes, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        bytes += count;
        length -= (size_t)count;
    }
    return true;
}

static bool folder_open(struct lost_save *save, int *folder, struct fault *fault)
{
    if (mkdir(save->folder, 0700) != 0 && errno != EEXIST)
        return fault_errno(fault, errno, "the folder %s can't be made", save->folder);
    *folder = open(save->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0)
        return fault_errno(fault, errno, "the folder %s can't be opened", save->folder);
    /* The folder itself has to be found again after a crash. */
    int above = openat(*folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = above >= 0 && fsync(above) == 0;
    int error = errno;
    if (above >= 0)
        (void)close(above);
    if (!synced) {
        (void)close(*folder);
        return fault_errno(fault, error, "the folder above %s can't be synced", save->folder);
    }
    return true;
}

/* True when the file is there; *same when it is of this life of the server. */
static bool look_at(struct lost_save *save, int folder, const char *name, bool *same)
{
    struct stat info;
    *same = false;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno != ENOENT;
    json_t *there = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= LOST_REPORT_BYTES_MAX
                        ? json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *started = json_string_value(json_object_get(there, "server_started"));
    const char *text = json_string_value(json_object_get(there, "text"));
    *same = save->started != NULL && started != NULL && strcmp(started, save->started) == 0;
    if (*same)
        (void)text_copy(save->saved.text, sizeof save->saved.text, text != NULL ? text : "");
    json_decref(there);
    (void)close(fd);
    return true;
}

static bool file_make(struct lost_save *save, int folder, const char *name, struct fault *fault)
{
    char temporary[LOST_REPORT_PATH_MAX];
    struct text path = TEXT_OF(temporary);
    text_appendf(&path, ".%s.new", name);
    (void)unlinkat(folder, temporary, 0); /* of a life of ours that was cut short */
    int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fault_errno(fault, errno, "%s/%s can't be made", save->folder, temporary);
    bool good = write_all(fd, save->bytes, save->length) && fsync(fd) == 0;
    int error = errno;
    if (close(fd) != 0 && good) {
        good = false;
        error = errno;
    }
    if (good && linkat(folder, temporary, folder, name, 0) != 0) {
        good = false;
        error = errno;
    }
    (void)unlinkat(folder, temporary, 0);
    if (good && fsync(folder) != 0) {
        good = false;
        error = errno;
    }
    return good || fault_errno(fault, error, "%s/%s can't be written", save->folder, name);
}

static bool save_in(struct lost_save *save, int folder, struct fault *fault)
{
    struct lost_saved *saved = &save->saved;
    for (unsigned life = 1; life <= LOST_REPORT_LIVES_MAX; life++) {
        char name[LOST_REPORT_PATH_MAX / 2 + 16];
        struct text text = TEXT_OF(name), path = TEXT_OF(saved->path);
        if (life == 1)
            text_appendf(&text, "%s.json", save->name);
        else
            text_appendf(&text, "%s-%u.json", save->name, life);
        text_appendf(&path, "%s/%s", save->folder, name);
        if (look_at(save, folder, name, &saved->found)) {
            if (saved->found)
                return true;
            continue;
        }
        return file_make(save, folder, name, fault);
    }
    return fault_set(fault, "%s has %d reports of %s already; move old ones away", save->folder, LOST_REPORT_LIVES_MAX,
                     save->name);
}

static void on_told(void *arg)
{
    struct lost_save *save = arg;
    (void)pthread_mutex_lock(&save->lock); /* the thread that posted this may not have let go of it yet */
    bool wanted = save->loop != NULL;
    (void)pthread_mutex_unlock(&save->lock);
    if (wanted)
        save->done(save->arg, &save->saved);
    save_free(save);
}

static void *thread_run(void *arg)
{
    struct lost_save *save = arg;
    int folder = -1;
    save->saved.ok = folder_open(save, &folder, &save->saved.fault) && save_in(save, folder, &save->saved.fault);
    if (folder >= 0)
        (void)close(folder);
    (void)pthread_mutex_lock(&save->lock);
    /* A full mailbox or nobody there: the file is what counts, and the next start finds it. */
    bool told = save->loop != NULL && loop_post(save->loop, on_told, save);
    bool orphan = save->loop == NULL;
    save->untold = !told && !orphan;
    (void)pthread_mutex_unlock(&save->lock);
    if (orphan)
        save_free(save);
    return NULL;
}

/* ---- on the loop --------------------------------------------------------------------------- */

struct lost_save *lost_report_save(struct loop *loop, const char *state_dir, const char *service, uint64_t epoch,
                                   json_t *report, lost_saved_fn *done, void *arg, struct fault *fault)
{
    struct lost_save *save = calloc(1, sizeof *save);
    const char *started = json_string_value(json_object_get(report, "server_started"));
    pthread_t thread;
    if (save == NULL || report == NULL) {
        (void)fault_set(fault, "out of memory");
        free(save);
        json_decref(report);
        return NULL;
    }
    (void)pthread_mutex_init(&save->lock, NULL);
    struct text folder = TEXT_OF(save->folder), name = TEXT_OF(save->name);
    text_appendf(&folder, "%s/" LOST_REPORT_FOLDER, state_dir);
    text_appendf(&name, "%s-%" PRIu64, service, epoch);
    save->loop = loop;
    save->done = done;
    save->arg = arg;
    save->started = started != NULL ? strdup(started) : NULL;
    save->bytes = json_dumps(report, JSON_INDENT(2));
    save->length = save->bytes != NULL ? strlen(save->bytes) : 0;
    json_decref(report);
    int error = folder.cut || name.cut ? ENAMETOOLONG : save->bytes == NULL ? ENOMEM : 0;
    if (error == 0)
        error = pthread_create(&thread, NULL, thread_run, save);
    if (error != 0) {
        (void)fault_errno(fault, error, "the report can't be written");
        save_free(save);
        return NULL;
    }
    (void)pthread_detach(thread);
    return save;
}

void lost_report_drop(struct lost_save *save)
{
    if (save == NULL)
        return;
    (void)pthread_mutex_lock(&save->lock);
    save->loop = NULL;
    bool untold = save->untold;
    (void)pthread_mutex_unlock(&save->lock);
    /* Else the thread frees it, or the post that it has left on the loop. A loop that is freed first drops that post
     * and leaves this small thing to the end of the process. */
    if (untold)
        save_free(save);
}
