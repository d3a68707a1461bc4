//! What a program may touch and use: the options shared by `run` and `repl`, and the grants that a
//! program needs by default.

use crate::bounds::Bounds;
use crate::flavour::With;
use crate::network::Net;
use crate::packages::{self, Packages};
use crate::progress::say;
use crate::show::Show;
use crate::trees::{TMP, Trees};
use crate::values::{self, Variable};
use crate::wide;
use crate::{Usage, policy};
use ophidia::{Access, Audit, DirGrant, Limits, Mount, Policy, Quota, SandboxBuilder, Tree};
use ophidia_guest::{Flavour, STDLIB};
use parking_lot::Mutex;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The options.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Sandbox {
    /// Grant and limit what this file says: `ophidia policy check FILE` says it in words
    ///
    /// Options that grant add to it; those that limit cannot stand beside it.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "timeout", "grace", "cpu", "life", "fuel", "memory", "host_memory", "value", "captured", "objects",
            "host_calls", "host_call_time", "files", "folder", "tmp", "clock", "seed", "connections",
            "opened", "sent", "received", "connect",
        ],
        help_heading = HEADING
    )]
    policy: Option<PathBuf>,

    /// Grant a folder, read-only unless `:rw` follows
    ///
    /// The program sees it under its own absolute path, or as GUEST. Repeatable. The folder of the
    /// script itself is granted read-only without asking, unless that is `/`, the home folder or one
    /// that the home folder is in.
    #[arg(
        long = "dir",
        value_name = "HOST[::GUEST][:ro|:rw]",
        value_parser = values::dir,
        help_heading = HEADING
    )]
    dirs: Vec<DirGrant>,

    /// Set an environment variable, or hand over the one set here
    ///
    /// Repeatable. The program sees no others.
    #[arg(
        long = "env",
        value_name = "NAME[=VALUE]",
        value_parser = values::variable,
        help_heading = HEADING
    )]
    variables: Vec<Variable>,

    /// Add a folder of pure-Python packages to the end of sys.path
    ///
    /// As `ophidia add` makes it, or `pip install --target DIR`; granted read-only. Repeatable.
    #[arg(long = "site", value_name = "DIR", value_parser = values::site, help_heading = HEADING)]
    sites: Vec<DirGrant>,

    #[command(flatten)]
    packages: Packages,

    #[command(flatten)]
    bounds: Bounds,

    #[command(flatten)]
    trees: Trees,

    #[command(flatten)]
    net: Net,

    /// Write a line of JSON to this file for each file that it opens, each connection and each denial
    ///
    /// Fields: event (opened, connected or denied), path; write of what was opened; host and address of a connection;
    /// action and reason of what was denied. After
    /// 100,000 lines the rest is left out, and the last line says so: event is left-out.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    audit: Option<PathBuf>,

    #[command(flatten)]
    show: Show,

    #[command(flatten)]
    with: With,

    /// Who writes them.
    #[arg(skip)]
    auditor: Option<Audit>,

    /// What it says.
    #[arg(skip)]
    ruled: Option<Policy>,

    /// What of the folders no option asked for.
    #[arg(skip)]
    unasked: Vec<String>,

    /// Bytecode of the sites.
    #[arg(skip)]
    bytecode: Vec<DirGrant>,
}

const HEADING: &str = "What the program may touch and use";

impl Sandbox {
    /// Which packages with C code the guest has.
    pub(crate) fn flavour(&self) -> Result<Flavour, Usage> {
        self.with.flavour()
    }

    /// What says so.
    pub(crate) fn guest(&self) -> &With {
        &self.with
    }

    /// Has this guest, unless the options ask for one.
    pub(crate) fn have_guest(&mut self, with: With) {
        if self.with == With::default() {
            self.with = with;
        }
    }

    /// Refuses folders that would hide each other, and grants the sites.
    pub(crate) fn settle(&mut self) -> Result<(), Usage> {
        self.flavour()?;
        if let Some(file) = &self.audit {
            self.auditor = Some(auditor(file)?);
        }
        if let Some(file) = &self.policy {
            let mut policy = policy::read(file)?;
            self.dirs.append(&mut policy.grants.dirs);
            self.ruled = Some(policy);
        }
        for (i, dir) in self.dirs.iter().enumerate() {
            if self.dirs[..i].iter().any(|other| other.guest == dir.guest) {
                return Err(Usage(format!(
                    "--dir: two folders would be {} in the guest: give one of them another name \
                     with --dir {}::/NAME",
                    dir.guest,
                    dir.host.display()
                )));
            }
            if Path::new(&dir.guest).starts_with(STDLIB) {
                return Err(Usage(format!(
                    "--dir: {} is where the guest's standard library is: give the folder another \
                     name with --dir {}::/NAME",
                    dir.guest,
                    dir.host.display()
                )));
            }
        }
        self.net.settle()?;
        self.show.settle()?;
        self.trees.settle(self.dirs.iter().map(|dir| &*dir.guest))?;
        for site in self.sites.clone() {
            packages::check(&site.host)?;
            self.grant(site)?;
        }
        match self.packages.of_file()? {
            Some(folder) => self.add_site(&folder),
            None => Ok(()),
        }
    }

