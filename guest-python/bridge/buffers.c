/* The memory of objects with the buffer protocol, which the host sees as arrays. */

#include "bridge.h"

static struct ophidia_layout layouts[OPHIDIA_LEVELS];

static uint32_t
flags_of(const Py_buffer *buffer)
{
    uint32_t flags = buffer->readonly ? OPHIDIA_READ_ONLY : 0;
    for (int i = 0; buffer->suboffsets != NULL && i < buffer->ndim; i++) {
        if (buffer->suboffsets[i] >= 0) {
            flags |= OPHIDIA_INDIRECT;
        }
    }
    return flags;
}

/* The memoryview keeps the memory where it is for as long as the host holds its handle. */
int
buffer_new(PyObject *object, struct ophidia_slot *slot, struct ophidia_slot *at)
{
    if (!PyObject_CheckBuffer(object)) {
        PyErr_Format(PyExc_TypeError, "an array is needed, or another object with a buffer, not '%.200s'",
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    PyObject *view = PyMemoryView_FromObject(object);
    if (view == NULL || handle_new(view, slot) < 0) {
        Py_XDECREF(view);
        return -1;
    }
    const Py_buffer *buffer = PyMemoryView_GET_BUFFER(view);
    const char *format = buffer->format != NULL ? buffer->format : "B";
    struct ophidia_layout *layout = &layouts[bridge_level];
    layout->index = (uint32_t)slot->payload;
    layout->generation = slot->len;
    layout->address = (uint32_t)(uintptr_t)buffer->buf;
    layout->len = (uint32_t)buffer->len;
    layout->item_size = (uint32_t)buffer->itemsize;
    layout->flags = flags_of(buffer);
    layout->dimensions = (uint32_t)buffer->ndim;
    layout->format = (uint32_t)(uintptr_t)format;
    layout->format_len = (uint32_t)strlen(format);
    for (int i = 0; i < buffer->ndim && i < OPHIDIA_MAX_DIMENSIONS; i++) {
        layout->shape[i] = (int32_t)buffer->shape[i];
        layout->strides[i] = (int32_t)buffer->strides[i];
    }
    *at = (struct ophidia_slot){
        .tag = OPHIDIA_TAG_BYTES,
        .len = sizeof *layout,
        .payload = (uint64_t)(uintptr_t)layout,
    };
    Py_DECREF(view);
    return 0;
}
