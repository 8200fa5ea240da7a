/* footprint: gives back to the system what only starting up needed.
 *
 * A daemon that idles on a small host for years should not hold the pages that its libraries
 * touched once, while they were linked, initialised and had their certificates read.
 */
#ifndef FAILOVERD_BASE_FOOTPRINT_H
#define FAILOVERD_BASE_FOOTPRINT_H

/* Before any thread starts: threads share their heaps, as most of ours hardly allocate. */
void footprint_prepare(void);

/* Once, some seconds after the start: drops the clean pages of programs and libraries (they come back
 * from the page cache when they are used again) and free heap. Takes a few milliseconds. */
void footprint_settle(void);

#endif
