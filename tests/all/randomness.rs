//! The table of randomness: every source of random or unique values that the guest has, in a hundred interpreters of one
//! snapshot. What is drawn first differs in all of them.

use crate::library::RUNTIME;
use std::collections::{HashMap, HashSet};

const INTERPRETERS: usize = 100;

/// Expressions of at least 32 random bits, each evaluated in an interpreter that has drawn nothing from its source.
const SOURCES: &[&str] = &[
    "random.random()",
    "random.getrandbits(32)",
    "random.randrange(2**31)",
    "random.randbytes(8)",
    "random.sample(range(10**9), 3)",
    "random.gauss(0, 1)",
    "random.Random().random()",
    "random.SystemRandom().random()",
    "tuple(random.sample(range(100), 100))",
    "os.urandom(8)",
    "secrets.token_hex(8)",
    "secrets.randbelow(2**40)",
    "uuid.uuid4()",
    "uuid.uuid1()",
    "next(tempfile._get_candidate_names())",
    "email.utils.make_msgid()",
    "email.generator._make_boundary()",
    "__import__('multiprocessing.process').process.current_process().authkey[:]",
    "numpy.random.random()",
    "numpy.random.rand()",
    "numpy.random.randn()",
    "numpy.random.bytes(8)",
    "numpy.random.randint(2**32, dtype=numpy.uint32)",
    "numpy.random.randint(2**31 - 1)",
    "numpy.random.random_sample(2).tolist()",
    "numpy.random.choice(2**31 - 1)",
    "numpy.random.permutation(100).tolist()",
    "(lambda it: (numpy.random.shuffle(it), it)[1])(list(range(100)))",
    "numpy.random.get_state()[1].tolist()",
    "numpy.random.normal()",
    "numpy.random.exponential()",
    "numpy.random.default_rng().integers(2**32)",
    "numpy.random.default_rng().random()",
    "numpy.random.RandomState().randint(2**32, dtype=numpy.uint32)",
    "int(numpy.random.MT19937().random_raw())",
    "int(numpy.random.PCG64().random_raw())",
    "int(numpy.random.PCG64DXSM().random_raw())",
    "int(numpy.random.Philox().random_raw())",
    "int(numpy.random.SFC64().random_raw())",
    "numpy.random.SeedSequence().entropy",
    "sqlite3.connect(':memory:').execute('select randomblob(8)').fetchone()[0]",
    "sqlite3.connect(':memory:').execute('select random()').fetchone()[0]",
];

const MODULES: &str =
    "import email.generator, email.utils, numpy, os, random, secrets, sqlite3, tempfile, uuid";

/// T11: no interpreter can foretell what another one draws.
#[test]
fn no_two_interpreters_draw_the_same() {
    let mut drawn: HashMap<&str, HashSet<String>> = HashMap::new();
    for number in 0..INTERPRETERS {
        for source in SOURCES {
            // Of each source the first draw: most of them share a generator.
            let mut py = RUNTIME.interpreter().build().expect("an interpreter");
            py.run(MODULES).expect("modules");
            let value: String = py.eval_as(&format!("repr({source})")).expect(source);
            let new = drawn.entry(source).or_default().insert(value.clone());
            assert!(new, "{source} gave {value} again, in interpreter {number}");
        }
    }
    assert_eq!(drawn.len(), SOURCES.len());
}

/// Few values, but not always the same one.
#[test]
fn dice_differ() {
    for die in [
        "random.randint(1, 6)",
        "numpy.random.randint(1, 7)",
        "int(numpy.random.default_rng().integers(6))",
    ] {
        let mut seen = HashSet::new();
        for _ in 0..INTERPRETERS {
            let mut py = RUNTIME.interpreter().build().expect("an interpreter");
            py.run("import random, numpy").expect("modules");
            seen.insert(py.eval_as::<i64>(die).expect(die));
        }
        assert!(seen.len() >= 4, "{die}: {seen:?}");
    }
}

/// A seed makes them repeat, also when it is set first of all.
#[test]
fn seeds_are_kept() {
    let first = |seed: &str, draw: &str| -> String {
        let mut py = RUNTIME.interpreter().build().expect("an interpreter");
        py.run(&format!("import random, numpy\n{seed}")).expect(seed);
        py.eval_as(&format!("repr({draw})")).expect(draw)
    };
    for (seed, draw) in [
        ("random.seed(7)", "random.random()"),
        ("numpy.random.seed(7)", "numpy.random.randint(2**31 - 1)"),
        ("numpy.random.seed(7)", "numpy.random.random()"),
        ("rng = numpy.random.default_rng(7)", "rng.random()"),
        (
            "numpy.random.set_state(numpy.random.RandomState(3).get_state())",
            "numpy.random.random()",
        ),
    ] {
        assert_eq!(first(seed, draw), first(seed, draw), "{seed}: {draw}");
    }
}
