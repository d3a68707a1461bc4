//! Works out the keys that name what a build gives. The build script runs this, so that no start of a program
//! has to; the crate itself has it only for its tests.
//!
//! A key is over all that goes into a thing, and the keys of what it needs: a change gives new keys to whatever
//! depends on it, and to nothing else.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Raised whenever this crate's own code changes what a build gives of CPython or of everything.
const RECIPE: u32 = 11;

/// The same for packages alone.
const PACKAGES: u32 = 1;

/// The name by which packages say that they need CPython.
const PYTHON: &str = "python";

/// What of the lock file's flags only links the guest, from objects that are there.
const LINKING: [&str; 3] = ["bridge", "link", "system_libraries"];

/// What of a package's file only the finished guest needs.
const FACE: [&str; 3] = ["what", "imports", "preload"];

/// The keys of everything that the pinned compiler makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) cpython: String,
    /// What a guest is linked with besides CPython and packages.
    pub(crate) bridge: String,
    /// All packages, those that others need first.
    pub(crate) packages: Vec<Package>,
    /// Names of flavours and of what is in each; the first is the default.
    pub(crate) flavours: Vec<(String, Vec<String>)>,
}

/// What is known of a package without its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) what: String,
    /// Without CPython.
    pub(crate) needs: Vec<String>,
    pub(crate) imports: Vec<String>,
    pub(crate) tool: bool,
    /// Of what its build leaves.
    pub(crate) key: String,
    /// Of what a guest is linked with because of it besides.
    pub(crate) face: String,
}

/// The keys of these inputs. Files by their names, folder first.
pub(crate) fn keys<'a>(
    (lock, header): (&str, &str),
    files: impl Iterator<Item = (&'a str, &'a [u8])> + Clone,
) -> Result<Keys, String> {
    let mut lock: Table = lock.parse().map_err(|error| format!("guest.lock.toml: {error}"))?;
    forget_upstream(&mut lock);
    let manifests = manifests(files.clone())?;
    let hash_folders = |hash: &mut Sha256, folders: &[&str], wanted: &dyn Fn(&str) -> bool| {
        for folder in folders {
            for (name, bytes) in files.clone() {
                if let Some(name) = name.strip_prefix(folder).and_then(|n| n.strip_prefix('/'))
                    && wanted(name)
                {
                    add(hash, name, bytes);
                }
            }
        }
    };

    let mut toolchain = Sha256::new();
    add(&mut toolchain, "recipe", &RECIPE.to_le_bytes());
    add(&mut toolchain, "toolchain", of_toolchain(&lock).to_string().as_bytes());

    let mut cpython = None;
    let mut packages: Vec<Package> = Vec::new();
    for name in in_order(&lock, &manifests)? {
        let key_of = |name: &String| {
            let made = packages.iter().find(|package| package.name == *name);
            made.map(|package| package.key.clone())
                .ok_or_else(|| format!("no package is named {name}"))
        };
        if name == PYTHON {
            let mut hash = toolchain.clone();
            add(&mut hash, "lock", of_cpython(&lock).to_string().as_bytes());
            hash_folders(&mut hash, &["patches", "profile", "recipe"], &|_| true);
            for need in &texts(&lock, "needs") {
                add(&mut hash, need, key_of(need)?.as_bytes());
            }
            cpython = Some(finish(hash));
            continue;
        }
        let manifest = manifests.get(&name).ok_or_else(|| format!("no package is named {name}"))?;
        let folder = format!("packages/{name}");
        let mut hash = toolchain.clone();
        add(&mut hash, "recipe", &PACKAGES.to_le_bytes());
        let mut kept = manifest.clone();
        kept.retain(|field, _| !FACE.contains(&field));
        add(&mut hash, "package", kept.to_string().as_bytes());
        let made_of = |name: &str| !is_face(name) && !["package.toml", "check.py"].contains(&name);
        hash_folders(&mut hash, &[&folder], &made_of);
        if ["make", "meson", "module"].iter().any(|builder| manifest.contains_key(*builder)) {
            add(&mut hash, "flags", flags(&lock, &["packages"]).to_string().as_bytes());
            hash_folders(&mut hash, &["packages"], &|name| name == "compile.sh");
        }
        let mut needs = texts(manifest, "needs");
        for need in &needs {
            let key = match need == PYTHON {
                true => cpython.clone().ok_or("CPython needs a package that needs it")?,
                false => key_of(need)?,
            };
            add(&mut hash, need, key.as_bytes());
        }
        needs.retain(|need| need != PYTHON);
        let mut face = Sha256::new();
        add(&mut face, "preload", texts(manifest, "preload").join(" ").as_bytes());
        hash_folders(&mut face, &[&folder], &is_face);
        let text = |field: &str| manifest.get(field).and_then(Value::as_str).unwrap_or_default();
        packages.push(Package {
            version: text("version").to_owned(),
            what: text("what").to_owned(),
            needs,
            imports: texts(manifest, "imports"),
            tool: manifest.contains_key("tool"),
            key: finish(hash),
            face: finish(face),
            name,
        });
    }

    let mut bridge = Sha256::new();
    add(&mut bridge, "lock", lock.to_string().as_bytes());
    hash_folders(&mut bridge, &["bridge", "python", "ophidia"], &|_| true);
    add(&mut bridge, "header", header.as_bytes());
    for package in &packages {
        add(&mut bridge, &package.name, package.imports.join(" ").as_bytes());
    }
    Ok(Keys {
        cpython: cpython.ok_or("nothing needs CPython")?,
        bridge: finish(bridge),
        flavours: flavours(files, &packages)?,
        packages,
    })
}

