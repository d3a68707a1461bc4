//! The table, in Markdown: a column a side, and below it what a reader has to know of single cells.

use crate::rounds::Results;
use crate::sides::Side;
use crate::work;

struct Row {
    title: &'static str,
    piece: &'static str,
    figure: &'static str,
    /// Times as long as native, instead of the figure itself.
    ratio: bool,
}

const ROWS: [Row; 7] = [
    row("new sandbox to the result of `x = 1`, p50, µs", "first", "first_us"),
    row("the same and dropped, p50, µs", "first", "dropped_us"),
    row("starts a second on one core, each dropped", "starts", "starts_per_s"),
    row("agent run: a session and ten statements, p50, µs", "agent", "agent_us"),
    row("memory of a live session, one of 100, KiB", "alive", "alive_kib"),
    Row { ratio: true, ..row("calls (`fib(24)`), time ÷ native", "speed", "fib_us") },
    Row { ratio: true, ..row("strings and dicts, time ÷ native", "speed", "words_us") },
];

const fn row(title: &'static str, piece: &'static str, figure: &'static str) -> Row {
    Row { title, piece, figure, ratio: false }
}

/// What is said below the table, each once, in the order of the first cell that needs it.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn mark(&mut self, text: &str) -> String {
        let known = self.0.iter().position(|note| note == text);
        let at = known.unwrap_or_else(|| {
            self.0.push(text.to_owned());
            self.0.len() - 1
        });
        format!("<sup>{}</sup>", at + 1)
    }
}

pub(crate) fn markdown(sides: &[Side], measured: &[Results], rounds: usize) -> String {
    let mut notes = Notes::default();
    let titles: Vec<_> = sides
        .iter()
        .map(|side| {
            let mark = side.note.map(|note| notes.mark(note)).unwrap_or_default();
            format!("{}{mark}", side.title)
        })
        .collect();
    let mut lines = vec![line("", titles), format!("|---|{}", "--:|".repeat(sides.len()))];
    for row in &ROWS {
        let cells = measured.iter().map(|results| cell(results, row, measured.last(), &mut notes));
        lines.push(line(row.title, cells.collect()));
    }
    for capability in work::capabilities() {
        let cells = measured.iter().map(|results| match results.can(capability.key) {
            Some(true) => "yes".to_owned(),
            Some(false) => "no".to_owned(),
            None => missing(results, work::PREPARE, &mut notes),
        });
        lines.push(line(capability.title, cells.collect()));
    }
    lines.push(String::new());
    lines.extend(notes.0.iter().enumerate().map(|(at, note)| format!("{}. {note}", at + 1)));
    lines.push(String::new());
    lines.push(format!(
        "`cargo bench --bench peers`, {}: medians of {rounds} rounds in which every side does each piece of work in \
         turn, in a process of its own. A deadline of {} s is on everywhere. Ophidia is called from Rust, the peers \
         from the Python that they are packages for. Memory is proportional (PSS), of all processes that take part. \
         Each yes and no was tried in this run.",
        machine(),
        work::DEADLINE
    ));
    lines.join("\n")
}

fn line(title: &str, cells: Vec<String>) -> String {
    format!("| {title} | {} |", cells.join(" | "))
}

/// A figure of a side. The last side is what ratios are of.
fn cell(results: &Results, row: &Row, native: Option<&Results>, notes: &mut Notes) -> String {
    let Some(value) = results.figure(row.figure) else {
        return missing(results, row.piece, notes);
    };
    let milliseconds = || format!("{} ms", digits(value / 1e3));
    match (row.ratio, native) {
        (true, Some(native)) if std::ptr::eq(native, results) => format!("1 ({})", milliseconds()),
        (true, native) => native
            .and_then(|native| results.ratio(native, row.figure))
            .map_or_else(milliseconds, digits),
        (false, _) => match (row.piece, &results.stopped, results.figure("alive")) {
            ("alive", Some(why), Some(count)) => {
                format!("{}{}", digits(value), notes.mark(&format!("Of {count} sessions: {why}.")))
            }
            _ => digits(value),
        },
    }
}

fn missing(results: &Results, piece: &'static str, notes: &mut Notes) -> String {
    let why = results.cannot(piece).unwrap_or("not measured");
    format!("-{}", notes.mark(&format!("{why}.")))
}

/// Three digits that count, and a comma before thousands.
fn digits(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.*}", if value < 10.0 { 2 } else { 1 });
    }
    let unit = 10_f64.powf((value.log10().floor() - 2.0).max(0.0));
    let whole = format!("{:.0}", (value / unit).round() * unit);
    let comma = |(at, digit): (usize, char)| match (whole.len() - at) % 3 {
        0 if at > 0 => format!(",{digit}"),
        _ => digit.to_string(),
    };
    whole.chars().enumerate().map(comma).collect()
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    format!("{cores} cores of {}", model.unwrap_or(std::env::consts::ARCH).trim())
}
