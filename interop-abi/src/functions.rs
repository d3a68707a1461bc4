//! The functions that cross the wall: the guest's exports and the imports it may ask for.

/// A WebAssembly value type used in a signature of this agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A 32-bit integer; pointers and lengths are unsigned.
    I32,
    /// A 64-bit integer: a handle, its generation above its index, or 0 for none.
    I64,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: ValueType,
}

/// One function that the guest exports, or imports from the host.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// The parameters.
    pub params: &'static [Param],
    /// The type of the result, if there is one.
    pub result: Option<ValueType>,
    /// What the function does, in a sentence.
    pub doc: &'static str,
}

macro_rules! functions {
    ($(#[doc = $all:literal])* $list:ident, $(#[doc = $names:literal])* $module:ident:
     $( $(#[doc = $doc:literal])* fn $id:ident = $name:literal ( $($param:ident $(: $ty:ident)?),* ) $(-> $result:ident)?; )*) => {
        $(#[doc = $all])*
        pub const $list: &[Signature] = &[$(
            Signature {
                name: $name,
                params: &[$(Param { name: stringify!($param), ty: functions!(@type $($ty)?) }),*],
                result: functions!(@result $($result)?),
                doc: concat!($($doc),*),
            }
        ),*];
        $(#[doc = $names])*
        pub mod $module {
            $( $(#[doc = $doc])* pub const $id: &str = $name; )*
        }
    };
    (@type) => { ValueType::I32 };
    (@type $ty:ident) => { ValueType::$ty };
    (@result) => { None };
    (@result $result:ident) => { Some(ValueType::$result) };
}

functions! {
    /// Every function the guest exports, in the order of the header.
    EXPORTS,
    /// The names of the exports, one constant each.
    export:
    /// Starts the interpreter and imports the preload list; runs once, before the snapshot.
    fn INITIALIZE = "ophidia_initialize"();
    /// Gives the version of this agreement that the guest was built with.
    fn VERSION = "ophidia_abi_version"() -> I32;
    /// Gives the address of the frames, one for each level, which never move.
    fn FRAME = "ophidia_frame"() -> I32;
    /// Gives the address of an input buffer of at least `size` bytes, or 0 when memory is short.
    /// It is valid until the next call of this function at the same level, one for a short input for
    /// ever.
    fn BUFFER = "ophidia_buffer"(size) -> I32;
    /// Thaws the snapshot: environment, arguments, folders, entropy; `cwd` is the working directory, with
    /// `BY_NAME` in its length one that need not be there.
    fn START = "ophidia_start"(cwd, cwd_len) -> I32;
    /// Compiles and runs source text in `__main__`; an expression's value goes to the value slot.
    fn RUN = "ophidia_run"(mode, source, source_len, filename, filename_len, globals: I64, locals: I64, want) -> I32;
    /// Runs a module as the main program, as `python3 -m` does.
    fn RUN_MODULE = "ophidia_run_module"(name, name_len) -> I32;
    /// Puts a folder into `sys.path`: at the front, or at the back.
    fn ADD_PATH = "ophidia_add_path"(path, path_len, front) -> I32;
    /// Lets go of handles, then carries out an operation on `count` operands, `keywords` of them
    /// keyword arguments; the result goes to the value slot in the form wanted.
    fn OPERATE = "ophidia_operate"(operation, input, len, count, keywords, want) -> I32;
    /// The same on up to two objects by their handles, then operands in the slots of the frame; `form` is
    /// the form wanted, [`OPERAND`](crate::OPERAND) for each of these, and [`RELEASE`](crate::RELEASE) for
    /// each handle in the frame that is let go of first. Four parameters travel in registers.
    fn OPERATE_ON = "ophidia_operate_on"(operation, object: I64, other: I64, form) -> I32;
    /// Tells whether source text is a complete statement or waits for more lines.
    fn COMPLETE = "ophidia_complete"(source, source_len) -> I32;
    /// Runs the exit callbacks and flushes the standard streams.
    fn FINISH = "ophidia_finish"() -> I32;
}

/// The module name of the host's own functions.
pub const HOST_MODULE: &str = "ophidia";

functions! {
    /// The host's own functions, which the guest may import.
    IMPORTS,
    /// Their names, one constant each.
    import:
    /// Says that about `work` code units of bytecode follow, and where in the evaluation loop code may
    /// run that has run before. The host replaces each call by a check of its own.
    fn METER = "meter"(work);
    /// Calls a function of the host with `count` arguments, `keywords` of them keyword arguments: values
    /// of the encoding, last, when there are keywords, the tuple of their names; or, when `len` is
    /// [`IN_SLOT`](crate::IN_SLOT), the operands of the frame of `level`. What the host enters
    /// meanwhile is at `level`. The answer is a value in that level's input buffer: the result is its length, with
    /// [`RAISED`](crate::RAISED) set when it is an exception to raise; or it is [`IN_SLOT`](crate::IN_SLOT).
    fn CALL = "call"(function, arguments, len, count, keywords, level) -> I32;
    /// Lets go of a function or an object of the host.
    fn FORGET = "forget"(what);
    /// Writes out the text of the last denial if it had this error number, with no null byte behind it; gives its
    /// length, 0 when there is none. It is told once.
    fn DENIED = "denied"(error, to, room) -> I32;
    /// Gives a descriptor one more number, `onto` or, where that is [`u32::MAX`], the lowest that is free, and writes it.
    fn DUPLICATE = "duplicate"(fd, onto, to) -> I32;
    /// Opens a socket of a family ([`FAMILY_V4`](crate::FAMILY_V4) or [`FAMILY_V6`](crate::FAMILY_V6)) for one stream,
    /// and writes its descriptor. Like all functions of sockets and TLS it gives an error number of WASI.
    fn SOCKET_OPEN = "socket_open"(family, to) -> I32;
    /// Opens two sockets that are connected to each other, in the host's memory, and writes both descriptors.
    fn SOCKET_PAIR = "socket_pair"(to) -> I32;
    /// Connects a socket to the address in a record of [`ADDRESS`](crate::ADDRESS) bytes.
    fn SOCKET_CONNECT = "socket_connect"(fd, address) -> I32;
    /// Writes the address of a socket's own end, or with `peer` that of the other.
    fn SOCKET_NAME = "socket_name"(fd, peer, to) -> I32;
    /// Writes the number that an option of a socket has.
    fn SOCKET_GET = "socket_get"(fd, option, to) -> I32;
    /// Sets an option of a socket to a number.
    fn SOCKET_SET = "socket_set"(fd, option, value) -> I32;
    /// Looks up the addresses of a host's name, writes at most `room` records and how many there are.
    fn SOCKET_RESOLVE = "socket_resolve"(name, name_len, to, room, count) -> I32;
    /// Begins a client's connection of TLS out of a record (see the host's `tls.rs`), and writes its descriptor.
    fn TLS_OPEN = "tls_open"(settings, len, to) -> I32;
    /// Takes certificates, each behind its length, that connections can trust beside the host's; writes their number.
    fn TLS_TRUST = "tls_trust"(certificates, len, to) -> I32;
    /// Lets a connection of TLS run over a connected socket.
    fn TLS_ATTACH = "tls_attach"(tls, fd) -> I32;
    /// Goes on with the handshake; gives 0 at its end, or a code of [`tls`](crate::tls). All functions from here on give
    /// a number, a code, or an error number of WASI as [`tls::error`](crate::tls::error) makes it.
    fn TLS_HANDSHAKE = "tls_handshake"(tls) -> I32;
    /// Reads plaintext; gives how many bytes.
    fn TLS_READ = "tls_read"(tls, at, len) -> I32;
    /// Writes plaintext; gives how many bytes were taken.
    fn TLS_WRITE = "tls_write"(tls, at, len) -> I32;
    /// Says that no more is written; gives 0 when the peer has said so too.
    fn TLS_SHUTDOWN = "tls_shutdown"(tls) -> I32;
    /// Takes what came from the peer of a connection without a socket, nothing for its end; gives how much was taken.
    fn TLS_FEED = "tls_feed"(tls, at, len) -> I32;
    /// Writes out what is for the peer of a connection without a socket; gives how much.
    fn TLS_TAKE = "tls_take"(tls, at, room) -> I32;
    /// Writes out what is known of a connection, as much as there is room for; gives how much there is.
    fn TLS_ABOUT = "tls_about"(tls, what, at, room) -> I32;
}

/// The module name of what the guest imports from WASI preview 1.
pub const WASI_MODULE: &str = "wasi_snapshot_preview1";

/// Every function of WASI preview 1 the guest may import. A guest that asks for another is refused.
pub const WASI_IMPORTS: &[&str] = &[
    "args_get",
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_seek",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "poll_oneoff",
    "proc_exit",
    "random_get",
    "sched_yield",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];
