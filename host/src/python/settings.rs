//! `Sandbox`: the settings of an interpreter, checked once and shared by all that start from them.

use crate::error::{Error, Result};
use crate::function::{Function, Module};
use crate::policy::{Grants, InputKind, Limits, OutputKind};
use crate::sandbox::wasi::{Audit, World};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The settings of an interpreter: grants, limits, arguments, streams, modules of the host.
///
/// They are checked, and folders opened, when it is made; [`Runtime::start`](crate::Runtime::start) begins any
/// number of interpreters with it. Cloning gives the same sandbox and is cheap.
///
/// ```
/// use ophidia::{DirGrant, Limits, OutputKind, Runtime, Sandbox};
///
/// # fn main() -> ophidia::Result<()> {
/// let runtime = Runtime::ambient()?;
/// let sandbox = Sandbox::builder()
///     .dir(DirGrant::read_only(std::env::temp_dir(), "/data"))
///     .limits(Limits { memory: 64 << 20, ..Limits::default() })
///     .args(["report.py", "--short"])
///     .stderr(OutputKind::Discard)
///     .build()?;
/// for _ in 0..3 {
///     let mut py = runtime.start(&sandbox)?; // as new each time
///     py.run("import os, sys\nassert os.path.isdir('/data')\nprint(sys.argv[1])")?;
///     assert_eq!(py.take_stdout(), b"--short\n");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sandbox {
    pub(super) prepared: Arc<Prepared>,
}

#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) settings: Settings,
    /// What of them a guest reads, opened.
    pub(super) world: World,
    pub(super) stdin: InputKind,
    pub(super) stdout: OutputKind,
    pub(super) stderr: OutputKind,
}

impl Default for Prepared {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            // Nothing of the host is opened for it.
            world: settings.world().unwrap_or_default(),
            settings,
            stdin: InputKind::default(),
            stdout: OutputKind::default(),
            stderr: OutputKind::default(),
        }
    }
}

/// What both builders set.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) grants: Grants,
    pub(super) limits: Limits,
    pub(super) args: Vec<String>,
    pub(super) current_dir: String,
    /// Whether that is a name alone, of a folder which need not be granted.
    pub(super) current_dir_named: bool,
    pub(super) sites: Vec<String>,
    pub(super) modules: Vec<Module>,
    pub(super) tokio: Option<Handle>,
    pub(super) audit: Option<Audit>,
}

impl Sandbox {
    /// Starts to configure a sandbox: no grants, no arguments, no input, both outputs captured,
    /// [`Limits::default`].
    #[must_use]
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::default()
    }

    /// Starts to configure another sandbox with these settings.
    #[must_use]
    pub fn to_builder(&self) -> SandboxBuilder {
        let Prepared { settings, stdin, stdout, stderr, .. } = (*self.prepared).clone();
        SandboxBuilder { settings, stdin, stdout, stderr }
    }

    /// The same with other limits. What was opened for it stays open.
    pub(crate) fn with_limits(&self, limits: Limits) -> Result<Self> {
        let mut prepared = (*self.prepared).clone();
        prepared.settings.limits = limits;
        prepared.world.check(&prepared.settings.limits)?;
        Ok(Self { prepared: Arc::new(prepared) })
    }

    /// Whether both are the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.prepared, &other.prepared)
    }

    /// The functions of all its modules.
    pub(crate) fn functions(&self) -> Vec<Function> {
        self.prepared.settings.modules.iter().flat_map(Module::functions).collect()
    }

    /// What a guest in it may touch.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.prepared.settings.grants
    }

    /// What a guest in it may use.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.prepared.settings.limits
    }
}

/// Configures a [`Sandbox`].
#[derive(Clone, Debug, Default)]
pub struct SandboxBuilder {
    settings: Settings,
    stdin: InputKind,
    stdout: OutputKind,
    stderr: OutputKind,
}

impl SandboxBuilder {
    /// Where standard input comes from. Default: [`InputKind::Empty`].
    #[must_use]
    pub fn stdin(mut self, input: InputKind) -> Self {
        self.stdin = input;
        self
    }

    /// Where standard output goes. Default: [`OutputKind::Capture`].
    #[must_use]
    pub fn stdout(mut self, output: OutputKind) -> Self {
        self.stdout = output;
        self
    }

    /// Where standard error goes. Default: [`OutputKind::Capture`].
    #[must_use]
    pub fn stderr(mut self, output: OutputKind) -> Self {
        self.stderr = output;
        self
    }

