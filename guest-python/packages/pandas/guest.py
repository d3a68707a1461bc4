"""What the guest does for pandas before the snapshot."""

import io

import pandas as pd


def warm() -> None:
    """Do what most programs do first."""
    frame = pd.read_csv(io.StringIO("a,b,c\n1,2.5,x\n3,4.5,y\n1,0.5,x\n"))
    frame.groupby("a").b.sum()
    frame.merge(frame.groupby("c").agg({"b": "mean"}).reset_index(), on="c")
    frame.sort_values("b")
    frame.describe()
    frame.to_csv()
    frame.to_json()
    repr(frame)
    pd.date_range("2026-01-01", periods=3).strftime("%Y-%m-%d")
