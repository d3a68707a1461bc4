//! The table of all functions of preview 1, and how each is answered.

use super::call::Call;
use super::errno::{Answer, Errno, Failure};
use super::{files, folders, paths, poll, process, secure, sockets};
use crate::error::Error;
use crate::sandbox::control::{Stop, raise_interrupt};
use crate::sandbox::state::HasSandbox;
use ophidia_abi::{HOST_MODULE, WASI_MODULE, import, tls};
use wasmtime::{AsContextMut, Caller, Linker};

macro_rules! link {
    ($linker:ident, $module:expr, $answer:ident:
     $($name:expr => $function:path, ($($param:ident: $kind:ty),*);)*) => {$(
        $linker.func_wrap(
            $module,
            $name,
            |mut caller: Caller<'_, T>, $($param: $kind),*| -> wasmtime::Result<i32> {
                $answer(&mut caller, |call| $function(call, $($param),*))
            },
        )?;
    )*};
}

/// Links everything that a guest may import of preview 1.
pub(crate) fn add_to_linker<T: HasSandbox>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    link!(linker, WASI_MODULE, answer:
        "args_get" => process::args_get, (argv: u32, texts: u32);
        "args_sizes_get" => process::args_sizes_get, (count: u32, size: u32);
        "environ_get" => process::environ_get, (environ: u32, texts: u32);
        "environ_sizes_get" => process::environ_sizes_get, (count: u32, size: u32);
        "clock_res_get" => process::clock_res_get, (clock: u32, to: u32);
        "clock_time_get" => process::clock_time_get, (clock: u32, precision: u64, to: u32);
        "random_get" => process::random_get, (at: u32, len: u32);
        "sched_yield" => process::sched_yield, ();
        "proc_raise" => process::proc_raise, (signal: u32);
        "poll_oneoff" => poll::poll_oneoff, (subscriptions: u32, events: u32, count: u32, to: u32);
        "fd_advise" => files::fd_advise, (fd: u32, offset: u64, len: u64, advice: u32);
        "fd_allocate" => files::fd_allocate, (fd: u32, offset: u64, len: u64);
        "fd_close" => files::fd_close, (fd: u32);
        "fd_datasync" => files::fd_datasync, (fd: u32);
        "fd_fdstat_get" => files::fd_fdstat_get, (fd: u32, to: u32);
        "fd_fdstat_set_flags" => files::fd_fdstat_set_flags, (fd: u32, flags: u32);
        "fd_fdstat_set_rights" => files::fd_fdstat_set_rights, (fd: u32, base: u64, inheriting: u64);
        "fd_filestat_get" => files::fd_filestat_get, (fd: u32, to: u32);
        "fd_filestat_set_size" => files::fd_filestat_set_size, (fd: u32, size: u64);
        "fd_filestat_set_times" => files::fd_filestat_set_times,
            (fd: u32, accessed: u64, modified: u64, flags: u32);
        "fd_pread" => files::fd_pread, (fd: u32, buffers: u32, count: u32, offset: u64, to: u32);
        "fd_pwrite" => files::fd_pwrite, (fd: u32, buffers: u32, count: u32, offset: u64, to: u32);
        "fd_read" => files::fd_read, (fd: u32, buffers: u32, count: u32, to: u32);
        "fd_write" => files::fd_write, (fd: u32, buffers: u32, count: u32, to: u32);
        "fd_renumber" => files::fd_renumber, (from: u32, onto: u32);
        "fd_seek" => files::fd_seek, (fd: u32, offset: i64, whence: u32, to: u32);
        "fd_sync" => files::fd_sync, (fd: u32);
        "fd_tell" => files::fd_tell, (fd: u32, to: u32);
        "fd_prestat_get" => folders::fd_prestat_get, (fd: u32, to: u32);
        "fd_prestat_dir_name" => folders::fd_prestat_dir_name, (fd: u32, to: u32, len: u32);
        "fd_readdir" => folders::fd_readdir, (fd: u32, at: u32, len: u32, cookie: u64, to: u32);
        "path_create_directory" => paths::path_create_directory, (fd: u32, path: u32, len: u32);
        "path_filestat_get" => paths::path_filestat_get,
            (fd: u32, lookup: u32, path: u32, len: u32, to: u32);
        "path_filestat_set_times" => paths::path_filestat_set_times,
            (fd: u32, lookup: u32, path: u32, len: u32, accessed: u64, modified: u64, flags: u32);
        "path_link" => paths::path_link,
            (fd: u32, lookup: u32, path: u32, len: u32, to_fd: u32, to_path: u32, to_len: u32);
        "path_open" => paths::path_open,
            (fd: u32, lookup: u32, path: u32, len: u32, oflags: u32, rights: u64, inheriting: u64,
             fdflags: u32, to: u32);
        "path_readlink" => paths::path_readlink,
            (fd: u32, path: u32, len: u32, at: u32, room: u32, to: u32);
        "path_remove_directory" => paths::path_remove_directory, (fd: u32, path: u32, len: u32);
        "path_rename" => paths::path_rename,
            (fd: u32, path: u32, len: u32, to_fd: u32, to_path: u32, to_len: u32);
        "path_symlink" => paths::path_symlink,
            (text: u32, text_len: u32, fd: u32, path: u32, len: u32);
        "path_unlink_file" => paths::path_unlink_file, (fd: u32, path: u32, len: u32);
        "sock_accept" => sockets::sock_accept, (fd: u32, flags: u32, to: u32);
        "sock_recv" => sockets::sock_recv,
            (fd: u32, buffers: u32, count: u32, flags: u32, to: u32, to_flags: u32);
        "sock_send" => sockets::sock_send, (fd: u32, buffers: u32, count: u32, flags: u32, to: u32);
        "sock_shutdown" => sockets::sock_shutdown, (fd: u32, how: u32);
    );
    link!(linker, HOST_MODULE, answer:
        import::SOCKET_OPEN => sockets::open, (family: u32, to: u32);
        import::DUPLICATE => files::duplicate, (fd: u32, onto: u32, to: u32);
        import::SOCKET_PAIR => sockets::pair, (to: u32);
        import::SOCKET_CONNECT => sockets::connect, (fd: u32, address: u32);
        import::SOCKET_NAME => sockets::name, (fd: u32, peer: u32, to: u32);
        import::SOCKET_GET => sockets::get, (fd: u32, option: u32, to: u32);
        import::SOCKET_SET => sockets::set, (fd: u32, option: u32, value: u32);
        import::SOCKET_RESOLVE => sockets::resolve,
            (name: u32, len: u32, to: u32, room: u32, count: u32);
        import::TLS_OPEN => secure::open, (settings: u32, len: u32, to: u32);
        import::TLS_TRUST => secure::trust, (certificates: u32, len: u32, to: u32);
        import::TLS_ATTACH => secure::attach, (tls: u32, fd: u32);
    );
    link!(linker, HOST_MODULE, number:
        import::DENIED => sockets::denied, (error: u32, to: u32, room: u32);
        import::TLS_HANDSHAKE => secure::handshake, (tls: u32);
        import::TLS_READ => secure::read, (tls: u32, at: u32, len: u32);
        import::TLS_WRITE => secure::write, (tls: u32, at: u32, len: u32);
        import::TLS_SHUTDOWN => secure::shutdown, (tls: u32);
        import::TLS_FEED => secure::feed, (tls: u32, at: u32, len: u32);
        import::TLS_TAKE => secure::take, (tls: u32, at: u32, room: u32);
        import::TLS_ABOUT => secure::about, (tls: u32, what: u32, at: u32, room: u32);
    );
    linker.func_wrap(
        WASI_MODULE,
        "proc_exit",
        |_: Caller<'_, T>, status: i32| -> wasmtime::Result<()> { Err(Stop::Exit(status).into()) },
    )?;
    Ok(())
}

