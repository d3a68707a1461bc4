"""Fit how a cup of coffee cools by least squares, and say how sure one can be of the answer.

Newton's law: the temperature falls from `start` to that of the room as exp(-rate * t). The unknown rate is
not linear, so each step solves a linear least-squares problem for a better guess (Gauss and Newton's method).

ophidia run examples/cooling.py
"""

import numpy as np


def model(minutes: np.ndarray, room: float, start: float, rate: float) -> np.ndarray:
    return room + (start - room) * np.exp(-rate * minutes)


def slopes(minutes: np.ndarray, room: float, start: float, rate: float) -> np.ndarray:
    """How the model changes with each parameter: a column for each."""
    left = np.exp(-rate * minutes)
    return np.column_stack([1 - left, left, -(start - room) * minutes * left])


def fit(minutes: np.ndarray, degrees: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, int]:
    for step in range(1, 51):
        change = np.linalg.lstsq(slopes(minutes, *guess), degrees - model(minutes, *guess))[0]
        guess = guess + change
        if np.abs(change).max() < 1e-9:
            return guess, step
    raise ValueError(f"no fit after {step} steps: {guess}")


def main() -> None:
    chance = np.random.default_rng(12)
    minutes = np.arange(0, 60, 1.5)
    degrees = (model(minutes, 21.0, 88.0, 0.055) + chance.normal(0, 0.4, minutes.size)).round(1)

    found, steps = fit(minutes, degrees, guess=np.array([15.0, 80.0, 0.1]))
    rest = degrees - model(minutes, *found)
    variance = rest @ rest / (minutes.size - found.size)
    jacobian = slopes(minutes, *found)
    errors = np.sqrt(np.diag(variance * np.linalg.inv(jacobian.T @ jacobian)))

    print(f"{minutes.size} readings, fitted in {steps} steps:")
    for name, value, error in zip(["room", "start", "rate"], found, errors):
        print(f"  {name:5} {value:8.4f} ± {error:.4f}")
    print(f"explained: {1 - rest.var() / degrees.var():.5%}")
    drinkable = -np.log((60 - found[0]) / (found[1] - found[0])) / found[2]
    print(f"60 degrees after {drinkable:.2f} minutes")

    print("\nfar off:")
    for i in np.argsort(-np.abs(rest), kind="stable")[:4]:
        print(f"  at {minutes[i]:4.1f} min: {degrees[i]:.1f} read, {degrees[i] - rest[i]:.2f} expected")

    line = np.polynomial.Polynomial.fit(minutes, degrees, deg=1).convert()
    spread = np.std(degrees - line(minutes))
    print(f"\na straight line would be off by {spread:.3f} degrees, the law is by {rest.std():.3f}")


if __name__ == "__main__":
    main()
