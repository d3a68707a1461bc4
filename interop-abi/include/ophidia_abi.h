/* Written by `cargo run -p ophidia-abi --example header`; do not edit. */
#ifndef OPHIDIA_ABI_H
#define OPHIDIA_ABI_H

#include <stdint.h>

#define OPHIDIA_ABI_VERSION 16
#define OPHIDIA_SHORT_INPUT 4096
#define OPHIDIA_BY_NAME 2147483648u
#define OPHIDIA_RESTS 256u
#define OPHIDIA_LEVELS 32
#define OPHIDIA_RAISED 0x80000000u
#define OPHIDIA_IN_SLOT 0x7fffffffu
#define OPHIDIA_CONVERTED 0x40000000u
#define OPHIDIA_OPERAND 256u
#define OPHIDIA_OPERANDS 3
#define OPHIDIA_RELEASE 65536u
#define OPHIDIA_RELEASES 8u
#define OPHIDIA_ERROR_TEXT 65536
#define OPHIDIA_CUT "… [cut]"
#define OPHIDIA_MEMORY_ERROR 1u
#define OPHIDIA_TIMEOUT_ERROR 4u
#define OPHIDIA_LOST 2u
#define OPHIDIA_ATTEND 4294967295u
#define OPHIDIA_MAX_DEPTH 64
#define OPHIDIA_MAX_ENCODED 268435456u
#define OPHIDIA_MAX_DIMENSIONS 64
#define OPHIDIA_READ_ONLY 1u
#define OPHIDIA_INDIRECT 2u
#define OPHIDIA_ADDRESS 24u
#define OPHIDIA_FAMILY_V4 1u
#define OPHIDIA_FAMILY_V6 2u
#define OPHIDIA_SOCKET_ERROR 0u
#define OPHIDIA_SOCKET_NO_DELAY 1u
#define OPHIDIA_SOCKET_KEEP_ALIVE 2u
#define OPHIDIA_TLS_PENDING 5u
#define OPHIDIA_MESSAGE_HEAD 21u
#define OPHIDIA_OUTBOX 1048576u
#define OPHIDIA_TLS_FIRST_ERROR (-1000)
#define OPHIDIA_NO_OFFSET (-9223372036854775807ll - 1)

enum ophidia_tag {
    OPHIDIA_TAG_NONE = 0,
    OPHIDIA_TAG_BOOL = 1,
    OPHIDIA_TAG_INT = 2,
    OPHIDIA_TAG_FLOAT = 3,
    OPHIDIA_TAG_STR = 4,
    OPHIDIA_TAG_BYTES = 5,
    OPHIDIA_TAG_HANDLE = 6,
    OPHIDIA_TAG_ENCODED = 7,
};

enum ophidia_status {
    OPHIDIA_STATUS_OK = 0,
    OPHIDIA_STATUS_RAISED = 1,
    OPHIDIA_STATUS_EXIT = 2,
    OPHIDIA_STATUS_INCOMPLETE = 3,
    OPHIDIA_STATUS_MISUSE = 4,
};

enum ophidia_mode {
    OPHIDIA_MODE_EXEC = 0,
    OPHIDIA_MODE_EVAL = 1,
    OPHIDIA_MODE_SINGLE = 2,
    OPHIDIA_MODE_MAIN = 3,
};

enum ophidia_slot_index {
    OPHIDIA_SLOT_VALUE = 0,
    OPHIDIA_SLOT_TYPE = 1,
    OPHIDIA_SLOT_MESSAGE = 2,
    OPHIDIA_SLOT_TRACEBACK = 3,
    OPHIDIA_SLOT_EXIT = 4,
    OPHIDIA_SLOT_EXCEPTION = 5,
    OPHIDIA_SLOT_LAYOUT = 6,
    OPHIDIA_SLOT_KIND = 7,
};

