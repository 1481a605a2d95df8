"""A function that is being recorded (`gpunn.function`): what it may not ask of values, and what the host has to do at every call."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any


class NotRecorded(Exception):
    """What a recording cannot do again. The function then runs as it is written, each time."""


class Trace:
    """What belongs to a recording beside its launches. The host calls ``before`` and ``after`` before and after them, and ``ends`` after as
    many calls as run in a row; where nothing comes of the recording it calls ``undo``, the last one first. ``taken`` give what it has
    taken of layers and optimizers, and holds no more once that is something else. ``kept(value)``: what is asked for afterwards; a tensor
    is copied where no launch writes again, and none is left out because nobody in the recording reads it. ``step``: the step's number, on
    the device, where there is one. ``waiting`` and ``asked``: the ids of objects that the host changes afterwards, and of those whose
    results it asks for."""

    def __init__(self, kept: Callable[[Any], Any], step: Any = None) -> None:
        self.kept, self.step = kept, step
        self.before: list[Callable[[], Any]] = []
        self.after: list[Callable[[], Any]] = []
        self.ends: list[Callable[[], Any]] = []
        self.undo: list[Callable[[], Any]] = []
        self.taken: list[Callable[[], Iterable[Any]]] = []
        self.waiting: set[int] = set()
        self.asked: set[int] = set()

    def later(self, owner: Any, read: Callable[[], Any]) -> "Later":
        """What `read` will give after the launches."""
        self.asked.add(id(owner))
        return Later(owner, read)


class Later:
    """A result that a function asked for while it was recorded: ``read()`` gives it after the launches. Nobody can look at it before."""

    def __init__(self, owner: Any, read: Callable[[], Any]) -> None:
        self.owner, self.read = owner, read

    def _look(self, *others: Any, **named: Any) -> Any:
        raise NotRecorded("reads a metric")

    __bool__ = __float__ = __int__ = __index__ = __len__ = __iter__ = __array__ = __str__ = __format__ = __getitem__ = _look
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __neg__ = __abs__ = _look
    __lt__ = __le__ = __gt__ = __ge__ = __round__ = numpy = _look
    __eq__ = __ne__ = _look
    __hash__ = object.__hash__


_trace: ContextVar[Trace | None] = ContextVar("the function that this thread records", default=None)


def trace() -> Trace | None:
    """The one that this thread records."""
    return _trace.get()


def refuse(what: str) -> None:
    """Raise `NotRecorded` while a function is being recorded."""
    if _trace.get() is not None:
        raise NotRecorded(what)


@contextmanager
def tracing(kept: Callable[[Any], Any], step: Any = None) -> Iterator[Trace]:
    token = _trace.set(own := Trace(kept, step))
    try:
        yield own
    finally:
        _trace.reset(token)


def each_time(method: Callable[..., None], launched: Callable[..., bool] | None = None) -> Callable[..., None]:
    """The same method of the host, which a function that is being recorded calls after its launches, in every call.

    ``launched(trace, *arguments)`` may do it by launches instead, and says whether it has; not for an object that is to be changed by the
    host already. Raises `NotRecorded` for one whose result was asked for.
    """

    @wraps(method)
    def call(owner: Any, *arguments: Any, **named: Any) -> None:
        if (recorded := _trace.get()) is None:
            method(owner, *arguments, **named)
            return
        if id(owner) in recorded.asked:
            raise NotRecorded("changes a metric behind its result")
        if launched is not None and id(owner) not in recorded.waiting and launched(recorded, owner, *arguments, **named):
            return
        recorded.waiting.add(id(owner))
        given, more = [recorded.kept(v) for v in arguments], {name: recorded.kept(v) for name, v in named.items()}
        recorded.after.append(lambda: method(owner, *given, **more))

    call.host_method = method  # type: ignore[attr-defined]
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
