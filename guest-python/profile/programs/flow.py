# Generators, coroutines, closures, exceptions across frames, event loop, pickles, dates, database, argparse.
import argparse, asyncio, collections, copyreg, datetime, functools, io, itertools, operator, pickle, random
import sqlite3, statistics, sys, traceback, types

def numbers(n):
    for i in range(n):
        yield i

def evens(source):
    return (x for x in source if x % 2 == 0)

def running(source):
    total = 0
    for x in source:
        total += x
        yield total

def averager():
    total = count = 0
    average = None
    while True:
        value = yield average
        total += value
        count += 1
        average = total / count

def flatten(x):
    for item in x:
        if isinstance(item, list):
            yield from flatten(item)
        else:
            yield item

def closer():
    try:
        while True:
            yield
    except GeneratorExit:
        return
    finally:
        pass

class Countdown:
    def __init__(self, n):
        self.n = n
    def __iter__(self):
        return self
    def __next__(self):
        if self.n <= 0:
            raise StopIteration
        self.n -= 1
        return self.n

def deep(n):
    if n == 0:
        raise LookupError("bottom")
    try:
        return deep(n - 1)
    finally:
        n += 1

class Now:
    def select(self, timeout):
        return []
    def close(self):
        pass

class Loop(asyncio.BaseEventLoop):
    """WASI has no sockets, which the usual loops wake themselves with."""
    def __init__(self):
        super().__init__()
        self._selector = Now()
    def _process_events(self, events):
        pass

def run(coroutine):
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(coroutine)

async def worker(name, queue, results):
    while True:
        job = await queue.get()
        if job is None:
            return
        await asyncio.sleep(0)
        results.append((name, job * 2))

async def pipeline(n):
    queue, results = asyncio.Queue(maxsize=5), []
    tasks = [asyncio.create_task(worker(i, queue, results)) for i in range(3)]
    for i in range(n):
        await queue.put(i)
    for _ in tasks:
        await queue.put(None)
    await asyncio.gather(*tasks)
    return results

class AsyncRange:
    def __init__(self, n):
        self.n, self.i = n, 0
    def __aiter__(self):
        return self
    async def __anext__(self):
        if self.i >= self.n:
            raise StopAsyncIteration
        self.i += 1
        return self.i
    async def __aenter__(self):
        return self
    async def __aexit__(self, *args):
        return False

async def agen(n):
    for i in range(n):
        yield i

async def consume(n):
    total = 0
    async with AsyncRange(n) as r:
        async for x in r:
            total += x
    async for x in agen(n):
        total += x
    return total + sum([x async for x in agen(20)])

class Machine:
    """A little stack machine."""
    def __init__(self, code):
        self.code, self.stack, self.vars, self.pc = code, [], {}, 0
        self.ops = {name[3:]: getattr(self, name) for name in dir(self) if name.startswith("op_")}
    def op_push(self, x): self.stack.append(x)
    def op_load(self, n): self.stack.append(self.vars[n])
    def op_store(self, n): self.vars[n] = self.stack.pop()
    def op_add(self, _):
        b, a = self.stack.pop(), self.stack.pop()
        self.stack.append(a + b)
    def op_less(self, _):
        b, a = self.stack.pop(), self.stack.pop()
        self.stack.append(a < b)
    def op_jump(self, to): self.pc = to
    def op_branch(self, to):
        if self.stack.pop():
            self.pc = to
    def run(self):
        code, ops = self.code, self.ops
        while self.pc < len(code):
            op, arg = code[self.pc]
            self.pc += 1
            ops[op](arg)
        return self.vars

class Event:
    def __init__(self):
        self.handlers = []
    def __iadd__(self, handler):
        self.handlers.append(handler)
        return self
    def __call__(self, *args, **kwargs):
        return [h(*args, **kwargs) for h in self.handlers]

