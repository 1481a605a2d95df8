"""A function that is being recorded (`gpunn.function`): what it may not ask of values, and what the host has to do at every call."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any


class NotRecorded(Exception):
    """What a recording cannot do again. The function then runs as it is written, each time."""


class Trace:
    """What belongs to a recording beside its launches: ``before`` and ``after`` them the host calls these; ``taken`` give what it has taken
    of layers and optimizers, and holds no more once that is something else. ``kept(value)``: what is asked for afterwards; a tensor is
    copied where no launch writes again, and none is left out because nobody in the recording reads it."""

    def __init__(self, kept: Callable[[Any], Any]) -> None:
        self.kept = kept
        self.before: list[Callable[[], Any]] = []
        self.after: list[Callable[[], Any]] = []
        self.taken: list[Callable[[], Iterable[Any]]] = []


_trace: ContextVar[Trace | None] = ContextVar("the function that this thread records", default=None)


def trace() -> Trace | None:
    """The one that this thread records."""
    return _trace.get()


def refuse(what: str) -> None:
    """Raise `NotRecorded` while a function is being recorded."""
    if _trace.get() is not None:
        raise NotRecorded(what)


@contextmanager
def tracing(kept: Callable[[Any], Any]) -> Iterator[Trace]:
    token = _trace.set(own := Trace(kept))
    try:
        yield own
    finally:
        _trace.reset(token)


def each_time(method: Callable[..., None]) -> Callable[..., None]:
    """The same method of the host, which a function that is being recorded calls after its launches, in every call."""

    @wraps(method)
    def call(*arguments: Any, **named: Any) -> None:
        if (recorded := _trace.get()) is None:
            method(*arguments, **named)
        else:
            given, more = [recorded.kept(v) for v in arguments], {name: recorded.kept(v) for name, v in named.items()}
            recorded.after.append(lambda: method(*given, **more))

    return call


_written: ContextVar[bool] = ContextVar("functions run as they are written in this thread", default=False)


def as_written() -> bool:
    """Whether functions run as they are written here."""
    return _written.get()


@contextmanager
def writing() -> Iterator[None]:
    """In this block functions run as they are written."""
    token = _written.set(True)
    try:
        yield
    finally:
        _written.reset(token)
