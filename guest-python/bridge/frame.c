/* The shared frame: values and errors on their way to the host. */

#include "bridge.h"

#define SLOTS (sizeof(((struct ophidia_frame *)0)->slots) / sizeof(struct ophidia_slot))

uint32_t bridge_level;

static struct ophidia_frame frames[OPHIDIA_LEVELS];
static PyObject *held_objects[OPHIDIA_LEVELS][SLOTS]; /* what a slot points into */
static uint32_t used_slots[OPHIDIA_LEVELS];            /* a bit for each that has been written to */

uint32_t
ophidia_frame(void)
{
    return (uint32_t)(uintptr_t)frames;
}

uint32_t
frame_recursion(void)
{
    return frames[0].recursion;
}

uint32_t
ophidia_abi_version(void)
{
    return OPHIDIA_ABI_VERSION;
}

static void
clear_slot(uint32_t index)
{
    frames[bridge_level].slots[index].tag = OPHIDIA_TAG_NONE;
    Py_CLEAR(held_objects[bridge_level][index]);
}

BRIDGE_HOT void
frame_clear(void)
{
    uint32_t used = used_slots[bridge_level];
    if (used == 0) {
        return;
    }
    used_slots[bridge_level] = 0;
    clear_slot(OPHIDIA_SLOT_VALUE); /* mostly the only one */
    for (uint32_t rest = used >> (OPHIDIA_SLOT_VALUE + 1); rest != 0; rest &= rest - 1) {
        clear_slot(OPHIDIA_SLOT_VALUE + 1 + (uint32_t)__builtin_ctz(rest));
    }
}

/* A slot of this level to write to. */
static struct ophidia_slot *
slot_at(enum ophidia_slot_index index)
{
    used_slots[bridge_level] |= 1u << index;
    return &frames[bridge_level].slots[index];
}

static void
set_bytes(enum ophidia_slot_index index, uint32_t tag, PyObject *owner, const char *data, Py_ssize_t len)
{
    *slot_at(index) = (struct ophidia_slot){
        .tag = tag,
        .len = (uint32_t)len,
        .payload = (uint64_t)(uintptr_t)data,
    };
    Py_XSETREF(held_objects[bridge_level][index], owner);
}

/* As much of a text as the host takes, and the mark; the bytes go on for longer. */
static int
set_cut(enum ophidia_slot_index index, const char *data)
{
    Py_ssize_t mark = sizeof OPHIDIA_CUT - 1, end = OPHIDIA_ERROR_TEXT - mark;
    while (end > 0 && ((unsigned char)data[end] & 0xc0) == 0x80) { /* in the middle of a character */
        end--;
    }
    PyObject *cut = PyBytes_FromStringAndSize(NULL, end + mark);
    if (cut == NULL) {
        return -1;
    }
    memcpy(PyBytes_AS_STRING(cut), data, (size_t)end);
    memcpy(PyBytes_AS_STRING(cut) + end, OPHIDIA_CUT, (size_t)mark);
    set_bytes(index, OPHIDIA_TAG_STR, cut, PyBytes_AS_STRING(cut), end + mark);
    return 0;
}

/* UTF-8 that belongs to an object: the slot points to it, or to a copy of its beginning. */
static int
set_utf8(enum ophidia_slot_index index, PyObject *owner, const char *data, Py_ssize_t len)
{
    if (len > OPHIDIA_ERROR_TEXT) {
        return set_cut(index, data);
    }
    set_bytes(index, OPHIDIA_TAG_STR, Py_NewRef(owner), data, len);
    return 0;
}

int
frame_set_text(enum ophidia_slot_index index, PyObject *text)
{
    /* What is cut off is not encoded either: a character takes a byte at least. */
    PyObject *first = PyUnicode_Substring(text, 0, OPHIDIA_ERROR_TEXT + 1);
    if (first == NULL) {
        return -1;
    }
    Py_ssize_t len;
    const char *data = PyUnicode_AsUTF8AndSize(first, &len);
    int failed;
    if (data != NULL) {
        failed = set_utf8(index, first, data, len);
    }
    else {
        PyErr_Clear();
        PyObject *escaped = PyUnicode_AsEncodedString(first, "utf-8", "backslashreplace");
        failed = escaped == NULL ? -1
                                 : set_utf8(index, escaped, PyBytes_AS_STRING(escaped),
                                            PyBytes_GET_SIZE(escaped));
        Py_XDECREF(escaped);
    }
    Py_DECREF(first);
    return failed;
}

void
frame_set_int(enum ophidia_slot_index index, long long value)
{
    *slot_at(index) = (struct ophidia_slot){
        .tag = OPHIDIA_TAG_INT,
        .payload = (uint64_t)value,
    };
}

