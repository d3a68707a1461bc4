//! The other side of the bench of calls: the same work by PyO3 on a native CPython.

use crate::{Bench, CALLS, COMPARED, PROGRAM, SAMPLES, Sample, numbers, prices, sample};
use anyhow::{Context as _, Result};
use ophidia_benches::{figure, in_turn};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};
use std::collections::HashMap;
use std::ffi::CString;

/// Measures both sides, PyO3's with the interpreter attached, which is its best case, and tells how many
/// times as long ours takes.
pub(crate) fn compare(ours: &mut Bench) -> Result<()> {
    Python::attach(|py| {
        let mut theirs = Native::new(py)?;
        for ((key, our_sample), (same_key, their_sample)) in
            COMPARED.into_iter().zip(Native::SAMPLES)
        {
            anyhow::ensure!(key == same_key, "{key} is compared with {same_key}");
            let compared = in_turn(SAMPLES, || our_sample(ours), || their_sample(&mut theirs))?;
            figure(&format!("{key}_ns"), compared.ours, "ns");
            figure(&format!("pyo3_{key}_ns"), compared.theirs, "ns");
            let key = if key == "call_str" { "call" } else { key };
            figure(&format!("{key}_pyo3_ratio"), compared.ratio, "x");
        }
        Ok(())
    })
}

struct Native<'py> {
    py: Python<'py>,
    text: Bound<'py, PyAny>,
    number: Bound<'py, PyAny>,
    thing: Bound<'py, PyAny>,
    same: Bound<'py, PyAny>,
    list: Bound<'py, PyAny>,
    dict: Bound<'py, PyAny>,
    loops: Bound<'py, PyAny>,
    callback: Bound<'py, PyCFunction>,
    numbers: Vec<i64>,
    prices: HashMap<String, f64>,
}

impl<'py> Native<'py> {
    const SAMPLES: [(&'static str, Sample<Self>); 11] = [
        ("call_str", |side| sample(1_000, || Ok(side.text.call0()?.extract::<String>()?))),
        ("call_int", |side| sample(1_000, || Ok(side.number.call1((41,))?.extract::<i64>()?))),
        ("getattr_int", |side| {
            sample(1_000, || Ok(side.thing.getattr(intern!(side.py, "size"))?.extract::<i64>()?))
        }),
        ("call_method", |side| {
            sample(1_000, || {
                let name = intern!(side.py, "join");
                Ok(side.thing.call_method1(name, ("one", "two"))?.extract::<String>()?)
            })
        }),
        ("list_1000_in", |side| {
            sample(10, || Ok((&side.numbers).into_pyobject(side.py)?.is_truthy()?))
        }),
        ("list_1000_out", |side| sample(10, || Ok(side.list.extract::<Vec<i64>>()?))),
        ("list_1000_both_ways", |side| {
            sample(10, || Ok(side.same.call1((&side.numbers,))?.extract::<Vec<i64>>()?))
        }),
        ("dict_100_in", |side| {
            sample(20, || Ok((&side.prices).into_pyobject(side.py)?.is_truthy()?))
        }),
        ("dict_100_out", |side| sample(20, || Ok(side.dict.extract::<HashMap<String, f64>>()?))),
        ("dict_100_both_ways", |side| {
            sample(20, || {
                Ok(side.same.call1((&side.prices,))?.extract::<HashMap<String, f64>>()?)
            })
        }),
        ("callback", |side| {
            let time = sample(1, || Ok(side.loops.call1((&side.callback, CALLS))?.is_none()))?;
            Ok(time / f64::from(CALLS))
        }),
    ];

    fn new(py: Python<'py>) -> Result<Self> {
        let names = PyDict::new(py);
        py.run(&CString::new(PROGRAM)?, Some(&names), Some(&names))?;
        let get = |name: &str| -> Result<Bound<'py, PyAny>> {
            names.get_item(name)?.with_context(|| format!("no {name}"))
        };
        let increment = |args: &Bound<'_, PyTuple>,
                         _: Option<&Bound<'_, PyDict>>|
         -> PyResult<i64> { Ok(args.get_item(0)?.extract::<i64>()? + 1) };
        let (numbers, prices) = (numbers(), prices());
        Ok(Self {
            py,
            text: get("foo")?,
            number: get("bar")?,
            thing: get("thing")?,
            same: get("same")?,
            loops: get("loop")?,
            callback: PyCFunction::new_closure(py, None, None, increment)?,
            list: (&numbers).into_pyobject(py)?.into_any(),
            dict: (&prices).into_pyobject(py)?.into_any(),
            numbers,
            prices,
        })
    }
}
