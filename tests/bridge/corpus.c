/* The decoder's corpus and what comes of it: bytes that no honest host sends, as operands and as messages. */

#define _GNU_SOURCE
#include "native.h"

#include <dirent.h>
#include <time.h>

#define MOST 512

static struct bytes kept[MOST];
static size_t count;

static uint64_t seed;

static uint32_t
random_below(uint32_t most)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 16) % most);
}

static void
read_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    EXPECT(file != NULL && count < MOST, "%s cannot be read", path);
    for (int byte; (byte = fgetc(file)) != EOF;) {
        put_byte(&kept[count], (unsigned)byte);
    }
    fclose(file);
    count += kept[count].len > 0;
}

static void
read_folder(const char *folder)
{
    struct dirent **entries;
    int found = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < found; i++) {
        if (entries[i]->d_name[0] != '.') {
            read_file(folder, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    EXPECT(count > 0, "%s has no inputs", folder);
}

static unsigned tried, taken, refused;

static uint64_t ignore, room, deliver;

/* The first byte says whether the others are one value or the arguments of a call, as for the host's decoder. */
static void
as_operands(const unsigned char *data, size_t len)
{
    struct bytes given = {0};
    uint32_t arguments = data[0] >= 128 ? data[0] - 128u : 1;
    put_handle(&given, ignore);
    put(&given, data + 1, len - 1);
    uint32_t want = data[0] % 2 ? OPHIDIA_WANT_VALUE : OPHIDIA_WANT_PLAIN;
    uint32_t status = operate(OPHIDIA_OPERATION_CALL, &given, 1 + arguments, 0, want | OPHIDIA_CONVERTED);
    EXPECT(status != OPHIDIA_STATUS_RAISED || text_of(OPHIDIA_SLOT_TYPE)[0] != 0, "an exception without a name");
    tried++;
    taken += status == OPHIDIA_STATUS_OK;
    refused += status == OPHIDIA_STATUS_RAISED;
    read_frame(status);
    free(given.data);
}

/* As a frame from another interpreter, to a tasklet that is there, or to nobody. */
static void
as_message(const unsigned char *data, size_t len)
{
    struct bytes given = {0}, message = {0};
    put_word(&message, (uint32_t)(len - 1) + OPHIDIA_MESSAGE_HEAD - 4);
    put_byte(&message, data[0] % 4);
    uint64_t domain = 5;
    put(&message, &domain, 8);
    put_word(&message, data[0] % 8 == 7 ? UINT32_MAX : data[0] % 2);
    put_word(&message, 1);
    put(&message, data + 1, len - 1);
    put_handle(&given, room);
    put_int(&given, (long long)message.len);
    uint32_t status = operate(OPHIDIA_OPERATION_CALL, &given, 2, 0, OPHIDIA_WANT_VALUE);
    EXPECT(status == OPHIDIA_STATUS_OK, "%s", text_of(OPHIDIA_SLOT_MESSAGE));
    memcpy((void *)(uintptr_t)frame()->slots[OPHIDIA_SLOT_VALUE].payload, message.data, message.len);
    put_handle(&given, deliver);
    put_int(&given, (long long)message.len);
    status = operate(OPHIDIA_OPERATION_CALL, &given, 2, 0, OPHIDIA_WANT_NOTHING);
    EXPECT(status == OPHIDIA_STATUS_OK, "%s: %s", text_of(OPHIDIA_SLOT_TYPE), text_of(OPHIDIA_SLOT_MESSAGE));
    free(given.data);
    free(message.data);
}

static void
try_bytes(const unsigned char *data, size_t len)
{
    as_operands(data, len);
    as_message(data, len);
}

/* A value that looks right, with counts that may lie. */
static void
invent(struct bytes *to, int depth)
{
    static const uint32_t counts[] = {0, 1, 2, 3, 4, 200, 0x7fffffff, 0x80000000, UINT32_MAX};
    uint32_t tag = random_below(OPHIDIA_ENCODED_REF + 3), size = random_below(5);
    uint32_t said = random_below(40) == 0 ? counts[random_below(9)] : size;
    put_byte(to, tag);
    int holds = (tag >= OPHIDIA_ENCODED_LIST && tag <= OPHIDIA_ENCODED_FROZEN_SET) || tag == OPHIDIA_ENCODED_FUNCTION
                || tag == OPHIDIA_ENCODED_MADE || tag == OPHIDIA_ENCODED_ARRAY || tag == OPHIDIA_ENCODED_FRACTION;
    if (holds && depth < 6) {
        if (tag <= OPHIDIA_ENCODED_FUNCTION) {
            put_word(to, said);
        }
        for (uint32_t i = 0; i < size * (tag == OPHIDIA_ENCODED_DICT ? 2 : 1); i++) {
            invent(to, depth + 1);
        }
        return;
    }
    static const uint8_t texts[] = {OPHIDIA_ENCODED_STR, OPHIDIA_ENCODED_BYTES, OPHIDIA_ENCODED_BIG_INT, OPHIDIA_ENCODED_WIDE_STR,
                                    OPHIDIA_ENCODED_DECIMAL, OPHIDIA_ENCODED_PATH};
    if (memchr(texts, (int)tag, sizeof texts) != NULL) {
        put_word(to, said);
        for (uint32_t i = 0; i < size; i++) {
            put_byte(to, random_below(4) ? '0' + random_below(10) : random_below(256));
        }
        return;
    }
    for (uint32_t i = 0, len = tag < OPHIDIA_ENCODED_INT ? 0 : 4 + 4 * random_below(6); i < len; i++) {
        put_byte(to, random_below(3) ? 0 : random_below(256));
    }
}

static void
mutate(struct bytes *to)
{
    const struct bytes *from = &kept[random_below((uint32_t)count)];
    put(to, from->data, from->len);
    for (uint32_t changes = 1 + random_below(4); changes > 0 && to->len > 1; changes--) {
        size_t at = random_below((uint32_t)to->len);
        const struct bytes *other = &kept[random_below((uint32_t)count)];
        switch (random_below(5)) {
        case 0:
            to->data[at] ^= (unsigned char)(1u << random_below(8));
            break;
        case 1:
            to->data[at] = (unsigned char)random_below(256);
            break;
        case 2:
            to->len = at > 0 ? at : 1;
            break;
        case 3:
            put(to, other->data + other->len / 2, other->len - other->len / 2);
            break;
        default:
            memmove(to->data + at, to->data + to->len / 2, to->len - (at > to->len / 2 ? at : to->len / 2));
        }
    }
}

static double
now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void
corpus(const char *folder, uint64_t first, double seconds)
{
    seed = first;
    answers = 0; /* whoever is called by chance */
    read_folder(folder);
    ignore = evaluate("lambda *values: values");
    room = evaluate("core.room");
    deliver = evaluate("core.deliver");
    for (size_t i = 0; i < count; i++) {
        try_bytes(kept[i].data, kept[i].len);
        for (size_t len = 1; len < kept[i].len; len++) {
            try_bytes(kept[i].data, len);
        }
    }
    printf("corpus: %zu inputs, %u with what is cut off; %u were values, %u raised\n", count, tried, taken, refused);
    double end = now() + seconds;
    struct bytes input = {0};
    tried = taken = refused = 0;
    while (now() < end) {
        input.len = 0;
        if (random_below(2)) {
            mutate(&input);
        }
        else {
            uint32_t values = random_below(4);
            put_byte(&input, 128 + values);
            for (uint32_t i = 0; i < values; i++) {
                invent(&input, 0);
            }
        }
        try_bytes(input.data, input.len);
    }
    EXPECT(taken > 0 && refused > 0, "nothing was a value, or everything");
    printf("mutations: %u with the seed %llu; %u were values, %u raised\n", tried, (unsigned long long)first, taken, refused);
    free(input.data);
}
