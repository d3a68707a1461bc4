//! zlib, bzip2, xz, zstd and sqlite as static libraries: for the guest, and the same for the native Python, so
//! that both have the same modules whatever the machine has installed.

use crate::Error;
use crate::error::At;
use crate::recipe::process;
use crate::recipe::progress::Branch;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One library: where its sources are in an unpacked crate, and how they are compiled.
struct Library {
    /// The item of the lock file.
    name: &'static str,
    archive: &'static str,
    /// Files to compile, or folders of which every `.c` file is compiled.
    sources: &'static [&'static str],
    /// Endings of files in those folders that are left out.
    except: &'static [&'static str],
    flags: &'static [&'static str],
    /// Options for the guest alone, which has one thread and no shared memory between processes.
    guest_flags: &'static [&'static str],
    /// Headers to install, as (place in the crate, place in the include folder).
    headers: &'static [(&'static str, &'static str)],
}

const LIBRARIES: [Library; 5] = [
    Library {
        name: "zlib",
        archive: "libz.a",
        sources: &["src/zlib"],
        except: &[],
        flags: &["-DHAVE_UNISTD_H"],
        guest_flags: &[],
        headers: &[("src/zlib/zlib.h", "zlib.h"), ("src/zlib/zconf.h", "zconf.h")],
    },
    Library {
        name: "bzip2",
        archive: "libbz2.a",
        sources: &[
            "bzip2-1.0.8/blocksort.c",
            "bzip2-1.0.8/bzlib.c",
            "bzip2-1.0.8/compress.c",
            "bzip2-1.0.8/crctable.c",
            "bzip2-1.0.8/decompress.c",
            "bzip2-1.0.8/huffman.c",
            "bzip2-1.0.8/randtable.c",
        ],
        except: &[],
        flags: &[],
        guest_flags: &[],
        headers: &[("bzip2-1.0.8/bzlib.h", "bzlib.h")],
    },
    Library {
        name: "xz",
        archive: "liblzma.a",
        sources: &[
            "xz/src/liblzma/check",
            "xz/src/liblzma/common",
            "xz/src/liblzma/delta",
            "xz/src/liblzma/lz",
            "xz/src/liblzma/lzma",
            "xz/src/liblzma/rangecoder",
            "xz/src/liblzma/simple",
            "xz/src/common/tuklib_cpucores.c",
            "xz/src/common/tuklib_physmem.c",
        ],
        // Variants for small memory, programs that print tables, and the multi-threaded coder.
        except: &["_small.c", "_tablegen.c", "_gen.c", "_mt.c"],
        flags: &[
            "-std=c99",
            "-DHAVE_CONFIG_H",
            "-I.",
            "-Ixz/src/common",
            "-Ixz/src/liblzma/api",
            "-Ixz/src/liblzma/check",
            "-Ixz/src/liblzma/common",
            "-Ixz/src/liblzma/delta",
            "-Ixz/src/liblzma/lz",
            "-Ixz/src/liblzma/lzma",
            "-Ixz/src/liblzma/rangecoder",
            "-Ixz/src/liblzma/simple",
        ],
        guest_flags: &[],
        headers: &[("xz/src/liblzma/api/lzma.h", "lzma.h"), ("xz/src/liblzma/api/lzma", "lzma")],
    },
    Library {
        name: "zstd",
        archive: "libzstd.a",
        sources: &[
            "zstd/lib/common",
            "zstd/lib/compress",
            "zstd/lib/decompress",
            "zstd/lib/dictBuilder",
        ],
        except: &[],
        flags: &["-DZSTD_DISABLE_ASM", "-DZSTD_TRACE=0"],
        // The training of dictionaries looks at the time.
        guest_flags: &["-D_WASI_EMULATED_PROCESS_CLOCKS"],
        headers: &[
            ("zstd/lib/zstd.h", "zstd.h"),
            ("zstd/lib/zstd_errors.h", "zstd_errors.h"),
            ("zstd/lib/zdict.h", "zdict.h"),
        ],
    },
    Library {
        name: "sqlite",
        archive: "libsqlite3.a",
        sources: &["sqlite3/sqlite3.c"],
        except: &[],
        flags: &[
            "-DSQLITE_OMIT_LOAD_EXTENSION",
            "-DSQLITE_ENABLE_FTS5",
            "-DSQLITE_ENABLE_RTREE",
            "-DSQLITE_ENABLE_MATH_FUNCTIONS",
            "-DSQLITE_DEFAULT_MEMSTATUS=0",
        ],
        // No locks between processes: WASI has none, and lock files would outlive a stopped run.
        guest_flags: &[
            "-DSQLITE_THREADSAFE=0",
            "-DSQLITE_OMIT_WAL",
            "-DSQLITE_DEFAULT_UNIX_VFS=\"unix-none\"",
        ],
        headers: &[("sqlite3/sqlite3.h", "sqlite3.h")],
    },
];

