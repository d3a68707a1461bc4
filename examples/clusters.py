"""Group flowers by their measures: k-means, started well and told how good the groups are.

ophidia run examples/clusters.py
"""

import numpy as np

KINDS = {"small": (5.0, 1.5), "middle": (6.0, 4.3), "large": (6.8, 5.7)}


def flowers(each: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of sepals and petals, and the kind of each."""
    middles = np.array(list(KINDS.values()))
    kinds = np.repeat(np.arange(len(middles)), each)
    points = middles[kinds] + chance.normal(0, 0.3, (kinds.size, 2))
    order = chance.permutation(kinds.size)
    return points[order], kinds[order]


def distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The squared distance of each point from each centre."""
    return ((points[:, None] - centres) ** 2).sum(axis=2)


def start(points: np.ndarray, count: int, chance: np.random.Generator) -> np.ndarray:
    """Centres far from one another: each is drawn with the squared distance from those before as weight."""
    centres = points[[chance.integers(len(points))]]
    while len(centres) < count:
        weight = distances(points, centres).min(axis=1)
        drawn = points[chance.choice(len(points), p=weight / weight.sum())]
        centres = np.vstack([centres, drawn])
    return centres


def k_means(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centres, moved until no point changes its group, and the group of each point."""
    groups = None
    for _ in range(100):
        nearest = distances(points, centres).argmin(axis=1)
        if groups is not None and (nearest == groups).all():
            return centres, groups
        groups = nearest
        centres = np.array([points[groups == group].mean(axis=0) for group in range(len(centres))])
    raise ValueError("the groups never come to rest")


def spread(points: np.ndarray, centres: np.ndarray, groups: np.ndarray) -> float:
    return float(((points - centres[groups]) ** 2).sum())


def best(points: np.ndarray, count: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The densest groups of eight tries."""
    tries = [k_means(points, start(points, count, chance)) for _ in range(8)]
    return min(tries, key=lambda found: spread(points, *found))


def main() -> None:
    chance = np.random.default_rng(2026)
    points, kinds = flowers(100, chance)
    print("how many groups?")
    for count in range(1, 6):
        total = spread(points, *best(points, count, chance))
        print(f"  {count}: {total:8.3f} {'#' * round(total / 20)}")

    centres, groups = best(points, len(KINDS), chance)
    order = np.argsort(centres[:, 1])  # by the length of petals
    groups = np.argsort(order)[groups]
    print(f"\n{len(KINDS)} groups:")
    for group, name in enumerate(KINDS):
        sepal, petal = centres[order[group]]
        print(f"  {name:6} {(groups == group).sum():3} flowers around {sepal:.4f} {petal:.4f}")

    table = np.zeros((len(KINDS), len(KINDS)), int)
    np.add.at(table, (kinds, groups), 1)
    print("\nkind and group:")
    for name, row in zip(KINDS, table):
        print(f"  {name:6}", *(f"{number:4}" for number in row))
    print(f"right: {np.trace(table) / kinds.size:.1%}")


if __name__ == "__main__":
    main()
