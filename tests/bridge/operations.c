/* Every operation on values of every kind, in every form that is wanted: first by the encoding, then by slots. */

#include "native.h"

/* Values of all kinds; `programs/common.py` defines what they need. */
static const char *const values[] = {
    "None",
    "True",
    "0",
    "-1",
    "2**62",
    "2**63",
    "-2**63",
    "2**200",
    "-2**4000",
    "1.5",
    "float('nan')",
    "1j",
    "''",
    "'text'",
    "'\\xe9\\u20ac\\U0001f600'",
    "'\\udc80'",
    "'a' * 300",
    "'\\u20ac' * 100000",
    "b''",
    "b'\\0bytes'",
    "bytes(100000)",
    "[]",
    "[1, [2, (3, {4: {5}})]]",
    "(None, 'a', b'b')",
    "{'a': 1, 2: [3]}",
    "{1, 'a'}",
    "frozenset({(1, 2)})",
    "deep(63)",
    "deep(64)",
    "deep(65)",
    "deep(500)",
    "[[i] * 3 for i in range(2000)]",
    "bytearray(b'abc')",
    "memoryview(b'abc')",
    "memoryview(bytearray(24)).cast('i', (2, 3))",
    "memoryview(b'abcdef')[::-2]",
    "array.array('d', [1, 2, 3])",
    "range(3)",
    "range(2**70, 2**70 + 3)",
    "range(10, 0, -3)",
    "slice(1, 2)",
    "datetime.date(2024, 2, 29)",
    "datetime.time(1, 2, 3, 4)",
    "datetime.datetime.max",
    "datetime.timedelta(-1, 5, 7)",
    "datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)",
    "datetime.time(1, tzinfo=datetime.timezone(datetime.timedelta(seconds=-3661), '\\udc80'))",
    "datetime.datetime(2024, 1, 1, tzinfo=Zone())",
    "decimal.Decimal('1.10')",
    "decimal.Decimal('-sNaN7')",
    "fractions.Fraction(1, 3)",
    "fractions.Fraction(-2**70, 3)",
    "uuid.UUID(int=2**128 - 1)",
    "pathlib.Path('/a/\\xe9')",
    "pathlib.Path('\\udc80')",
    "Colour.RED",
    "Flags.A | Flags.B",
    "Whole(7)",
    "Text('text')",
    "Raw(b'raw')",
    "Items([1, Items()])",
    "Names(a=1)",
    "Few({1})",
    "Number(1.5)",
    "Both(1j)",
    "echo",
    "thing()",
    "object()",
    "int",
    "len",
    "lambda: 1",
    "iter([1, 2])",
    "steps()",
    "Ends()",
    "Angry()",
    "Shrinks()",
    "Module",
    "tasklets.make_ref()",
    "core.make_pid(3, 4, 5)",
    "sys",
};

#define VALUES (sizeof values / sizeof *values)

static uint64_t handles[VALUES];
static unsigned done, raised;

static void
count(uint32_t status)
{
    done++;
    raised += status == OPHIDIA_STATUS_RAISED;
    EXPECT(status != OPHIDIA_STATUS_RAISED || text_of(OPHIDIA_SLOT_TYPE)[0] != 0, "an exception without a name");
    read_frame(status);
}

/* The operation of a value on itself, another one and a third. */
static void
by_encoding(uint32_t operation, uint32_t operands, size_t i, uint32_t want)
{
    struct bytes given = {0};
    static const size_t steps[] = {0, 7, 13};
    for (uint32_t n = 0; n < operands; n++) {
        put_handle(&given, handles[(i + steps[n]) % VALUES]);
    }
    count(operate(operation, &given, operands, 0, want));
    free(given.data);
}

