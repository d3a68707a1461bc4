//! WASI preview 1 as the guest sees it: `wasmtime-wasi`, except where waiting has to end in time.

pub(crate) mod poll;
pub(crate) mod stdio;

use crate::error::{Error, Result};
use crate::policy::{Access, Grants};
use crate::sandbox::control::Stop;
use crate::sandbox::state::HasSandbox;
use ophidia_abi::WASI_MODULE;
use std::path::Path;
use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

/// Where the guest finds its standard library; the bridge names the same folder.
const STDLIB: &str = "/usr/lib/python3.13";

/// Links everything the guest imports.
pub(crate) fn add_to_linker<T: HasSandbox + Send>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p1::add_to_linker_sync(linker, |state: &mut T| &mut state.sandbox_mut().wasi)?;
    linker.allow_shadowing(true);
    linker.func_wrap(WASI_MODULE, "poll_oneoff", poll::poll_oneoff::<T>)?;
    linker.func_wrap(
        WASI_MODULE,
        "proc_exit",
        |_: Caller<'_, T>, status: i32| -> wasmtime::Result<()> { Err(Stop::Exit(status).into()) },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Builds the context of one interpreter. The standard library comes first: the snapshot remembers
/// its descriptor.
pub(crate) fn context(
    stdlib: &Path,
    grants: &Grants,
    args: &[String],
    stdin: stdio::Stdin,
    stdout: stdio::Stdout,
    stderr: stdio::Stdout,
) -> Result<WasiP1Ctx> {
    let mut builder = WasiCtxBuilder::new();
    builder.allow_blocking_current_thread(true).stdin(stdin).stdout(stdout).stderr(stderr);
    builder
        .preopened_dir(stdlib, STDLIB, FsPerms::ReadOnly)
        .map_err(|error| Error::Host(format!("standard library {}: {error}", stdlib.display())))?;
    for dir in &grants.dirs {
        let perms = match dir.access {
            Access::ReadOnly => FsPerms::ReadOnly,
            Access::ReadWrite => FsPerms::ReadWrite,
        };
        builder.preopened_dir(&dir.host, &dir.guest, perms).map_err(|error| {
            Error::Grant(format!(
                "granted folder {}: {} (name a folder that exists and can be opened)",
                dir.host.display(),
                error.root_cause()
            ))
        })?;
    }
    for (name, value) in &grants.env {
        builder.env(name, value);
    }
    for arg in args {
        builder.arg(arg);
    }
    Ok(builder.build_p1())
}

/// That a guest can be given these names and texts.
pub(crate) fn check(grants: &Grants, args: &[String]) -> Result<()> {
    grants.dirs.iter().try_for_each(|dir| check_guest_path(&dir.guest))?;
    for (name, value) in &grants.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(Error::Grant(format!(
                "environment variable {name:?}: a name must not be empty or contain '=', \
                 and neither name nor value a null byte"
            )));
        }
    }
    match args.iter().find(|arg| arg.contains('\0')) {
        Some(arg) => Err(Error::Grant(format!("argument {arg:?}: contains a null byte"))),
        None => Ok(()),
    }
}

fn check_guest_path(path: &str) -> Result<()> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err(Error::Grant(format!(
            "guest path {path:?}: must be absolute, such as /data, and without null bytes"
        )));
    }
    if path.trim_end_matches('/') == STDLIB {
        return Err(Error::Grant(format!("guest path {path:?}: is the standard library's")));
    }
    Ok(())
}
