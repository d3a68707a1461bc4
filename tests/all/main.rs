//! The whole system's tests: one module a behaviour, one helper for all.

mod compiling;
mod support;

/// What the guest cannot do: every row of the table, tried.
mod absent;
/// Arrays of the guest seen from Rust, and arrays that Rust makes there.
mod arrays;
/// Record batches of Arrow as columns, both ways.
mod arrays_arrow;
/// Types of elements and layouts of numpy's arrays.
mod arrays_dtypes;
/// Programs that lie of their arrays.
mod arrays_hostile;
/// Arrays of numpy seen from Rust, Rust's as numpy's, and what one does with both.
mod arrays_numpy;
/// Owned arrays, whatever the layout of what they are copied from.
mod arrays_owned;
/// No pointer to a function of another signature, no name defined twice.
mod audit;
/// Wrappers that `ophidia bindgen` writes: they compile, document and work.
mod bindgen;
/// What must not compile: Python that runs while a view lives.
mod borrows;
/// The figures of the benches against their budgets.
mod budgets;
/// Conversions written by hand, with the interpreter at hand; parameters that take any object.
mod by_hand;
/// Functions of the host: what Python sees of them, errors, calls that call back.
mod callbacks;
/// Interpreters that go on from bytes, and bytes that nobody should believe.
mod checkpoints;
/// `ophidia add`, `--requirements`, and what scripts say they depend on: by pip, from a folder of wheels.
mod command_add;
/// Bad input: every refusal says what to change, nothing panics.
mod command_bad_input;
/// `ophidia run --durable`: killed at random moments, refused by name; `ophidia state`.
mod command_durable;
/// What a program is granted unasked: its folder, never the home folder.
mod command_grants;
/// `ophidia guest` and `ophidia doctor`; a damaged cache entry.
mod command_guest;
/// `ophidia image`: templates of the command, and what begins from them.
mod command_image;
/// Timeout, memory, output, recursion: each limit fires and says which it was.
mod command_limits;
/// `ophidia map`: order, isolation, forms of inputs and results, exit statuses.
mod command_map;
/// The same while it runs: signals, `--resume`, laziness, a terminal.
mod command_map_runs;
/// The command's grants of the network.
mod command_network;
/// Policy files.
mod command_policy;
/// `ophidia run` against `python3`: arguments, statuses, streams, grants, Ctrl-C.
mod command_run;
mod command_tasks;
/// Rust types and Python values: derive, serde, dates and the like.
mod conversions;
/// The same for types of other crates: jiff, chrono, num-bigint, rust_decimal, uuid.
mod conversions_crates;
/// Conversions of one's own for a while, both ways; results that stay objects.
mod converters;
/// CPython's own test-suite: the ten quickest modules, inside the guest.
mod cpython_suite;
/// What a service compiles that depends on the library alone.
mod dependencies;
/// `ophidia.dispatch`: functions of several arities, and protocols.
mod dispatch;
/// Clients of the network that everybody imports, unmodified: urllib, http.client, requests, httpx, aiohttp, pg8000.
mod drivers;
/// Programs that go on from a folder, and keys of calls.
mod durable;
/// How programs end, beside a native Python.
mod ends;
/// Exceptions on their way out: texts of bounded size, limits told by class.
mod errors;
/// Every example prints in the guest what it prints under a native Python.
mod examples;
/// Figures that programs show.
mod figures;
/// Guests of other flavours, and what is said of packages that are not there.
mod flavours;
/// Children of living interpreters, and each hazard of having them.
mod forks;
/// Groups: tasklets of several interpreters, and what becomes of messages between them.
mod groups;
/// Ends that go between the domains of a group.
mod groups_ends;
/// Domains that claim what is not so.
mod groups_hostile;
/// Domains and their limits, their mailboxes, and those of the pool.
mod groups_limits;
/// README and guide: pages, links, console blocks.
mod guide;
/// What hostile programs that are granted an origin talk to.
mod hostile_origin;
/// Hostile programs, one by one and all at once, and the threat model that names them.
mod hostile_python;
/// The image in the cache: tampering is noticed, said and repaired.
mod image;
/// Operators, inspection, generators, context managers, exceptions, output.
mod interop;
/// Rust iterators and streams that Python pulls item by item.
mod iterators;
/// Inputs for which the guest has no memory: refused, and it goes on.
mod large_inputs;
/// The folders of `host/src` use what lies below them.
mod layers;
/// The library: running, streams, grants, limits, errors, interruption.
mod library;
/// Time, processor time, life, fuel, calls of the host: each limit fires, and what may go on goes on.
mod limits;
/// Interruption, whatever a program has set; long lives.
mod long_lives;
/// Names looked up once, what the library holds for itself, objects let go of.
mod names;
/// Source text with names of its own, and with values of Rust's.
mod namespaces;
/// Hosts of the network: what is granted is reached, nothing else; bounds, deadlines, sockets.
mod network;
mod nodes;
mod nodes_networks;
mod nodes_processes;
/// Integers of any size as floats.
mod numbers;
/// numpy in the guest: results, files, randomness, refusals.
mod numpy;
/// numpy's own test-suite: a few quick files, inside the guest.
mod numpy_suite;
/// numpy's callables, all of them, called in many ways.
mod numpy_sweep;
/// Objects of the guest in the hands of Rust: handles, calls, conversions.
mod objects;
/// One operation, one deadline; what operations take.
mod operations;
/// Requests granted one by one, and secrets that the guest never holds.
mod origins;
/// Packages from the registry, and bytecode that is kept for them.
mod packages;
/// Host code that panics: the call ends with an error, the process goes on.
mod panics;
/// Pools: requests, the queue, tenants, cancelling, async runtimes.
mod pool;
/// Pools that end: drained, in time or not, with requests under way.
mod pool_asleep;
mod pool_ends;
/// What pools tell the facade `metrics`, and `tracing`.
mod pool_metrics;
/// Requests of a pool that await, and how they end.
mod pool_rests;
/// Sessions of pools: order, loss, ends.
mod pool_sessions;
/// Turns of pools: who runs when, waiting, slots.
mod pool_turns;
/// Every source of random values, over a hundred interpreters.
mod randomness;
/// The build of the guest: what happens to be installed takes no part in it.
mod recipe;
/// The interactive session, on a pseudo-terminal.
mod repl;
/// What people reported of such tools.
mod reports;
/// Programs that await at rest, as futures of Rust; `await` at the top level.
mod resting;
/// Settings prepared once, limits and grants as plain data, one kind of error a cause.
mod sandbox;
/// Tables and plots: pictures against native ones, what is shown, exceptions of C++ at limits.
mod science;
/// TLS, which the host does.
mod secure;
/// The service of the examples, under load.
mod service;
/// Several interpreters in one another's calls: an error ends only the one it is about.
mod several;
/// Slots of interpreters that have ended: what they keep, and trimming.
mod slots;
/// Sockets: calls, time limits, waits, asyncio.
mod sockets;
/// Native stacks: too small a one is refused, the smallest that is not is enough.
mod stacks;
/// Instances of subclasses of built-in classes where a Rust type is asked for.
mod subclasses;
/// Tasklets: messages, turns, times.
mod tasklets;
/// Ends of tasklets: links, monitors, exits, names, groups.
mod tasklets_ends;
/// What ends a tasklet alone, and what ends the run.
mod tasklets_escapes;
/// The examples of tasklets print what they say.
mod tasklets_examples;
/// Programs that abuse tasklets: nothing of the guest breaks.
mod tasklets_hostile;
/// Tasklets beside asyncio, the host and the limits of the sandbox.
mod tasklets_limits;
/// Random programs of tasklets against a model.
mod tasklets_model;
/// What can be spawned and run, what it becomes, the protocol of generators.
mod tasklets_programs;
/// What is told of tasklets: crashes, deadlocks, what each does, counters.
mod tasklets_reports;
/// Calls, servers, bounded mailboxes.
mod tasklets_servers;
mod tasklets_soak;
/// Supervisors: strategies, restarts, children that come and go.
mod tasklets_supervisors;
/// Set-up code that runs once, and interpreters that begin behind it.
mod templates;
/// Trees: mounts, memory, archives, overlays, quotas, files in and out, clocks and seeds.
mod trees;
/// `Value` by itself: made, looked into, taken apart, written.
mod values;
/// Locks of the host that guest code can wait for.
mod waits;
/// Files of granted folders: what can be opened, how many, and where paths lead.
mod wasi;
/// Test programs of preview 1, and what judges them.
mod wasi_programs;
/// Streams and clocks: full outputs, slow receivers, waiting, async runtimes.
mod wasi_streams;