class Record:
    def __init__(self, i):
        self.i, self.data, self.when = i, [i] * 5, datetime.date(2020, 1, 1) + datetime.timedelta(days=i)
    def __reduce__(self):
        return Record, (self.i,)

def checked(x):
    if x % 4 == 0:
        raise KeyError(x)
    if x % 4 == 1:
        raise IndexError(x)
    return x

def main():
    sum(running(evens(numbers(7000)))), list(Countdown(3000)), sum(x * y for x in range(60) for y in range(60) if x < y)
    avg = averager()
    next(avg)
    for i in range(3000):
        avg.send(i)
    nested = [1, [2, [3, [4, [5] * 10]], 6]] * 60
    list(flatten(nested))
    for _ in range(400):
        g = closer()
        next(g)
        g.close()
    caught = 0
    for i in range(3000):
        try:
            checked(i)
        except (KeyError, IndexError) as error:
            caught += error.args[0]
        else:
            caught += 1
    for i in range(60):
        try:
            deep(20)
        except LookupError as error:
            try:
                raise RuntimeError("again") from error
            except RuntimeError as e:
                "".join(traceback.format_exception(e)) if i < 6 else e.__cause__
    try:
        raise ExceptionGroup("g", [ValueError(1), TypeError(2)])
    except* ValueError:
        pass
    except* TypeError:
        pass
    run(pipeline(500))
    run(consume(1200))
    code = [("push", 0), ("store", "i"), ("load", "i"), ("push", 1), ("add", None), ("store", "i"), ("load", "i"), ("push", 1200), ("less", None), ("branch", 2)]
    Machine(code).run()
    event = Event()
    event += lambda x: x + 1
    event += functools.partial(operator.add, 3)
    for i in range(1500):
        event(i)
    records = [Record(i) for i in range(150)]
    for protocol in (2, 5):
        pickle.loads(pickle.dumps(records, protocol)), pickle.loads(pickle.dumps([{"a": i, "b": (i, str(i), i / 3)} for i in range(300)], protocol))
    moment = datetime.datetime(2024, 2, 28, 23, 59)
    for i in range(500):
        moment += datetime.timedelta(minutes=37)
        moment.isoformat(), moment.weekday(), moment.strftime("%Y-%m-%d"), moment.replace(hour=3) < moment
        datetime.datetime.fromisoformat("2024-05-06T07:08:09")
    db = sqlite3.connect(":memory:")
    db.execute("create table t (a integer, b text, c real)")
    db.executemany("insert into t values (?, ?, ?)", [(i, str(i), i / 2) for i in range(800)])
    list(db.execute("select b, sum(c) from t where a > ? group by a % 7 order by 1", (10,))), list(db.execute("select * from t"))
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=3)
    parser.add_argument("names", nargs="*")
    for i in range(20):
        parser.parse_args(["--n", str(i), "a", "b"])
    rnd = random.Random(1)
    xs = [rnd.random() for _ in range(800)]
    statistics.mean(xs), statistics.median(xs), statistics.stdev(xs), rnd.shuffle(xs), rnd.sample(xs, 20)
    while xs:
        if len(xs) % 3 == 0 and xs[-1] > 0.5:
            xs.pop()
            continue
        elif not xs[0] is None:
            xs.pop(len(xs) // 2)
        else:
            break
    i = 0
    while True:
        i += 1
        if i > 4000:
            break
        j = i if i & 1 else -i
        k = None if j < 0 else j
        if k is not None and 3 < k <= 1000 or j == -7:
            assert k != 0
    exec(compile("def f(a):\n    return [a for _ in range(3)]\nfor i in range(300): f(i)", "gen", "exec"), {})
    sum(eval("i * 2 + 1", {"i": n}) for n in range(100))
    types.SimpleNamespace(a=1, b=2), sys.getsizeof([]), id(parser), callable(main), vars(parser), type(main).__name__, isinstance(3, (int, str)), issubclass(bool, int)

for _ in range(12):
    main()
