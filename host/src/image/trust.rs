//! Who can have written a file: machine code is loaded only where that is this user or root.
//!
//! Trusted is what belongs to this user or to root and can be written by nobody else: the file, the folder it lies
//! in, and every folder above. A folder further up may be open to all if it is sticky, as `/tmp` is: there
//! nobody can move what is another's. Links are resolved first, and only what they lead to is asked about and
//! opened.
//!
//! A group may write where it is its owner's private one (the same number, and nobody else in it): many systems
//! make every folder so.

use rustix::fs::{Mode, OFlags};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folder without links, if it can be trusted.
pub(crate) fn folder(path: &Path) -> Result<PathBuf, String> {
    let resolved = fs::canonicalize(path).map_err(|error| said(path, &error))?;
    for ancestor in resolved.ancestors() {
        let data = fs::symlink_metadata(ancestor).map_err(|error| said(ancestor, &error))?;
        let sticky = ancestor != resolved && data.mode() & 0o1000 != 0;
        let Some(reason) = refused(ancestor, &data, sticky) else { continue };
        return Err(format!(
            "{reason}, so whatever lies in {} may be theirs: give {} to yourself or root alone \
             (chown, chmod go-w), or use a cache folder in a place that is yours",
            resolved.display(),
            ancestor.display()
        ));
    }
    Ok(resolved)
}

/// Opens a file in a folder that was found to be trusted. `Ok(None)`: there is none.
pub(crate) fn open(path: &Path) -> Result<Option<File>, String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(said(path, &error.into())),
    };
    let data = file.metadata().map_err(|error| said(path, &error))?;
    if let Some(reason) = refused(path, &data, false) {
        return Err(reason);
    }
    if !data.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    Ok(Some(file))
}

fn said(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Why something is not trusted, if it is not.
fn refused(path: &Path, data: &Metadata, open_to_all: bool) -> Option<String> {
    let (path_shown, mode) = (path.display(), data.mode() & 0o7777);
    if data.uid() != 0 && data.uid() != rustix::process::geteuid().as_raw() {
        return Some(format!("{path_shown} belongs to user {}", data.uid()));
    }
    if open_to_all || mode & 0o022 == 0 {
        return None;
    }
    if mode & 0o002 == 0 && is_private_group(path, data) {
        return None;
    }
    Some(format!("{path_shown} can be written by others (mode {mode:o})"))
}

/// Whether the group of a file has nobody in it but the file's owner, and no list of others stands beside it.
fn is_private_group(path: &Path, data: &Metadata) -> bool {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    data.gid() == data.uid()
        && !has_access_list(path)
        && only_its_own((&read("/etc/passwd"), &read("/etc/group")), data.uid())
}

/// Whether the user of this number is the only one in the group of the same number, by the system's lists.
fn only_its_own((users, groups): (&str, &str), id: u32) -> bool {
    let number = |field: Option<&str>| field.and_then(|field| field.parse::<u32>().ok());
    let fields = |line: &'_ str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let users: Vec<_> = users.lines().map(fields).collect();
    let of_group = |user: &&Vec<String>| number(user.get(3).map(String::as_str)) == Some(id);
    let Some(user) = users.iter().find(|user| number(user.get(2).map(String::as_str)) == Some(id))
    else {
        return false;
    };
    let name = user.first().cloned().unwrap_or_default();
    let others = users.iter().filter(of_group).any(|other| other.get(2) != user.get(2));
    let mut entries = groups.lines().map(fields);
    let group = entries.find(|group| number(group.get(2).map(String::as_str)) == Some(id));
    let members = group.map(|group| group.get(3).cloned().unwrap_or_default());
    !others && members.is_some_and(|members| members.is_empty() || members == name)
}

/// Whether an access list says more than the mode does.
#[cfg(target_os = "linux")]
fn has_access_list(path: &Path) -> bool {
    let found = rustix::fs::getxattr(path, "system.posix_acl_access", &mut [0u8; 0]);
    found != Err(rustix::io::Errno::NODATA) && found != Err(rustix::io::Errno::OPNOTSUPP)
}

/// Whether an access list says more than the mode does. Not known here.
#[cfg(not(target_os = "linux"))]
fn has_access_list(_: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// A folder in a place that is ours alone, with this mode.
    fn with_mode(place: &Path, name: &str, mode: u32) -> PathBuf {
        let path = place.join(name);
        fs::create_dir(&path).expect("a folder");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
        path
    }

    #[test]
    fn a_folder_of_ones_own_is_trusted_and_links_are_resolved() {
        let place = tempfile::tempdir().expect("a folder");
        let own = with_mode(place.path(), "own", 0o500);
        symlink(&own, place.path().join("link")).expect("a link");
        let found = folder(&place.path().join("link")).expect("trusted, below the sticky /tmp");
        assert_eq!(found, fs::canonicalize(&own).expect("it"));
    }

    #[test]
    fn an_ancestor_that_others_can_write_is_named_with_the_way_out() {
        let place = tempfile::tempdir().expect("a folder");
        let open = with_mode(place.path(), "open", 0o777);
        let inner = with_mode(&with_mode(&open, "between", 0o700), "inner", 0o700);
        let reason = folder(&inner).expect_err("anybody could move it away");
        let named = format!("{} can be written by others (mode 777)", open.display());
        assert!(reason.starts_with(&named) && reason.contains("chmod go-w"), "{reason}");
        // Through a link from a place that is ours.
        symlink(&inner, place.path().join("link")).expect("a link");
        assert_eq!(folder(&place.path().join("link")), Err(reason));
        // Sticky: what lies in it can be moved by its owner only.
        fs::set_permissions(&open, Permissions::from_mode(0o1777)).expect("its mode");
        folder(&inner).expect("trusted");
        // The folder itself must not be open, sticky or not: others could put a file in.
        fs::set_permissions(&inner, Permissions::from_mode(0o1777)).expect("its mode");
        assert!(folder(&inner).is_err());
    }

    #[test]
    fn what_is_given_to_another_user_is_refused() {
        let place = tempfile::tempdir().expect("a folder");
        let theirs = with_mode(place.path(), "theirs", 0o1755);
        let inner = with_mode(&theirs, "inner", 0o700);
        // Only root can give a folder away.
        if std::os::unix::fs::chown(&theirs, Some(65_534), None).is_ok() {
            let reason = folder(&inner).expect_err("its owner can do anything in it");
            assert!(reason.contains("belongs to user 65534"), "{reason}");
        }
    }

    #[test]
    fn a_group_is_private_when_nobody_else_is_in_it() {
        let users = "root:x:0:0::/:\nann:x:1000:1000::/:\nbob:x:1001:1001::/:\neve:x:1002:1003::/:\n\
                     mac:x:1003:1003::/:";
        let groups = "root:x:0:\nann:x:1000:\nbob:x:1001:ann\neve:x:1002:eve\nmac:x:1003:";
        let private = |id| only_its_own((users, groups), id);
        assert!(private(0) && private(1000), "nobody else");
        assert!(!private(1001), "ann is in it");
        assert!(private(1002), "named in one's own group");
        assert!(!private(1003), "it is eve's first group too");
        assert!(!private(4), "unknown");
    }
}
