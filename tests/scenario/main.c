/* Plays scenario scripts: build/tests/scenario [--rewrite] [-v] FILE... */
#include "tests/scenario/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    bool rewrite = false, verbose = false;
    struct script_result all = { 0, 0 };
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rewrite") == 0) {
            rewrite = true;
            continue;
        }
        if (strcmp(argv[i], "-v") == 0) {
            verbose = true;
            continue;
        }
        struct script_result one = script_play(argv[i], rewrite, verbose);
        all.passed += one.passed;
        all.failed += one.failed;
    }
    printf("%u passed, %u failed\n", all.passed, all.failed);
    return all.failed == 0 && all.passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