/* Puts a plain value into a slot, which points into it if it is a text: 1; 0 when it is none. */
static int
set_plain(struct ophidia_slot *slot, PyObject *value)
{
    if (PyLong_CheckExact(value)) {
        int overflow = 0;
        long long number = PyUnstable_Long_IsCompact((PyLongObject *)value)
                               ? PyUnstable_Long_CompactValue((PyLongObject *)value)
                               : PyLong_AsLongLongAndOverflow(value, &overflow);
        *slot = (struct ophidia_slot){.tag = OPHIDIA_TAG_INT, .payload = (uint64_t)number};
        return overflow == 0;
    }
    if (PyUnicode_CheckExact(value)) {
        Py_ssize_t len = PyUnicode_GET_LENGTH(value);
        const char *data = PyUnicode_IS_COMPACT_ASCII(value) ? PyUnicode_DATA(value)
                                                             : PyUnicode_AsUTF8AndSize(value, &len);
        if (data == NULL) { /* lone surrogates, or no memory */
            PyErr_Clear();
            return 0;
        }
        *slot = (struct ophidia_slot){
            .tag = OPHIDIA_TAG_STR,
            .len = (uint32_t)len,
            .payload = (uint64_t)(uintptr_t)data,
        };
        return 1;
    }
    if (Py_IsNone(value)) {
        *slot = (struct ophidia_slot){.tag = OPHIDIA_TAG_NONE};
        return 1;
    }
    if (PyBool_Check(value)) {
        *slot = (struct ophidia_slot){.tag = OPHIDIA_TAG_BOOL, .payload = Py_IsTrue(value)};
        return 1;
    }
    if (PyFloat_CheckExact(value)) {
        double number = PyFloat_AS_DOUBLE(value);
        slot->tag = OPHIDIA_TAG_FLOAT;
        memcpy(&slot->payload, &number, sizeof number);
        return 1;
    }
    return 0;
}

int
frame_leave(PyObject *const *values, size_t count)
{
    if (count > OPHIDIA_OPERANDS) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (!set_plain(&frames[bridge_level].operands[i], values[i])) {
            return 0;
        }
    }
    return 1;
}

static BRIDGE_HOT int
set_value(enum ophidia_slot_index index, PyObject *value, uint32_t want)
{
    struct ophidia_slot *slot = slot_at(index);
    if (set_plain(slot, value)) {
        if (slot->tag == OPHIDIA_TAG_STR) {
            Py_XSETREF(held_objects[bridge_level][index], Py_NewRef(value));
        }
        return 0;
    }
    slot->tag = OPHIDIA_TAG_NONE;
    if (PyBytes_CheckExact(value)) {
        set_bytes(index, OPHIDIA_TAG_BYTES, Py_NewRef(value), PyBytes_AS_STRING(value),
                  PyBytes_GET_SIZE(value));
        return 0;
    }
    const unsigned char *data;
    size_t len;
    if (value_encode(value, want, &data, &len) < 0) {
        return -1;
    }
    set_bytes(index, OPHIDIA_TAG_ENCODED, NULL, (const char *)data, (Py_ssize_t)len);
    return 0;
}

BRIDGE_HOT PyObject *
frame_operand(uint32_t index)
{
    const struct ophidia_slot *slot = &frames[bridge_level].operands[index];
    double number;
    switch (slot->tag) {
    case OPHIDIA_TAG_NONE:
        return Py_NewRef(Py_None);
    case OPHIDIA_TAG_BOOL:
        return PyBool_FromLong(slot->payload != 0);
    case OPHIDIA_TAG_INT:
        return PyLong_FromLongLong((long long)slot->payload);
    case OPHIDIA_TAG_FLOAT:
        memcpy(&number, &slot->payload, sizeof number);
        return PyFloat_FromDouble(number);
    case OPHIDIA_TAG_STR:
        return PyUnicode_DecodeUTF8((const char *)(uintptr_t)slot->payload, (Py_ssize_t)slot->len, NULL);
    case OPHIDIA_TAG_HANDLE:
        return Py_XNewRef(handle_object((uint64_t)slot->len << 32 | (uint32_t)slot->payload));
    }
    PyErr_Format(PyExc_SystemError, "an operand from the host with the unknown tag %u", slot->tag);
    return NULL;
}

BRIDGE_HOT void
frame_release(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t handle = frames[bridge_level].releases[i];
        handle_release((uint32_t)handle, (uint32_t)(handle >> 32));
    }
}

BRIDGE_HOT int
frame_set_wanted(enum ophidia_slot_index index, PyObject *value, uint32_t want)
{
    switch (want) {
    case OPHIDIA_WANT_NOTHING:
        return 0;
    case OPHIDIA_WANT_HANDLE_OR_NONE:
        if (Py_IsNone(value)) {
            return 0;
        }
        /* fall through */
    case OPHIDIA_WANT_HANDLE:
        return handle_new(value, slot_at(index));
    case OPHIDIA_WANT_BUFFER:
        return buffer_new(value, slot_at(index), slot_at(OPHIDIA_SLOT_LAYOUT));
    default:
        return set_value(index, value, want);
    }
}

void
frame_publish_interrupt(void)
{
    bridge_interrupt_locate(&frames[0]);
}
