"""Roots that a program trusts beside the host's: read from files, parsed once, and told to the host once."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress

from _ophidia import _host
from _ophidia.certificates import from_der, from_pem
from _ophidia.tls_errors import SSLError, error

_KEPT = 8
_files: dict[tuple[str | bytes, int, int], tuple[bytes, ...]] = {}
_numbers: dict[tuple[bytes, ...], int] = {}


def _remember(cache: dict, key: tuple, value: object) -> None:
    cache[key] = value
    if len(cache) > _KEPT:
        del cache[next(iter(cache))]


def read_file(path) -> tuple[bytes, ...]:
    """The certificates in a file, parsed once for each state of it."""
    path = os.fspath(path)
    with open(path, "rb") as file:
        state = os.fstat(file.fileno())
        key = (os.path.abspath(path), state.st_mtime_ns, state.st_size)
        if (found := _files.get(key)) is None:
            found = from_pem(file.read())
            if not found:
                reason = "NO_CERTIFICATE_OR_CRL_FOUND"
                raise error("no certificate or crl found", 136, library="X509", reason=reason)
            _remember(_files, key, found)
    return found


def number(roots: tuple[bytes, ...]) -> int:
    """The host's number for these roots; contexts with the same ones share it."""
    if not roots:
        return 0
    if (found := _numbers.get(roots)) is None:
        found = _host.tls_trust(b"".join(len(der).to_bytes(4, "little") + der for der in roots))
        _remember(_numbers, roots, found)
    return found


def read_folder(path) -> Iterator[bytes]:
    """The certificates in the files of a folder that have OpenSSL's hashed names."""
    with suppress(OSError), os.scandir(os.fsdecode(path)) as entries:
        for entry in entries:
            if re.fullmatch(r"[0-9a-f]{8}\.[0-9]+", entry.name):
                with suppress(OSError, SSLError):
                    yield from read_file(entry.path)


def parse(cadata) -> tuple[bytes, ...]:
    """The certificates in a text of PEM or in bytes of DER."""
    try:
        is_text = isinstance(cadata, str)
        data = cadata.encode("ascii") if is_text else bytes(memoryview(cadata))
    except (UnicodeEncodeError, TypeError):
        raise TypeError("cadata should be an ASCII string or a bytes-like object") from None
    if not data:
        raise ValueError("Empty certificate data")
    if is_text:
        if found := from_pem(data):
            return found
        raise error("no start line: cadata does not contain a certificate")
    if data[:1] != b"\x30":
        raise error("not enough data: cadata does not contain a certificate")
    return from_der(data)
