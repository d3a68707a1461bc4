/* Writing and reading the encoding, as the host does. */

#include "native.h"

void
put(struct bytes *to, const void *data, size_t len)
{
    if (to->len + len > to->capacity) {
        to->capacity = (to->len + len) * 2;
        to->data = realloc(to->data, to->capacity);
        EXPECT(to->data != NULL, "no memory");
    }
    if (len > 0) {
        memcpy(to->data + to->len, data, len);
    }
    to->len += len;
}

void
put_byte(struct bytes *to, unsigned byte)
{
    unsigned char one = (unsigned char)byte;
    put(to, &one, 1);
}

void
put_word(struct bytes *to, uint32_t word)
{
    put(to, &word, 4);
}

void
put_count(struct bytes *to, unsigned tag, uint32_t count)
{
    put_byte(to, tag);
    put_word(to, count);
}

void
put_int(struct bytes *to, long long number)
{
    put_byte(to, OPHIDIA_ENCODED_INT);
    put(to, &number, 8);
}

void
put_text(struct bytes *to, const char *text)
{
    put_count(to, OPHIDIA_ENCODED_STR, (uint32_t)strlen(text));
    put(to, text, strlen(text));
}

void
put_handle(struct bytes *to, uint64_t handle)
{
    put_byte(to, OPHIDIA_ENCODED_HANDLE);
    put(to, &handle, 8);
}

static const unsigned char *
skip(const unsigned char *at, const unsigned char *end, size_t len)
{
    EXPECT((size_t)(end - at) >= len, "a value of the guest is cut off");
    return at + len;
}

const unsigned char *
walk(const unsigned char *at, const unsigned char *end)
{
    static const uint8_t fixed[] = {
        [OPHIDIA_ENCODED_INT] = 8,
        [OPHIDIA_ENCODED_FLOAT] = 8,
        [OPHIDIA_ENCODED_COMPLEX] = 16,
        [OPHIDIA_ENCODED_HOST_OBJECT] = 4,
        [OPHIDIA_ENCODED_DATE] = 4,
        [OPHIDIA_ENCODED_TIME] = 16,
        [OPHIDIA_ENCODED_DATE_TIME] = 20,
        [OPHIDIA_ENCODED_TIME_DELTA] = 12,
        [OPHIDIA_ENCODED_UUID] = 16,
        [OPHIDIA_ENCODED_RANGE] = 24,
        [OPHIDIA_ENCODED_PID] = 16,
        [OPHIDIA_ENCODED_REF] = 16,
    };
    const unsigned char *start = at;
    uint32_t count = 0;
    uint64_t handle;
    at = skip(at, end, 1);
    switch (*start) {
    case OPHIDIA_ENCODED_NONE:
    case OPHIDIA_ENCODED_FALSE:
    case OPHIDIA_ENCODED_TRUE:
        return at;
    case OPHIDIA_ENCODED_BIG_INT:
    case OPHIDIA_ENCODED_STR:
    case OPHIDIA_ENCODED_WIDE_STR:
    case OPHIDIA_ENCODED_BYTES:
    case OPHIDIA_ENCODED_DECIMAL:
    case OPHIDIA_ENCODED_PATH:
        memcpy(&count, skip(at, end, 4) - 4, 4);
        return skip(at + 4, end, count);
    case OPHIDIA_ENCODED_LIST:
    case OPHIDIA_ENCODED_TUPLE:
    case OPHIDIA_ENCODED_SET:
    case OPHIDIA_ENCODED_FROZEN_SET:
    case OPHIDIA_ENCODED_DICT:
        memcpy(&count, skip(at, end, 4) - 4, 4);
        at += 4;
        for (uint32_t i = 0; i < count; i++) {
            at = walk(at, end);
            at = *start == OPHIDIA_ENCODED_DICT ? walk(at, end) : at;
        }
        return at;
    case OPHIDIA_ENCODED_HANDLE:
        memcpy(&handle, skip(at, end, 8) - 8, 8);
        let_go(handle);
        return at + 8;
    case OPHIDIA_ENCODED_FRACTION:
    case OPHIDIA_ENCODED_MEMBER:
        return walk(walk(at, end), end);
    case OPHIDIA_ENCODED_ARRAY:
        return walk(at, end);
    }
    EXPECT(*start < sizeof fixed && fixed[*start] != 0, "the guest writes the unknown tag %u", *start);
    at = skip(at, end, fixed[*start]);
    int is_moment = *start == OPHIDIA_ENCODED_TIME || *start == OPHIDIA_ENCODED_DATE_TIME;
    return is_moment ? walk(at, end) : at;
}
