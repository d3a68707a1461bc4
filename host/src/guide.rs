//! The programs of the README and of the guide, compiled and run as documentation tests: each file once.

/// Takes the files by name; a test asks that none is forgotten.
macro_rules! pages {
    ($($(#[$only:meta])? $name:ident: $path:literal,)*) => {
        $(
            $(#[$only])?
            #[doc = include_str!(concat!("../../", $path))]
            struct $name;
        )*
    };
}

pages! {
    Readme: "README.md",
    GettingStarted: "docs/src/getting-started.md",
    Command: "docs/src/command.md",
    Packages: "docs/src/packages.md",
    ManyInputs: "docs/src/map.md",
    TheNetwork: "docs/src/network.md",
    Sandboxes: "docs/src/sandboxes.md",
    RunningCode: "docs/src/running-code.md",
    Objects: "docs/src/objects.md",
    Iterators: "docs/src/iterators.md",
    Errors: "docs/src/errors.md",
    Callbacks: "docs/src/callbacks.md",
    Async: "docs/src/async.md",
    Streams: "docs/src/streams.md",
    Conversions: "docs/src/conversions.md",
    Arrays: "docs/src/arrays.md",
    Numpy: "docs/src/numpy.md",
    #[cfg(feature = "arrow")] Arrow: "docs/src/arrow.md",
    Wrappers: "docs/src/wrappers.md",
    Limits: "docs/src/limits.md",
    Forks: "docs/src/forks.md",
    Pools: "docs/src/pool.md",
    Tasklets: "docs/src/tasklets.md",
    Nodes: "docs/src/nodes.md",
    Security: "docs/src/security.md",
    Missing: "docs/src/missing.md",
    FromPyo3: "docs/src/from-pyo3.md",
    FromPy4cl2Cffi: "docs/src/from-py4cl2-cffi.md",
    Figures: "docs/src/figures.md",
    Judges: "docs/src/judges.md",
}
