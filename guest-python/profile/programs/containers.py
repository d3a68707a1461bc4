# Lists, tuples, dicts, sets, deques, heaps, sorting, comprehensions, slices, unpacking.
import bisect, heapq, itertools, operator, random
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque

def life(cells, turns):
    for _ in range(turns):
        near = defaultdict(int)
        for x, y in cells:
            for dx in (-1, 0, 1):
                for dy in (-1, 0, 1):
                    if dx or dy:
                        near[x + dx, y + dy] += 1
        cells = {c for c, n in near.items() if n == 3 or n == 2 and c in cells}
    return cells

def dijkstra(graph, start):
    dist = {start: 0}
    heap = [(0, start)]
    while heap:
        d, u = heapq.heappop(heap)
        if d > dist[u]:
            continue
        for v, w in graph[u].items():
            nd = d + w
            if nd < dist.get(v, 1 << 60):
                dist[v] = nd
                heapq.heappush(heap, (nd, v))
    return dist

def flood(grid, sx, sy):
    h, w = len(grid), len(grid[0])
    queue, seen = deque([(sx, sy)]), {(sx, sy)}
    while queue:
        x, y = queue.popleft()
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            nx, ny = x + dx, y + dy
            if 0 <= nx < w and 0 <= ny < h and grid[ny][nx] == "." and (nx, ny) not in seen:
                seen.add((nx, ny))
                queue.append((nx, ny))
    return len(seen)

def huffman(text):
    heap = [[n, i, ch] for i, (ch, n) in enumerate(Counter(text).items())]
    heapq.heapify(heap)
    k = len(heap)
    while len(heap) > 1:
        a, b = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, [a[0] + b[0], k, (a, b)])
        k += 1
    codes = {}
    def visit(node, prefix):
        if isinstance(node[2], tuple):
            visit(node[2][0], prefix + "0")
            visit(node[2][1], prefix + "1")
        else:
            codes[node[2]] = prefix
    visit(heap[0], "")
    return "".join(codes[ch] for ch in text)

def knapsack(items, room):
    best = [0] * (room + 1)
    for weight, value in items:
        for w in range(room, weight - 1, -1):
            with_it = best[w - weight] + value
            if with_it > best[w]:
                best[w] = with_it
    return best[room]

