"""Tables: read, grouped, joined, turned, times, missing values, and what goes wrong."""

import io

import numpy
import pandas as pd

text = "day,who,n,price\n2026-01-01,ann,3,2.5\n2026-01-02,bob,1,4\n2026-02-01,ann,2,\n"
frame = pd.read_csv(io.StringIO(text), parse_dates=["day"])
assert frame.shape == (3, 4) and frame.price.isna().sum() == 1
assert frame.groupby("who").n.sum().to_dict() == {"ann": 5, "bob": 1}
joined = frame.merge(pd.DataFrame({"who": ["ann"], "age": [41]}), on="who", how="left")
assert joined.age.tolist()[0] == 41.0
table = frame.pivot_table(index="who", columns=frame.day.dt.month, values="n", aggfunc="sum")
assert table.loc["ann", 2] == 2
assert frame.set_index("day").n.resample("MS").sum().tolist() == [4, 2]
assert frame.sort_values("n").n.tolist() == [1, 2, 3] and frame.n.rolling(2).mean().tolist()[1:] == [2.0, 1.5]
assert pd.read_json(io.StringIO(frame.to_json(orient="records", date_format="iso"))).n.sum() == 6
assert (
    str(pd.Timestamp("2026-07-01T12:00", tz="Europe/Berlin").tz_convert("UTC")) == "2026-07-01 10:00:00+00:00"
)
assert pd.Categorical(["a", "b", "a"]).codes.tolist() == [0, 1, 0]
assert pd.array([1, None], dtype="Int64").sum() == 1
assert pd.cut(pd.Series([1, 5, 9]), [0, 4, 10]).value_counts().tolist() == [2, 1]
assert frame.describe().loc["mean", "n"] == 2.0 and frame.n.corr(frame.n) == 1.0
assert frame.who.str.upper().tolist() == ["ANN", "BOB", "ANN"]
wide = pd.DataFrame(numpy.arange(12).reshape(3, 4)).melt()
assert len(wide) == 12 and wide.value.sum() == 66
for wrong in (lambda: frame.loc[99], lambda: frame.nothing, lambda: pd.to_datetime("never")):
    try:
        wrong()
    except (KeyError, AttributeError, ValueError):
        continue
    raise AssertionError("not refused")
