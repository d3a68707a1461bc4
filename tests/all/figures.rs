//! What programs show is given to the host, or it is said that nothing shows it. matplotlib and Pillow themselves show
//! in the flavour `science` (flavours.rs).

use std::fs;
use std::sync::Arc;
use std::sync::Mutex;

use crate::library::RUNTIME;
use crate::support::{interpreter, ophidia, raised};
use ophidia::{Error, Figure, figures};

const SHOW: &str = "from _ophidia import figures\n";

#[test]
fn a_hook_gets_each_figure_whole() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let module = figures(move |figure: Figure| {
        kept.lock().expect("no panic").push(figure);
        Ok(())
    });
    let mut py = RUNTIME.interpreter().module(module).build().expect("built");
    py.run(&format!(
        "{SHOW}for i in range(2): figures.show(bytes([i]) * 3, 'svg', f'Figure {{i}}')"
    ))
    .expect("shown");
    let seen = seen.lock().expect("no panic");
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (&*seen[1].format, &*seen[1].title, &*seen[1].bytes),
        ("svg", "Figure 1", &[1; 3][..])
    );
    assert_eq!(format!("{:?}", seen[0]), "Figure(svg, \"Figure 0\", 3 bytes)");
}

/// T18: a format is a few letters, whatever the program says.
#[test]
fn what_a_hook_refuses_is_raised_and_formats_are_checked() {
    let module = figures(|_| Err(Error::Grant("no more figures".into())));
    let mut py = RUNTIME.interpreter().module(module).build().expect("built");
    let error = raised(py.run(&format!("{SHOW}figures.show(b'x', 'png')")));
    assert!(error.message.contains("no more figures"), "{error:?}");
    for wrong in ["../x", "", "a/b", "x\\0", "pñg", &"p".repeat(17)] {
        let error = raised(py.run(&format!("{SHOW}figures.show(b'x', '{wrong}')")));
        assert!(error.message.contains("letters and digits"), "{error:?}");
    }
    py.run("x = 1").expect("it goes on");
}

#[test]
fn without_a_hook_a_warning_says_what_to_do() {
    let mut py = interpreter();
    py.run(&format!("{SHOW}figures.show(b'x', 'png')")).expect("a warning alone");
    let said = String::from_utf8_lossy(&py.take_stderr()).into_owned();
    assert!(said.contains("--show DIR"), "{said}");
}

#[test]
fn the_command_writes_them_into_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("made");
    let code = format!("{SHOW}figures.show(b'one', 'png'); figures.show(b'two', 'svg')");
    ophidia(["run", "--show"]).args([&dir]).args(["-c", &code]).expect_ok();
    assert_eq!(fs::read(dir.join("figure-1.png")).expect("a file"), b"one");
    assert_eq!(fs::read(dir.join("figure-2.svg")).expect("a file"), b"two");
    let file = folder.path().join("made/figure-1.png");
    let outcome = ophidia(["run", "--show"]).args([&file]).args(["-c", "pass"]).expect_status(2);
    outcome.stderr_has("--show").stderr_has("name a folder");
}
