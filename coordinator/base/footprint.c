/* Giving memory back: see footprint.h. */
#include "coordinator/base/footprint.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARENAS 2

void footprint_prepare(void)
{
    (void)mallopt(M_ARENA_MAX, ARENAS);
}

/* Segments that are not writable (text, constants) are never changed by the linker, since there are
 * no text relocations in position-independent code and what it relocates lies in a writable segment.
 * So their pages equal the file and may be dropped. */
static int drop_clean(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)arg;
    for (ElfW(Half) i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0)
            continue;
        uintptr_t from = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t to = (info->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);
        if (to > from)
            (void)madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

void footprint_settle(void)
{
    (void)malloc_trim(0);
    (void)dl_iterate_phdr(drop_clean, NULL);
}
