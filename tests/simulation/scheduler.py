"""Virtual time, and one thread at a time: what runs next follows from the times alone, so that a seed repeats itself.

Product code is synchronous, so each invocation has a thread of its own; but a thread goes on only when its moment in
virtual time has come, and hands over at every effect. Threads are kept from seed to seed, since making one costs more
than a whole handover.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable

# A loop that never lets time pass would hang the whole simulation.
MOST_STEPS = 60_000


class KilledError(BaseException):
    """The process of this thread is dead. No `except Exception` of the product may catch it."""


class StuckError(Exception):
    """The simulation itself cannot go on: nothing is left to happen, or too much happens."""


class Process:
    """What dies as a whole: one invocation with all its threads. Its clocks are its own."""

    def __init__(self, name: str, skew_s: float = 0.0) -> None:
        self.name = name
        self.skew_s = skew_s
        self.dead: str | None = None
        self.frozen_until = 0.0
        self.asleep_s = 0.0  # how long the machine was suspended: the monotonic clock stood still
        self.tasks: list[Task] = []


class Task:
    """One thread's work in virtual time."""

    __slots__ = ("done", "epoch", "fault", "lock", "process", "result", "waiters", "work")

    def __init__(self, process: Process, work: Callable[[], object], lock: threading.Lock) -> None:
        self.process = process
        self.work = work
        self.lock = lock
        self.epoch = 0
        self.done = False
        self.result: object = None
        self.fault: BaseException | None = None
        self.waiters: list[tuple[Task, int]] = []  # with the wait that they are in: a later one is none of our business


class _Worker:
    """A thread that carries out one task after the other."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.task: Task | None = None
        self.scheduler: Scheduler | None = None
        threading.Thread(target=self._loop, daemon=True, name="simulated").start()

    def _loop(self) -> None:
        while True:
            self.lock.acquire()
            task, scheduler = self.task, self.scheduler
            if task is None or scheduler is None:
                continue
            try:
                if task.process.dead is None:
                    task.result = task.work()
            except BaseException as err:  # whatever it is belongs to whoever waits for the task
                task.fault = err
            self.task = self.scheduler = None
            scheduler.ended(task, self)


_idle: list[_Worker] = []


class Scheduler:
    """The world's time, and whose turn it is."""

    def __init__(self) -> None:
        self.now = 0.0
        self.current: Task | None = None
        self.fault: BaseException | None = None
        self._heap: list[tuple[float, int, Task | Callable[[], None], int]] = []
        self._order = 0
        self._steps = 0
        self._main = Task(Process("main"), lambda: None, threading.Lock())
        self._main.lock.acquire()
        self.current = self._main

    # --- what happens when ---------------------------------------------------------------------------------------

    def at(self, moment: float, what: Callable[[], None]) -> None:
        """Let something happen at that moment, in nobody's thread in particular."""
        self._push(moment, what, 0)

    def spawn(self, process: Process, work: Callable[[], object]) -> Task:
        """A further thread of this process, ready now."""
        worker = _idle.pop() if _idle else _Worker()
        task = Task(process, work, worker.lock)
        worker.task, worker.scheduler = task, self
        process.tasks.append(task)
        self._push(self.now, task, task.epoch)
        return task

    def kill(self, process: Process, why: str) -> None:
        """The process is gone: each of its threads unwinds when it next looks up."""
        if process.dead is not None:
            return
        process.dead = why
        for task in process.tasks:
            if not task.done and task is not self.current:
                self._push(self.now, task, task.epoch)

    def forgive(self) -> None:
        """Go on after a fault, so that every thread can be sent home."""
        self.fault = None
        self._steps = 0

    # --- called by the thread whose turn it is -------------------------------------------------------------------

    def pause(self, seconds: float) -> None:
        """Let time pass for this thread."""
        me = self.current
        assert me is not None
        if me.process.dead is not None:
            raise KilledError(me.process.dead)
        self._push(self.now + max(0.0, seconds), me, me.epoch)
        self._hand_over(me)

    def wait(self, tasks: list[Task], seconds: float | None) -> None:
        """Until one of these has ended, or so much time has passed."""
        me = self.current
        assert me is not None
        if me.process.dead is not None:
            raise KilledError(me.process.dead)
        if any(task.done for task in tasks):
            return
        if seconds is not None:
            self._push(self.now + max(0.0, seconds), me, me.epoch)
        for task in tasks:
            task.waiters.append((me, me.epoch))
        self._hand_over(me)

    def ended(self, task: Task, worker: _Worker) -> None:
        """This thread is done with its task and has nothing else to do."""
        task.done = True
        for waiter, epoch in task.waiters:
            self._push(self.now, waiter, epoch)
        _idle.append(worker)
        self._hand_over(None)

    # --- the inside ----------------------------------------------------------------------------------------------

    def _push(self, moment: float, what: Task | Callable[[], None], epoch: int) -> None:
        self._order += 1
        heapq.heappush(self._heap, (moment, self._order, what, epoch))

    def _hand_over(self, me: Task | None) -> None:
        """Carry on with whatever comes next; back when it is this thread's turn again."""
        chosen = self._next()
        if chosen is not me:
            chosen.lock.release()
            if me is None:
                return
            me.lock.acquire()
        if me is self._main and self.fault is not None:
            raise self.fault
        if me is not None and me.process.dead is not None:
            raise KilledError(me.process.dead)

    def _next(self) -> Task:
        """The next task whose moment has come; things that need no thread happen on the way."""
        try:
            while self.fault is None:
                if not self._heap:
                    raise StuckError("nothing is left to happen")
                self._steps += 1
                if self._steps > MOST_STEPS:
                    raise StuckError(f"more than {MOST_STEPS} steps by {self.now:.0f} s: something never ends")
                moment, _, what, epoch = heapq.heappop(self._heap)
                if isinstance(what, Task):
                    if what.done or what.epoch != epoch:
                        continue
                    if what.process.frozen_until > moment and what.process.dead is None:
                        self._push(what.process.frozen_until, what, epoch)
                        continue
                    what.epoch += 1
                    self.now = max(self.now, moment)
                    self.current = what
                    return what
                self.now = max(self.now, moment)
                what()
        except BaseException as err:  # a fault of the simulation ends it, in whichever thread it showed
            self.fault = err
        self.current = self._main
        return self._main
