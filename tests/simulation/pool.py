"""What stands for `concurrent.futures` inside a simulation: submitted work is one more thread in virtual time.

`map` is carried out in turn by the caller: what its workers read does not depend on their order.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any, Self

from tests.simulation.scheduler import KilledError, Scheduler, Task

_REAL = {name: getattr(futures, name) for name in ("ThreadPoolExecutor", "wait", "as_completed")}


class SimFuture:
    """The result to come of submitted work."""

    def __init__(self, scheduler: Scheduler, task: Task) -> None:
        self._scheduler = scheduler
        self.task = task

    def done(self) -> bool:
        return self.task.done

    def running(self) -> bool:
        return not self.task.done

    def cancel(self) -> bool:
        return False

    def cancelled(self) -> bool:
        return False

    def result(self, timeout: float | None = None) -> Any:
        fault = self.exception(timeout)
        if fault is not None:
            raise fault
        return self.task.result

    def exception(self, timeout: float | None = None) -> BaseException | None:
        if not self.task.done:
            self._scheduler.wait([self.task], timeout)
        if not self.task.done:
            raise TimeoutError
        return self.task.fault


def make_namespace(scheduler: Scheduler) -> dict[str, Any]:
    """The names of `concurrent.futures` that the product uses, bound to one simulation."""

    class SimPool:
        def __init__(self, max_workers: int | None = None, thread_name_prefix: str = "", **_: Any) -> None:
            self._tasks: list[Task] = []

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.shutdown()

        def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> SimFuture:
            current = scheduler.current
            assert current is not None
            if current.process.dead is not None:
                raise KilledError(current.process.dead)
            task = scheduler.spawn(current.process, lambda: work(*args, **kwargs))
            self._tasks.append(task)
            return SimFuture(scheduler, task)

        def map(self, work: Callable[..., Any], *columns: Iterable[Any], **_: Any) -> Iterator[Any]:
            return iter([work(*row) for row in zip(*columns, strict=False)])

        def shutdown(self, wait: bool = True, **_: Any) -> None:
            current = scheduler.current
            if current is None or current.process.dead is not None:
                return
            for task in self._tasks if wait else ():
                while not task.done:
                    scheduler.wait([task], None)

    def wait(given: Iterable[SimFuture], timeout: float | None = None, return_when: str = futures.ALL_COMPLETED) -> Any:
        every = list(given)
        ends = None if timeout is None else scheduler.now + timeout
        while True:
            done = {one for one in every if one.task.done}
            rest = [one for one in every if not one.task.done]
            if not rest or (done and return_when == futures.FIRST_COMPLETED) or (ends is not None and scheduler.now >= ends):
                return InOrder(one for one in every if one in done), set(rest)
            scheduler.wait([one.task for one in rest], None if ends is None else ends - scheduler.now)

    def as_completed(given: Iterable[SimFuture], timeout: float | None = None) -> Iterator[SimFuture]:
        rest = list(given)
        while rest:
            done, _ = wait(rest, timeout, futures.FIRST_COMPLETED)
            yield from done
            rest = [one for one in rest if one not in done]

    return {"ThreadPoolExecutor": SimPool, "wait": wait, "as_completed": as_completed}


class InOrder(list[SimFuture]):
    """What is done, in the order of asking: a set's order would differ from process to process."""


_places: list[tuple[Any, str, str]] = []


def _find_places() -> list[tuple[Any, str, str]]:
    """Every module of the product that has one of these names, under whatever name it has it."""
    if not _places:
        for module in [one for name, one in list(sys.modules.items()) if name.startswith("dcs_upkeep.") and one is not None]:
            for name, value in list(vars(module).items()):
                _places.extend((module, name, kind) for kind, real in _REAL.items() if value is real)
    return _places


@contextmanager
def patched(scheduler: Scheduler) -> Iterator[None]:
    """The product's pools are simulated ones within this block."""
    namespace = make_namespace(scheduler)
    places = _find_places()
    for module, name, kind in places:
        setattr(module, name, namespace[kind])
    try:
        yield
    finally:
        for module, name, kind in places:
            setattr(module, name, _REAL[kind])
