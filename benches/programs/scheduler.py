"""A small operating system's scheduler: classes, method calls, attribute access, linked queues."""

from collections import deque

N = 100
EXPECTED = (25_500, 25_000, 4_100)


class Packet:
    __slots__ = ("address", "kind", "payload")

    def __init__(self, address, kind):
        self.address = address
        self.kind = kind
        self.payload = [0, 0, 0, 0]


class Task:
    def __init__(self, system, number, priority):
        self.system = system
        self.number = number
        self.priority = priority
        self.inbox = deque()
        self.held = False
        self.runs = 0

    @property
    def runnable(self):
        return not self.held and bool(self.inbox)

    def receive(self, packet):
        self.inbox.append(packet)

    def run(self):
        self.runs += 1
        self.handle(self.inbox.popleft())

    def handle(self, packet):
        raise NotImplementedError


class Device(Task):
    """Answers each request after another task released it."""

    def handle(self, packet):
        self.system.device_runs += 1
        packet.kind = "done"
        self.held = self.system.device_runs % 3 == 0
        self.system.send(packet.address, packet)


class Handler(Task):
    """Forwards work to a device, and finished work back to a worker."""

    def __init__(self, system, number, priority, device, worker):
        super().__init__(system, number, priority)
        self.device = device
        self.worker = worker
        self.seen = 0

    def handle(self, packet):
        self.seen += sum(packet.payload) & 1
        if packet.kind == "work":
            packet.address = self.number
            self.system.send(self.device, packet)
        else:
            packet.kind = "result"
            self.system.send(self.worker, packet)


class Worker(Task):
    """Makes packets for two handlers in turn until its count is used up."""

    def __init__(self, system, number, priority, handlers, packets):
        super().__init__(system, number, priority)
        self.handlers = handlers
        self.left = packets
        self.letter = 0

    def handle(self, packet):
        self.system.results += 1
        if not self.left:
            return
        self.left -= 1
        packet.kind = "work"
        payload = packet.payload
        for index in range(len(payload)):
            self.letter = (self.letter + 1) % 26
            payload[index] = self.letter
        self.system.send(self.handlers[self.left & 1], packet)


class Idle(Task):
    """Runs when nobody else can, and lets the devices go on."""

    runnable = True

    def run(self):
        self.runs += 1
        for task in self.system.tasks.values():
            task.held = False


class System:
    def __init__(self):
        self.tasks = {}
        self.order = []
        self.results = 0
        self.device_runs = 0

    def add(self, kind, number, priority, *args):
        self.tasks[number] = kind(self, number, priority, *args)
        self.order = sorted(self.tasks.values(), key=lambda task: -task.priority)

    def send(self, number, packet):
        self.tasks[number].receive(packet)

    def run(self):
        idle = self.order[-1]
        while True:
            for task in self.order:
                if task.runnable:
                    if task is idle and not any(t.inbox for t in self.order):
                        return
                    task.run()
                    break


def main(n):
    results = runs = idle = 0
    for _ in range(n):
        system = System()
        system.add(Idle, 1, 0)
        system.add(Worker, 2, 1000, (3, 4), 250)
        system.add(Handler, 3, 2000, 5, 2)
        system.add(Handler, 4, 3000, 6, 2)
        system.add(Device, 5, 4000)
        system.add(Device, 6, 5000)
        for _ in range(5):
            system.send(2, Packet(2, "result"))
        system.run()
        results += system.results
        runs += system.device_runs
        idle += system.tasks[1].runs
    return results, runs, idle