    /// Adds the packages that a script says it depends on.
    pub(crate) fn add_packages_of(&mut self, script: &str, source: &[u8]) -> Result<(), Usage> {
        match self.packages.of_script(script, source)? {
            Some(folder) => self.add_site(&folder),
            None => Ok(()),
        }
    }

    /// As `--site`.
    fn add_site(&mut self, folder: &Path) -> Result<(), Usage> {
        let refused = |reason: String| Usage(format!("{}: {reason}", folder.display()));
        packages::check(folder)?;
        let path = folder.to_str().ok_or_else(|| refused("the path is not UTF-8".into()))?;
        let site = values::site(path).map_err(refused)?;
        self.sites.push(site.clone());
        self.grant(site)
    }

    /// What of the options, as they were given, changes what programs that end well do, as a text: not the limits.
    pub(crate) fn outcomes(&self) -> String {
        let like = Self {
            audit: None,
            show: Show::default(),
            packages: Packages::default(),
            bounds: values::unset(),
            ..self.clone()
        };
        let policy = self.policy.as_ref().map(fs::read);
        format!("{like:?} {policy:?} {} {}", self.packages.outcomes(), self.current_dir())
    }

    /// The granted folders, by the names that the guest has for them.
    pub(crate) fn dirs(&self) -> &[DirGrant] {
        &self.dirs
    }

    /// Its files in memory.
    pub(crate) fn trees(&self) -> &Trees {
        &self.trees
    }

    /// Grants a folder that a program needs, read-only under its own absolute path, unless a grant covers it
    /// already. One that is too wide is refused, unless it was granted under whatever name.
    pub(crate) fn grant_folder(&mut self, program: &str, folder: &Path) -> Result<(), Usage> {
        let guest = values::own_path(folder)
            .map_err(|reason| Usage(format!("{}: {reason}", folder.display())))?;
        if let Some(what) = wide::what(folder)
            && !self.grants(folder)
        {
            return Err(Usage(format!(
                "{program}: it would be granted the folder that it is in, {guest}, which is {what}: move it to a \
                 folder of its own, or grant all of that with --dir {guest}"
            )));
        }
        self.grant(DirGrant { host: folder.to_owned(), guest, access: Access::ReadOnly })
    }

    /// Whether the folder lies in one that is granted.
    fn grants(&self, folder: &Path) -> bool {
        let Ok(folder) = fs::canonicalize(folder) else { return false };
        let has =
            |dir: &DirGrant| fs::canonicalize(&dir.host).is_ok_and(|dir| folder.starts_with(dir));
        self.dirs.iter().any(has)
    }

    /// The folders of `--site`, as they are granted.
    pub(crate) fn site_grants(&self) -> &[DirGrant] {
        &self.sites
    }

    /// Grants what the cache holds of a site.
    pub(crate) fn grant_bytecode(&mut self, grant: DirGrant) {
        self.bytecode.push(grant);
    }

    /// The sites whose bytecode is granted, as the guest names them.
    pub(crate) fn with_bytecode(&self) -> impl Iterator<Item = &str> {
        let granted =
            |site: &&DirGrant| self.bytecode.iter().any(|kept| kept.guest.ends_with(&site.guest));
        self.sites.iter().filter(granted).map(|site| &*site.guest)
    }

