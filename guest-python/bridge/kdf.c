/* PBKDF2 (RFC 8018) and scrypt (RFC 7914), which CPython takes from OpenSSL, over the hashes that it brings along.
   `_ophidia.kdf` checks the arguments. */

#include "bridge.h"

#include <string.h>

#define BLOCK 128
#define DIGEST 64

/* Of CPython's Modules/_hacl: a whole message at once. */
#define HASH(name) extern void _Py_LibHacl_Hacl_Hash_##name(uint8_t *out, uint8_t *in, uint32_t len)
HASH(MD5_hash);
HASH(SHA1_hash);
#undef HASH

/* Those of SHA-2 are run by their states. */
#define STATES(bits)                                                                      \
    extern void *_Py_LibHacl_Hacl_Hash_SHA2_malloc_##bits(void);                          \
    extern void _Py_LibHacl_Hacl_Hash_SHA2_reset_##bits(void *);                          \
    extern uint8_t _Py_LibHacl_Hacl_Hash_SHA2_update_##bits(void *, uint8_t *, uint32_t); \
    extern void _Py_LibHacl_Hacl_Hash_SHA2_digest_##bits(void *, uint8_t *);              \
    extern void _Py_LibHacl_Hacl_Hash_SHA2_free_##bits(void *);                           \
    static void *sha##bits;                                                               \
    static void hash_sha##bits(uint8_t *out, uint8_t *in, uint32_t len)                   \
    {                                                                                     \
        _Py_LibHacl_Hacl_Hash_SHA2_reset_##bits(sha##bits);                               \
        _Py_LibHacl_Hacl_Hash_SHA2_update_##bits(sha##bits, in, len);                     \
        _Py_LibHacl_Hacl_Hash_SHA2_digest_##bits(sha##bits, out);                         \
    }
STATES(224)
STATES(256)
STATES(384)
STATES(512)
#undef STATES

typedef void hash_function(uint8_t *out, uint8_t *in, uint32_t len);

static const struct hash {
    const char *name;
    hash_function *run;
    uint32_t block, digest;
} hashes[] = {
    {"md5", _Py_LibHacl_Hacl_Hash_MD5_hash, 64, 16},
    {"sha1", _Py_LibHacl_Hacl_Hash_SHA1_hash, 64, 20},
    {"sha224", hash_sha224, 64, 28},
    {"sha256", hash_sha256, 64, 32},
    {"sha384", hash_sha384, 128, 48},
    {"sha512", hash_sha512, 128, 64},
};

static int
states_ready(void)
{
    if (sha224 == NULL) {
        sha224 = _Py_LibHacl_Hacl_Hash_SHA2_malloc_224();
        sha256 = _Py_LibHacl_Hacl_Hash_SHA2_malloc_256();
        sha384 = _Py_LibHacl_Hacl_Hash_SHA2_malloc_384();
        sha512 = _Py_LibHacl_Hacl_Hash_SHA2_malloc_512();
    }
    return sha224 != NULL && sha256 != NULL && sha384 != NULL && sha512 != NULL;
}

/* Messages behind the key's two pads: room for a salt, or for a digest. */
struct hmac {
    const struct hash *hash;
    uint8_t outer[BLOCK + DIGEST];
    uint8_t inner[BLOCK + DIGEST];
};

static void
hmac_key(struct hmac *hmac, const struct hash *hash, uint8_t *key, uint32_t len)
{
    uint8_t shortened[DIGEST];
    if (len > hash->block) {
        hash->run(shortened, key, len);
        key = shortened;
        len = hash->digest;
    }
    hmac->hash = hash;
    for (uint32_t i = 0; i < hash->block; i++) {
        uint8_t byte = i < len ? key[i] : 0;
        hmac->inner[i] = byte ^ 0x36;
        hmac->outer[i] = byte ^ 0x5c;
    }
}

/* Of a message that stands behind the inner pad. */
static void
hmac_of(struct hmac *hmac, uint8_t *inner, uint32_t len, uint8_t *out)
{
    hmac->hash->run(hmac->outer + hmac->hash->block, inner, hmac->hash->block + len);
    hmac->hash->run(out, hmac->outer, hmac->hash->block + hmac->hash->digest);
}

/* 0, or -1 when there is no memory. */
static int
derive(const struct hash *hash, Py_buffer *password, const uint8_t *salt, size_t salt_len, uint64_t rounds,
       uint8_t *out, size_t out_len)
{
    struct hmac hmac;
    uint8_t *first = PyMem_Malloc(hash->block + salt_len + 4);
    if (first == NULL) {
        return -1;
    }
    hmac_key(&hmac, hash, password->buf, (uint32_t)password->len);
    memcpy(first, hmac.inner, hash->block);
    memcpy(first + hash->block, salt, salt_len);
    for (uint32_t number = 1; out_len > 0; number++) {
        uint8_t last[DIGEST], sum[DIGEST];
        uint8_t *end = first + hash->block + salt_len;
        end[0] = (uint8_t)(number >> 24);
        end[1] = (uint8_t)(number >> 16);
        end[2] = (uint8_t)(number >> 8);
        end[3] = (uint8_t)number;
        hmac_of(&hmac, first, (uint32_t)salt_len + 4, last);
        memcpy(sum, last, hash->digest);
        for (uint64_t round = 1; round < rounds; round++) {
            memcpy(hmac.inner + hash->block, last, hash->digest);
            hmac_of(&hmac, hmac.inner, hash->digest, last);
            for (uint32_t i = 0; i < hash->digest; i++) {
                sum[i] ^= last[i];
            }
        }
        size_t taken = out_len < hash->digest ? out_len : hash->digest;
        memcpy(out, sum, taken);
        out += taken;
        out_len -= taken;
    }
    PyMem_Free(first);
    return 0;
}

