"""Plan routes on a map drawn with characters: A*, cached subproblems, a heap and a union-find.

ophidia run examples/routes.py
"""

import heapq
import math
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from functools import cache, cached_property, lru_cache
from itertools import combinations, pairwise, permutations

MAP = """\
##############################
#A....~~~~.......#.....^^^..B#
#.###.~~~~.#####.#.###.^^^.#.#
#.#......~.#...#.....#.^^..#.#
#.#.####...#.#.#####.#....##.#
#.#.#..#####.#.....#.####.#..#
#...#..^^^^^.#####.#....#.#.##
###.####.^^......#.####.#.#..#
#C..~~~~....####.#......#...D#
##############################
"""
COST = {".": 1, "^": 4, "~": 7}

type Spot = tuple[int, int]


class LruCache[K: Hashable, V]:
    """A small least-recently-used cache, to compare with functools."""

    def __init__(self, size: int) -> None:
        self.size, self.hits, self.misses = size, 0, 0
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, make) -> V:
        if key in self._kept:
            self.hits += 1
            self._kept.move_to_end(key)
            return self._kept[key]
        self.misses += 1
        value = self._kept[key] = make(key)
        if len(self._kept) > self.size:
            self._kept.popitem(last=False)
        return value


class Grid:
    def __init__(self, text: str) -> None:
        self.rows = text.splitlines()
        self.places: dict[str, Spot] = {
            char: (x, y) for y, row in enumerate(self.rows) for x, char in enumerate(row) if char.isalpha()
        }

    @cached_property
    def free(self) -> dict[Spot, int]:
        return {
            (x, y): COST.get(char, 1)
            for y, row in enumerate(self.rows)
            for x, char in enumerate(row)
            if char != "#"
        }

    def around(self, spot: Spot) -> Iterator[Spot]:
        x, y = spot
        return (s for s in ((x + 1, y), (x, y + 1), (x - 1, y), (x, y - 1)) if s in self.free)

    def route(self, start: Spot, goal: Spot) -> tuple[float, list[Spot], int]:
        """A*: the cost, the spots on the way, and how many spots were looked at."""

        def far(spot: Spot) -> int:
            return abs(spot[0] - goal[0]) + abs(spot[1] - goal[1])

        heap = [(far(start), 0, start)]
        came: dict[Spot, Spot] = {}
        best = {start: 0}
        looked = 0
        while heap:
            _, cost, spot = heapq.heappop(heap)
            looked += 1
            if spot == goal:
                way = [goal]
                while way[-1] != start:
                    way.append(came[way[-1]])
                return cost, way[::-1], looked
            for step in self.around(spot):
                new = cost + self.free[step]
                if new < best.get(step, math.inf):
                    best[step], came[step] = new, spot
                    heapq.heappush(heap, (new + far(step), new, step))
        return math.inf, [], looked

    def draw(self, way: list[Spot]) -> str:
        rows = [list(row) for row in self.rows]
        arrows = {(1, 0): ">", (-1, 0): "<", (0, 1): "v", (0, -1): "'"}
        for (x, y), (nx, ny) in pairwise(way):
            if rows[y][x] in COST:
                rows[y][x] = arrows[nx - x, ny - y]
        return "\n".join("".join(row).replace(".", " ") for row in rows)

    def reachable(self, start: Spot) -> int:
        seen, queue = {start}, deque([start])
        while queue:
            for step in self.around(queue.popleft()):
                if step not in seen:
                    seen.add(step)
                    queue.append(step)
        return len(seen)


def spanning_tree(edges: list[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """Kruskal's algorithm with a union-find."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    tree = []
    for cost, a, b in sorted(edges):
        if (root_a := find(a)) != (root_b := find(b)):
            parent[root_a] = root_b
            tree.append((cost, a, b))
    return tree


@cache
def alignments(a: str, b: str) -> int:
    """The edit distance of two words, by plain recursion with a cache."""
    if not a or not b:
        return len(a) + len(b)
    return min(alignments(a[1:], b) + 1, alignments(a, b[1:]) + 1, alignments(a[1:], b[1:]) + (a[0] != b[0]))


def main() -> None:
    grid = Grid(MAP)
    names = sorted(grid.places)
    edges = []
    for a, b in combinations(names, 2):
        cost, way, looked = grid.route(grid.places[a], grid.places[b])
        print(f"{a} to {b}: cost {cost}, {len(way) - 1} steps, {looked} spots looked at")
        edges.append((cost, a, b))
    print(grid.draw(grid.route(grid.places["C"], grid.places["B"])[1]))
    print("free spots", len(grid.free), "of which reachable", grid.reachable(grid.places["A"]))
    print("spanning tree", spanning_tree(edges))

    costs = {frozenset(edge[1:]): edge[0] for edge in edges}
    tours = {
        order: sum(costs[frozenset(leg)] for leg in pairwise(("A", *order, "A")))
        for order in permutations(names[1:])
    }
    shortest = min(tours, key=lambda order: (tours[order], order))
    print("round trip", "".join(("A", *shortest, "A")), tours[shortest])

    @lru_cache(maxsize=32)
    def collatz(n: int) -> int:
        return 0 if n == 1 else 1 + collatz(n // 2 if n % 2 == 0 else 3 * n + 1)

    own: LruCache[int, int] = LruCache(32)
    numbers = [(n * n) % 61 + 1 for n in range(400)]
    same = all(collatz(n) == own.get(n, collatz) for n in numbers)
    print("caches agree:", same, collatz.cache_info(), own.hits, own.misses)
    print("words", alignments("ophidia", "python"), alignments("intention", "execution"))
    print("cached", alignments.cache_info().currsize)


if __name__ == "__main__":
    main()
