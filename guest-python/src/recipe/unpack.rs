//! Opens the archives that sources come in. Nothing is ever written outside the target folder.

use crate::Error;
use crate::error::At;
use lzma_rust2::XzReader;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

/// Unpacks an archive of sources, or a wheel, by the ending of its name; of a wheel what begins as one of `only`.
pub(crate) fn archive(archive: &Path, target: &Path, only: &[String]) -> Result<(), Error> {
    let name = archive.to_string_lossy();
    match () {
        () if name.ends_with(".whl") => zip(archive, target, |name| {
            only.is_empty() || only.iter().any(|start| name.starts_with(start))
        }),
        () if name.ends_with(".tar.xz") => tar_xz(archive, target, &|_| {}),
        () if name.ends_with(".tar.gz") || name.ends_with(".crate") => tar_gz(archive, target),
        () => Err(Error::Unexpected {
            path: archive.to_owned(),
            reason: "only .tar.gz, .tar.xz, .crate and .whl can be unpacked".into(),
        }),
    }
}

/// Unpacks a `.tar.xz` whose content stands below one folder; that folder becomes `target`. Gives each
/// file's name to `seen`.
pub(crate) fn tar_xz(archive: &Path, target: &Path, seen: &dyn Fn(&Path)) -> Result<(), Error> {
    let file = BufReader::new(File::open(archive).at("open", archive)?);
    tar(XzReader::new(file, true), archive, target, 1, seen)
}

/// Unpacks a crate (`.tar.gz` below one folder) into `target`.
pub(crate) fn tar_gz(archive: &Path, target: &Path) -> Result<(), Error> {
    let file = BufReader::new(File::open(archive).at("open", archive)?);
    tar(flate2::read::GzDecoder::new(file), archive, target, 1, &|_| {})
}

/// Unpacks the files of a Debian package into `target`.
pub(crate) fn deb(package: &Path, target: &Path) -> Result<(), Error> {
    let file = File::open(package).at("open", package)?;
    let mut members = ar::Archive::new(BufReader::new(file));
    while let Some(member) = members.next_entry() {
        let member = member.at("read", package)?;
        if member.header().identifier() == b"data.tar.xz" {
            return tar(XzReader::new(member, true), package, target, 0, &|_| {});
        }
    }
    Err(Error::Unexpected { path: package.to_owned(), reason: "it has no data.tar.xz".into() })
}

/// Unpacks a wheel's files for which `wanted` holds into `target`.
pub(crate) fn zip(
    archive: &Path,
    target: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let broken = |error: zip::result::ZipError| Error::Unexpected {
        path: archive.to_owned(),
        reason: error.to_string(),
    };
    let file = BufReader::new(File::open(archive).at("open", archive)?);
    let mut files = zip::ZipArchive::new(file).map_err(broken)?;
    for index in 0..files.len() {
        let mut entry = files.by_index(index).map_err(broken)?;
        let name = entry.name().map_err(broken)?.into_owned();
        if entry.is_dir() || !wanted(&name) {
            continue;
        }
        let path = target.join(inside(Path::new(&name), 0, archive)?);
        write(&path, &mut entry)?;
    }
    Ok(())
}

/// The one file of this name below a folder.
pub(crate) fn find(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).at("read", &folder)? {
            let path = entry.at("read", &folder)?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.ends_with(name) {
                return Ok(path);
            }
        }
    }
    Err(Error::Unexpected { path: folder.to_owned(), reason: format!("it has no {name}") })
}

fn tar(
    reader: impl Read,
    archive: &Path,
    target: &Path,
    strip: usize,
    seen: &dyn Fn(&Path),
) -> Result<(), Error> {
    let mut tar = tar::Archive::new(reader);
    for entry in tar.entries().at("read", archive)? {
        let mut entry = entry.at("read", archive)?;
        let name = entry.path().at("read", archive)?.into_owned();
        let name = inside(&name, strip, archive)?;
        let path = target.join(&name);
        if entry.header().entry_type().is_dir() {
            fs::create_dir_all(&path).at("create", &path)?;
            continue;
        }
        let parent = path.parent().unwrap_or(target);
        fs::create_dir_all(parent).at("create", parent)?;
        // Time stamps matter: make would regenerate files that seem older than what they came from.
        entry.set_preserve_mtime(true);
        entry.unpack(&path).at("write", &path)?;
        seen(&name);
    }
    Ok(())
}

/// A name without its first `strip` parts; refused when it leads out of the folder.
fn inside(name: &Path, strip: usize, archive: &Path) -> Result<PathBuf, Error> {
    let parts = name.components().filter(|part| *part != Component::CurDir);
    let mut path = PathBuf::new();
    for part in parts.skip(strip) {
        let Component::Normal(part) = part else {
            let reason = format!("it holds {}, which leads out of its folder", name.display());
            return Err(Error::Unexpected { path: archive.to_owned(), reason });
        };
        path.push(part);
    }
    Ok(path)
}

fn write(path: &Path, reader: &mut impl Read) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).at("create", parent)?;
    let mut file = File::create(path).at("create", path)?;
    io::copy(reader, &mut file).at("write", path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        let archive = Path::new("x.tar");
        let inside = |name: &str, strip| inside(Path::new(name), strip, archive);
        assert_eq!(inside("./usr/lib/x", 0).expect("fine"), Path::new("usr/lib/x"));
        assert_eq!(inside("Python-3/Lib/os.py", 1).expect("fine"), Path::new("Lib/os.py"));
        assert!(inside("a/../../b", 0).is_err());
        assert!(inside("/etc/passwd", 0).is_err());
    }
}