def quicksort(xs):
    if len(xs) < 2:
        return xs
    pivot = xs[len(xs) // 2]
    return quicksort([x for x in xs if x < pivot]) + [x for x in xs if x == pivot] + quicksort([x for x in xs if x > pivot])

def insertion(xs):
    for i in range(1, len(xs)):
        x, j = xs[i], i - 1
        while j >= 0 and xs[j] > x:
            xs[j + 1] = xs[j]
            j -= 1
        xs[j + 1] = x
    return xs

def topological(deps):
    order, state = [], {}
    def visit(n):
        if state.get(n):
            return
        state[n] = 1
        for m in deps.get(n, ()):
            visit(m)
        order.append(n)
    for n in deps:
        visit(n)
    return order

class Union:
    def __init__(self, n):
        self.up = list(range(n))
    def find(self, x):
        while self.up[x] != x:
            self.up[x] = self.up[self.up[x]]
            x = self.up[x]
        return x
    def join(self, a, b):
        self.up[self.find(a)] = self.find(b)

def sudoku(board):
    def options(i):
        r, c = divmod(i, 9)
        used = set(board[r * 9:r * 9 + 9]) | set(board[c::9])
        br, bc = r // 3 * 3, c // 3 * 3
        for k in range(3):
            used.update(board[(br + k) * 9 + bc:(br + k) * 9 + bc + 3])
        return [d for d in range(1, 10) if d not in used]
    def solve():
        best = None
        for i, v in enumerate(board):
            if v == 0:
                found = options(i)
                if best is None or len(found) < len(best[1]):
                    best = (i, found)
                    if len(found) < 2:
                        break
        if best is None:
            return True
        for d in best[1]:
            board[best[0]] = d
            if solve():
                return True
        board[best[0]] = 0
        return False
    return solve()

def main():
    rnd = random.Random(9)
    life({(rnd.randrange(24), rnd.randrange(24)) for _ in range(200)}, 14)
    graph = {u: {rnd.randrange(250): rnd.randrange(1, 50) for _ in range(6)} for u in range(250)}
    for s in range(6):
        dijkstra(graph, s)
    grid = ["".join("#" if rnd.random() < 0.2 else "." for _ in range(50)) for _ in range(50)]
    flood(grid, 0, 0)
    huffman("the quick brown fox jumps over the lazy dog " * 60)
    knapsack([(rnd.randrange(1, 40), rnd.randrange(1, 90)) for _ in range(40)], 400)
    xs = [rnd.randrange(10000) for _ in range(2500)]
    quicksort(xs), insertion(xs[:160]), sorted(xs), sorted(xs, reverse=True), sorted(xs, key=lambda v: -v)
    sorted(map(str, xs)), sorted((x % 10, x) for x in xs), sorted([float(x) for x in xs])
    topological({i: [rnd.randrange(i) for _ in range(3)] if i else [] for i in range(600)})
    u = Union(1200)
    for _ in range(1200):
        u.join(rnd.randrange(1200), rnd.randrange(1200))
    for clues in (2, 3):
        # A solved board (each row shifts the one above), of which every second or third field is given.
        board = [(row * 3 + row // 3 + column) % 9 + 1 for row in range(9) for column in range(9)]
        sudoku([digit if i % clues == 0 else 0 for i, digit in enumerate(board)])
    words = [f"w{x % 331}" for x in xs]
    count = {}
    for w in words:
        count[w] = count.get(w, 0) + 1
    groups = defaultdict(list)
    for i, w in enumerate(words):
        groups[w[-1]].append(i)
    for w in words:
        if w in count:
            count[w] -= 1
        else:
            count.setdefault(w, 0)
    {k: v for k, v in count.items() if v}, {v: k for k, v in count.items()}, dict(sorted(count.items())), count | {"a": 1}
    Counter(words).most_common(5), OrderedDict(count).popitem(), ChainMap(count, {})["w1"]
    list(count), list(count.values()), count.copy(), dict(count), count.pop("w1"), "w1" in count, len(count)
    for k, v in count.items():
        k, v
    a, b = set(xs[:800]), set(xs[400:1500])
    a & b, a | b, a - b, a ^ b, a <= b, frozenset(a), a.issubset(b)
    for x in xs:
        if x in a:
            a.discard(x)
    ring = deque(maxlen=50)
    for x in xs:
        ring.append(x)
        ring.rotate(1)
    ordered = []
    for x in xs[:900]:
        bisect.insort(ordered, x)
    sum(itertools.accumulate(xs[:500])), list(itertools.chain(xs[:90], xs[:90])), list(itertools.islice(itertools.cycle(xs[:7]), 300))
    [k for k, g in itertools.groupby(sorted(words))], sum(1 for _ in itertools.combinations(range(14), 4)), sum(1 for _ in itertools.product(range(9), repeat=3))
    list(itertools.permutations(range(6))), list(zip(xs, words, strict=True)), list(enumerate(words)), list(reversed(xs)), list(map(operator.add, xs, xs)), list(filter(None, xs))
    [row[::-1] for row in (xs[i:i + 5] for i in range(0, len(xs), 5))]
    ys = xs[:]
    while ys:
        ys.pop()
    for x in xs[:700]:
        ys.append(x), ys.extend((x, x)), ys.insert(0, x)
        if len(ys) > 60:
            del ys[10:], ys[0]
    ys += xs; ys *= 2; ys.reverse(); ys.sort(); ys.index(xs[5]), ys.count(3), 5 in ys[:40], ys[1:3] == ys[2:4], any(ys), all(ys), max(ys), min(ys), sum(ys)
    for x, (y, *z) in [(i, (i + 1, i, i)) for i in range(900)]:
        x, y, z = y, x, (*z, x)
    first, *middle, last = xs
    grid = [[0] * 40 for _ in range(40)]
    for i in range(40):
        for j in range(40):
            if i and j:
                grid[i][j] = grid[i - 1][j] + grid[i][j - 1] - grid[i - 1][j - 1] + (i ^ j)
            elif i > j or not i != j:
                grid[i][j] = i
            else:
                grid[i][j] = -1
    tuple(xs) == tuple(ys), (1, 2, "x") < (1, 3, "a"), hash(tuple(words)), [*xs, *ys][-1], {**count}

for _ in range(12):
    main()