/// Answers one call: an error number for the guest, or the end of the running operation.
fn answer<T: HasSandbox>(
    caller: &mut Caller<'_, T>,
    body: impl FnOnce(&mut Call<'_>) -> Answer,
) -> wasmtime::Result<i32> {
    Ok(match answered(caller, body)? {
        Ok(()) => 0,
        Err(errno) => errno.number(),
    })
}

/// Answers one call whose answer is a number, or an error as one.
fn number<T: HasSandbox>(
    caller: &mut Caller<'_, T>,
    body: impl FnOnce(&mut Call<'_>) -> Answer<i32>,
) -> wasmtime::Result<i32> {
    Ok(match answered(caller, body)? {
        Ok(number) => number,
        Err(errno) => tls::error(errno as u16),
    })
}

fn answered<T: HasSandbox, R>(
    caller: &mut Caller<'_, T>,
    body: impl FnOnce(&mut Call<'_>) -> Answer<R>,
) -> wasmtime::Result<Result<R, Errno>> {
    let Some(memory) = caller.data().sandbox().memory else { return Ok(Err(Errno::Fault)) };
    let (memory, data) = memory.answering(caller);
    let state = data.sandbox_mut();
    let (context, ledger) = (&mut state.wasi, &mut state.ledger);
    let denial = context.denial.take();
    let mut call = Call { memory, context, ledger, interrupted: false, denial };
    let answer = body(&mut call);
    if call.interrupted {
        raise_interrupt(caller.as_context_mut());
    }
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(Failure::Refused(refusal)) => {
            let context = &mut caller.data_mut().sandbox_mut().wasi;
            context.deny(refusal.errno, refusal.said.into_owned());
            Ok(Err(refusal.errno))
        }
        Err(Failure::Errno(errno)) => {
            let context = &mut caller.data_mut().sandbox_mut().wasi;
            if let Some(why) = context.descriptors.take_met() {
                context.deny(errno, (*why).to_owned());
            }
            Ok(Err(errno))
        }
        Err(Failure::Stop(stop)) => Err(match stop.downcast::<Error>() {
            Ok(Error::GuestFault(said)) => {
                Error::GuestFault(format!("a call of WASI: {said}")).into()
            }
            Ok(error) => error.into(),
            Err(stop) => stop,
        }),
    }
}
