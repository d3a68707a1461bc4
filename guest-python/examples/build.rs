//! Builds the guest into the ambient cache with plain lines of progress; `--verify` builds it a second
//! time and compares the bytes. `ophidia guest build` does the same with a progress bar. `--prepare FOLDER`
//! leaves there what the guest is compiled from, for `profile/train.py`; `--with NAME…` puts packages in.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports")]

use ophidia_guest::{BuildOptions, Progress};
use std::process::ExitCode;
use std::time::Instant;

struct Lines(Instant);

impl Progress for Lines {
    fn stage(&mut self, name: &str, index: usize, count: usize) {
        println!("{:6.1} s  [{index}/{count}] {name}", self.0.elapsed().as_secs_f64());
    }

    fn tick(&mut self, _done: u64, _total: u64, _note: &str) {}

    fn message(&mut self, text: &str) {
        println!("{text}");
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let cache = ophidia_guest::ambient_cache_dir().ok_or("no cache folder: set OPHIDIA_CACHE")?;
    let mut options = BuildOptions::ambient();
    let mut lines = Lines(Instant::now());
    let mut arguments = std::env::args().skip(1);
    let verify = match arguments.next().as_deref() {
        Some("--prepare") => {
            let folder = std::path::absolute(arguments.next().ok_or("--prepare which folder?")?)?;
            return Ok(ophidia_guest::prepare(&cache, &options, &folder, &mut lines)?);
        }
        Some("--with") => {
            let names: Vec<String> = arguments.collect();
            options.flavour = options.flavour.with(&names)?;
            false
        }
        Some("--flavour") => {
            let names = arguments.next().ok_or("--flavour which?")?;
            options.flavour = ophidia_guest::Flavour::named(&names)?;
            false
        }
        argument => argument == Some("--verify"),
    };
    let guest = ophidia_guest::build(&cache, &options, &mut lines)?;
    println!("{}", guest.dir.display());
    println!("{:#?}", guest.info()?);
    if verify {
        println!("{:#?}", ophidia_guest::verify_reproducible(&cache, &options, &mut lines)?);
    }
    Ok(())
}
