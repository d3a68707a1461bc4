//! Tables and plots in the flavour `science`: pictures against those of native packages, what is shown, record batches,
//! and what exceptions of C++ do at limits.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, DurationMillisecondArray, Float64Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};

use crate::examples::native_packages;
use crate::flavours::SCIENCE;
use crate::support::{native_python, ophidia, raised, repository};
use ophidia::{Error, LimitExceeded, Value};

/// Has a script save, natively, what it shows.
const SAVE: &str =
    "import runpy, sys, matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt
plt.show = lambda: plt.savefig(sys.argv[2]); runpy.run_path(sys.argv[1])";

/// How far two pictures are from each other: the root of the mean square of what pixels differ by, of 255. Six pixels each way
/// are one: another version of FreeType makes text, and so what stands beside it, a pixel larger or smaller.
const DISTANCE: &str = "import io, numpy
from PIL import Image
def pixels(data, down=0):
    image = numpy.roll(numpy.asarray(Image.open(io.BytesIO(data)).convert('RGB')), down, 0)
    small = Image.fromarray(image).resize((image.shape[1] // 6, image.shape[0] // 6), Image.Resampling.BOX)
    return numpy.asarray(small, float)
def distance(one, other, down):
    one, other = pixels(one), pixels(other, down)
    assert one.shape == other.shape, (one.shape, other.shape)
    return float(((one - other) ** 2).mean() ** 0.5)";

#[test]
fn the_example_s_picture_is_the_native_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = repository().join("examples/plot.py");
    let native = folder.path().join("native.png");
    native_python(["-c", SAVE])
        .arg(&script)
        .arg(&native)
        .env("PYTHONPATH", native_packages(&["matplotlib", "pandas"]))
        .expect_ok();
    let run = ophidia(["run", "--with", "matplotlib,pandas", "--show"]);
    run.arg(folder.path()).arg(&script).expect_ok().stderr_is_empty();
    let ours = fs::read(folder.path().join("figure-1.png")).expect("it was shown");
    let theirs = fs::read(&native).expect("it was saved");
    let mut py = SCIENCE.interpreter().build().expect("an interpreter");
    py.run(DISTANCE).expect("run");
    let distance = py.get("distance").expect("a function");
    let mut apart = |down: i64| -> f64 {
        let pictures = (Value::Bytes(ours.clone()), Value::Bytes(theirs.clone()), down);
        distance.call_as(&mut py, pictures).expect("pictures of one size")
    };
    let same = apart(0);
    assert!(same < 8.0, "{same}");
    let moved = apart(12);
    assert!(moved > 20.0, "one that is moved by 12 pixels is told from it: {moved}");
}

#[test]
fn images_are_shown_by_the_host_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let code = "from PIL import Image; Image.new('RGB', (3, 2), 'red').show()
import matplotlib, matplotlib.pyplot as plt
matplotlib.rcParams['savefig.format'] = 'svg'
plt.plot([1, 2]); plt.figure(); plt.show(); assert not plt.get_fignums(); plt.show()";
    let run = ophidia(["run", "--with", "matplotlib,pandas", "--show"]);
    run.arg(folder.path()).args(["-c", code]).expect_ok().stderr_is_empty();
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("plain"))
        .collect();
    names.sort();
    assert_eq!(names, ["figure-1.png", "figure-2.svg", "figure-3.svg"]);
    let run = ophidia([
        "run",
        "--with",
        "matplotlib,pandas",
        "-c",
        "import matplotlib.pyplot as p; p.plot([1]); p.show()",
    ]);
    run.expect_ok().stderr_has("--show DIR");
}

#[test]
fn a_limit_of_memory_is_a_memory_error_in_c_plus_plus_too() {
    let mut py = SCIENCE.interpreter().memory(200 << 20).build().expect("an interpreter");
    py.run(
        "import contourpy, numpy
try: contourpy.contour_generator(z=numpy.random.random((2000, 2000))).lines(0.5)
except MemoryError: pass
else: raise AssertionError('it had enough')
import matplotlib.pyplot as plt, io; plt.plot([1, 2]); plt.savefig(io.BytesIO())",
    )
    .expect("it goes on");
}

