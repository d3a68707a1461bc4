//! `ophidia policy`: what a policy file allows, in words.

use crate::status::Status;
use crate::trees::TMP;
use crate::{Usage, values};
use ophidia::{Access, Clock, Network, Policy, Quota, Tree};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Work with policy files
#[derive(clap::Subcommand, Debug)]
pub(crate) enum PolicyCommand {
    /// Say in words what a policy file allows
    ///
    /// Status 0 where it can be used as it is, else 2 with the reason.
    Check {
        /// A file of TOML with the tables grants and limits
        file: PathBuf,
    },
}

impl PolicyCommand {
    /// Runs it.
    pub(crate) fn run(self) -> anyhow::Result<Status> {
        let Self::Check { file } = self;
        let policy = read(&file)?;
        // Opens every folder and archive, as a run would.
        ophidia::Sandbox::builder()
            .grants(policy.grants.clone())
            .limits(policy.limits)
            .build()
            .map_err(|error| Usage(format!("{}: {error}", file.display())))?;
        std::io::stdout().write_all(words(&policy).as_bytes())?;
        Ok(Status::SUCCESS)
    }
}

/// Reads a policy; paths in it are relative to the folder that it is in.
pub(crate) fn read(file: &Path) -> Result<Policy, Usage> {
    let refused = |reason: String| Usage(format!("{}: {reason}", file.display()));
    if fs::metadata(file).is_ok_and(|there| !there.is_file()) && !values::is_open(file) {
        return Err(refused("not a regular file: name a policy file that can be read".into()));
    }
    let text = fs::read_to_string(file)
        .map_err(|error| refused(format!("{error}: name a policy file that can be read")))?;
    let policy = Policy::from_toml(&text).map_err(refused)?;
    Ok(policy.relative_to(file.parent().unwrap_or(Path::new("."))))
}

fn words(policy: &Policy) -> String {
    let (grants, limits) = (&policy.grants, &policy.limits);
    let mut out = String::from("It may touch:\n");
    let mut line = |text: String| out.push_str(&format!("  {text}\n"));
    for dir in &grants.dirs {
        let verb = if dir.access == Access::ReadWrite { "read and write" } else { "read" };
        line(format!("{verb} {} as {}", dir.host.display(), dir.guest));
    }
    for mount in &grants.mounts {
        let in_memory = matches!(mount.tree, Tree::Memory | Tree::Overlay(_));
        let most = mount.quota.or_else(|| in_memory.then(Quota::default));
        let quota = most.map(|most| format!(", adding {}", quota(most))).unwrap_or_default();
        line(format!("{} as {}{quota}", tree(&mount.tree), mount.guest));
    }
    let guests = grants.dirs.iter().map(|dir| &dir.guest);
    let mut guests = guests.chain(grants.mounts.iter().map(|mount| &mount.guest));
    let has_tmp = guests.any(|guest| guest.trim_end_matches('/') == TMP);
    match grants.tmp {
        // What is said of it above.
        _ if has_tmp => {}
        Some(most) => line(format!("write to /tmp, in memory, {}", quota(most))),
        None => line("no /tmp".into()),
    }
    for (name, value) in &grants.env {
        line(format!("the variable {name}={value}"));
    }
    line(match grants.clock {
        Clock::Host => "the clock of the host".into(),
        fixed => format!("a clock that reads {fixed}"),
    });
    line(match grants.seed {
        Some(seed) => format!("random values that are the same in each run (seed {seed})"),
        None => "random values of the system".into(),
    });
    line("the standard library, /dev/null, /dev/zero, /dev/urandom".into());
    network(&grants.network, &mut line);
    line("nothing else: no other host, no processes, no other file".into());
    out.push_str("It may use:\n");
    let time = |time: Option<std::time::Duration>| {
        time.map_or("any".into(), |time| humantime::format_duration(time).to_string())
    };
    let mut row = |what: &str, value: String| {
        let _ = writeln!(out, "  {what:<52} {value}");
    };
    row("time of a call (limits.timeout)", time(limits.timeout));
    row("time to end after that (limits.grace)", time(Some(limits.grace)));
    row("processor time (limits.cpu)", time(limits.cpu));
    row("life time (limits.life)", time(limits.life));
    row("units of work (limits.fuel)", limits.fuel.map_or("any".into(), |fuel| fuel.to_string()));
    row("linear memory (limits.memory)", bytes(limits.memory));
    row("added to each folder (limits.folder)", quota(limits.folder));
    row("open files (limits.files)", limits.files.to_string());
    row("captured output, each stream (limits.output)", bytes(limits.output));
    row("one value (limits.value)", bytes(limits.value));
    row("objects held (limits.objects)", limits.objects.to_string());
    let calls = limits.host_calls;
    row(
        "calls of the host (limits.host_calls)",
        if calls == u64::MAX { "any".into() } else { calls.to_string() },
    );
    row("time of one of them (limits.host_call_time)", time(limits.host_call_time));
    row("held by the host in all (limits.host_memory)", bytes(limits.host_memory));
    let net = &limits.network;
    row("connections at once (limits.network.connections)", net.connections.to_string());
    row("connections in all (limits.network.opened)", net.opened.to_string());
    row("bytes sent (limits.network.sent)", bytes(net.sent));
    row("bytes received (limits.network.received)", bytes(net.received));
    row("time to connect (limits.network.connect)", time(Some(net.connect)));
    out
}

