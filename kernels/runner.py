"""Runs a schedule of compiled kernels: the CPU's counterpart of replaying a CUDA graph. No Python and no lock between kernels.

A schedule is phases of independent tasks; a task runs a chain of kernels over a range of their axis. Threads draw tasks from one counter.
A thread that the operating system has put aside holds up the others only while it holds a task, never at a barrier.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

I32, I64 = ir.IntType(32), ir.IntType(64)
SHIFT = 20  # the counter's low bits number a phase's tasks, the others the phase
COUNTER, DONE = 0, 16  # places in `state`, on cache lines of their own
SPINS = 60000  # looks at the counter (some 60 us) before a waiting thread sleeps, which takes 100 us at least


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


@njit("void(i8,i8[::1],i8[:,::1],i8[::1],i8[::1],i8,i8,i8,i8,i8)", nogil=True, cache=True)
def work(state, phases, tasks, functions, blocks, width, last, scratch, sleep, naps):
    """Draw tasks until phase number `last` is reached.

    phases[p]:phases[p+1] are the tasks of phase p; tasks[t] = (first node, one past the last, lo, hi); functions[node] is the kernel's
    address, blocks[node * width:] its arguments. `state` is the address of the shared counters, `sleep` of a C function for waiting.
    """
    counter, done = state + 8 * COUNTER, state + 8 * DONE
    count = phases.size - 1
    base = blocks.ctypes.data
    while True:
        ticket = fetch_add(counter, 1)
        number = ticket >> SHIFT
        if number >= last:
            return
        p = number % count
        k = ticket - (number << SHIFT)
        n = phases[p + 1] - phases[p]
        if k < n:
            t = phases[p] + k
            for node in range(tasks[t, 0], tasks[t, 1]):
                call_kernel(functions[node], base + node * width * 8, tasks[t, 2], tasks[t, 3], scratch)
            if fetch_add(done, 1) + 1 == n:
                write(done, 0)
                write(counter, (number + 1) << SHIFT)
        else:
            spins = 0
            while read(counter) >> SHIFT == number:
                spins += 1
                if spins > SPINS:
                    nap(sleep, naps)


def make_state() -> np.ndarray:
    return np.zeros(64, np.int64)
