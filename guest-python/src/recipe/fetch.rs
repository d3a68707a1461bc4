//! Gets the items of the lock file with the machine's own clients, and believes only their SHA-256.

use crate::Error;
use crate::digest::sha256_file;
use crate::error::At;
use crate::recipe::cache::Cache;
use crate::recipe::lock::{Client, Source};
use crate::recipe::process::output;
use crate::recipe::progress::Branch;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's download program.
pub(crate) const APT_HELPER: &str = "/usr/lib/apt/apt-helper";

/// Where the items of the lock file are, by name.
#[derive(Debug, Default)]
pub(crate) struct Fetched(BTreeMap<String, PathBuf>);

impl Fetched {
    pub(crate) fn path(&self, name: &str) -> Result<&Path, Error> {
        let reason = || format!("it has no {name} for {}", crate::recipe::lock::host());
        self.0.get(name).map(PathBuf::as_path).ok_or_else(|| Error::Lock(reason()))
    }
}

/// Where an item is kept in the cache.
pub(crate) fn kept(cache: &Cache, source: &Source) -> PathBuf {
    cache.sources().join(format!("{}-{}", source.sha256, source.file))
}

/// The items that neither the cache nor the folder `local` has.
pub(crate) fn absent<'s>(
    cache: &Cache,
    local: Option<&Path>,
    sources: &'s [Source],
) -> Vec<&'s Source> {
    let there = |source: &Source| {
        kept(cache, source).is_file()
            || local.is_some_and(|folder| folder.join(&source.file).is_file())
    };
    sources.iter().filter(|source| !there(source)).collect()
}

/// Makes sure that all items are in the cache, whole and unaltered.
pub(crate) fn fetch(
    cache: &Cache,
    local: Option<&Path>,
    sources: &[Source],
    work: &Path,
    branch: &Branch<'_>,
) -> Result<Fetched, Error> {
    let folder = cache.sources();
    fs::create_dir_all(&folder).at("create", &folder)?;
    let mut fetched = Fetched::default();
    for source in sources {
        branch.step(&source.file);
        let path = kept(cache, source);
        if !path.is_file() {
            if let Some(file) =
                local.map(|folder| folder.join(&source.file)).filter(|file| file.is_file())
            {
                verify(&file, source)?;
                keep(&file, &path, work)?;
            } else {
                keep(&download(source, work)?, &path, work)?;
            }
        } else if let Err(error) = verify(&path, source) {
            // A damaged copy must not stand in the way of the next try.
            fs::remove_file(&path).at("remove", &path)?;
            return Err(error);
        }
        fetched.0.insert(source.name.clone(), path);
    }
    Ok(fetched)
}

/// Refuses a file that is not the one the lock file names.
pub(crate) fn verify(file: &Path, source: &Source) -> Result<(), Error> {
    let found = sha256_file(file)?;
    if found == source.sha256 {
        return Ok(());
    }
    Err(Error::Hash { path: file.to_owned(), expected: source.sha256.clone(), found })
}

/// Puts a verified file into the cache, whole: nobody sees half of it.
fn keep(file: &Path, target: &Path, work: &Path) -> Result<(), Error> {
    let copy = work.join("download");
    fs::copy(file, &copy).at("write", &copy)?;
    fs::rename(&copy, target).at("move into place", target)
}