enum ophidia_encoded {
    OPHIDIA_ENCODED_NONE = 0,
    OPHIDIA_ENCODED_FALSE = 1,
    OPHIDIA_ENCODED_TRUE = 2,
    OPHIDIA_ENCODED_INT = 3,
    OPHIDIA_ENCODED_BIG_INT = 4,
    OPHIDIA_ENCODED_FLOAT = 5,
    OPHIDIA_ENCODED_COMPLEX = 6,
    OPHIDIA_ENCODED_STR = 7,
    OPHIDIA_ENCODED_WIDE_STR = 8,
    OPHIDIA_ENCODED_BYTES = 9,
    OPHIDIA_ENCODED_LIST = 10,
    OPHIDIA_ENCODED_TUPLE = 11,
    OPHIDIA_ENCODED_DICT = 12,
    OPHIDIA_ENCODED_SET = 13,
    OPHIDIA_ENCODED_FROZEN_SET = 14,
    OPHIDIA_ENCODED_HANDLE = 15,
    OPHIDIA_ENCODED_FUNCTION = 16,
    OPHIDIA_ENCODED_HOST_OBJECT = 17,
    OPHIDIA_ENCODED_DATE = 18,
    OPHIDIA_ENCODED_TIME = 19,
    OPHIDIA_ENCODED_DATE_TIME = 20,
    OPHIDIA_ENCODED_TIME_DELTA = 21,
    OPHIDIA_ENCODED_DECIMAL = 22,
    OPHIDIA_ENCODED_FRACTION = 23,
    OPHIDIA_ENCODED_UUID = 24,
    OPHIDIA_ENCODED_PATH = 25,
    OPHIDIA_ENCODED_RANGE = 26,
    OPHIDIA_ENCODED_MEMBER = 27,
    OPHIDIA_ENCODED_ARRAY = 28,
    OPHIDIA_ENCODED_MADE = 29,
    OPHIDIA_ENCODED_PID = 30,
    OPHIDIA_ENCODED_REF = 31,
};

enum ophidia_message {
    OPHIDIA_MESSAGE_SEND = 0,
    OPHIDIA_MESSAGE_URGENT = 1,
    OPHIDIA_MESSAGE_REPLY = 2,
    OPHIDIA_MESSAGE_CONTROL = 3,
};

enum ophidia_operation {
    OPHIDIA_OPERATION_IDENTITY = 0,
    OPHIDIA_OPERATION_INTERN = 1,
    OPHIDIA_OPERATION_IMPORT = 2,
    OPHIDIA_OPERATION_GLOBALS = 3,
    OPHIDIA_OPERATION_CALL = 4,
    OPHIDIA_OPERATION_CALL_METHOD = 5,
    OPHIDIA_OPERATION_GET_ATTR = 6,
    OPHIDIA_OPERATION_SET_ATTR = 7,
    OPHIDIA_OPERATION_DEL_ATTR = 8,
    OPHIDIA_OPERATION_GET_ITEM = 9,
    OPHIDIA_OPERATION_SET_ITEM = 10,
    OPHIDIA_OPERATION_DEL_ITEM = 11,
    OPHIDIA_OPERATION_LEN = 12,
    OPHIDIA_OPERATION_ITER = 13,
    OPHIDIA_OPERATION_NEXT = 14,
    OPHIDIA_OPERATION_STR = 15,
    OPHIDIA_OPERATION_REPR = 16,
    OPHIDIA_OPERATION_IS = 17,
    OPHIDIA_OPERATION_TRUTH = 18,
    OPHIDIA_OPERATION_CONTAINS = 19,
    OPHIDIA_OPERATION_TYPE = 20,
    OPHIDIA_OPERATION_HANDLES = 21,
    OPHIDIA_OPERATION_HELP = 22,
    OPHIDIA_OPERATION_FIND_ATTR = 23,
    OPHIDIA_OPERATION_RESUME = 24,
};

enum ophidia_want {
    OPHIDIA_WANT_NOTHING = 0,
    OPHIDIA_WANT_HANDLE = 1,
    OPHIDIA_WANT_VALUE = 2,
    OPHIDIA_WANT_HANDLE_OR_NONE = 3,
    OPHIDIA_WANT_BUFFER = 4,
    OPHIDIA_WANT_PLAIN = 5,
    OPHIDIA_WANT_CONTAINER = 6,
    OPHIDIA_WANT_OBJECTS_0 = 7,
    OPHIDIA_WANT_OBJECTS_1 = 8,
    OPHIDIA_WANT_HANDLES_1 = 9,
    OPHIDIA_WANT_OBJECTS_2 = 10,
    OPHIDIA_WANT_HANDLES_2 = 11,
};

struct ophidia_slot {
    uint32_t tag;
    uint32_t len;
    uint64_t payload;
};

struct ophidia_frame {
    uint32_t interrupt_flag;
    uint32_t eval_breaker;
    uint32_t eval_breaker_bits;
    uint32_t recursion;
    struct ophidia_slot slots[8];
    struct ophidia_slot operands[OPHIDIA_OPERANDS];
    uint64_t releases[OPHIDIA_RELEASES];
};

struct ophidia_layout {
    uint32_t index;
    uint32_t generation;
    uint32_t address;
    uint32_t len;
    uint32_t item_size;
    uint32_t flags;
    uint32_t dimensions;
    uint32_t format;
    uint32_t format_len;
    int32_t shape[64];
    int32_t strides[64];
};

