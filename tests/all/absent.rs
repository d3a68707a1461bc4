//! What the guest cannot do: every row of the guide's table, tried.

use crate::library::RUNTIME;
use crate::support::repository;
use ophidia::{Access, DirGrant, Error};
use std::fs;

/// For each row, by how it begins: programs, and the exception that each ends with; an empty one is for
/// those that do not.
const ROWS: &[(&str, &[(&str, &str)])] = &[
    (
        "threads",
        &[
            ("import threading; threading.Thread(target=print).start()", "RuntimeError"),
            ("import asyncio; assert asyncio.run(asyncio.to_thread(len, 'ab')) == 2", ""),
            (
                "from concurrent.futures import ThreadPoolExecutor as Pool; Pool().submit(print)",
                "RuntimeError",
            ),
        ],
    ),
    (
        "processes",
        &[
            ("import subprocess; subprocess.run(['ls'])", "OSError"),
            ("import os; os.popen('ls')", "OSError"),
        ],
    ),
    (
        "`multiprocessing`",
        &[
            ("import multiprocessing as m; m.Process(target=print).start()", "AttributeError"),
            ("import multiprocessing as m; m.Pool(1)", "AttributeError"),
            ("import multiprocessing as m; m.Queue()", "ModuleNotFoundError"),
            (
                "from concurrent.futures import ProcessPoolExecutor as Pool; Pool().submit(print)",
                "NotImplementedError",
            ),
        ],
    ),
    (
        "`os.system`",
        &[
            ("import os; os.system('ls')", "AttributeError"),
            ("import os; os.fork()", "AttributeError"),
            ("import os; os.pipe()", "AttributeError"),
            ("import os; os.kill(1, 2)", "AttributeError"),
            ("import signal; signal.alarm(1)", "AttributeError"),
            ("import time; time.thread_time()", "AttributeError"),
        ],
    ),
    (
        "sockets that listen",
        &[
            ("import socket; socket.socket(type=socket.SOCK_DGRAM)", "OSError"),
            ("import socket; socket.socket().bind(('127.0.0.1', 8000))", "OSError"),
            ("import socket; socket.create_connection(('127.0.0.1', 80))", "PermissionError"),
            ("import socketserver; socketserver.TCPServer(('127.0.0.1', 0), None)", "OSError"),
            ("import socket; socket.create_connection(('localhost', 80))", "socket.gaierror"),
            (
                "import urllib.request; urllib.request.urlopen('http://localhost/')",
                "urllib.error.URLError",
            ),
            (
                "import asyncio; asyncio.run(asyncio.open_connection('localhost', 80))",
                "socket.gaierror",
            ),
            (
                "import asyncio; asyncio.run(asyncio.start_server(print, 'localhost', 80))",
                "socket.gaierror",
            ),
            (
                "import asyncio; asyncio.run(asyncio.open_connection('127.0.0.1', 80))",
                "PermissionError",
            ),
        ],
    ),
    (
        "`ctypes`",
        &[
            ("import ctypes; ctypes.CDLL('libc.so.6')", "OSError"),
            ("import ctypes; assert ctypes.sizeof(ctypes.c_int * 4) == 16", ""),
            ("import mmap; mmap.mmap(-1, 1)", "OSError"),
            ("import fcntl; fcntl.flock(0, fcntl.LOCK_EX)", "OSError"),
            ("import termios; termios.tcgetattr(0)", "termios.error"),
            ("import pwd; pwd.getpwuid(1)", "KeyError"),
            ("import grp; grp.getgrnam('x')", "KeyError"),
            ("import resource; resource.setrlimit(0, (1, 1))", "PermissionError"),
            ("import os; assert os.getuid() == os.geteuid() == 0", ""),
        ],
    ),
    ("`curses`", &[]), // its names are read from the row
    (
        "signals",
        &[
            ("import signal; signal.signal(signal.SIGTERM, print)", ""),
            ("import signal; signal.raise_signal(signal.SIGINT)", "KeyboardInterrupt"),
        ],
    ),
    (
        "`ssl` for servers",
        &[
            (
                "import ssl; ssl.create_default_context().load_cert_chain(ssl.__file__)",
                "ssl.SSLError",
            ),
            (
                "import socket, ssl; ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_bio(ssl.MemoryBIO(), \
                 ssl.MemoryBIO(), server_side=True)",
                "ssl.SSLError",
            ),
            ("import ssl; assert ssl.create_default_context().check_hostname", ""),
        ],
    ),
    (
        "asyncio subprocesses",
        &[
            (
                "import asyncio; asyncio.run(asyncio.create_subprocess_exec('ls'))",
                "NotImplementedError",
            ),
            (
                "import asyncio; asyncio.new_event_loop().add_signal_handler(2, print)",
                "NotImplementedError",
            ),
        ],
    ),
    (
        "`os.chmod`",
        &[(
            "import os; open('/data/a', 'w').close(); before = os.stat('/data/a'); \
             os.chmod('/data/a', 0); assert os.stat('/data/a') == before",
            "",
        )],
    ),
    (
        "processor time",
        &[(
            "import os, time\nbefore = time.process_time(), os.times().user\ntime.sleep(0.05)\n\
             after = time.process_time(), os.times().user\n\
             assert 0 <= before[0] < after[0] - 0.04 < 60, (before, after)\n\
             assert 0 <= before[1] < after[1] < 60, (before, after)\n\
             assert time.process_time_ns() >= after[0] * 1e9",
            "",
        )],
    ),
    (
        "`numpy.memmap`",
        &[
            ("import numpy; numpy.memmap('/data/x')", "NotImplementedError"),
            (
                "import numpy; numpy.save('/data/x.npy', numpy.zeros(2)); \
                 numpy.load('/data/x.npy', mmap_mode='r')",
                "NotImplementedError",
            ),
        ],
    ),
    (
        "`numpy.f2py`",
        &[
            ("import numpy.f2py", "ModuleNotFoundError"),
            ("import numpy.distutils", "ModuleNotFoundError"),
        ],
    ),
    (
        "warnings of floating-point",
        &[(
            "import numpy, warnings; warnings.simplefilter('error'); \
             numpy.errstate(all='raise').__enter__(); numpy.ones(1) / numpy.zeros(1)",
            "",
        )],
    ),
    (
        "extension modules",
        &[(
            "import sys; open('/data/native.so', 'wb').close(); sys.path.append('/data'); \
             import native",
            "ImportError",
        )],
    ),
];