/// Gets an item from wherever it may be, in order: by its client, then from each of the other addresses. What is
/// not the file that the lock names is passed over. The error names all places.
fn download(source: &Source, work: &Path) -> Result<PathBuf, Error> {
    let folder = work.join("downloads").join(&source.name);
    fs::create_dir_all(&folder).at("create", &folder)?;
    let mut tried = Tried { source, reasons: Vec::new() };
    let found = match source.client {
        Client::Apt => {
            let listed = output(Command::new("apt-get").args(["--print-uris", "update"]));
            let path = source.path.as_deref().unwrap_or_default();
            let listed = listed.unwrap_or_default();
            let mut addresses = mirrors(&listed).into_iter().map(|base| format!("{base}/{path}"));
            tried.any_of(&folder, &mut addresses, "apt has no sources on this machine")
        }
        Client::Pip => tried.one(pip(source, &folder).map_err(reason)),
        Client::Cargo => tried.one(cargo(source, &folder).map_err(reason)),
    };
    let mut upstream = source.upstream.iter().cloned();
    let found = found.or_else(|| tried.any_of(&folder, &mut upstream, "it has no other address"));
    found.ok_or_else(|| Error::Fetch {
        file: source.file.clone(),
        reason: tried.reasons.join("\n  then: "),
    })
}

/// Where an item was looked for in vain.
struct Tried<'s> {
    source: &'s Source,
    reasons: Vec<String>,
}

impl Tried<'_> {
    /// The file that was got, if it is the right one.
    fn one(&mut self, got: Result<PathBuf, String>) -> Option<PathBuf> {
        let verified = got.and_then(|file| match verify(&file, self.source) {
            Ok(()) => Ok(file),
            Err(error) => Err(reason(error)),
        });
        verified.map_err(|reason| self.reasons.push(reason)).ok()
    }

    /// The same from the first of these addresses that has it.
    fn any_of(
        &mut self,
        folder: &Path,
        addresses: &mut dyn Iterator<Item = String>,
        none: &str,
    ) -> Option<PathBuf> {
        let mut any = false;
        let file = folder.join(&self.source.file);
        for address in addresses {
            any = true;
            // What another address gave is no beginning of what this one has.
            let _ = fs::remove_file(&file);
            let mut helper = Command::new(APT_HELPER);
            helper.arg("download-file").arg(&address).arg(&file);
            let got = client(&mut helper, self.source).map(|()| file.clone());
            if let Some(found) = self.one(got) {
                return Some(found);
            }
            if let Some(last) = self.reasons.last_mut() {
                *last = format!("{address}: {last}");
            }
        }
        if !any {
            self.reasons.push(none.to_owned());
        }
        None
    }
}

fn reason(error: Error) -> String {
    match error {
        Error::Fetch { reason, .. } => reason,
        Error::Hash { expected, found, .. } => {
            format!("what came is another file: SHA-256 {found}, {expected} expected")
        }
        other => other.to_string(),
    }
}

/// The base addresses in the output of `apt-get --print-uris update`, Debian's own archive first.
fn mirrors(listed: &str) -> Vec<&str> {
    let mut bases: Vec<&str> = Vec::new();
    for line in listed.lines() {
        let base = line
            .strip_prefix('\'')
            .and_then(|line| line.split_once("/dists/"))
            .map(|(base, _)| base);
        bases.extend(base.filter(|base| !bases.contains(base)));
    }
    bases.sort_by_key(|base| !base.ends_with("/debian"));
    bases
}

fn pip(source: &Source, folder: &Path) -> Result<PathBuf, Error> {
    let package =
        format!("{}=={}", source.package.as_deref().unwrap_or_default(), source.package_version());
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"]).arg(folder);
    if let Some(backend) = &source.backend {
        // pip asks an archive's build backend for the package's metadata, once it has compared the archive's hash.
        // A module of the backend's name answers with no more than pip has to hear; what a package may have in front
        // of that is from the archive that is built in any case.
        let backends = folder.join("backends");
        let module = backends.join(format!("{}.py", backend.replace('.', "/")));
        let parent = module.parent().unwrap_or(&backends);
        fs::create_dir_all(parent).at("create", parent)?;
        for folder in parent.ancestors().take_while(|folder| *folder != backends) {
            // Without it a package of the same name that is installed would come first.
            let package = folder.join("__init__.py");
            fs::write(&package, "").at("write", &package)?;
        }
        fs::write(&module, answering(source)).at("write", &module)?;
        command.args(["--no-binary=:all:", "--no-build-isolation", "--use-pep517"]);
        command.arg("--ignore-requires-python");
        command.env("PYTHONPATH", backends);
    } else {
        command.arg("--only-binary=:all:");
    }
    if source.file.ends_with("-none-any.whl") {
        // pip would rather have the one for this machine's Python.
        command.args(["--platform", "any", "--implementation", "py", "--abi", "none"]);
        command.args(["--python-version", "3", "--ignore-requires-python"]);
    }
    let wanted = folder.join("wanted.txt");
    fs::write(&wanted, format!("{package} --hash=sha256:{}\n", source.sha256))
        .at("write", &wanted)?;
    command.arg("--require-hashes").arg("-r").arg(&wanted);
    client(&mut command, source)
        .map_err(|reason| Error::Fetch { file: source.file.clone(), reason })?;
    let file = folder.join(&source.file);
    if file.is_file() {
        return Ok(file);
    }
    let reason = "pip chose another file of this version for this machine".to_owned();
    Err(Error::Fetch { file: source.file.clone(), reason })
}

