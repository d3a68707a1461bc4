//! The rounds: every side does every piece in turn, so that what the machine does besides meets all of them.

use crate::progress::Progress;
use crate::sides::Side;
use crate::work;
use ophidia_benches::median;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What one side has done.
#[derive(Default)]
pub(crate) struct Results {
    /// A value a round.
    figures: BTreeMap<String, Vec<f64>>,
    capabilities: BTreeMap<&'static str, Tried>,
    /// Why a piece has not been done.
    cannot: BTreeMap<&'static str, String>,
    /// Why fewer sessions were alive at once than asked for.
    pub(crate) stopped: Option<String>,
}

struct Tried {
    can: bool,
    /// What the program printed, or the error that it ended with.
    why: String,
}

/// The results of the sides, in their order.
pub(crate) fn measure(sides: &[Side], rounds: usize) -> Vec<Results> {
    let capabilities = work::capabilities();
    let progress =
        Progress::new(sides.len() * (1 + rounds * work::PIECES.len() + capabilities.len()));
    let mut results: Vec<_> = sides.iter().map(|_| Results::default()).collect();
    let mut in_turn = |what: &str, action: &dyn Fn(&mut Results, &Side)| {
        for (results, side) in results.iter_mut().zip(sides) {
            progress.step(&format!("{what}: {}", side.title));
            action(results, side);
            progress.done();
        }
    };
    in_turn("first start, which may make what is made once", &Results::prepare);
    for round in 1..=rounds {
        for piece in work::PIECES {
            in_turn(&format!("round {round} of {rounds}, {piece}"), &|results, side| {
                results.piece(side, piece);
            });
        }
    }
    for capability in &capabilities {
        in_turn(capability.title, &|results, side| results.capability(side, capability.key));
    }
    results
}

impl Results {
    fn prepare(&mut self, side: &Side) {
        let why = match &side.missing {
            Some(why) => why.clone(),
            None => match side.does(work::PREPARE, None) {
                Ok(_) => return,
                Err(error) => format!("does not start: {error:#}"),
            },
        };
        self.cannot.insert(work::PREPARE, why);
    }

    fn piece(&mut self, side: &Side, piece: &'static str) {
        if self.cannot(piece).is_some() {
            return;
        }
        match side.does(piece, None) {
            Err(error) => {
                self.cannot.insert(piece, format!("{error:#}"));
            }
            Ok(figures) => {
                for (name, value) in figures {
                    match value {
                        Value::String(why) => self.stopped = Some(why),
                        value => self.figures.entry(name).or_default().extend(value.as_f64()),
                    }
                }
            }
        }
    }

    fn capability(&mut self, side: &Side, key: &'static str) {
        if self.cannot(work::PREPARE).is_some() {
            return;
        }
        let tried = match side.does(work::CAN, Some(key)) {
            Ok(figures) => Tried {
                can: figures.get("can").and_then(Value::as_bool) == Some(true),
                why: figures.get("why").and_then(Value::as_str).unwrap_or_default().to_owned(),
            },
            // That it hangs is an answer as well.
            Err(error) => Tried { can: false, why: format!("{error:#}") },
        };
        self.capabilities.insert(key, tried);
    }

    /// Why there are no figures of a piece.
    pub(crate) fn cannot(&self, piece: &'static str) -> Option<&str> {
        let why = self.cannot.get(work::PREPARE);
        why.or_else(|| self.cannot.get(piece)).map(String::as_str)
    }

    pub(crate) fn can(&self, key: &'static str) -> Option<bool> {
        self.capabilities.get(key).map(|tried| tried.can)
    }

    fn rounds(&self, figure: &str) -> &[f64] {
        self.figures.get(figure).map_or(&[], Vec::as_slice)
    }

    /// The median of the rounds.
    pub(crate) fn figure(&self, figure: &str) -> Option<f64> {
        some_median(self.rounds(figure).to_vec())
    }

    /// The median of how many times as much it is in a round as another side's.
    pub(crate) fn ratio(&self, to: &Results, figure: &str) -> Option<f64> {
        let pairs = self.rounds(figure).iter().zip(to.rounds(figure));
        some_median(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }

    /// All there is.
    pub(crate) fn json(&self, side: &Side) -> Value {
        let tried = |(key, tried): (&&str, &Tried)| {
            ((*key).to_owned(), json!({"can": tried.can, "why": tried.why}))
        };
        json!({
            "side": side.title,
            "figures": self.figures,
            "capabilities": self.capabilities.iter().map(tried).collect::<serde_json::Map<_, _>>(),
            "cannot": self.cannot,
            "stopped": self.stopped,
        })
    }
}

fn some_median(values: Vec<f64>) -> Option<f64> {
    (!values.is_empty()).then(|| median(values))
}
