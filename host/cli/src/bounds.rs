//! The options that limit what a program may use: one for each field of [`Limits`].

use crate::values::{self, Files, Grace, Memory, Size, Timeout};
use ophidia::{Limits, NetworkLimits, Quota};

const HEADING: &str = "What the program may use";

/// The options.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Bounds {
    /// Stop the program after this time: 500ms, 2s, 1m 30s, none
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "TIME",
        default_value_t,
        value_parser = values::timeout,
        help_heading = HEADING
    )]
    timeout: Timeout,

    /// How long it may go on after --timeout, when it has been told by a TimeoutError: 100ms, 0s
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "TIME",
        default_value_t = Grace(Limits::default().grace),
        value_parser = values::grace,
        help_heading = HEADING
    )]
    grace: Grace,

    /// Processor time it may use: 500ms, 2s, none
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "TIME",
        default_value_t = Timeout(Limits::default().cpu),
        value_parser = values::timeout,
        help_heading = HEADING
    )]
    cpu: Timeout,

    /// Time after its start when it ends, however long it has waited: 10m, none
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "TIME",
        default_value_t = Timeout(Limits::default().life),
        value_parser = values::timeout,
        help_heading = HEADING
    )]
    life: Timeout,

    /// Units of work it may do, which are the same in each run; --json tells how many it did
    #[arg(long, allow_hyphen_values = true, value_name = "N", value_parser = values::count, help_heading = HEADING)]
    fuel: Option<u64>,

    /// Linear memory it may have: 256MiB, 1GiB; 4GiB at most
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "SIZE",
        default_value_t,
        value_parser = values::memory,
        help_heading = HEADING
    )]
    memory: Memory,

    /// What it may make this process hold in all: files in memory, --json's output [default: 1GiB, more with a larger
    /// --tmp]
    #[arg(long, allow_hyphen_values = true, value_name = "SIZE", value_parser = values::quota, help_heading = HEADING)]
    host_memory: Option<Size>,

    /// What one value that comes out may take, and all arguments of calls under way [default: 256MiB, more with a larger
    /// --tmp]
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "SIZE", value_parser = values::quota,
        help_heading = HEADING
    )]
    value: Option<Size>,

    /// Output that --json, `map` and `image` hold, standard output and standard error each
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "SIZE",
        default_value_t = Size(Limits::default().output),
        value_parser = values::quota,
        help_heading = HEADING
    )]
    captured: Size,

    /// Objects of the program that this process may hold, and of this process that the program may
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "N",
        default_value_t = Limits::default().objects,
        value_parser = values::at_least_one,
        help_heading = HEADING
    )]
    objects: u32,

    /// Calls of functions of the host that it may make [default: any number]
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "N", value_parser = values::count,
        help_heading = HEADING
    )]
    host_calls: Option<u64>,

    /// Time that one call of a function of the host may take: 2s, none
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "TIME",
        default_value_t = Timeout(Limits::default().host_call_time),
        value_parser = values::timeout,
        help_heading = HEADING
    )]
    host_call_time: Timeout,

    /// Files and folders it may have open at once, beside the granted ones
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "N",
        default_value_t,
        value_parser = values::files,
        help_heading = HEADING
    )]
    files: Files,

    /// What it may add to each folder that is granted with :rw
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "SIZE",
        default_value_t = Size(Limits::default().folder.bytes),
        value_parser = values::quota,
        help_heading = HEADING
    )]
    folder: Size,
}

impl Bounds {
    /// What they allow, beside so much in memory and of the network.
    pub(crate) fn limits(&self, tmp: Quota, network: NetworkLimits) -> Limits {
        let default = Limits::default();
        let bytes = |size: Size| if size.0 == 0 { u64::MAX } else { size.0 };
        Limits {
            timeout: self.timeout.0,
            grace: self.grace.0,
            cpu: self.cpu.0,
            life: self.life.0,
            fuel: self.fuel,
            host_calls: self.host_calls.unwrap_or(default.host_calls),
            host_call_time: self.host_call_time.0,
            memory: self.memory.0,
            // What --out takes out of memory at once.
            value: self.value.map_or(default.value.max(tmp.bytes), bytes),
            host_memory: self.host_memory.map_or_else(
                || default.host_memory.max(tmp.bytes.saturating_add(512 << 20)),
                bytes,
            ),
            objects: self.objects,
            output: bytes(self.captured),
            files: self.files.0,
            folder: match self.folder.0 {
                0 => Quota { bytes: u64::MAX, files: u64::MAX },
                bytes => Quota { bytes, ..default.folder },
            },
            network,
        }
    }
}