/// A build backend that knows a package's name and version, whichever of the ways there are it is asked.
fn answering(source: &Source) -> String {
    let (name, version) = (source.package.as_deref().unwrap_or_default(), source.package_version());
    const BACKEND: &str = r#"import os
import sys

__all__ = ["build_editable", "build_sdist", "build_wheel", "get_requires_for_build_wheel"]
__all__ += ["prepare_metadata_for_build_wheel"]


class Backend:
    def build_wheel(self, *arguments, **options):
        raise SystemExit("nothing is built while it is fetched")

    build_editable = build_sdist = build_wheel

    def get_requires_for_build_wheel(self, settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, folder, settings=None):
        name = f"{NAME}-{VERSION}.dist-info"
        os.mkdir(os.path.join(folder, name))
        with open(os.path.join(folder, name, "METADATA"), "w") as file:
            file.write(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n")
        return name


_backend = Backend()
globals().update({name: getattr(_backend, name) for name in __all__})
__legacy__ = sys.modules[__name__]
"#;
    format!("NAME = \"{name}\"\nVERSION = \"{version}\"\n\n{BACKEND}")
}

/// Lets cargo fetch a package that depends on the crate, and takes the archive from cargo's own cache.
fn cargo(source: &Source, folder: &Path) -> Result<PathBuf, Error> {
    if let Some(file) = in_cargo_home(source) {
        return Ok(file);
    }
    let (package, version) =
        (source.package.as_deref().unwrap_or_default(), source.package_version());
    // Build metadata takes no part in a requirement.
    let version = version.split('+').next().unwrap_or(version);
    let manifest = folder.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         {package} = {{ version = \"={version}\", default-features = false }}\n\n[workspace]\n"
    );
    fs::write(&manifest, text).at("write", &manifest)?;
    let src = folder.join("src");
    fs::create_dir_all(&src).at("create", &src)?;
    fs::write(src.join("lib.rs"), "").at("write", &src)?;
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.arg("fetch").current_dir(folder);
    client(&mut command, source)
        .map_err(|reason| Error::Fetch { file: source.file.clone(), reason })?;
    let reason =
        || Error::Fetch { file: source.file.clone(), reason: "it is not in cargo's cache".into() };
    in_cargo_home(source).ok_or_else(reason)
}

/// A crate's archive in cargo's cache, of whichever registry.
fn in_cargo_home(source: &Source) -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))?;
    let registries = fs::read_dir(home.join("registry/cache")).ok()?;
    registries
        .filter_map(|registry| Some(registry.ok()?.path().join(&source.file)))
        .find(|file| file.is_file() && verify(file, source).is_ok())
}