/// The chapter with the table.
fn table() -> String {
    fs::read_to_string(repository().join("docs/src/missing.md")).expect("it can be read")
}

#[test]
fn every_row_of_the_table_holds() {
    let table = table();
    let rows: Vec<_> = table.lines().filter_map(|line| line.strip_prefix("| ")).skip(1).collect();
    assert_eq!(rows.len(), ROWS.len(), "each row has its programs here");
    for (row, (start, programs)) in rows.iter().zip(ROWS) {
        assert!(row.starts_with(start), "the row {row:?} is not that of {start}");
        for (source, exception) in *programs {
            ends_with(source, exception);
        }
    }
}

#[test]
fn modules_that_are_not_there_are_not_found() {
    let table = table();
    let row = table.lines().find(|line| line.starts_with("| `curses`")).expect("the row");
    let names: Vec<_> = row.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 8, "{names:?}");
    for name in names.iter().filter(|name| **name != "ModuleNotFoundError") {
        ends_with(&format!("import {name}"), "ModuleNotFoundError");
    }
}

#[track_caller]
fn ends_with(source: &str, exception: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let data =
        DirGrant { host: folder.path().into(), guest: "/data".into(), access: Access::ReadWrite };
    let mut py = RUNTIME.interpreter().dir(data).build().expect("an interpreter");
    let found = match py.run(source) {
        Ok(()) => String::new(),
        Err(Error::Python(error)) => error.type_name,
        Err(error) => panic!("{source}: {error}"),
    };
    assert_eq!(found, exception, "{source}");
}
