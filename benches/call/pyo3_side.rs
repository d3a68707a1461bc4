//! The other side of the bench of calls: the same work by PyO3 on a native CPython.

use crate::{CALLS, PROGRAM, nanoseconds};
use anyhow::Result;
use ophidia_benches::figure;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};
use std::collections::HashMap;
use std::ffi::CString;

/// Measures all of it with the interpreter attached, which is PyO3's best case, and tells how many times
/// as long ours takes.
pub(crate) fn compare(call_str: f64, ours: &[(&str, f64)]) -> Result<()> {
    for (key, theirs) in measure()? {
        let ours = ours.iter().find(|(our_key, _)| *our_key == key).map_or(call_str, |(_, ns)| *ns);
        figure(&format!("pyo3_{key}_ns"), theirs, "ns");
        let key = if key == "call_str" { "call" } else { key };
        figure(&format!("{key}_pyo3_ratio"), ours / theirs, "x");
    }
    Ok(())
}

fn measure() -> Result<Vec<(&'static str, f64)>> {
    Python::attach(|py| {
        let names = PyDict::new(py);
        py.run(&CString::new(PROGRAM)?, Some(&names), Some(&names))?;
        let get = |name: &str| -> Result<Bound<'_, PyAny>> {
            Ok(names.get_item(name)?.ok_or_else(|| anyhow::anyhow!("no {name}"))?)
        };
        let (text, number, thing, same) = (get("foo")?, get("bar")?, get("thing")?, get("same")?);
        let loops = get("loop")?;
        let numbers: Vec<i64> = (0..1_000).collect();
        let prices: HashMap<String, f64> =
            (0..100).map(|i| (format!("item {i}"), f64::from(i) / 4.0)).collect();
        let increment = |args: &Bound<'_, PyTuple>,
                         _: Option<&Bound<'_, PyDict>>|
         -> PyResult<i64> { Ok(args.get_item(0)?.extract::<i64>()? + 1) };
        let increment = PyCFunction::new_closure(py, None, None, increment)?;

        Ok(vec![
            ("call_str", nanoseconds(2_000, || Ok(text.call0()?.extract::<String>()?))?),
            ("call_int", nanoseconds(2_000, || Ok(number.call1((41,))?.extract::<i64>()?))?),
            ("getattr_int", nanoseconds(2_000, || Ok(thing.getattr("size")?.extract::<i64>()?))?),
            (
                "call_method",
                nanoseconds(2_000, || {
                    Ok(thing.call_method1("join", ("one", "two"))?.extract::<String>()?)
                })?,
            ),
            ("list_1000_in", nanoseconds(20, || Ok((&numbers).into_pyobject(py)?.is_truthy()?))?),
            (
                "list_1000_both_ways",
                nanoseconds(20, || Ok(same.call1((&numbers,))?.extract::<Vec<i64>>()?))?,
            ),
            ("dict_100_in", nanoseconds(50, || Ok((&prices).into_pyobject(py)?.is_truthy()?))?),
            (
                "dict_100_both_ways",
                nanoseconds(50, || {
                    Ok(same.call1((&prices,))?.extract::<HashMap<String, f64>>()?)
                })?,
            ),
            (
                "callback",
                nanoseconds(1, || Ok(loops.call1((&increment, CALLS))?.is_none()))?
                    / f64::from(CALLS),
            ),
        ])
    })
}