/// Runs a client; its last words are the reason when it fails.
fn client(command: &mut Command, source: &Source) -> Result<(), String> {
    let out = command
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", command.get_program().display()))?;
    if out.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&out.stderr);
    let mut last: Vec<&str> =
        said.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
    last.reverse();
    Err(format!(
        "{} could not get {} {}: {}",
        command.get_program().display(),
        source.name,
        source.version,
        last.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::inputs::Inputs;
    use crate::recipe::progress::{Silent, Work, run_stage};

    fn zlib() -> Source {
        let inputs = Inputs::embedded().expect("valid");
        inputs.package("zlib").expect("zlib").sources().remove(0)
    }

    fn fetch_one(cache: &Cache, local: Option<&Path>, source: &Source) -> Result<(), Error> {
        let work: Work<'_> = Box::new(|branch| {
            fetch(cache, local, std::slice::from_ref(source), cache.root(), branch).map(|_| ())
        });
        run_stage(&mut Silent, 1, vec![work])
    }

    #[test]
    fn a_file_with_another_hash_is_refused_and_not_kept() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let (cache, local) = (Cache::new(&root.path().join("cache")), root.path().join("local"));
        let source = zlib();
        fs::create_dir_all(&local).expect("created");
        fs::write(local.join(&source.file), "something else").expect("written");
        let error = fetch_one(&cache, Some(&local), &source).expect_err("refused");
        assert!(matches!(error, Error::Hash { .. }), "{error}");
        assert!(error.to_string().contains(&source.sha256));
        assert_eq!(fs::read_dir(cache.sources()).expect("made").count(), 0);
    }

    #[test]
    fn a_damaged_copy_in_the_cache_is_refused_once_and_removed() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::new(root.path());
        let source = zlib();
        fs::create_dir_all(cache.sources()).expect("created");
        fs::write(kept(&cache, &source), "damaged").expect("written");
        assert!(matches!(fetch_one(&cache, None, &source), Err(Error::Hash { .. })));
        assert!(!kept(&cache, &source).exists());
    }

    #[test]
    fn a_local_file_is_used_before_any_client() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let (cache, local) = (Cache::new(&root.path().join("cache")), root.path().join("local"));
        let mut source = zlib();
        fs::create_dir_all(&local).expect("created");
        fs::write(local.join(&source.file), "abc").expect("written");
        source.sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into();
        assert!(absent(&cache, Some(&local), std::slice::from_ref(&source)).is_empty());
        fetch_one(&cache, Some(&local), &source).expect("found");
        assert_eq!(fs::read(kept(&cache, &source)).expect("kept"), b"abc");
    }

    #[test]
    fn all_places_are_tried_in_order_and_named_when_none_has_it() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::new(&root.path().join("cache"));
        let mut source = zlib();
        source.client = Client::Apt;
        source.path = Some("pool/main/n/none/none_1.orig.tar.gz".into());
        // apt's own programs take files of this machine, too.
        let other = root.path().join("other");
        fs::write(&other, "something else").expect("written");
        let right = root.path().join("right");
        let file = |path: &Path| format!("copy:{}", path.display());
        source.upstream = vec![file(&root.path().join("nothing")), file(&other)];
        let said = fetch_one(&cache, None, &source).expect_err("nowhere").to_string();
        let named = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}: {said}"));
        assert!(named("/nothing: ") < named("/other: what came is another file: SHA-256 "));
        assert!(said.contains(&source.sha256) && said.contains("OPHIDIA_SOURCES"), "{said}");

        fs::write(&right, "abc").expect("written");
        source.sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into();
        source.upstream.push(file(&right));
        fetch_one(&cache, None, &source).expect("the last one has it");
        assert_eq!(fs::read(kept(&cache, &source)).expect("kept"), b"abc");
    }

    #[test]
    fn mirrors_are_listed_once_and_debian_comes_first() {
        let listed = "'mirror:/security/dists/x-security/InRelease' a 0 \n\
                      'mirror:/debian/dists/x/InRelease' b 0 \n'mirror:/debian/dists/y/InRelease' c 0 \n";
        assert_eq!(mirrors(listed), ["mirror:/debian", "mirror:/security"]);
    }
}
