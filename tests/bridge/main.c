/* The bridge, natively: its C against a CPython of this machine, as 32 bits and with the sanitizers of the compiler, which
   see what WebAssembly does not: a read past the end of an object, one of an object that is gone, what C leaves
   undefined. `.ci/bridge` builds it and runs it.

       bridge TESTS SEED SECONDS

   runs the programs of `bridge/programs` and those of the tests of tasklets, carries out every operation, ends programs
   in every way, and decodes the corpus of the host's decoder, then mutations of it for so many seconds. */

#define _GNU_SOURCE
#include "native.h"

#include <unistd.h>

static void
start(void)
{
    static const char nowhere[] = "/no/such/folder";
    char here[4096];
    EXPECT(getcwd(here, sizeof here) != NULL, "no folder to start in");
    ophidia_initialize();
    EXPECT(ophidia_abi_version() == OPHIDIA_ABI_VERSION, "the bridge is of another version");
    frame()->recursion = 500;
    EXPECT(ophidia_start(address(nowhere), sizeof nowhere - 1) == OPHIDIA_STATUS_RAISED, "a folder that is not there");
    read_frame(OPHIDIA_STATUS_RAISED);
    EXPECT(ophidia_start(address(nowhere), (sizeof nowhere - 1) | OPHIDIA_BY_NAME) == OPHIDIA_STATUS_OK, "by name");
    EXPECT(ophidia_start(address(here), (uint32_t)strlen(here)) == OPHIDIA_STATUS_OK, "%s", text_of(OPHIDIA_SLOT_MESSAGE));
}

/* A folder below that of the tests. */
static const char *
below(const char *tests, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", tests, name);
    return path;
}

int
main(int count, char **arguments)
{
    EXPECT(count == 4, "bridge TESTS SEED SECONDS");
    setvbuf(stdout, NULL, _IOLBF, 0);
    start();
    tasklets(below(arguments[1], "all"));
    give_functions();
    programs(below(arguments[1], "bridge/programs"));
    operations();
    runs();
    corpus(below(arguments[1], "hostile/fuzz/corpus/decoder"), strtoull(arguments[2], NULL, 0), strtod(arguments[3], NULL));
    EXPECT(ophidia_finish() == OPHIDIA_STATUS_OK, "%s", text_of(OPHIDIA_SLOT_MESSAGE));
    EXPECT(forgotten > 0, "no function is let go of");
    puts("all well");
    fflush(stdout);
    _exit(0); /* the interpreter is never taken down in the guest either */
}
