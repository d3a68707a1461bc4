/* Running source text: how it ends, and what is told of it. */

#define _GNU_SOURCE
#include "native.h"

#include <dirent.h>

static const struct {
    const char *source;
    uint32_t mode, status;
    const char *type;
} sources[] = {
    {"1 + 1", OPHIDIA_MODE_EVAL, OPHIDIA_STATUS_OK, ""},
    {"x = [1]", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_OK, ""},
    {"x\n", OPHIDIA_MODE_SINGLE, OPHIDIA_STATUS_OK, ""},
    {"from __future__ import annotations\n", OPHIDIA_MODE_SINGLE, OPHIDIA_STATUS_OK, ""},
    {"async def f(): return 5\nprint(await f())", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_OK, ""},
    {"await asyncio.sleep(0.001)", OPHIDIA_MODE_EVAL, OPHIDIA_STATUS_OK, ""},
    {"if", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_RAISED, "SyntaxError"},
    {"'\\udc80' + ", OPHIDIA_MODE_EVAL, OPHIDIA_STATUS_RAISED, "SyntaxError"},
    {"1/0", OPHIDIA_MODE_EVAL, OPHIDIA_STATUS_RAISED, "ZeroDivisionError"},
    {"def f(): raise KeyError('\\udc80' * 70000)\nf()", OPHIDIA_MODE_MAIN, OPHIDIA_STATUS_RAISED, "KeyError"},
    {"raise ValueError('\\u20ac' * 70000)", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_RAISED, "ValueError"},
    {"raise Mute", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_RAISED, NULL},
    {"raise type('T' * 70000, (Exception,), {})", OPHIDIA_MODE_MAIN, OPHIDIA_STATUS_RAISED, NULL},
    {"raise MemoryError('asked for')", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_RAISED, "MemoryError"},
    {"raise ExceptionGroup('g', [ValueError(1), OSError(2)])", OPHIDIA_MODE_MAIN, OPHIDIA_STATUS_RAISED, "ExceptionGroup"},
    {"def f(): f()\nf()", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_RAISED, "RecursionError"},
    {"class R:\n  def __repr__(self): return repr(self)\nrepr(R())", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_RAISED, "RecursionError"},
    {"eval('(' * 100000)", OPHIDIA_MODE_EVAL, OPHIDIA_STATUS_RAISED, NULL},
    {"eval('-' * 100000 + '1')", OPHIDIA_MODE_EVAL, OPHIDIA_STATUS_RAISED, NULL},
    {"x = ()\nfor _ in range(100000): x = (x,)\nhash(x)", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_RAISED, "RecursionError"},
    {"x = iter([])\nfor _ in range(100000): x = map(int, x)\nnext(x)", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_RAISED, "RecursionError"},
    {"x = iter([])\nfor _ in range(100000): x = map(int, x)\nx = None", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_OK, ""},
    {"x = None\nfor _ in range(100000): x = memoryview(b'') if x is None else slice(x)\nx = None", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_OK, ""},
    {"import sys; sys.exit()", OPHIDIA_MODE_MAIN, OPHIDIA_STATUS_EXIT, ""},
    {"import sys; sys.exit(2**70)", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_EXIT, ""},
    {"import sys; sys.exit('why')", OPHIDIA_MODE_MAIN, OPHIDIA_STATUS_EXIT, ""},
    {"raise SystemExit(Mute())", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_EXIT, ""},
    {"interrupt(50)\nwhile True: pass", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_RAISED, "KeyboardInterrupt"},
    {"async def f():\n  while True: await asyncio.sleep(0)\ninterrupt(500)\nawait f()", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_RAISED, "KeyboardInterrupt"},
    {"sys.excepthook = lambda *args: 1/0\nraise ValueError", OPHIDIA_MODE_MAIN, OPHIDIA_STATUS_RAISED, "ValueError"},
    {"def end(*args): raise SystemExit(4)\nsys.excepthook = end\nraise ValueError", OPHIDIA_MODE_MAIN, OPHIDIA_STATUS_EXIT, ""},
    {"sys.excepthook = sys.__excepthook__\ncut(3)", OPHIDIA_MODE_EXEC, OPHIDIA_STATUS_RAISED, "SystemError"},
    {"Parting([1, 'text' * 1000])", OPHIDIA_MODE_EVAL, OPHIDIA_STATUS_OK, ""},
    {"fail()", OPHIDIA_MODE_EVAL, OPHIDIA_STATUS_RAISED, "RuntimeError"},
};

