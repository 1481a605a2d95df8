"""Functions that only compiled code calls: no machine code of their own, the same numbers, and no need of Numba's insides."""

import pytest

pytest.importorskip("numba")
from numba import cfunc, njit, types
from numba.core.codegen import JITCodeLibrary

from gpunn.kernels import linked


def made():
    """The address of a compiled function that calls one of this kind, which calls another; and the innermost one."""

    @njit(**linked.PLAIN)
    def inner(x):
        return x * x + 1.0

    @njit(**linked.APART)
    def outer(x):
        return inner(x) - inner(0.5)

    @cfunc(types.float64(types.float64))
    def entry(x):
        return outer(x)

    return entry, inner


def test_it_is_taken_in_and_has_no_machine_code():
    entry, inner = made()
    assert entry.ctypes(3.0) == 10.0 - 1.25
    (overload,) = inner.overloads.values()
    assert isinstance(overload.library, linked.Linked) and overload.library.get_pointer_to_function(overload.fndesc.llvm_func_name) == 0


def test_without_what_it_needs_of_numba_it_is_compiled_as_numba_does(monkeypatch):
    monkeypatch.setattr(linked, "NEEDED", ("_no_such_method",))
    entry, inner = made()
    assert entry.ctypes(3.0) == 10.0 - 1.25
    (overload,) = inner.overloads.values()
    assert type(overload.library) is JITCodeLibrary and overload.library.get_pointer_to_function(overload.fndesc.llvm_func_name) != 0