_Static_assert(sizeof(struct ophidia_slot) == 16, "layout differs from the host's");
_Static_assert(sizeof(struct ophidia_frame) == 256, "layout differs from the host's");
_Static_assert(sizeof(struct ophidia_layout) == 548, "layout differs from the host's");

/* Starts the interpreter and imports the preload list; runs once, before the snapshot. */
__attribute__((export_name("ophidia_initialize")))
void ophidia_initialize(void);

/* Gives the version of this agreement that the guest was built with. */
__attribute__((export_name("ophidia_abi_version")))
uint32_t ophidia_abi_version(void);

/* Gives the address of the frames, one for each level, which never move. */
__attribute__((export_name("ophidia_frame")))
uint32_t ophidia_frame(void);

/* Gives the address of an input buffer of at least `size` bytes, or 0 when memory is short. It is valid until the next call of this function at the same level, one for a short input for ever. */
__attribute__((export_name("ophidia_buffer")))
uint32_t ophidia_buffer(uint32_t size);

/* Thaws the snapshot: environment, arguments, folders, entropy; `cwd` is the working directory, with `BY_NAME` in its length one that need not be there. */
__attribute__((export_name("ophidia_start")))
uint32_t ophidia_start(uint32_t cwd, uint32_t cwd_len);

/* Compiles and runs source text in `__main__`; an expression's value goes to the value slot. */
__attribute__((export_name("ophidia_run")))
uint32_t ophidia_run(uint32_t mode, uint32_t source, uint32_t source_len, uint32_t filename, uint32_t filename_len, uint64_t globals, uint64_t locals, uint32_t want);

/* Runs a module as the main program, as `python3 -m` does. */
__attribute__((export_name("ophidia_run_module")))
uint32_t ophidia_run_module(uint32_t name, uint32_t name_len);

/* Puts a folder into `sys.path`: at the front, or at the back. */
__attribute__((export_name("ophidia_add_path")))
uint32_t ophidia_add_path(uint32_t path, uint32_t path_len, uint32_t front);

/* Lets go of handles, then carries out an operation on `count` operands, `keywords` of them keyword arguments; the result goes to the value slot in the form wanted. */
__attribute__((export_name("ophidia_operate")))
uint32_t ophidia_operate(uint32_t operation, uint32_t input, uint32_t len, uint32_t count, uint32_t keywords, uint32_t want);

/* The same on up to two objects by their handles, then operands in the slots of the frame; `form` is the form wanted, [`OPERAND`](crate::OPERAND) for each of these, and [`RELEASE`](crate::RELEASE) for each handle in the frame that is let go of first. Four parameters travel in registers. */
__attribute__((export_name("ophidia_operate_on")))
uint32_t ophidia_operate_on(uint32_t operation, uint64_t object, uint64_t other, uint32_t form);

/* Tells whether source text is a complete statement or waits for more lines. */
__attribute__((export_name("ophidia_complete")))
uint32_t ophidia_complete(uint32_t source, uint32_t source_len);

/* Runs the exit callbacks and flushes the standard streams. */
__attribute__((export_name("ophidia_finish")))
uint32_t ophidia_finish(void);

/* Says that about `work` code units of bytecode follow, and where in the evaluation loop code may run that has run before. The host replaces each call by a check of its own. */
__attribute__((import_module("ophidia"), import_name("meter")))
void ophidia_host_meter(uint32_t work);

/* Calls a function of the host with `count` arguments, `keywords` of them keyword arguments: values of the encoding, last, when there are keywords, the tuple of their names; or, when `len` is [`IN_SLOT`](crate::IN_SLOT), the operands of the frame of `level`. What the host enters meanwhile is at `level`. The answer is a value in that level's input buffer: the result is its length, with [`RAISED`](crate::RAISED) set when it is an exception to raise; or it is [`IN_SLOT`](crate::IN_SLOT). */
__attribute__((import_module("ophidia"), import_name("call")))
uint32_t ophidia_host_call(uint32_t function, uint32_t arguments, uint32_t len, uint32_t count, uint32_t keywords, uint32_t level);

/* Lets go of a function or an object of the host. */
__attribute__((import_module("ophidia"), import_name("forget")))
void ophidia_host_forget(uint32_t what);

/* Writes out the text of the last denial if it had this error number, with no null byte behind it; gives its length, 0 when there is none. It is told once. */
__attribute__((import_module("ophidia"), import_name("denied")))
uint32_t ophidia_host_denied(uint32_t error, uint32_t to, uint32_t room);

