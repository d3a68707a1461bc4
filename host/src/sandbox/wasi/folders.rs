//! Calls on folders: what was granted, and listing.

use super::abi::Record;
use super::call::Call;
use super::errno::{Answer, Errno};

/// The control is looked at once in so many entries.
const ENTRIES: u32 = 256;

/// The path of a granted folder.
fn granted<'a>(call: &'a Call<'_>, fd: u32) -> Answer<&'a str> {
    let open = call.context.descriptors.folder(fd)?;
    if open.granted { Ok(&open.path) } else { Err(Errno::BadDescriptor.into()) }
}

pub(super) fn fd_prestat_get(call: &mut Call<'_>, fd: u32, to: u32) -> Answer {
    let len = u32::try_from(granted(call, fd)?.len()).map_err(|_| Errno::Overflow)?;
    // The tag of folders is 0.
    let record = Record::<8>::new().with(4, len.to_le_bytes());
    Ok(call.memory.put(to, record.bytes())?)
}

pub(super) fn fd_prestat_dir_name(call: &mut Call<'_>, fd: u32, to: u32, len: u32) -> Answer {
    let path = granted(call, fd)?;
    if usize::try_from(len).is_ok_and(|len| path.len() > len) {
        return Err(Errno::NameTooLong.into());
    }
    let open = call.context.descriptors.folder(fd)?;
    Ok(call.memory.put(to, open.path.as_bytes())?)
}

/// Fills a buffer with entries; the last may be cut off, which says that there are more.
pub(super) fn fd_readdir(
    call: &mut Call<'_>,
    fd: u32,
    at: u32,
    len: u32,
    cookie: u64,
    to: u32,
) -> Answer {
    let open = call.context.descriptors.folder(fd)?;
    let room = call.memory.get_mut(at, len)?;
    let control = &call.context.control;
    let (mut filled, mut count) = (0, 0_u32);
    open.position.list(&call.context.namespace, cookie, room.len(), &mut |entry| {
        count = count.wrapping_add(1);
        if count % ENTRIES == 0 {
            control.check()?;
        }
        for part in [&entry.record().bytes()[..], entry.name] {
            let left = room.get_mut(filled..).unwrap_or_default();
            let fits = part.len().min(left.len());
            if let (Some(to), Some(from)) = (left.get_mut(..fits), part.get(..fits)) {
                to.copy_from_slice(from);
            }
            filled += fits;
        }
        Ok(filled < room.len())
    })?;
    call.put_u32(to, u32::try_from(filled).unwrap_or(len))
}
