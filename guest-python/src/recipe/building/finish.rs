//! What a package leaves besides what is compiled: Python files, the record of its version, licences.

use super::Building;
use crate::Error;
use crate::digest::sorted_files;
use crate::error::At;
use crate::recipe::package::Wheel;
use crate::recipe::product::Product;
use crate::recipe::progress::file_name;
use crate::recipe::stdlib;
use std::fs;
use std::path::Path;

/// What an archive of sources says of itself.
const METADATA: &str = "PKG-INFO";

impl Building<'_> {
    pub(super) fn finish(&self, out: &Product) -> Result<(), Error> {
        let from = match self.package.meson {
            Some(_) => self.installed_packages()?,
            None => self.source(),
        };
        if let Some(wheel) = &self.package.wheel {
            return self.wheel(wheel, out);
        }
        for tree in &self.package.trees {
            let wanted = |name: &str| !tree.except.iter().any(|pattern| is_named(name, pattern));
            stdlib::copy_tree(&from.join(&tree.from), &out.lib().join(&tree.to), &wanted)?;
        }
        for (place, text) in &self.package.written {
            let path = out.lib().join(place);
            let folder = path.parent().unwrap_or(&path);
            fs::create_dir_all(folder).at("create", folder)?;
            fs::write(&path, text).at("write", &path)?;
        }
        if self.package.has_modules() {
            self.record(out)?;
        }
        self.licenses(out)
    }

    /// Takes a wheel over; of its own record the metadata and the licences.
    fn wheel(&self, wheel: &Wheel, out: &Product) -> Result<(), Error> {
        let kept = |name: &str| {
            let record = ["RECORD", "WHEEL", "INSTALLER", "entry_points.txt", "top_level.txt"];
            !record.contains(&name) && !wheel.except.iter().any(|pattern| is_named(name, pattern))
        };
        stdlib::copy_tree(&self.source(), &out.lib(), &kept)?;
        let folder = out.licenses().join(&self.package.name);
        for (name, path) in sorted_files(&self.source())? {
            let own = name.split('/').next().is_some_and(|first| first.ends_with(".dist-info"));
            let file = file_name(&path);
            if own
                && (file.contains("LICEN")
                    || file.contains("COPYING")
                    || name.contains("/licenses/"))
            {
                fs::create_dir_all(&folder).at("create", &folder)?;
                fs::copy(&path, folder.join(file)).at("copy", &path)?;
            }
        }
        Ok(())
    }

    /// By which `importlib.metadata` knows it.
    fn record(&self, out: &Product) -> Result<(), Error> {
        let (name, version) = (&self.package.name, &self.package.version);
        let record = out.lib().join(format!("{name}-{version}.dist-info"));
        fs::create_dir_all(&record).at("create", &record)?;
        let (from, to) = (self.source().join(METADATA), record.join("METADATA"));
        if from.is_file() {
            return fs::copy(&from, &to).at("copy", &from).map(|_| ());
        }
        let text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        fs::write(&to, text).at("write", &to)
    }

    fn licenses(&self, out: &Product) -> Result<(), Error> {
        let folder = out.licenses().join(&self.package.name);
        fs::create_dir_all(&folder).at("create", &folder)?;
        let mut names = self.package.licence_files.clone();
        if names.is_empty() && self.package.licence_lines.is_none() {
            let metadata = self.source().join(METADATA);
            let text = fs::read_to_string(&metadata).at("read", &metadata)?;
            let named = text.lines().filter_map(|line| line.strip_prefix("License-File: "));
            names.extend(named.map(str::to_owned));
        }
        for name in &names {
            // Several of one name may lie in folders of their own.
            let place = match self.package.licence_files.is_empty() {
                true => name.clone(),
                false => file_name(Path::new(name)),
            };
            let (from, to) = (self.source().join(name), folder.join(place));
            let parent = to.parent().unwrap_or(&folder);
            fs::create_dir_all(parent).at("create", parent)?;
            fs::copy(&from, &to).at("copy", &from)?;
        }
        if let Some(lines) = &self.package.licence_lines {
            let path = self.source().join(&lines.file);
            let text = fs::read_to_string(&path).at("read", &path)?;
            let count = (lines.last + 1).saturating_sub(lines.first);
            let chosen = text.lines().skip(lines.first.saturating_sub(1)).take(count);
            let chosen: Vec<&str> =
                chosen.map(|line| line.trim_start_matches("**").trim()).collect();
            let path = folder.join("LICENSE");
            fs::write(&path, chosen.join("\n")).at("write", &path)?;
        }
        Ok(())
    }
}

/// Whether a pattern of names that are left out, such as `tests` or `*.h`, is of this name.
fn is_named(name: &str, pattern: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(ending) => name.ends_with(ending),
        None => name == pattern,
    }
}