/* Gives a descriptor one more number, `onto` or, where that is [`u32::MAX`], the lowest that is free, and writes it. */
__attribute__((import_module("ophidia"), import_name("duplicate")))
uint32_t ophidia_host_duplicate(uint32_t fd, uint32_t onto, uint32_t to);

/* Opens a socket of a family ([`FAMILY_V4`](crate::FAMILY_V4) or [`FAMILY_V6`](crate::FAMILY_V6)) for one stream, and writes its descriptor. Like all functions of sockets and TLS it gives an error number of WASI. */
__attribute__((import_module("ophidia"), import_name("socket_open")))
uint32_t ophidia_host_socket_open(uint32_t family, uint32_t to);

/* Opens two sockets that are connected to each other, in the host's memory, and writes both descriptors. */
__attribute__((import_module("ophidia"), import_name("socket_pair")))
uint32_t ophidia_host_socket_pair(uint32_t to);

/* Connects a socket to the address in a record of [`ADDRESS`](crate::ADDRESS) bytes. */
__attribute__((import_module("ophidia"), import_name("socket_connect")))
uint32_t ophidia_host_socket_connect(uint32_t fd, uint32_t address);

/* Writes the address of a socket's own end, or with `peer` that of the other. */
__attribute__((import_module("ophidia"), import_name("socket_name")))
uint32_t ophidia_host_socket_name(uint32_t fd, uint32_t peer, uint32_t to);

/* Writes the number that an option of a socket has. */
__attribute__((import_module("ophidia"), import_name("socket_get")))
uint32_t ophidia_host_socket_get(uint32_t fd, uint32_t option, uint32_t to);

/* Sets an option of a socket to a number. */
__attribute__((import_module("ophidia"), import_name("socket_set")))
uint32_t ophidia_host_socket_set(uint32_t fd, uint32_t option, uint32_t value);

/* Looks up the addresses of a host's name, writes at most `room` records and how many there are. */
__attribute__((import_module("ophidia"), import_name("socket_resolve")))
uint32_t ophidia_host_socket_resolve(uint32_t name, uint32_t name_len, uint32_t to, uint32_t room, uint32_t count);

/* Begins a client's connection of TLS out of a record (see the host's `tls.rs`), and writes its descriptor. */
__attribute__((import_module("ophidia"), import_name("tls_open")))
uint32_t ophidia_host_tls_open(uint32_t settings, uint32_t len, uint32_t to);

/* Takes certificates, each behind its length, that connections can trust beside the host's; writes their number. */
__attribute__((import_module("ophidia"), import_name("tls_trust")))
uint32_t ophidia_host_tls_trust(uint32_t certificates, uint32_t len, uint32_t to);

/* Lets a connection of TLS run over a connected socket. */
__attribute__((import_module("ophidia"), import_name("tls_attach")))
uint32_t ophidia_host_tls_attach(uint32_t tls, uint32_t fd);

/* Goes on with the handshake; gives 0 at its end, or a code of [`tls`](crate::tls). All functions from here on give a number, a code, or an error number of WASI as [`tls::error`](crate::tls::error) makes it. */
__attribute__((import_module("ophidia"), import_name("tls_handshake")))
uint32_t ophidia_host_tls_handshake(uint32_t tls);

/* Reads plaintext; gives how many bytes. */
__attribute__((import_module("ophidia"), import_name("tls_read")))
uint32_t ophidia_host_tls_read(uint32_t tls, uint32_t at, uint32_t len);

/* Writes plaintext; gives how many bytes were taken. */
__attribute__((import_module("ophidia"), import_name("tls_write")))
uint32_t ophidia_host_tls_write(uint32_t tls, uint32_t at, uint32_t len);

/* Says that no more is written; gives 0 when the peer has said so too. */
__attribute__((import_module("ophidia"), import_name("tls_shutdown")))
uint32_t ophidia_host_tls_shutdown(uint32_t tls);

/* Takes what came from the peer of a connection without a socket, nothing for its end; gives how much was taken. */
__attribute__((import_module("ophidia"), import_name("tls_feed")))
uint32_t ophidia_host_tls_feed(uint32_t tls, uint32_t at, uint32_t len);

/* Writes out what is for the peer of a connection without a socket; gives how much. */
__attribute__((import_module("ophidia"), import_name("tls_take")))
uint32_t ophidia_host_tls_take(uint32_t tls, uint32_t at, uint32_t room);

/* Writes out what is known of a connection, as much as there is room for; gives how much there is. */
__attribute__((import_module("ophidia"), import_name("tls_about")))
uint32_t ophidia_host_tls_about(uint32_t tls, uint32_t what, uint32_t at, uint32_t room);

#endif