static void
by_slots(uint32_t operation, uint32_t operands, size_t i, uint32_t want)
{
    /* What rode in the frame is let go of first: here a handle that is given out no longer. */
    uint32_t form = want + OPHIDIA_RELEASE;
    frame()->releases[0] = 1ull << 63 | 5;
    uint64_t other = operands > 1 && i % 2 ? handles[(i + 7) % VALUES] : 0;
    static const struct ophidia_slot plain[] = {
        {.tag = OPHIDIA_TAG_STR, .len = 8},
        {.tag = OPHIDIA_TAG_INT, .payload = 1},
        {.tag = OPHIDIA_TAG_FLOAT, .payload = 0x3ff0000000000000},
        {.tag = OPHIDIA_TAG_BOOL, .payload = 1},
        {.tag = OPHIDIA_TAG_NONE},
        {.tag = 99},
    };
    uint32_t given = operands > 0 ? operands - 1 - (other != 0) : 0;
    for (uint32_t n = 0; n < given; n++) {
        frame()->operands[n] = plain[(i + n) % (sizeof plain / sizeof *plain)];
        frame()->operands[n].payload += frame()->operands[n].tag == OPHIDIA_TAG_STR ? address("__name__") : 0;
    }
    uint64_t object = operands > 0 ? handles[i] : 0;
    count(ophidia_operate_on(operation, object, other, form + given * OPHIDIA_OPERAND));
}

static uint64_t same;

/* What arrives is what has left: a value's encoding, decoded, equals it. */
static void
there_and_back(size_t i, uint32_t want)
{
    struct bytes given = {0};
    put_handle(&given, handles[i]);
    uint32_t status = operate(OPHIDIA_OPERATION_IDENTITY, &given, 1, 0, want);
    struct ophidia_slot slot = frame()->slots[OPHIDIA_SLOT_VALUE];
    const unsigned char *from = (const unsigned char *)(uintptr_t)slot.payload;
    /* Of members the host gives no value, and an object of its own comes back as another one. */
    if (status != OPHIDIA_STATUS_OK || slot.tag != OPHIDIA_TAG_ENCODED || *from == OPHIDIA_ENCODED_MEMBER
        || *from == OPHIDIA_ENCODED_HOST_OBJECT) {
        read_frame(status);
        free(given.data);
        return;
    }
    put_handle(&given, same);
    put_handle(&given, handles[i]);
    size_t start = given.len;
    put(&given, from, slot.len);
    status = operate(OPHIDIA_OPERATION_CALL, &given, 3, 0, OPHIDIA_WANT_VALUE);
    EXPECT(status == OPHIDIA_STATUS_OK, "%s: %s", values[i], text_of(OPHIDIA_SLOT_MESSAGE));
    EXPECT(frame()->slots[0].tag == OPHIDIA_TAG_BOOL && frame()->slots[0].payload == 1, "%s comes back as something else", values[i]);
    walk(given.data + start, given.data + start + slot.len);
    free(given.data);
}

static void
calls(void)
{
    struct bytes given = {0};
    for (uint32_t arguments = 0; arguments < 40; arguments += 3) {
        for (uint32_t keywords = 0; keywords < 3; keywords++) {
            for (uint32_t method = 0; method < 2; method++) {
                given.len = 0;
                if (method) {
                    put_text(&given, "take");
                }
                uint64_t called = evaluate(method ? "Module" : "take");
                put_handle(&given, called);
                for (uint32_t n = 0; n < arguments + keywords; n++) {
                    put_int(&given, n);
                }
                if (keywords > 0) {
                    put_count(&given, OPHIDIA_ENCODED_TUPLE, keywords);
                    put_text(&given, "first");
                    if (keywords > 1) {
                        put_text(&given, "second");
                    }
                }
                uint32_t count_of = 1 + method + arguments + keywords + (keywords > 0);
                uint32_t status = operate(method ? OPHIDIA_OPERATION_CALL_METHOD : OPHIDIA_OPERATION_CALL, &given, count_of, keywords, OPHIDIA_WANT_VALUE | OPHIDIA_CONVERTED);
                EXPECT(status == OPHIDIA_STATUS_OK, "%s", text_of(OPHIDIA_SLOT_MESSAGE));
                EXPECT(frame()->slots[0].payload == arguments + keywords, "not all arguments have come");
                count(status);
                let_go(called);
            }
        }
    }
    free(given.data);
}

