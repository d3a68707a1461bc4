//! Guests written by hand: every function of the interop ABI is there and does nothing, until a test
//! says what it does instead.

use ophidia::{Error, Interpreter, Runtime};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// Where the frames are.
pub const FRAME: u32 = 1_024;

/// Where there is room for a test's own bytes.
pub const ROOM: u32 = 16_384;

/// Where every input goes, whatever its size.
pub const INPUT: u32 = 1 << 20;

/// An object as the value of the outermost level.
const HANDLE: &str = "(call $value (i32.const 6) (i32.const 1) (i64.const 0))";

/// Pages of memory of a new guest: 4 MiB.
const PAGES: u32 = 64;

/// Bytes of the host's memory one value may take.
pub const VALUE: u64 = 1 << 20;

/// Objects of the guest the host may hold.
pub const OBJECTS: u32 = 1_000;

/// Functions of WASI, by the names that bodies call them by, and their parameters.
const WASI: &[(&str, &str, &str)] = &[
    ("args_sizes_get", "args_sizes", "i32 i32"),
    ("clock_time_get", "clock", "i32 i64 i32"),
    ("fd_close", "fd_close", "i32"),
    ("fd_fdstat_get", "fd_fdstat", "i32 i32"),
    ("fd_filestat_get", "fd_filestat", "i32 i32"),
    ("fd_pread", "fd_pread", "i32 i32 i32 i64 i32"),
    ("fd_prestat_dir_name", "fd_prestat_name", "i32 i32 i32"),
    ("fd_prestat_get", "fd_prestat", "i32 i32"),
    ("fd_pwrite", "fd_pwrite", "i32 i32 i32 i64 i32"),
    ("fd_read", "fd_read", "i32 i32 i32 i32"),
    ("fd_readdir", "fd_readdir", "i32 i32 i32 i64 i32"),
    ("fd_renumber", "fd_renumber", "i32 i32"),
    ("fd_seek", "fd_seek", "i32 i64 i32 i32"),
    ("fd_write", "fd_write", "i32 i32 i32 i32"),
    ("path_filestat_get", "path_filestat", "i32 i32 i32 i32 i32"),
    ("path_open", "path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
    ("path_readlink", "path_readlink", "i32 i32 i32 i32 i32 i32"),
    ("path_rename", "path_rename", "i32 i32 i32 i32 i32 i32"),
    ("poll_oneoff", "poll", "i32 i32 i32 i32"),
    ("random_get", "random", "i32 i32"),
];

fn wasi_imports() -> String {
    let import = |(name, called, params): &(&str, &str, &str)| {
        format!(
            "(import \"wasi_snapshot_preview1\" \"{name}\" \
             (func ${called} (param {params}) (result i32)))\n"
        )
    };
    WASI.iter().map(import).collect()
}

/// A guest in WebAssembly text.
///
/// Functions for its bodies: `$value` sets the value slot of a level, `$slot` any slot, `$call` and
/// `$forget` are the host's, those of `WASI` too.
#[derive(Clone, Debug, Default)]
pub struct Guest {
    bodies: BTreeMap<&'static str, String>,
    more: String,
}

impl Guest {
    /// Every function gives 0, but for those that give addresses; every operation an object.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
            .does(ophidia_abi::export::FRAME, &format!("(i32.const {FRAME})"))
            .does(ophidia_abi::export::BUFFER, &format!("(i32.const {INPUT})"))
            .operates(&format!("{HANDLE} (i32.const 0)"))
            .does(ophidia_abi::export::VERSION, &format!("(i32.const {})", ophidia_abi::VERSION))
    }

    /// What an export does; its parameters have the names of the ABI.
    #[must_use]
    pub fn does(mut self, export: &'static str, body: &str) -> Self {
        self.bodies.insert(export, body.to_owned());
        self
    }

    /// What the guest does for any operation on objects.
    #[must_use]
    pub fn operates(self, body: &str) -> Self {
        self.does("ophidia_operate", body).does("ophidia_operate_on", body)
    }

    /// More fields of the module.
    #[must_use]
    pub fn with(mut self, fields: &str) -> Self {
        self.more.push_str(fields);
        self
    }

    fn text(&self) -> String {
        let mut text = format!(
            "(module
             (import \"ophidia\" \"meter\" (func $meter (param i32)))
             (import \"ophidia\" \"call\" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
             (import \"ophidia\" \"forget\" (func $forget (param i32)))
             {wasi}
             (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
             (memory (export \"memory\") {PAGES})
             (global $at (mut i32) (i32.const 0))
             (func $slot (param $level i32) (param $index i32) (param $tag i32) (param $len i32)
               (param $payload i64) (local $to i32)
               (local.set $to (i32.add (i32.const {first})
                 (i32.add (i32.mul (local.get $level) (i32.const {frame}))
                   (i32.mul (local.get $index) (i32.const 16)))))
               (i32.store (local.get $to) (local.get $tag))
               (i32.store offset=4 (local.get $to) (local.get $len))
               (i64.store offset=8 (local.get $to) (local.get $payload)))
             (func $value (param $tag i32) (param $len i32) (param $payload i64)
               (call $slot (i32.const 0) (i32.const 0) (local.get $tag) (local.get $len)
                 (local.get $payload)))
             {more}\n",
            first = FRAME + ophidia_abi::Frame::slot_offset(ophidia_abi::SlotIndex::Value),
            frame = ophidia_abi::Frame::SIZE,
            more = self.more,
            wasi = wasi_imports(),
        );
        for function in ophidia_abi::EXPORTS {
            let param = |param: &ophidia_abi::Param| match param.ty {
                ophidia_abi::ValueType::I32 => format!("(param ${} i32) ", param.name),
                ophidia_abi::ValueType::I64 => format!("(param ${} i64) ", param.name),
            };
            let params: String = function.params.iter().map(param).collect();
            let (result, nothing) = if function.result.is_some() {
                ("(result i32)", "(i32.const 0)")
            } else {
                ("", "")
            };
            let body = self.bodies.get(function.name).map_or(nothing, String::as_str);
            let _ =
                writeln!(text, "(func (export \"{}\") {params} {result} {body})", function.name);
        }
        text.push(')');
        text
    }

    /// Its module.
    ///
    /// # Panics
    ///
    /// When the text is wrong.
    #[must_use]
    pub fn wasm(&self) -> Vec<u8> {
        wat::parse_str(self.text()).expect("the guest's text is right")
    }

    /// A runtime of this guest, through the whole pipeline but for the cache.
    ///
    /// # Panics
    ///
    /// When the text or the module it makes is wrong.
    #[must_use]
    pub fn runtime(&self) -> Runtime {
        let wasm = self.wasm();
        // Any folder will do for a standard library.
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let runtime = Runtime::builder(folder).max_interpreters(8).build_of(&wasm, folder);
        runtime.expect("the guest is a module")
    }
}

/// An interpreter with limits that are soon reached.
///
/// # Errors
///
/// What the guest makes of its start.
pub fn interpreter(runtime: &Runtime) -> Result<Interpreter, Error> {
    let py = runtime.interpreter().value(VALUE).objects(OBJECTS).memory(64 << 20).output(1 << 16);
    py.timeout(Duration::from_millis(300)).grace(Duration::ZERO).build()
}
