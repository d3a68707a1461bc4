"""Makes python.profdata, the profile that the guest's CPython is compiled with: see README.md.

    cargo run --release -p ophidia-guest --features build --example build -- --prepare FOLDER
    python3 guest-python/profile/train.py FOLDER
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = "wasm32-wasip1"
PROGRAMS = sorted((HERE / "programs").glob("*.py"))

# Our programs are small beside the tests, and nearer to what people run.
PROGRAM_WEIGHT = 20
# Functions that together hold this share of all counts are kept: of 6,800 functions these are 1,160, and
# the guest is as fast.
SHARE = 0.99

# What `python -m test --pgo` runs (Lib/test/libregrtest/pgo.py), without what WASI lacks.
TESTS = """
    test_array test_base64 test_binascii test_binop test_bisect test_bytes test_bz2 test_cmath test_codecs
    test_collections test_complex test_dataclasses test_datetime test_decimal test_difflib test_float
    test_fstring test_functools test_generators test_hashlib test_heapq test_int test_itertools test_json
    test_long test_lzma test_math test_memoryview test_operator test_ordered_dict test_patma test_pickle
    test_pprint test_re test_set test_sqlite3 test_statistics test_str test_struct test_tabnanny test_time
    test_xml_etree test_xml_etree_c
""".split()

# On WASI; what it counts is as good.
FAILING = {"test_sqlite3"}

SERIES = re.search(r'^python = "(\d+\.\d+)', (HERE.parent / "guest.lock.toml").read_text(), re.M).group(1)
ARCHIVES = [
    f"libpython{SERIES}.a",
    "Modules/_decimal/libmpdec/libmpdec.a",
    "Modules/expat/libexpat.a",
    "Modules/_hacl/libHacl_HMAC.a",
]
LIBRARIES = ["-lsqlite3", "-lz", "-lbz2", "-llzma", "-lzstd"]
SYSTEM = ["-lwasi-emulated-signal", "-lwasi-emulated-getpid", "-lwasi-emulated-process-clocks", "-lm", "-ldl"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what `--prepare` has made")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--profdata", default="llvm-profdata", help="llvm-profdata, 19 or newer")
    # How this program starts itself for one training run.
    parser.add_argument("--run", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    tree = options.folder.resolve()
    if options.run:
        sys.exit(run(tree, options.run[0], options.run[1:]))
    instrument(tree, options.jobs)
    train(tree, options.jobs)
    merge(tree, options.profdata)


def instrument(tree, jobs):
    """Compiles the guest's CPython with counters, and links it to a command."""
    build = tree / "python/training-build"
    if not build.exists():
        shutil.copytree(tree / "python/guest-build", build, symlinks=True)
    tools = tree / "toolchain/bin"
    env = dict(os.environ, PATH=str(tools))  # the programs that a build runs, and no others
    options = "OPT=-O3 -DNDEBUG -Wall -fprofile-generate -fprofile-update=single"
    targets = [*ARCHIVES, "Programs/python.o", "pybuilddir.txt"]
    with open(tree / "logs/training-make.log", "w") as log:
        subprocess.run(["make", f"-j{jobs}", *targets, options, "ARFLAGS=rcsD"],
                       cwd=build, env=env, stdout=log, stderr=log, check=True)
    clang = tools / f"{TARGET}-clang"
    subprocess.run([clang, "-O2", "-Wall", "-c", HERE / "runtime.c", "-o", "runtime.o"],
                   cwd=build, env=env, check=True)
    subprocess.run([clang, "Programs/python.o", "runtime.o", *ARCHIVES,
                    f"-L{tree}/guest-libraries/lib", *LIBRARIES, *SYSTEM,
                    "-z", "stack-size=8388608", "-Wl,--stack-first", "-Wl,--strip-debug",
                    "-Wl,--initial-memory=67108864", "-o", tree / "training.wasm"],
                   cwd=build, env=env, check=True)
    wasmtime, running = engine()
    module = wasmtime.Module.from_file(running, str(tree / "training.wasm"))
    (tree / "training.image").write_bytes(module.serialize())


