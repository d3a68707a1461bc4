/* The programs of the tests of tasklets (`tests/all/tasklets*.rs`), each in a process of its own: as there, it finds an
   interpreter that nothing has run in. */

#define _GNU_SOURCE
#include "native.h"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

static char *
read_text(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    EXPECT(file != NULL, "%s cannot be read", path);
    struct bytes text = {0};
    for (int byte; (byte = fgetc(file)) != EOF;) {
        put_byte(&text, (unsigned)byte);
    }
    fclose(file);
    put_byte(&text, 0);
    return (char *)text.data;
}

/* A program without the indentation that it has in the test. */
static char *
flush(const char *from, const char *end)
{
    struct bytes to = {0};
    from += *from == '\n';
    size_t indent = strspn(from, " ");
    for (const char *line = from; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((next == NULL ? end : next + 1) - line), blank = strspn(line, " ");
        size_t left_out = blank < indent ? blank : indent;
        left_out = left_out < len ? left_out : len;
        put(&to, line + left_out, len - left_out);
        line += len;
    }
    put_byte(&to, 0);
    return (char *)to.data;
}

static unsigned ran, failed, left_out;

static void
run_alone(const char *begins, const char *program)
{
    fflush(stdout);
    pid_t child = fork();
    EXPECT(child >= 0, "no process");
    if (child == 0) {
        run_well(begins);
        run_well(program);
        run_well("run(main)");
        EXPECT(ophidia_finish() == OPHIDIA_STATUS_OK, "%s", text_of(OPHIDIA_SLOT_MESSAGE));
        _exit(0);
    }
    int status;
    EXPECT(waitpid(child, &status, 0) == child, "the process is lost");
    ran++;
    if (status != 0) {
        fprintf(stderr, "status %#x of the program\n%s\n", (unsigned)status, program);
        failed++;
    }
}

static void
run_all(const char *text, const char *begins)
{
    static const char call[] = "passes(", quote[] = "r#\"", unquote[] = "\"#";
    for (const char *at = text; (at = strstr(at, call)) != NULL;) {
        at += sizeof call - 1;
        at += strspn(at, " \n");
        if (strncmp(at, quote, sizeof quote - 1) != 0) {
            continue;
        }
        const char *end = strstr(at, unquote);
        EXPECT(end != NULL, "a program that does not end");
        char *program = flush(at + sizeof quote - 1, end);
        if (strstr(program, "numpy") != NULL) {
            left_out++;
        }
        else {
            run_alone(begins, program);
        }
        free(program);
        at = end;
    }
}

void
tasklets(const char *folder)
{
    static const char *const files[] = {
        "tasklets.rs",
        "tasklets_ends.rs",
        "tasklets_escapes.rs",
        "tasklets_hostile.rs",
        "tasklets_programs.rs",
        "tasklets_reports.rs",
        "tasklets_servers.rs",
        "tasklets_supervisors.rs",
    };
    static const char begins[] = "const BEGINS: &str = \"";
    char *first = read_text(folder, files[0]);
    char *prelude = strstr(first, begins);
    EXPECT(prelude != NULL, "%s does not say what programs begin with", files[0]);
    prelude += sizeof begins - 1;
    char *end = strstr(prelude, "\n\";");
    EXPECT(end != NULL, "the beginning does not end");
    prelude = strndup(prelude, (size_t)(end + 1 - prelude));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *text = read_text(folder, files[i]);
        run_all(text, prelude);
        free(text);
    }
    EXPECT(ran > 20, "few programs: %u", ran);
    EXPECT(failed == 0, "%u of %u programs failed", failed, ran);
    printf("tasklets: %u programs, without the %u with numpy\n", ran, left_out);
    free(prelude);
    free(first);
}
