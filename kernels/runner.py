"""Runs a schedule of compiled kernels: the CPU's counterpart of replaying a CUDA graph. No Python and no lock between kernels.

A schedule is phases of independent tasks; a task runs a chain of kernels over a range of their axis. Every thread has a queue of its own,
the same part of each matrix in every step, so that what it wrote is still in its cache; when that is empty it takes from the others. A
thread that the operating system has put aside holds up the others only while it holds a task, never at a barrier.
"""

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

I32, I64 = ir.IntType(32), ir.IntType(64)
SHIFT = 20  # the counter's low bits number a phase's tasks, the others the phase
LINE = 16  # words between two counters: cache lines of their own
PHASE, DONE, COUNTERS = 0, LINE, 2 * LINE  # places in `state`: the phase that runs, tasks done in it, a counter for each queue
# A waiting thread looks for some 60 us before it sleeps, which takes 100 us at least. On x86 it pauses between two looks (some 20 ns), so
# that it leaves a sibling on the same physical core its units.
X86 = binding.get_process_triple().startswith(("x86_64", "i686", "i386"))
FLUSH = 0x8040  # the bits of x86's control word that take denormal operands and results as zero
SPINS = 3000 if X86 else 60000


def _at(builder, where, type_):
    return builder.inttoptr(where, type_.as_pointer())


@intrinsic
def fetch_add(typingctx, where, value):
    def codegen(context, builder, signature, args):
        return builder.atomic_rmw("add", _at(builder, args[0], I64), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def read(typingctx, where):
    def codegen(context, builder, signature, args):
        return builder.load_atomic(_at(builder, args[0], I64), "acquire", 8)

    return types.int64(types.int64), codegen


@intrinsic
def write(typingctx, where, value):
    def codegen(context, builder, signature, args):
        builder.store_atomic(args[1], _at(builder, args[0], I64), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def pause(typingctx):
    def codegen(context, builder, signature, args):
        if X86:
            builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), []), "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def flush_tiny(typingctx):
    """From here on this thread takes denormal numbers as zero; -> its mode before. On x86 only, where each costs some 150 cycles."""

    def codegen(context, builder, signature, args):
        if not X86:
            return I32(0)
        place = cgutils.alloca_once(builder, I32)
        before = _control(builder, "stmxcsr", place)
        builder.store(builder.or_(before, I32(FLUSH)), place)
        _control(builder, "ldmxcsr", place)
        return before

    return types.int32(), codegen


@intrinsic
def restore_mode(typingctx, mode):
    def codegen(context, builder, signature, args):
        if X86:
            place = cgutils.alloca_once_value(builder, args[0])
            _control(builder, "ldmxcsr", place)
        return context.get_dummy_value()

    return types.void(types.int32), codegen


def _control(builder, action, place):
    """Load or store the word that holds the rounding mode and its like -> what is at `place` then."""
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{action}")
    builder.call(function, [builder.bitcast(place, ir.IntType(8).as_pointer())])
    return builder.load(place)


@intrinsic
def call_kernel(typingctx, function, block, lo, hi, scratch):
    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.VoidType(), [I64.as_pointer(), I64, I64, I64])
        builder.call(_at(builder, args[0], kind), [_at(builder, args[1], I64), *args[2:]])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), codegen


@intrinsic
def nap(typingctx, function, duration):
    def codegen(context, builder, signature, args):
        builder.call(_at(builder, args[0], ir.FunctionType(I32, [I32])), [builder.trunc(args[1], I32)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@njit("void(i8,i8,i8[:,::1],i8[:,::1],i8[::1],i8[::1],i8,i8,i8,i8,i8)", nogil=True, cache=True)
def work(state, me, queues, tasks, functions, blocks, width, last, scratch, sleep, naps):
    """Draw tasks until phase number `last` is reached: first from queue number `me`, then from the others'.

    queues[p, q]:queues[p, q+1] are the tasks of queue q in phase p; tasks[t] = (first node, one past the last, lo, hi); functions[node] is
    the kernel's address, blocks[node * width:] its arguments. `state` is the address of the shared counters, `sleep` of a C function for
    waiting. A phase ends when all its tasks are done and whoever opened it has opened it wholly: that is the one more that is counted.

    Denormal numbers count as zero meanwhile: Adam's moments for a pixel that is seldom lit become so, and steps took five times as long.
    """
    here, done, counters = state + 8 * PHASE, state + 8 * DONE, state + 8 * COUNTERS
    count, crew = queues.shape[0], queues.shape[1] - 1
    base = blocks.ctypes.data
    mode = flush_tiny()
    while True:
        seen = read(here)
        if seen >= last:
            restore_mode(mode)
            return
        idle = True
        for turn in range(crew):
            q = (me + turn) % crew
            while True:
                ticket = fetch_add(counters + 8 * LINE * q, 1)
                number = ticket >> SHIFT
                p = number % count
                t = queues[p, q] + ticket - (number << SHIFT)
                if number >= last or t >= queues[p, q + 1]:
                    break
                idle = False
                for node in range(tasks[t, 0], tasks[t, 1]):
                    call_kernel(functions[node], base + node * width * 8, tasks[t, 2], tasks[t, 3], scratch)
                while number < last and fetch_add(done, 1) == queues[p, crew] - queues[p, 0]:
                    number += 1
                    p = number % count
                    write(done, 0)
                    for other in range(crew):
                        write(counters + 8 * LINE * other, number << SHIFT)
                    write(here, number)
        if idle:
            spins = 0
            while read(here) == seen:
                pause()
                spins += 1
                if spins > SPINS:
                    nap(sleep, naps)


@njit("void(i8,i8,i8,i8)", nogil=True, cache=True)
def once(function, block, extent, scratch):
    """One kernel over the whole of its axis, on this thread; denormal numbers count as zero meanwhile."""
    mode = flush_tiny()
    call_kernel(function, block, 0, extent, scratch)
    restore_mode(mode)


@njit("void(i8,i8,i8)", nogil=True, cache=True)
def linger(bell, heard, spins):
    """Look at the counter at an address until it is no longer `heard`, so many times at most."""
    while spins > 0 and read(bell) == heard:
        pause()
        spins -= 1


def make_state(crew: int) -> np.ndarray:
    """Counters for `crew` queues, on cache lines of their own."""
    return np.zeros(COUNTERS + LINE * crew, np.int64)


def restart(state: np.ndarray) -> None:
    """Before a run: phase 0 is open, wholly."""
    state[:] = 0
    state[DONE] = 1