    /// The variables of `--env`.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|variable| (&*variable.name, &*variable.value))
    }

    /// The folders of `--site`.
    pub(crate) fn sites(&self) -> impl Iterator<Item = &Path> {
        self.sites.iter().map(|site| &*site.host)
    }

    /// Grants a folder under its own name, which cannot be another as with `--dir`.
    fn grant(&mut self, grant: DirGrant) -> Result<(), Usage> {
        if Path::new(&grant.guest).starts_with(STDLIB) {
            return Err(Usage(format!(
                "{}: below {STDLIB} the program finds the guest's standard library: copy what you \
                 need to another folder",
                grant.host.display()
            )));
        }
        let wanted = Path::new(&grant.guest);
        let covers = |have: &DirGrant| {
            let own = values::own_path(&have.host);
            wanted.starts_with(&have.guest) && own.is_ok_and(|own| own == have.guest)
        };
        let taken = self.dirs.iter().any(|have| have.guest == grant.guest);
        let overlaid = self.trees.has(&grant.guest);
        if !taken && !overlaid && !self.dirs.iter().any(covers) {
            self.unasked.push(grant.guest.clone());
            self.dirs.push(grant);
        }
        Ok(())
    }

    /// What one operation may take.
    pub(crate) fn timeout(&self) -> Option<std::time::Duration> {
        self.limits().timeout
    }

    /// Bytes of linear memory; nothing larger can be handed to the guest either.
    pub(crate) fn memory(&self) -> u64 {
        self.limits().memory
    }

    /// The guest's working directory: the host's, under the name that a grant which covers it gives it, else under
    /// its own, so that relative paths lead to what of it is granted.
    pub(crate) fn current_dir(&self) -> String {
        let Ok(here) = std::env::current_dir() else { return "/".into() };
        let own = values::own_path(&here).unwrap_or_else(|_| "/".into());
        let inside = |dir: &DirGrant| -> Option<(usize, PathBuf)> {
            let host = fs::canonicalize(&dir.host).ok()?;
            let rest = here.strip_prefix(&host).ok()?;
            let guest = Path::new(&dir.guest);
            let path = if rest.as_os_str().is_empty() { guest.into() } else { guest.join(rest) };
            Some((host.as_os_str().len(), path))
        };
        let best = self.dirs.iter().filter_map(inside).max_by_key(|(len, _)| *len);
        best.and_then(|(_, path)| path.into_os_string().into_string().ok()).unwrap_or(own)
    }

    /// What the options or the policy allow.
    fn limits(&self) -> Limits {
        match &self.ruled {
            Some(policy) => policy.limits,
            None => self.bounds.limits(self.trees.tmp(), self.net.limits()),
        }
    }

    /// How a folder is mounted: one of packages is read once; and where /tmp itself is granted because the script
    /// is in it, programs still find a place to write.
    fn mount(&self, dir: &DirGrant) -> Mount {
        let host = dir.host.clone();
        let packages = self.sites.iter().chain(&self.bytecode).any(|site| site == dir);
        if packages {
            return Mount::new(&dir.guest, Tree::Kept(host));
        }
        let quota = match &self.ruled {
            Some(policy) => policy.grants.tmp,
            None => self.trees.own_tmp(),
        };
        if dir.guest == TMP && quota.is_some() && self.is_in_tmp() {
            let below = Tree::Folder { host, access: Access::ReadOnly };
            let tree = Tree::Overlay(Box::new(below));
            return Mount { quota, ..Mount::new(&dir.guest, tree) };
        }
        Mount::from(dir.clone())
    }

    /// Whether /tmp itself is granted unasked, where the script is in it.
    fn is_in_tmp(&self) -> bool {
        self.unasked.iter().any(|guest| guest == TMP)
    }

    /// A sandbox with these grants and limits, and arguments for a program. What a policy grants is refused with its
    /// file's name.
    pub(crate) fn build(&self, argv: Vec<String>) -> ophidia::Result<ophidia::Sandbox> {
        self.in_policy(self.builder().args(argv).build())
    }

    /// What became of a sandbox, with the name of the policy's file.
    pub(crate) fn in_policy<T>(&self, built: ophidia::Result<T>) -> ophidia::Result<T> {
        built.map_err(|error| match (error, &self.policy) {
            (ophidia::Error::Grant(said), Some(file)) => {
                ophidia::Error::Grant(format!("{}: {said}", file.display()).into())
            }
            (error, _) => error,
        })
    }

    /// The same, with streams that are the caller's to set.
    pub(crate) fn builder(&self) -> SandboxBuilder {
        let builder = ophidia::Sandbox::builder().limits(self.limits());
        let builder = self.trees.apply(match &self.ruled {
            Some(policy) => builder.grants(policy.grants.clone()),
            None => self.trees.rule(builder),
        });
        let mut builder = self.net.apply(builder);
        for dir in self.dirs.iter().chain(&self.bytecode) {
            builder = builder.mount(self.mount(dir));
        }
        if self.is_in_tmp() {
            // The quota is that tree's.
            builder = builder.tmp(Quota::default());
        }
        if let Some(auditor) = &self.auditor {
            builder = builder.audit(auditor.clone());
        }
        if let Some(module) = self.show.module() {
            builder = builder.module(module);
        }
        for variable in &self.variables {
            builder = builder.env(&variable.name, &variable.value);
        }
        for site in &self.sites {
            builder = builder.site(&site.guest);
        }
        builder.current_dir_name(self.current_dir())
    }
}

/// Lines of an audit: a program chooses how many there would be.
const AUDITED: u64 = 100_000;

/// Writes events to a file, which is emptied first.
fn auditor(path: &Path) -> Result<Audit, Usage> {
    let file = fs::File::create(path).map_err(|error| {
        Usage(format!("--audit {}: {error}: name a file that can be written", path.display()))
    })?;
    let (file, name) = (Mutex::new(file), path.to_owned());
    let told = std::sync::Once::new();
    let lines = AtomicU64::new(0);
    Ok(Audit::new(move |event| {
        let line = match lines.fetch_add(1, Ordering::Relaxed) {
            0..AUDITED => serde_json::to_string(event).unwrap_or_default() + "\n",
            AUDITED => "{\"event\":\"left-out\"}\n".to_owned(),
            _ => return,
        };
        if let Err(error) = file.lock().write_all(line.as_bytes()) {
            told.call_once(|| say(&format!("--audit {}: {error}", name.display())));
        }
    }))
}
