//! Sessions asleep: what a pool with many of them takes, and how long one takes to be woken.
//!
//! A session takes no interpreter while it sleeps. `wake_memory_ms` and `wake_disk_ms` are whole requests (`x += 1`) of one that
//! slept there; `wake_awake_ms` is the same request of one that is awake. Left out: a disk that is slow to read: files are in the
//! page cache.
//!
//! `cargo bench --bench sleep -- --figures` prints the figures. `-- --wakes 100000 | python3 benches/plot.py wakes` has 200
//! sessions come back as often as they would in a day, one after another, and prints what the process holds meanwhile.

use anyhow::{Context as _, Result, ensure};
use ophidia::{Asleep, Pool, PoolBuilder, Runtime, Session};
use ophidia_benches::{figure, median, memory_kib};
use std::path::Path;
use std::time::{Duration, Instant};

/// Sessions in all, and awake of them.
const SESSIONS: usize = 100_000;
const AWAKE: usize = 1_000;

/// How many sessions are woken to take the time.
const SAMPLES: usize = 500;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--wakes").skip(1);
    match arguments.next() {
        Some(count) => wakes(count.parse().context("--wakes COUNT")?),
        None => figures(),
    }
}

fn builder(asleep: Asleep) -> Result<PoolBuilder> {
    let cache = ophidia::guest::ambient_cache_dir().context("no cache folder")?;
    let runtime = Runtime::builder(cache).max_interpreters(AWAKE as u32 + 64).build()?;
    Ok(Pool::builder(runtime).workers(2).sessions(SESSIONS).session_idle(None).asleep(asleep))
}

fn named(pool: &Pool, number: usize) -> Result<Session> {
    Ok(pool.session(&number.to_string())?)
}

/// Waits until so many sleep.
fn asleep(pool: &Pool, count: usize) {
    while pool.stats().asleep < count {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Milliseconds of a request of sessions, the median of each one's.
fn request(pool: &Pool, numbers: impl Iterator<Item = usize>) -> Result<f64> {
    let mut times = Vec::new();
    for number in numbers {
        let session = named(pool, number)?;
        let began = Instant::now();
        session.run("x += 1").wait()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(times))
}

fn figures() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let later = Duration::from_secs(3_600);
    let crowd = Asleep::new().after(later).awake(AWAKE).memory(128 << 20);
    let pool = builder(crowd.folder(folder.path()))?.build()?;
    let before = memory_kib("Pss")?;
    let began = Instant::now();
    for number in 0..SESSIONS {
        named(&pool, number)?.run(format!("x = {number}")).wait()?;
    }
    asleep(&pool, SESSIONS - AWAKE);
    figure("sessions_made_s", began.elapsed().as_secs_f64(), "s");
    let stats = pool.stats();
    ensure!(stats.sessions <= AWAKE + 8 && stats.stayed_awake == 0, "{stats:?}");
    figure("sessions_asleep", stats.asleep as f64, "sessions");
    figure("sessions_gib", (memory_kib("Pss")? - before) / (1 << 20) as f64, "GiB");
    figure("sessions_disk_gib", bytes(folder.path())? / (1u64 << 30) as f64, "GiB");
    // Those that were used last are awake, those before them in memory, the first on disk.
    let awake = SESSIONS - SAMPLES..SESSIONS;
    figure("wake_awake_ms", request(&pool, awake)?, "ms");
    let memory = SESSIONS - AWAKE - 2_000;
    figure("wake_memory_ms", request(&pool, memory..memory + SAMPLES)?, "ms");
    figure("wake_disk_ms", request(&pool, 0..SAMPLES)?, "ms");
    ensure!(named(&pool, 7)?.eval::<usize>("x").wait()? == 8, "a session is another one");
    Ok(())
}

fn bytes(folder: &Path) -> Result<f64> {
    let mut sum = 0.0;
    for entry in std::fs::read_dir(folder)? {
        sum += entry?.metadata()?.len() as f64;
    }
    Ok(sum)
}

/// Wakes sessions in turn, few of which have room among those awake, and prints what the process holds.
#[allow(clippy::print_stdout, reason = "a table is its output")]
fn wakes(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let asleep = Asleep::new().after(Duration::from_millis(1)).awake(32).memory(256 << 10);
    let pool = builder(asleep.folder(folder.path()))?.build()?;
    println!("started,resident_kib,private_kib,descriptors");
    for number in 0..count {
        // A day's guests: some come back soon, most late.
        let session = named(&pool, if number % 3 == 0 { number % 8 } else { number % 200 })?;
        session.run("x = globals().get('x', 0) + 1").wait()?;
        if number % (count / 100).max(1) == 0 {
            let (resident, private) = (memory_kib("Rss")?, memory_kib("Private_Dirty")?);
            let descriptors = std::fs::read_dir("/proc/self/fd")?.count();
            println!("{number},{resident:.0},{private:.0},{descriptors}");
        }
    }
    let stats = pool.stats();
    ensure!(stats.woken > count as u64 / 4 && stats.stayed_awake == 0, "{stats:?}");
    Ok(())
}
