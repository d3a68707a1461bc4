/* Entering the guest, and reading what it leaves. */

#include "native.h"

extern uint32_t bridge_level;

/* Handles that are let go of with the next entry. */
static struct bytes releases;

struct ophidia_frame *
frame(void)
{
    return (struct ophidia_frame *)(uintptr_t)ophidia_frame() + bridge_level;
}

void
let_go(uint64_t handle)
{
    put(&releases, &handle, 8);
}

/* So that the sanitizer sees each byte read. */
static void
read_bytes(const unsigned char *data, size_t len)
{
    static volatile unsigned sum;
    for (size_t i = 0; i < len; i++) {
        sum += data[i];
    }
}

static void
read_layout(const struct ophidia_layout *layout)
{
    read_bytes((const void *)layout, sizeof *layout);
    read_bytes((const void *)(uintptr_t)layout->format, layout->format_len);
    int is_whole = layout->dimensions <= 1 && (layout->dimensions == 0 || layout->strides[0] == (int32_t)layout->item_size);
    if (is_whole && !(layout->flags & OPHIDIA_INDIRECT)) {
        read_bytes((const void *)(uintptr_t)layout->address, layout->len);
    }
}

static void
read_slot(const struct ophidia_slot *slot, uint32_t index)
{
    const unsigned char *data = (const unsigned char *)(uintptr_t)slot->payload;
    switch (slot->tag) {
    case OPHIDIA_TAG_STR:
    case OPHIDIA_TAG_BYTES:
        if (index == OPHIDIA_SLOT_LAYOUT) {
            read_layout((const void *)data);
        }
        else {
            read_bytes(data, slot->len);
        }
        break;
    case OPHIDIA_TAG_HANDLE:
        let_go((uint64_t)slot->len << 32 | (uint32_t)slot->payload);
        break;
    case OPHIDIA_TAG_ENCODED: {
        const unsigned char *end = walk(data, data + slot->len);
        EXPECT(end == data + slot->len, "the guest writes more than a value");
        break;
    }
    default:
        EXPECT(slot->tag < OPHIDIA_TAG_STR, "the guest leaves a slot with the unknown tag %u", slot->tag);
    }
}

void
read_frame(uint32_t status)
{
    EXPECT(status <= OPHIDIA_STATUS_MISUSE, "the guest returns the unknown status %u", status);
    if (status == OPHIDIA_STATUS_MISUSE) {
        return;
    }
    for (uint32_t i = 0; i < sizeof frame()->slots / sizeof *frame()->slots; i++) {
        read_slot(&frame()->slots[i], i);
    }
}

const char *
text_of(uint32_t slot)
{
    static char texts[8][4096]; /* one for each slot */
    char *text = texts[slot];
    const struct ophidia_slot *from = &frame()->slots[slot];
    size_t most = sizeof *texts - 1, len = from->tag != OPHIDIA_TAG_STR ? 0 : from->len;
    len = len < most ? len : most;
    memcpy(text, (const void *)(uintptr_t)(len > 0 ? from->payload : (uint64_t)(uintptr_t)text), len);
    text[len] = 0;
    return text;
}

uint32_t
run(uint32_t mode, const char *source, uint32_t want)
{
    static const char name[] = "<native>";
    size_t len = strlen(source);
    char *input = (char *)(uintptr_t)ophidia_buffer((uint32_t)(len + 1 + sizeof name));
    EXPECT(input != NULL, "no memory");
    memcpy(input, source, len + 1);
    memcpy(input + len + 1, name, sizeof name);
    return ophidia_run(mode, address(input), (uint32_t)len, address(input + len + 1), sizeof name - 1, 0, 0, want);
}

void
run_well(const char *source)
{
    uint32_t status = run(OPHIDIA_MODE_MAIN, source, OPHIDIA_WANT_NOTHING);
    EXPECT(status == OPHIDIA_STATUS_OK, "%s: %s\n%s", text_of(OPHIDIA_SLOT_TYPE), text_of(OPHIDIA_SLOT_MESSAGE), text_of(OPHIDIA_SLOT_TRACEBACK));
}

uint64_t
evaluate(const char *source)
{
    uint32_t status = run(OPHIDIA_MODE_EVAL, source, OPHIDIA_WANT_HANDLE);
    EXPECT(status == OPHIDIA_STATUS_OK, "%s: %s", source, text_of(OPHIDIA_SLOT_MESSAGE));
    struct ophidia_slot slot = frame()->slots[OPHIDIA_SLOT_VALUE];
    return (uint64_t)slot.len << 32 | (uint32_t)slot.payload;
}

uint32_t
operate(uint32_t operation, struct bytes *operands, uint32_t count, uint32_t keywords, uint32_t want)
{
    size_t len = 4 + releases.len + operands->len;
    unsigned char *input = malloc(len); /* to the byte: the next one is the sanitizer's */
    EXPECT(input != NULL, "no memory");
    uint32_t released = (uint32_t)(releases.len / 8);
    memcpy(input, &released, 4);
    memcpy(input + 4, releases.data == NULL ? input : releases.data, releases.len);
    memcpy(input + 4 + releases.len, operands->data == NULL ? input : operands->data, operands->len);
    releases.len = operands->len = 0;
    uint32_t status = ophidia_operate(operation, address(input), (uint32_t)len, count, keywords, want);
    free(input);
    return status;
}
