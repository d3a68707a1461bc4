//! What a file in memory holds: pages of its own, or bytes that somebody else has as well.

use super::super::super::errno::{Answer, Errno};
use super::super::quota::Quota;
use std::sync::Arc;

/// Bytes of a page; what a file takes is counted in whole ones.
pub(super) const PAGE: usize = 4096;

/// Pages that the guest has written.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    /// One that was never written is zeros and has no page.
    pub(super) pages: Vec<Option<Arc<[u8; PAGE]>>>,
    pub(super) len: u64,
}

impl Pages {
    /// A copy of these bytes, which have been paid for.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let page = |bytes: &[u8]| {
            let mut page = [0; PAGE];
            if let Some(to) = page.get_mut(..bytes.len()) {
                to.copy_from_slice(bytes);
            }
            Some(Arc::new(page))
        };
        Self { pages: bytes.chunks(PAGE).map(page).collect(), len: bytes.len() as u64 }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn to_bytes(&self) -> Arc<[u8]> {
        let mut bytes = vec![0; usize::try_from(self.len).unwrap_or(usize::MAX)];
        self.read_at(&mut bytes, 0);
        bytes.into()
    }

    /// What of this size is paid for.
    pub(super) fn price(len: u64) -> u64 {
        len.div_ceil(PAGE as u64).saturating_mul(PAGE as u64)
    }

    pub(super) fn read_at(&self, bytes: &mut [u8], position: u64) -> usize {
        let mut done = 0;
        while done < bytes.len() {
            let at = position.saturating_add(done as u64);
            let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
            let (Some((index, inside)), Some(rest)) = (place(at), bytes.get_mut(done..)) else {
                break;
            };
            let len = rest.len().min(PAGE - inside).min(left);
            if len == 0 {
                break;
            }
            let Some(to) = rest.get_mut(..len) else { break };
            match self.pages.get(index).and_then(Option::as_ref) {
                Some(page) => {
                    to.copy_from_slice(page.get(inside..inside + len).unwrap_or_default())
                }
                None => to.fill(0),
            }
            done += len;
        }
        done
    }

    /// Writes what there is room for; nothing is an error where something was asked for.
    pub(super) fn write_at(&mut self, bytes: &[u8], position: u64, quota: &Quota) -> Answer<usize> {
        let end = position.checked_add(bytes.len() as u64).ok_or(Errno::TooBig)?;
        if end > self.len {
            let (have, want) = (Self::price(self.len), Self::price(end));
            match quota.take(want - have) {
                Ok(()) => self.grow(end)?,
                // As much as fits on the pages that are there, or as there is room for.
                Err(room) => {
                    let fits = (have + room / PAGE as u64 * PAGE as u64).saturating_sub(position);
                    let fits = usize::try_from(fits).unwrap_or(usize::MAX).min(bytes.len());
                    let (true, Some(first)) = (fits > 0 && fits < bytes.len(), bytes.get(..fits))
                    else {
                        return Err(quota.no_bytes());
                    };
                    return self.write_at(first, position, quota);
                }
            }
        }
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let Some((index, inside)) = place(position + done as u64) else { break };
            let Some(page) = self.pages.get_mut(index) else { break };
            let len = rest.len().min(PAGE - inside);
            let page = Arc::make_mut(page.get_or_insert_with(|| Arc::new([0; PAGE])));
            if let (Some(to), Some(from)) = (page.get_mut(inside..inside + len), rest.get(..len)) {
                to.copy_from_slice(from);
            }
            done += len;
        }
        Ok(done)
    }

    /// Cuts it off, or fills it up with zeros.
    pub(super) fn set_len(&mut self, len: u64, quota: &Quota) -> Answer {
        let (have, want) = (Self::price(self.len), Self::price(len));
        if want > have {
            quota.take(want - have).map_err(|_| quota.no_bytes())?;
        }
        if len > self.len {
            return self.grow(len);
        }
        quota.give_back(have - want);
        self.pages.truncate(pages(want).unwrap_or(0));
        self.pages.shrink_to_fit();
        self.len = len;
        // What was cut off is zeros when it comes back.
        if let Some((index, inside)) = place(len)
            && let Some(Some(page)) = self.pages.get_mut(index)
        {
            Arc::make_mut(page).get_mut(inside..).unwrap_or_default().fill(0);
        }
        Ok(())
    }

    /// To a length that has been paid for.
    fn grow(&mut self, len: u64) -> Answer {
        let count = pages(Self::price(len)).ok_or(Errno::TooBig)?;
        self.pages
            .try_reserve(count.saturating_sub(self.pages.len()))
            .map_err(|_| Errno::NoSpace)?;
        self.pages.resize(count, None);
        self.len = len;
        Ok(())
    }
}

/// How many pages these bytes are.
fn pages(bytes: u64) -> Option<usize> {
    usize::try_from(bytes / PAGE as u64).ok()
}

/// A place's page, and where in it.
fn place(at: u64) -> Option<(usize, usize)> {
    let index = usize::try_from(at / PAGE as u64).ok()?;
    Some((index, usize::try_from(at % PAGE as u64).ok()?))
}