/// The files of all packages, by their names.
fn manifests<'a>(
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<BTreeMap<String, Table>, String> {
    let mut found = BTreeMap::new();
    for (name, bytes) in files {
        let folder = name.strip_prefix("packages/").and_then(|n| n.strip_suffix("/package.toml"));
        let Some(folder) = folder else { continue };
        let text = std::str::from_utf8(bytes).map_err(|error| format!("{name}: {error}"))?;
        let mut table: Table = text.parse().map_err(|error| format!("{name}: {error}"))?;
        forget_upstream(&mut table);
        if table.get("name").and_then(Value::as_str) != Some(folder) {
            return Err(format!("{name}: its name must be {folder}, as its folder's"));
        }
        found.insert(folder.to_owned(), table);
    }
    Ok(found)
}

/// Where else a file may be got from changes nothing of what is made of it.
fn forget_upstream(table: &mut Table) {
    let sources = table.get_mut("source").and_then(Value::as_array_mut);
    for source in sources.into_iter().flatten().filter_map(Value::as_table_mut) {
        source.remove("upstream");
    }
}

/// The names of all packages and CPython's, each after what it needs.
fn in_order(lock: &Table, manifests: &BTreeMap<String, Table>) -> Result<Vec<String>, String> {
    let mut waiting: BTreeMap<&str, Vec<String>> =
        manifests.iter().map(|(name, table)| (&**name, texts(table, "needs"))).collect();
    waiting.insert(PYTHON, texts(lock, "needs"));
    let mut order: Vec<String> = Vec::new();
    while !waiting.is_empty() {
        let ready = waiting.iter().find(|(_, needs)| needs.iter().all(|need| order.contains(need)));
        let Some((&next, _)) = ready else {
            let stuck: Vec<String> = waiting
                .iter()
                .map(|(name, needs)| format!("{name} ({})", needs.join(", ")))
                .collect();
            return Err(format!(
                "packages need what is not there, or one another: {}",
                stuck.join(", ")
            ));
        };
        waiting.remove(next);
        order.push(next.to_owned());
    }
    Ok(order)
}

fn flavours<'a>(
    mut files: impl Iterator<Item = (&'a str, &'a [u8])>,
    packages: &[Package],
) -> Result<Vec<(String, Vec<String>)>, String> {
    const FILE: &str = "packages/flavours.toml";
    let bytes = files.find(|(name, _)| *name == FILE).map(|(_, bytes)| bytes).unwrap_or_default();
    let table: Table =
        String::from_utf8_lossy(bytes).parse().map_err(|error| format!("{FILE}: {error}"))?;
    let default = table.get("default").and_then(Value::as_str).unwrap_or_default();
    let mut flavours = Vec::new();
    for (name, flavour) in &table {
        let Some(flavour) = flavour.as_table() else { continue };
        let names = texts(flavour, "packages");
        let known = |name: &&String| !packages.iter().any(|package| package.name == **name);
        if let Some(unknown) = names.iter().find(known) {
            return Err(format!("{FILE}: {name} has {unknown}, which is no package"));
        }
        flavours.push((name.clone(), names));
    }
    flavours.sort_by_key(|(name, _)| name != default);
    match flavours.first() {
        Some((first, _)) if first == default => Ok(flavours),
        _ => Err(format!("{FILE}: `default` must name one of the flavours")),
    }
}

/// Whether a file of a package's folder is compiled with the bridge, or runs in the guest.
fn is_face(name: &str) -> bool {
    name.starts_with("bridge/") || name == "guest.py"
}

/// What of the lock file goes into everything that is compiled.
fn of_toolchain(lock: &Table) -> Table {
    let mut table = flags(lock, &["machine", "libraries", "native_libraries"]);
    let sources = lock.get("source").and_then(Value::as_array).into_iter().flatten();
    let tools = sources.filter(|source| used_for(source) == Some("toolchain"));
    table.insert("source".into(), Value::Array(tools.cloned().collect()));
    table.insert("epoch".into(), lock.get("source_date_epoch").cloned().unwrap_or(0.into()));
    table
}

/// What of it goes into CPython.
fn of_cpython(lock: &Table) -> Table {
    let mut lock = lock.clone();
    if let Some(Value::Table(flags)) = lock.get_mut("flags") {
        flags.retain(|name, _| !LINKING.contains(&name) && name != "packages");
    }
    lock
}

fn used_for(source: &Value) -> Option<&str> {
    source.get("use").and_then(Value::as_str)
}

/// Some of the lock file's flags.
fn flags(lock: &Table, names: &[&str]) -> Table {
    let mut flags = lock.get("flags").and_then(Value::as_table).cloned().unwrap_or_default();
    flags.retain(|name, _| names.contains(&name));
    flags
}

/// A list of texts.
fn texts(table: &Table, field: &str) -> Vec<String> {
    let list = table.get(field).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn finish(hash: Sha256) -> String {
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn add(hash: &mut Sha256, name: &str, bytes: &[u8]) {
    for part in [name.as_bytes(), bytes] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