/// The names of the lock file's items that are libraries.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LIBRARIES.iter().map(|library| library.name)
}

/// About how many steps one [`build`] takes.
pub(crate) const STEPS: u64 = 130;

/// What libraries are built for and with.
pub(crate) struct For<'a> {
    /// Gives a fresh command of the C compiler.
    pub(crate) cc: &'a (dyn Fn() -> Command + Sync),
    /// Gives a fresh command of the archiver.
    pub(crate) ar: &'a (dyn Fn() -> Command + Sync),
    pub(crate) flags: Vec<String>,
    pub(crate) guest: bool,
}

/// Builds all libraries from the crates unpacked in `sources/NAME` into `prefix/lib` and `prefix/include`.
pub(crate) fn build(
    sources: &Path,
    prefix: &Path,
    with: &For<'_>,
    log: &Path,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    for folder in ["lib", "include", "objects"] {
        let folder = prefix.join(folder);
        fs::create_dir_all(&folder).at("create", &folder)?;
    }
    for library in &LIBRARIES {
        let source = sources.join(library.name);
        let mut objects = Vec::new();
        for file in files(library, &source)? {
            let name = file.to_string_lossy().replace('/', "_");
            let object = prefix.join("objects").join(name).with_extension("o");
            let mut command = (with.cc)();
            // From inside the crate, so that no path of this machine gets into the object.
            command.current_dir(&source).args(&with.flags).args(library.flags);
            if with.guest {
                command.args(library.guest_flags);
            }
            command.arg("-c").arg(&file).arg("-o").arg(&object);
            process::run(&mut command, library.name, log, branch)?;
            branch.step(&format!("{} {}", library.name, file.display()));
            objects.push(object);
        }
        let mut command = (with.ar)();
        command.arg("rcsD").arg(prefix.join("lib").join(library.archive)).args(&objects);
        process::run(&mut command, library.name, log, branch)?;
        for (from, to) in library.headers {
            copy(&source.join(from), &prefix.join("include").join(to))?;
        }
    }
    Ok(())
}

/// The files to compile, sorted, relative to the crate.
fn files(library: &Library, root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for source in library.sources {
        let path = root.join(source);
        if !path.is_dir() {
            files.push(PathBuf::from(source));
            continue;
        }
        for entry in fs::read_dir(&path).at("read", &path)? {
            let name = entry.at("read", &path)?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".c") && !library.except.iter().any(|ending| name.ends_with(ending)) {
                files.push(Path::new(source).join(name));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    if from.is_dir() {
        return crate::recipe::stdlib::copy_tree(from, to, &|_| true);
    }
    fs::copy(from, to).at("copy", from).map(|_| ())
}

/// The variables that tell CPython's configure where the libraries are; `prefix` is relative to the
/// folder it runs in.
pub(crate) fn variables(prefix: &str) -> Vec<(String, String)> {
    [
        ("ZLIB", "-lz"),
        ("BZIP2", "-lbz2"),
        ("LIBLZMA", "-llzma"),
        ("LIBZSTD", "-lzstd"),
        ("LIBSQLITE3", "-lsqlite3 -lm"),
    ]
    .into_iter()
    .flat_map(|(name, library)| {
        [
            (format!("{name}_CFLAGS"), format!("-I{prefix}/include")),
            (format!("{name}_LIBS"), format!("-L{prefix}/lib {library}")),
        ]
    })
    .collect()
}