def train(tree, jobs):
    """Runs everything twice: the first time leaves bytecode, so that Python's compiler counts little."""
    for name in ("raw", "tmp", "logs", "data", "root/tmp"):
        (tree / name).mkdir(parents=True, exist_ok=True)
    for data in (tree / "python/training-build").rglob("_sysconfigdata*.py"):
        shutil.copy(data, tree / "data")
    runs = [(path.stem, [f"/programs/{path.name}"]) for path in PROGRAMS]
    runs += [(name, ["-m", "test", "--pgo", "--tempdir", "/tmp", name]) for name in TESTS]

    def one(item):
        name, arguments = item
        with open(tree / f"logs/training-{name}.log", "w") as log:
            command = [sys.executable, __file__, tree, "--run", name, *arguments]
            status = subprocess.run(command, stdout=log, stderr=log).returncode
        print(f"{name}: {'done' if status == 0 else f'failed, see {log.name}'}", flush=True)
        return status == 0 or name in FAILING

    for _ in range(2):
        with ThreadPoolExecutor(jobs) as pool:
            if not all(pool.map(one, runs)):
                raise SystemExit("what failed has not counted what it should")


def engine():
    """Wasmtime, and an engine whose stack is deep enough for CPython's tests."""
    import wasmtime

    config = wasmtime.Config()
    config.max_wasm_stack = 2 << 20
    return wasmtime, wasmtime.Engine(config)


def run(tree, name, arguments):
    """Runs the training guest once, in this process; gives its exit status."""
    wasmtime, running = engine()
    module = wasmtime.Module.deserialize_file(running, str(tree / "training.image"))
    linker = wasmtime.Linker(running)
    linker.define_wasi()
    wasi = wasmtime.WasiConfig()
    wasi.argv = ["python", *arguments]
    wasi.env = [
        ("PYTHONHOME", "/usr"), ("PYTHONPATH", "/lib:/data"), ("PYTHONHASHSEED", "0"),
        ("PYTHONPYCACHEPREFIX", "/tmp/bytecode"), ("TMPDIR", "/tmp"), ("HOME", "/tmp"),
        ("PROFILE_OUT", f"/raw/{name}"),
    ]
    wasi.preopen_dir(str(tree / "python/Lib"), "/lib")
    wasi.preopen_dir(str(HERE / "programs"), "/programs")
    # Some tests look at the root itself.
    wasi.preopen_dir(str(tree / "root"), "/")
    for folder in ("data", "raw", "tmp"):
        wasi.preopen_dir(str(tree / folder), f"/{folder}")
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    store = wasmtime.Store(running)
    store.set_wasi(wasi)
    status = 1

    def start():
        nonlocal status
        try:
            linker.instantiate(store, module).exports(store)["_start"](store)
            status = 0
        except wasmtime.ExitTrap as end:
            status = end.code

    threading.stack_size(64 << 20)
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    return status


def merge(tree, profdata):
    """Adds all counts up and keeps the functions that matter."""
    weighted = [f"{PROGRAM_WEIGHT},{tree}/raw/{path.stem}" for path in PROGRAMS]
    weighted += [f"1,{tree}/raw/{name}" for name in TESTS]
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "text")
        inputs = [f"--weighted-input={item}" for item in weighted]
        subprocess.run([profdata, "merge", "--sparse", "--text", *inputs, "-o", text], check=True)
        text.write_text(hottest(text.read_text()))
        subprocess.run([profdata, "merge", text, "-o", HERE / "python.profdata"], check=True)


def hottest(text):
    """The functions of a profile in text that together hold SHARE of its counts."""
    head, functions = [], []
    for block in text.split("\n\n"):
        lines = block.splitlines()
        while lines and lines[0].startswith((":", "# IR")):
            head.append(lines.pop(0))
        if "# Num Counters:" in lines:
            at = lines.index("# Num Counters:")
            counts = lines[at + 3 : at + 3 + int(lines[at + 1])]
            functions.append((sum(map(int, counts)), "\n".join(lines)))
    functions.sort(reverse=True)
    room = SHARE * sum(count for count, _ in functions)
    kept = []
    for count, block in functions:
        kept.append(block)
        room -= count
        if room <= 0:
            break
    print(f"{len(kept)} of {len(functions)} functions kept")
    return "\n".join(head) + "\n" + "\n\n".join(sorted(kept)) + "\n"


if __name__ == "__main__":
    main()
