"""Pack a folder as zip, tar.gz, tar.xz and tar.bz2, unpack each, and prove that nothing changed.

The work happens in a temporary folder inside the folder given, which must be writable:
    ophidia run --dir /tmp/work:rw examples/backup.py /tmp/work
"""

import gzip
import hashlib
import io
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path


def make_tree(root: Path) -> None:
    (root / "photos" / "2024").mkdir(parents=True)
    (root / "notes").mkdir()
    (root / "empty").mkdir()
    (root / "README").write_text("Sample data.\n" * 40)
    (root / "notes" / "größe.txt").write_text("Ünïcödé in name and content: 蛇\n", encoding="utf-8")
    (root / "notes" / "todo.txt").write_bytes(b"feed\r\nclean\r\n")
    pixels = bytes((x * y) % 251 for y in range(160) for x in range(160))
    (root / "photos" / "2024" / "snake.raw").write_bytes(pixels)
    (root / "photos" / "zeros.bin").write_bytes(bytes(100_000))
    os.utime(root / "README", (1_700_000_000, 1_700_000_000))


def fingerprint(root: Path) -> str:
    """One hash over every path and every byte below root."""
    digest = hashlib.blake2b(digest_size=12)
    for path in sorted(root.rglob("*")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes() if path.is_file() else b"/")
    return digest.hexdigest()


def parts(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(size):
            yield part


def check_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if not info.is_dir():
                packed = "packed" if info.compress_size < info.file_size else "stored"
                print(f"    {info.filename:25} {info.file_size:7} {info.CRC:08x} {packed}")
        with archive.open("notes/todo.txt") as file:
            print("    first line:", io.TextIOWrapper(file, newline="").readline().encode())


def check_tar(path: Path) -> None:
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        sizes = sum(member.size for member in members)
        print(f"    {len(members)} members, {sizes} bytes, readme", end=" ")
        member = archive.getmember("./README")
        print("dated", int(member.mtime), "mode", oct(member.mode & 0o400))


def pack_and_unpack(tree: Path, work: Path) -> None:
    expected = fingerprint(tree)
    print("tree", expected)
    for format in ("zip", "gztar", "bztar", "xztar"):
        made = Path(shutil.make_archive(str(work / "backup"), format, root_dir=tree))
        total = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
        print(f"  {made.name}: smaller than the files: {made.stat().st_size < total}")
        if format == "zip":
            check_zip(made)
        else:
            check_tar(made)
        target = work / f"from-{format}"
        options = {} if format == "zip" else {"filter": "data"}
        shutil.unpack_archive(made, target, **options)
        print("    unpacked:", "same" if fingerprint(target) == expected else "DIFFERENT")
        shutil.rmtree(target)
        made.unlink()


def streams(source: Path, work: Path) -> None:
    """gzip and zlib without archives: streaming, concatenation, damage."""
    packed = work / "snake.gz"
    with gzip.GzipFile(packed, "wb", mtime=0) as file:
        for part in parts(source, 4096):
            file.write(part)
    with packed.open("ab") as file:
        file.write(gzip.compress(b"appended", mtime=0))
    with gzip.open(packed, "rb") as file:
        content = file.read()
    print("gzip: two members,", len(content), "bytes, ends with", content[-8:])

    damaged = bytearray(packed.read_bytes())
    damaged[40] ^= 0xFF
    try:
        gzip.decompress(bytes(damaged))
    except (zlib.error, gzip.BadGzipFile, EOFError) as error:
        print("damage noticed:", type(error).__mro__[1].__name__)

    decoder = zlib.decompressobj()
    stream = zlib.compress(b"abc" * 1000, level=9) + b"rest"
    first = decoder.decompress(stream, max_length=10)
    rest = decoder.decompress(decoder.unconsumed_tail) + decoder.flush()
    print("zlib:", first, len(rest), decoder.eof, decoder.unused_data)
    print(f"crc32 {zlib.crc32(content):08x} adler32 {zlib.adler32(content):08x}")


def refuse_to_escape(work: Path) -> None:
    """An archive that wants to write outside its folder is refused by the data filter."""
    evil = work / "evil.tar"
    with tarfile.open(evil, "w") as archive:
        info = tarfile.TarInfo("../outside.txt")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"evil"))
    try:
        with tarfile.open(evil) as archive:
            archive.extractall(work / "evil", filter="data")
    except tarfile.OutsideDestinationError as error:
        print("refused:", type(error).__name__, "outside.txt" in str(error))


def main(folder: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix="backup-") as name:
        work = Path(name)
        tree = work / "tree"
        tree.mkdir()
        make_tree(tree)
        pack_and_unpack(tree, work)
        streams(tree / "photos" / "2024" / "snake.raw", work)
        refuse_to_escape(work)
        print("left over:", sorted(path.name for path in work.iterdir()))
    print("cleaned up:", not work.exists())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: backup.py FOLDER")
    main(sys.argv[1])
