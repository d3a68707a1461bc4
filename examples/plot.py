"""A year of two weather stations: a table made with pandas, drawn with matplotlib.

ophidia run --with matplotlib,pandas --show . examples/plot.py      writes figure-1.png
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

random = np.random.default_rng(7)
days = pd.date_range("2025-01-01", "2025-12-31", freq="D")
season = -np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 20) / 365)
table = pd.DataFrame(
    {
        "coast": 11 + 6 * season + random.normal(0, 1.6, len(days)),
        "hills": 7 + 11 * season + random.normal(0, 2.6, len(days)),
    },
    index=days,
)

months = table.resample("MS").agg(["mean", "min", "max"])
print(months.xs("mean", axis=1, level=1).round(1).to_string())
print(table.corr().round(2).to_string())

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", width_ratios=(2, 1))
for name, colour in (("coast", "tab:blue"), ("hills", "tab:green")):
    left.plot(table.index, table[name].rolling(7, center=True).mean(), color=colour, label=name)
    left.fill_between(
        months.index, months[name, "min"], months[name, "max"], color=colour, alpha=0.15, step="post"
    )
left.set(title="A week's mean, and each month's range", ylabel="temperature / °C")
left.legend()
counts, edges = np.histogram(table.hills - table.coast, bins=24)
right.stairs(counts, edges, fill=True, color="tab:gray")
right.axvline((table.hills - table.coast).mean(), color="black", linestyle="--")
right.set(title=r"$\Delta T = T_\mathrm{hills} - T_\mathrm{coast}$", xlabel="°C", ylabel="days")
plt.show()