/* What the agreement does not allow is refused before anything is read. */
static void
misuse(void)
{
    struct bytes none = {0};
    unsigned char short_input[4] = {9, 0, 0, 0};
    EXPECT(ophidia_operate(0, address(short_input), 3, 0, 0, 0) == OPHIDIA_STATUS_MISUSE, "no count of handles");
    EXPECT(ophidia_operate(0, address(short_input), 4, 0, 0, 0) == OPHIDIA_STATUS_MISUSE, "nine handles in nothing");
    EXPECT(operate(OPHIDIA_OPERATION_IDENTITY, &none, 1, 0, 0) == OPHIDIA_STATUS_MISUSE, "an operand in nothing");
    EXPECT(operate(OPHIDIA_OPERATION_CALL, &none, UINT32_MAX, UINT32_MAX, 0) == OPHIDIA_STATUS_MISUSE, "many operands");
    EXPECT(operate(77, &none, 0, 0, 0) == OPHIDIA_STATUS_MISUSE, "an unknown operation");
    EXPECT(ophidia_operate_on(OPHIDIA_OPERATION_LEN, 0, 0, 4 * OPHIDIA_OPERAND) == OPHIDIA_STATUS_MISUSE, "four operands");
    EXPECT(ophidia_operate_on(OPHIDIA_OPERATION_CALL, 1, 1, 255 * OPHIDIA_OPERAND) == OPHIDIA_STATUS_MISUSE, "too many");
    EXPECT(ophidia_operate_on(OPHIDIA_OPERATION_LEN, 1, 0, 9 * OPHIDIA_RELEASE) == OPHIDIA_STATUS_MISUSE, "nine handles");
    EXPECT(ophidia_run(4, address("1"), 1, 0, 0, 0, 0, 0) == OPHIDIA_STATUS_MISUSE, "an unknown mode");
    EXPECT(ophidia_run(0, address("12"), 1, 0, 0, 0, 0, 0) == OPHIDIA_STATUS_MISUSE, "a text that goes on");
}

/* How many operands each operation takes; of a call: what is called and two arguments. */
static const uint8_t operands[] = {1, 1, 1, 0, 3, 3, 2, 3, 2, 2, 3, 2, 1, 1, 1, 1, 1, 2, 1, 2, 1, 0, 3, 2, 3};

/* A new one has to be added above. */
static void
no_more(void)
{
    struct bytes nones = {0};
    for (uint32_t count = 0; count < 4; count++) {
        for (uint32_t n = 0; n < count; n++) {
            put_byte(&nones, OPHIDIA_ENCODED_NONE);
        }
        uint32_t status = operate(sizeof operands, &nones, count, 0, OPHIDIA_WANT_NOTHING);
        EXPECT(status == OPHIDIA_STATUS_MISUSE, "an operation is not among those that are tried: %u", (unsigned)sizeof operands);
    }
    free(nones.data);
}

void
operations(void)
{
    uint32_t wants = OPHIDIA_WANT_HANDLES_2 + 1;
    for (size_t i = 0; i < VALUES; i++) {
        handles[i] = evaluate(values[i]);
    }
    same = evaluate("same");
    for (size_t i = 0; i < VALUES; i++) {
        for (uint32_t want = 0; want < wants; want++) {
            by_encoding(OPHIDIA_OPERATION_IDENTITY, 1, i, want);
            by_slots(OPHIDIA_OPERATION_IDENTITY, 1, i, want);
        }
        there_and_back(i, OPHIDIA_WANT_VALUE);
        there_and_back(i, OPHIDIA_WANT_PLAIN);
        for (uint32_t operation = 0; operation < sizeof operands; operation++) {
            by_encoding(operation, operands[operation], i, (operation + i) % wants);
            by_slots(operation, operands[operation], i, (operation + i) % wants);
        }
    }
    calls();
    misuse();
    no_more();
    struct bytes none = {0};
    for (size_t i = 0; i < VALUES; i++) {
        let_go(handles[i]);
    }
    count(operate(OPHIDIA_OPERATION_GLOBALS, &none, 0, 0, OPHIDIA_WANT_NOTHING));
    operate(OPHIDIA_OPERATION_HANDLES, &none, 0, 0, OPHIDIA_WANT_VALUE);
    EXPECT(frame()->slots[0].payload < 200, "%u handles are not let go of", (unsigned)frame()->slots[0].payload);
    printf("operations: %u, of which %u raised\n", done, raised);
}