static void
texts(void)
{
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        uint32_t status = run(sources[i].mode, sources[i].source, OPHIDIA_WANT_PLAIN);
        EXPECT(status == sources[i].status, "%.80s: status %u, %s: %.300s", sources[i].source, status, text_of(OPHIDIA_SLOT_TYPE), text_of(OPHIDIA_SLOT_MESSAGE));
        EXPECT(status != OPHIDIA_STATUS_RAISED || sources[i].type == NULL || strcmp(text_of(OPHIDIA_SLOT_TYPE), sources[i].type) == 0,
               "%.80s: %s: %.300s", sources[i].source, text_of(OPHIDIA_SLOT_TYPE), text_of(OPHIDIA_SLOT_MESSAGE));
        read_frame(status);
    }
    EXPECT(ophidia_run(OPHIDIA_MODE_EXEC, address("a\0b"), 3, address("\xff"), 1, 0, 0, 0) == OPHIDIA_STATUS_RAISED, "a null byte");
    EXPECT(ophidia_run(OPHIDIA_MODE_EVAL, address("1"), 1, 0, 0, 12345, 0, 0) == OPHIDIA_STATUS_RAISED, "a stale handle");
    EXPECT(strcmp(text_of(OPHIDIA_SLOT_TYPE), "ReferenceError") == 0, "%s", text_of(OPHIDIA_SLOT_TYPE));
}

/* What CPython calls under other names on this machine. */
void *gethostbyname(const char *name);
void *gethostbyaddr(const void *from, unsigned len, int family);

static void
others(void)
{
    EXPECT(gethostbyname("some.name") != NULL && gethostbyname("1.2.3.4") != NULL, "a name");
    EXPECT(gethostbyname("xx") == NULL && gethostbyaddr("", 0, 0) == NULL, "no name");
    EXPECT(ophidia_complete(address("def f():"), 8) == OPHIDIA_STATUS_INCOMPLETE, "a beginning");
    EXPECT(ophidia_complete(address("f()"), 3) == OPHIDIA_STATUS_OK, "a statement");
    EXPECT(ophidia_run_module(address("no.such"), 7) == OPHIDIA_STATUS_EXIT, "no such module");
    read_frame(OPHIDIA_STATUS_EXIT);
    EXPECT(ophidia_run_module(address("keyword"), 7) == OPHIDIA_STATUS_OK, "a module");
    EXPECT(ophidia_add_path(address("/nowhere\xff"), 9, 1) == OPHIDIA_STATUS_OK, "a folder");
    EXPECT(ophidia_add_path(address("/nowhere"), 8, 0) == OPHIDIA_STATUS_OK, "a folder");
}

/* As a host that lets a program rest: it steps it until it has ended. */
static void
rests(void)
{
    uint32_t status = run(OPHIDIA_MODE_EXEC | OPHIDIA_RESTS, "await resting()", OPHIDIA_WANT_HANDLE);
    EXPECT(status == OPHIDIA_STATUS_OK, "%s", text_of(OPHIDIA_SLOT_MESSAGE));
    struct ophidia_slot task = frame()->slots[OPHIDIA_SLOT_VALUE];
    uint64_t handle = (uint64_t)task.len << 32 | (uint32_t)task.payload;
    struct bytes given = {0};
    uint64_t step = evaluate("rest_step");
    unsigned steps = 0;
    do {
        EXPECT(++steps < 10000, "a program that rests does not end");
        put_handle(&given, step);
        put_handle(&given, handle);
        put_int(&given, 0);
        status = operate(OPHIDIA_OPERATION_HELP, &given, 3, 0, OPHIDIA_WANT_VALUE);
        EXPECT(status == OPHIDIA_STATUS_OK, "%s", text_of(OPHIDIA_SLOT_MESSAGE));
        read_frame(status);
    } while (frame()->slots[OPHIDIA_SLOT_VALUE].tag != OPHIDIA_TAG_NONE);
    let_go(handle);
    let_go(step);
    free(given.data);
}

void
runs(void)
{
    texts();
    others();
    rests();
    printf("runs: %zu source texts, and what else begins a program\n", sizeof sources / sizeof *sources);
}

static void
run_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    EXPECT(file != NULL, "%s cannot be read", path);
    struct bytes source = {0};
    for (int byte; (byte = fgetc(file)) != EOF;) {
        put_byte(&source, (unsigned)byte);
    }
    fclose(file);
    put_byte(&source, 0);
    run_well((const char *)source.data);
    free(source.data);
    printf("program: %s\n", name);
}

void
programs(const char *folder)
{
    struct dirent **entries;
    int found = scandir(folder, &entries, NULL, alphasort);
    EXPECT(found > 2, "%s has no programs", folder);
    for (int i = 0; i < found; i++) {
        if (entries[i]->d_name[0] != '.') {
            run_file(folder, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
}