static PyObject *
pbkdf2(PyObject *self, PyObject *args)
{
    (void)self;
    const char *name;
    Py_buffer password, salt;
    unsigned long long rounds;
    Py_ssize_t len;
    if (!PyArg_ParseTuple(args, "sy*y*Kn", &name, &password, &salt, &rounds, &len)) {
        return NULL;
    }
    PyObject *out = NULL;
    const struct hash *hash = NULL;
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        if (strcmp(name, hashes[i].name) == 0) {
            hash = &hashes[i];
        }
    }
    if (hash == NULL) {
        out = Py_NewRef(Py_NotImplemented);
    }
    else if (!states_ready()) {
        PyErr_NoMemory();
    }
    else if ((out = PyBytes_FromStringAndSize(NULL, len)) != NULL
             && derive(hash, &password, salt.buf, (size_t)salt.len, rounds, (uint8_t *)PyBytes_AS_STRING(out),
                       (size_t)len)
                    < 0) {
        Py_CLEAR(out);
        PyErr_NoMemory();
    }
    PyBuffer_Release(&password);
    PyBuffer_Release(&salt);
    return out;
}

/* --- scrypt -------------------------------------------------------------------------------- */

#define ROTATE(value, by) ((value) << (by) | (value) >> (32 - (by)))

static void
salsa20_8(uint32_t block[16])
{
    static const uint8_t steps[8][4] = {
        {0, 4, 8, 12},
        {5, 9, 13, 1},
        {10, 14, 2, 6},
        {15, 3, 7, 11},
        {0, 1, 2, 3},
        {5, 6, 7, 4},
        {10, 11, 8, 9},
        {15, 12, 13, 14},
    };
    uint32_t x[16];
    memcpy(x, block, sizeof x);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 8; i++) {
            const uint8_t *at = steps[i];
            x[at[1]] ^= ROTATE(x[at[0]] + x[at[3]], 7);
            x[at[2]] ^= ROTATE(x[at[1]] + x[at[0]], 9);
            x[at[3]] ^= ROTATE(x[at[2]] + x[at[1]], 13);
            x[at[0]] ^= ROTATE(x[at[3]] + x[at[2]], 18);
        }
    }
    for (int i = 0; i < 16; i++) {
        block[i] += x[i];
    }
}

/* Mixes 2r blocks of 64 bytes, with as much room beside them. */
static void
mix_blocks(uint32_t *blocks, uint32_t *room, size_t r)
{
    uint32_t x[16];
    memcpy(x, blocks + (2 * r - 1) * 16, sizeof x);
    for (size_t i = 0; i < 2 * r; i++) {
        for (int j = 0; j < 16; j++) {
            x[j] ^= blocks[i * 16 + j];
        }
        salsa20_8(x);
        memcpy(room + (i / 2 + (i % 2) * r) * 16, x, sizeof x);
    }
    memcpy(blocks, room, r * 128);
}

static void
mix(uint32_t *blocks, uint32_t *room, uint32_t *table, size_t n, size_t r)
{
    size_t words = r * 32;
    for (size_t i = 0; i < n; i++) {
        memcpy(table + i * words, blocks, words * 4);
        mix_blocks(blocks, room, r);
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t *other = table + (blocks[(2 * r - 1) * 16] & (n - 1)) * words;
        for (size_t j = 0; j < words; j++) {
            blocks[j] ^= other[j];
        }
        mix_blocks(blocks, room, r);
    }
}

/* The sizes are checked: they fit the memory. */
static PyObject *
scrypt(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer password, salt;
    Py_ssize_t n, r, p, len;
    if (!PyArg_ParseTuple(args, "y*y*nnnn", &password, &salt, &n, &r, &p, &len)) {
        return NULL;
    }
    const struct hash *hash = &hashes[3];
    size_t each = (size_t)r * 128;
    uint8_t *blocks = PyMem_Malloc(each * (size_t)p);
    uint32_t *room = PyMem_Malloc(each), *table = PyMem_Malloc(each * (size_t)n);
    PyObject *out = PyBytes_FromStringAndSize(NULL, len);
    int failed = blocks == NULL || room == NULL || table == NULL || out == NULL || !states_ready()
                 || derive(hash, &password, salt.buf, (size_t)salt.len, 1, blocks, each * (size_t)p) < 0;
    for (Py_ssize_t i = 0; !failed && i < p; i++) {
        mix((uint32_t *)(void *)(blocks + (size_t)i * each), room, table, (size_t)n, (size_t)r);
    }
    if (failed || derive(hash, &password, blocks, each * (size_t)p, 1, (uint8_t *)PyBytes_AS_STRING(out), (size_t)len) < 0) {
        Py_CLEAR(out);
        PyErr_NoMemory();
    }
    PyMem_Free(table);
    PyMem_Free(room);
    PyMem_Free(blocks);
    PyBuffer_Release(&password);
    PyBuffer_Release(&salt);
    return out;
}

static PyMethodDef methods[] = {
    {"pbkdf2", pbkdf2, METH_VARARGS, "(hash, password, salt, rounds, length) -> bytes, or NotImplemented."},
    {"scrypt", scrypt, METH_VARARGS, "(password, salt, n, r, p, length) -> bytes."},
    {NULL, NULL, 0, NULL},
};

int
kdf_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