fn network(network: &Network, line: &mut impl FnMut(String)) {
    for host in &network.hosts {
        line(format!("connect to {host}"));
    }
    for grant in &network.http {
        let methods =
            if grant.methods.is_empty() { "any method".into() } else { grant.methods.join(", ") };
        let paths = if grant.paths.is_empty() { "any path".into() } else { grant.paths.join(", ") };
        line(format!("send requests to {}: {methods} of {paths}", grant.origin));
        for secret in &grant.secrets {
            line(format!("  with the header {}, which it does not see", secret.header));
        }
        if grant.plain_secrets {
            line("  also without TLS, in clear text".into());
        }
        if !grant.addresses.is_empty() {
            let addresses: Vec<_> = grant.addresses.iter().map(ToString::to_string).collect();
            line(format!("  at {} alone, which is not looked up", addresses.join(", ")));
        }
        if let Some(most) = grant.sent {
            line(format!("  sending {} at most", bytes(most)));
        }
        if let Some(most) = grant.received {
            line(format!("  receiving {} at most", bytes(most)));
        }
    }
    if network.hosts.is_empty() && network.http.is_empty() {
        line("no network".into());
    }
    for file in &network.roots {
        line(format!("servers are trusted by the certificates in {}", file.display()));
    }
}

fn tree(tree: &Tree) -> String {
    match tree {
        Tree::Folder { host, access: Access::ReadWrite } => {
            format!("read and write {}", host.display())
        }
        Tree::Folder { host, access: Access::ReadOnly } => format!("read {}", host.display()),
        Tree::Kept(host) => format!("read {}, as it is at first", host.display()),
        Tree::Memory => "write to a folder in memory".into(),
        Tree::Files(files) => format!("read {} given files", files.len()),
        Tree::Archive(path) => format!("read what the archive {} holds", path.display()),
        Tree::Overlay(below) => format!("{}, changed in memory alone,", self::tree(below)),
    }
}

fn quota(most: Quota) -> String {
    match most {
        Quota { bytes: u64::MAX, files: u64::MAX } => "without bound".into(),
        Quota { bytes: most, files } => format!("at most {} in {files} files", bytes(most)),
    }
}

fn bytes(count: u64) -> String {
    if count == u64::MAX {
        return "any".into();
    }
    crate::values::Size(count).to_string()
}