#[test]
fn deadlines_fire_while_c_plus_plus_throws() {
    let limit = Duration::from_millis(300);
    let builder = SCIENCE.interpreter().timeout(limit).grace(Duration::ZERO);
    let mut py = builder.build().expect("an interpreter");
    let code = "import kiwisolver\nx = kiwisolver.Variable('x')\nwhile True:\n    try: kiwisolver.Solver().removeConstraint(x >= 1)\n    except kiwisolver.UnknownConstraint: pass";
    let error = py.run(code).expect_err("it never ends");
    assert!(matches!(error, Error::Limit(LimitExceeded::Timeout { .. })), "{error:?}");
}

/// A batch with every kind of column, each with a null, and one column without.
fn batch() -> RecordBatch {
    let zoned = TimestampMicrosecondArray::from(vec![Some(1_767_225_600_000_000), None, Some(0)]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("whole", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("some", Arc::new(Int32Array::from(vec![Some(7), None, Some(-1)]))),
        ("real", Arc::new(Float64Array::from(vec![Some(0.5), None, Some(2.0)]))),
        ("truth", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("text", Arc::new(StringArray::from(vec![Some("tea"), None, Some("grüße")]))),
        ("day", Arc::new(Date32Array::from(vec![Some(20_454), None, Some(0)]))),
        ("zoned", Arc::new(zoned.with_timezone("Europe/Berlin"))),
        ("span", Arc::new(DurationMillisecondArray::from(vec![Some(1_500), None, Some(0)]))),
    ];
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

#[test]
fn record_batches_become_tables_and_come_back() {
    let mut py = SCIENCE.interpreter().build().expect("an interpreter");
    let sent = batch();
    let frame = py.data_frame(&sent).expect("a table");
    py.set("frame", &frame).expect("set");
    py.run(
        "import pandas as pd
assert list(map(str, frame.dtypes)) == ['int64', 'Int32', 'float64', 'boolean', 'str', 'datetime64[s]',
    'datetime64[us, Europe/Berlin]', 'timedelta64[ms]'], list(map(str, frame.dtypes))
assert frame.whole.sum() == 6 and frame.isna().sum().tolist() == [0] + [1] * 7
assert frame.text.tolist()[::2] == ['tea', 'grüße'] and frame.zoned[0].hour == 1
assert frame.day[0] == pd.Timestamp('2026-01-01') and frame.span.sum() == pd.Timedelta(seconds=1.5)",
    )
    .expect("as it was sent");
    let back: RecordBatch = frame.extract(&mut py).expect("a batch");
    assert_eq!(back.num_columns(), sent.num_columns());
    for (name, column) in sent.schema().fields().iter().map(|f| f.name()).zip(sent.columns()) {
        let got = back.column_by_name(name).expect("the same columns");
        assert_eq!(got.null_count(), column.null_count(), "{name}");
        // Dates are moments in pandas; all else keeps its type.
        if name != "day" {
            assert_eq!(got, column, "{name}");
        }
    }
    let code = "frame.assign(kind=pd.Categorical(['a', 'b', 'a'])).groupby('kind', observed=True).whole.sum().to_frame()";
    let sums: RecordBatch = py.eval_as(code).expect("a batch");
    let expected: [ArrayRef; 2] =
        [Arc::new(StringArray::from(vec!["a", "b"])), Arc::new(Int64Array::from(vec![4, 2]))];
    assert_eq!(sums.columns(), expected);
}

#[test]
fn what_arrow_cannot_have_of_a_table_is_named() {
    let mut py = SCIENCE.interpreter().build().expect("an interpreter");
    py.run("import pandas as pd").expect("run");
    for (code, said) in [
        ("pd.DataFrame({'p': pd.period_range('2026', periods=2)})", "astype(str)"),
        ("pd.DataFrame([[1, 2]], columns=['a', 'a'])", "two columns"),
        ("pd.DataFrame({'o': [object()]})", "o"),
    ] {
        let error = py.eval_as::<RecordBatch>(code).expect_err("refused");
        assert!(error.to_string().contains(said), "{error}");
    }
    let error = raised(crate::support::interpreter().data_frame(&batch()));
    assert!(error.message.contains("--with pandas"), "{error:?}");
}
