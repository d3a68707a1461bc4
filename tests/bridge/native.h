/* What the files of the native bridge share. `main.c` tells what they are for. */
#ifndef NATIVE_H
#define NATIVE_H

#include "ophidia_abi.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends everything unless this holds. */
#define EXPECT(holds, ...)                                              \
    do {                                                                \
        if (!(holds)) {                                                 \
            fprintf(stderr, "%s:%d: " #holds ": ", __FILE__, __LINE__); \
            fprintf(stderr, __VA_ARGS__);                               \
            fputc('\n', stderr);                                        \
            exit(1);                                                    \
        }                                                               \
    } while (0)

static inline uint32_t
address(const void *place)
{
    return (uint32_t)(uintptr_t)place;
}

/* --- bytes.c: writing and reading the encoding ---------------------------------------------- */

struct bytes {
    unsigned char *data;
    size_t len, capacity;
};

void put(struct bytes *to, const void *data, size_t len);
void put_byte(struct bytes *to, unsigned byte);
void put_word(struct bytes *to, uint32_t word);
void put_count(struct bytes *to, unsigned tag, uint32_t count);
void put_int(struct bytes *to, long long number);
void put_text(struct bytes *to, const char *text);
void put_handle(struct bytes *to, uint64_t handle);

/* Reads a whole value, which has to be one, and lets go of the handles in it; gives where it ends. */
const unsigned char *walk(const unsigned char *at, const unsigned char *end);

/* --- calls.c: entering the guest ------------------------------------------------------------ */

/* The frame of the level that is entered. */
struct ophidia_frame *frame(void);

/* Lets go of a handle with the next entry. */
void let_go(uint64_t handle);

/* Reads all that a call has left in the frame, to its last byte, and lets go of the handles there. */
void read_frame(uint32_t status);

/* Runs source text; its value is in the frame. */
uint32_t run(uint32_t mode, const char *source, uint32_t want);

/* Runs source text which has to end well. */
void run_well(const char *source);

/* The handle of an expression's value. */
uint64_t evaluate(const char *source);

/* Carries out an operation on operands, which are let go of; they lie at the end of what is allocated. */
uint32_t operate(uint32_t operation, struct bytes *operands, uint32_t count, uint32_t keywords, uint32_t want);

/* The text of a slot. */
const char *text_of(uint32_t slot);

/* --- host.c: what the guest calls ----------------------------------------------------------- */

/* Gives the guest its functions of the host, as names of `__main__`. */
void give_functions(void);

/* How many functions and objects the guest has let go of. */
extern unsigned forgotten;

/* Whether functions do what they are for; else all of them raise. */
extern int answers;

/* --- the parts ------------------------------------------------------------------------------ */

void operations(void);
void runs(void);
void programs(const char *folder);
void tasklets(const char *folder);
void corpus(const char *folder, uint64_t seed, double seconds);

#endif
