"""Keys from passwords, against known answers, with lengths around the blocks of the hashes."""

import hashlib

assert hashlib.pbkdf2_hmac("sha1", b"password", b"salt", 1).hex() == "0c60c80f961f0e71f3a9b524af6012062fe037a6"
key = hashlib.scrypt(b"password", salt=b"NaCl", n=1024, r=8, p=16, dklen=64)
assert key.hex().startswith(
    "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff1"
)
for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512"):
    for length in (0, 1, 63, 64, 65, 127, 128, 129, 500):
        for size in (1, 20, 64, 65, 300):
            assert len(hashlib.pbkdf2_hmac(name, b"p" * length, b"s" * length, 2, size)) == size
for r, p, length in ((1, 1, 1), (3, 2, 33), (8, 1, 64)):
    assert len(hashlib.scrypt(b"", salt=b"", n=2, r=r, p=p, dklen=length)) == length
