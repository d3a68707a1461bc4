"""There and back, in C."""

import datetime

import msgpack

assert msgpack.Packer.__module__ == "msgpack._cmsgpack"
value = {"a": [1, -2, 3.5, None, True, b"bytes", "text"], "deep": {"x": [[]] * 3}, "big": 2**63}
assert msgpack.unpackb(msgpack.packb(value)) == value
moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
assert msgpack.unpackb(msgpack.packb(moment, datetime=True), timestamp=3) == moment
unpacker = msgpack.Unpacker()
unpacker.feed(msgpack.packb([1, 2]) + msgpack.packb("x"))
assert list(unpacker) == [[1, 2], "x"]
assert msgpack.unpackb(msgpack.packb(msgpack.ExtType(5, b"x"))) == msgpack.ExtType(5, b"x")
for damaged in (b"\xc1", b"\x93\x01", b"\xdd\xff\xff\xff\xff"):
    try:
        msgpack.unpackb(damaged)
    except (ValueError, msgpack.exceptions.FormatError):
        continue
    raise AssertionError(damaged)