    /// Checks the settings and opens the folders. An interpreter sees the folder that was opened here, also when
    /// another one has its name by then.
    ///
    /// # Errors
    ///
    /// [`Error::Grant`] when a folder, variable, argument or module is invalid or cannot be opened, and when a limit or a
    /// quota lets nothing run or be written. Whether the memory is enough for the image, and the working directory, are
    /// checked when an interpreter starts.
    pub fn build(self) -> Result<Sandbox> {
        let Self { settings, stdin, stdout, stderr } = self;
        let world = settings.world()?;
        Ok(Sandbox { prepared: Arc::new(Prepared { settings, world, stdin, stdout, stderr }) })
    }
}

/// The settings that sandboxes and interpreters have alike; a builder of them has a field `settings`.
macro_rules! setters {
    ($builder:ident) => {
        impl $builder {
            /// Sets all grants at once.
            #[must_use]
            pub fn grants(mut self, grants: crate::policy::Grants) -> Self {
                self.settings.grants = grants;
                self
            }

            /// Sets all limits at once.
            #[must_use]
            pub fn limits(mut self, limits: crate::policy::Limits) -> Self {
                self.settings.limits = limits;
                self
            }

            /// Grants a folder.
            #[must_use]
            pub fn dir(mut self, dir: crate::policy::DirGrant) -> Self {
                self.settings.grants.dirs.push(dir);
                self
            }

            /// Mounts a tree.
            #[must_use]
            pub fn mount(mut self, mount: crate::policy::Mount) -> Self {
                self.settings.grants.mounts.push(mount);
                self
            }

            /// Grants a host of the network: `HOST[:PORT]`, see [`Network::hosts`](crate::Network::hosts).
            #[must_use]
            pub fn net(mut self, host: impl Into<String>) -> Self {
                self.settings.grants.network.hosts.push(host.into());
                self
            }

            /// Grants requests to an origin.
            #[must_use]
            pub fn http(mut self, grant: crate::policy::HttpGrant) -> Self {
                self.settings.grants.network.http.push(grant);
                self
            }

            /// Trusts servers by the certificates in a file, [`Network::roots`](crate::Network::roots).
            #[must_use]
            pub fn roots(mut self, file: impl Into<std::path::PathBuf>) -> Self {
                self.settings.grants.network.roots.push(file.into());
                self
            }

            /// Sets what may be written to `/tmp`, [`Grants::tmp`](crate::Grants::tmp).
            #[must_use]
            pub fn tmp(mut self, quota: impl Into<Option<crate::policy::Quota>>) -> Self {
                self.settings.grants.tmp = quota.into();
                self
            }

            /// Sets where clocks come from, [`Grants::clock`](crate::Grants::clock).
            #[must_use]
            pub fn clock(mut self, clock: crate::policy::Clock) -> Self {
                self.settings.grants.clock = clock;
                self
            }

            /// Sets what random values are made of, [`Grants::seed`](crate::Grants::seed).
            #[must_use]
            pub fn seed(mut self, seed: impl Into<Option<u64>>) -> Self {
                self.settings.grants.seed = seed.into();
                self
            }

            /// Sets an environment variable.
            #[must_use]
            pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
                self.settings.grants.env.push((name.into(), value.into()));
                self
            }

            /// Adds to `sys.argv`, the program's name first. Without any, `sys.argv` is `['']`.
            #[must_use]
            pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
                self.settings.args.extend(args.into_iter().map(Into::into));
                self
            }

            /// The working directory, as the guest names it; it must lie in a granted folder.
            /// Default: `/`.
            #[must_use]
            pub fn current_dir(mut self, path: impl Into<String>) -> Self {
                self.settings.current_dir = path.into();
                self.settings.current_dir_named = false;
                self
            }

            /// The same, by name: a folder that need not be granted, nor be there. Relative paths begin with it, so
            /// that they lead to whatever below it is granted; what is not, is not found.
            #[must_use]
            pub fn current_dir_name(mut self, path: impl Into<String>) -> Self {
                self.settings.current_dir = path.into();
                self.settings.current_dir_named = true;
                self
            }

            /// Adds a folder of packages, as the guest names it, to the end of `sys.path`.
            #[must_use]
            pub fn site(mut self, path: impl Into<String>) -> Self {
                self.settings.sites.push(path.into());
                self
            }

            /// Makes a module of the host importable from the start, as
            /// [`Python::add_module`](crate::Python::add_module) does.
            #[must_use]
            pub fn module(mut self, module: crate::function::Module) -> Self {
                self.settings.modules.push(module);
                self
            }

            /// Who is told of the files that it opens, and of what it is denied.
            #[must_use]
            pub fn audit(mut self, audit: crate::sandbox::wasi::Audit) -> Self {
                self.settings.audit = Some(audit);
                self
            }

            /// The tokio runtime that asynchronous functions of the host run on. Default: the one in whose
            /// context the interpreter is called.
            #[must_use]
            pub fn tokio(mut self, runtime: tokio::runtime::Handle) -> Self {
                self.settings.tokio = Some(runtime);
                self
            }

            /// Sets [`Limits::timeout`](crate::Limits::timeout).
            #[must_use]
            pub fn timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
                self.settings.limits.timeout = timeout.into();
                self
            }

            /// Sets [`Limits::grace`](crate::Limits::grace).
            #[must_use]
            pub fn grace(mut self, grace: std::time::Duration) -> Self {
                self.settings.limits.grace = grace;
                self
            }

            /// Sets [`Limits::cpu`](crate::Limits::cpu).
            #[must_use]
            pub fn cpu(mut self, time: impl Into<Option<std::time::Duration>>) -> Self {
                self.settings.limits.cpu = time.into();
                self
            }

            /// Sets [`Limits::life`](crate::Limits::life).
            #[must_use]
            pub fn life(mut self, time: impl Into<Option<std::time::Duration>>) -> Self {
                self.settings.limits.life = time.into();
                self
            }

            /// Sets [`Limits::fuel`](crate::Limits::fuel).
            #[must_use]
            pub fn fuel(mut self, units: impl Into<Option<u64>>) -> Self {
                self.settings.limits.fuel = units.into();
                self
            }

            /// Sets [`Limits::host_calls`](crate::Limits::host_calls).
            #[must_use]
            pub fn host_calls(mut self, count: u64) -> Self {
                self.settings.limits.host_calls = count;
                self
            }

            /// Sets [`Limits::host_call_time`](crate::Limits::host_call_time).
            #[must_use]
            pub fn host_call_time(mut self, time: impl Into<Option<std::time::Duration>>) -> Self {
                self.settings.limits.host_call_time = time.into();
                self
            }

            /// Sets [`Limits::host_memory`](crate::Limits::host_memory), in bytes.
            #[must_use]
            pub fn host_memory(mut self, bytes: u64) -> Self {
                self.settings.limits.host_memory = bytes;
                self
            }

            /// Sets [`Limits::memory`](crate::Limits::memory), in bytes.
            #[must_use]
            pub fn memory(mut self, bytes: u64) -> Self {
                self.settings.limits.memory = bytes;
                self
            }

            /// Sets [`Limits::value`](crate::Limits::value), in bytes.
            #[must_use]
            pub fn value(mut self, bytes: u64) -> Self {
                self.settings.limits.value = bytes;
                self
            }

            /// Sets [`Limits::objects`](crate::Limits::objects).
            #[must_use]
            pub fn objects(mut self, count: u32) -> Self {
                self.settings.limits.objects = count;
                self
            }

            /// Sets [`Limits::files`](crate::Limits::files).
            #[must_use]
            pub fn files(mut self, count: u32) -> Self {
                self.settings.limits.files = count;
                self
            }

            /// Sets [`Limits::folder`](crate::Limits::folder).
            #[must_use]
            pub fn folder(mut self, quota: crate::policy::Quota) -> Self {
                self.settings.limits.folder = quota;
                self
            }

            /// Sets [`Limits::network`](crate::Limits::network).
            #[must_use]
            pub fn network_limits(mut self, limits: crate::policy::NetworkLimits) -> Self {
                self.settings.limits.network = limits;
                self
            }

            /// Sets [`Limits::output`](crate::Limits::output), in bytes.
            #[must_use]
            pub fn output(mut self, bytes: u64) -> Self {
                self.settings.limits.output = bytes;
                self
            }
        }
    };
}

pub(super) use setters;

setters!(SandboxBuilder);

impl Settings {
    /// What of them a guest reads, opened; all of them are checked.
    pub(super) fn world(&self) -> Result<World> {
        if let Some(site) = self.sites.iter().find(|site| site.contains('\0')) {
            return Err(Error::grant(format!("folder of packages {site:?}: contains a null byte")));
        }
        self.modules.iter().try_for_each(Module::check)?;
        let world = World::new(&self.grants, &self.args)?.standing_at(&self.current_dir);
        world.check(&self.limits)?;
        Ok(world)
    }
}
