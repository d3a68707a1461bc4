"""hashlib's functions that derive keys, which CPython takes from OpenSSL."""

import hashlib
import hmac

from _ophidia import _host

_MOST = 2**31 - 1


def pbkdf2_hmac(hash_name: str, password, salt, iterations: int, dklen: int | None = None) -> bytes:
    """PBKDF2 of RFC 8018, with HMAC of any of hashlib's hashes."""
    if not isinstance(hash_name, str):
        raise TypeError(f"hash_name must be str, not {type(hash_name).__name__}")
    digest_size = hashlib.new(hash_name).digest_size
    length = digest_size if dklen is None else dklen
    if iterations < 1:
        raise ValueError("iteration value must be greater than 0.")
    if length < 1:
        raise ValueError("key length must be greater than 0.")
    if max(iterations, length) > _MOST:
        raise OverflowError("iterations and key length must be less than 2**31")
    name = hash_name.lower().replace("-", "")
    derived = _host.pbkdf2(name, password, salt, iterations, length)
    return _pbkdf2(hash_name, password, salt, iterations, length) if derived is NotImplemented else derived


def _pbkdf2(name: str, password, salt, iterations: int, length: int) -> bytes:
    keyed = hmac.new(password, None, name)

    def of(message: bytes) -> bytes:
        copy = keyed.copy()
        copy.update(message)
        return copy.digest()

    derived = b""
    number = 0
    while len(derived) < length:
        number += 1
        last = of(bytes(salt) + number.to_bytes(4, "big"))
        total = int.from_bytes(last, "big")
        for _ in range(iterations - 1):
            last = of(last)
            total ^= int.from_bytes(last, "big")
        derived += total.to_bytes(len(last), "big")
    return derived[:length]


def scrypt(password, *, salt, n: int, r: int, p: int, maxmem: int = 0, dklen: int = 64) -> bytes:
    """scrypt of RFC 7914; `maxmem` is in bytes, 32 MiB when 0."""
    if n < 2 or n & (n - 1):
        raise ValueError("n must be a power of 2.")
    if r < 1 or p < 1 or r * p >= 2**30:
        raise ValueError("r and p must be positive, and r * p less than 2**30.")
    if not 0 <= maxmem <= _MOST:
        raise ValueError(f"maxmem must be positive and smaller than {_MOST}")
    if not 0 < dklen <= _MOST:
        raise ValueError(f"dklen must be greater than 0 and smaller than {_MOST}")
    if 128 * r * (n + p + 2) > (maxmem or 32 << 20):
        raise ValueError("Invalid parameter combination for n, r, p, maxmem.")
    return _host.scrypt(password, salt, n, r, p, dklen)


def install() -> None:
    """Make them hashlib's."""
    for function in (pbkdf2_hmac, scrypt):
        function.__module__ = "hashlib"
        setattr(hashlib, function.__name__, function)
        hashlib.__all__ += (function.__name__,)
