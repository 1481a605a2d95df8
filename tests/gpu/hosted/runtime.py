"""The CUDA runtime's and driver's functions that CuPy calls, on host memory. Names and arguments are those of CuPy's bindings."""

import ctypes
import functools
import threading
from collections.abc import Callable
from typing import Any

from gpunn.backend.sim.host_module import HostModule
from hosted.memory import Guarded, Plain
from hosted.streams import INVALID_VALUE, UNSUPPORTED, Refused, Streams

MEMORY_ALLOCATION, NOT_FOUND = 2, 500
HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2
MAJOR, MINOR, MULTIPROCESSORS = 75, 76, 16  # cudaDeviceAttr
NUM_REGS, MAX_THREADS = 4, 0  # CUfunction_attribute
FACTS = {
    "name": b"Stand-in", "major": 9, "minor": 0, "multiProcessorCount": 2, "maxThreadsPerMultiProcessor": 2048, "l2CacheSize": 50 << 20,
    "cooperativeLaunch": 1, "totalGlobalMem": 1 << 34, "warpSize": 32, "maxThreadsPerBlock": 1024, "sharedMemPerBlock": 49152,
}  # fmt: skip


def _is(value: Any) -> Callable[..., Any]:
    return lambda *arguments: value


class Device:
    """One device. `memory`: bytes it has; `guard`: an access outside of an allocation ends the process with a stack.

    Raises through `error(status)`, CuPy's own error class."""

    def __init__(
        self, error: Callable[[int], Exception], attributes: Any, order: str = "forward", memory: int = 1 << 32, guard: bool = False
    ):
        self.streams, self.memory, self._error, self._attributes = Streams(order), memory, error, attributes
        self._sizes: dict[int, int] = {}  # of device memory, by address
        self._pinned: dict[int, int] = {}
        self._free_later: list[int] = []
        self._host_memory, self._pinned_memory = Guarded() if guard else Plain(), Plain()
        self._modules: dict[int, str] = {}
        self.functions: dict[int, tuple[int, str]] = {}
        self._host: dict[str, HostModule] = {}
        self.source = threading.local()  # what CuPy is compiling and loads next
        self.headers: tuple[str, ...] = ()  # the compiler's options for kernels of CuPy's own
        self.launched: dict[str, int] = {}

    # ------------------------------------------------------------------ memory
    @property
    def used(self) -> int:
        return sum(self._sizes.values())

    def malloc(self, size: int) -> int:
        if self.used + size > self.memory:
            raise Refused(MEMORY_ALLOCATION, "out of memory")
        address = self._host_memory.take(size)
        self._sizes[address] = size
        return address

    def free(self, address: int) -> None:
        if not address:
            return
        if address not in self._sizes:
            raise Refused(INVALID_VALUE, "memory that was never allocated, or was freed, is freed")
        self._free_later.append(address)
        if not self.streams.any_capture():
            self.streams.finish()  # as cudaFree does
            while self._free_later:
                freed = self._free_later.pop()
                self._host_memory.give(freed, self._sizes.pop(freed))

    def host_alloc(self, size: int, flags: int = 0) -> int:
        address = self._pinned_memory.take(size)
        self._pinned[address] = size
        return address

    def free_host(self, address: int) -> None:
        if (size := self._pinned.pop(address, None)) is not None:
            self.streams.finish()
            self._pinned_memory.give(address, size)

    def _inside(self, ranges: dict[int, int], address: int, size: int) -> bool:
        return any(start <= address and address + size <= start + length for start, length in ranges.items())

    def _check(self, address: int, size: int) -> None:
        if not self._inside(self._sizes, address, size):
            raise Refused(INVALID_VALUE, f"{size} bytes at {address:#x} do not lie in one allocation of the device")

    def copy_async(self, target: int, source: int, size: int, kind: int, stream: int) -> None:
        if kind == HOST_TO_DEVICE:
            self._check(target, size)
        elif kind == DEVICE_TO_HOST:
            self._check(source, size)
        else:
            self._check(target, size)
            self._check(source, size)
        pageable = kind == HOST_TO_DEVICE and not self._inside(self._pinned, source, size)
        pageable |= kind == DEVICE_TO_HOST and not self._inside(self._pinned, target, size)
        if pageable and self.streams.capturing(stream):
            raise Refused(UNSUPPORTED, "a capture cannot copy from or to pageable memory")
        self.streams.enqueue(stream, lambda: ctypes.memmove(target, source, size))
        if pageable and kind == DEVICE_TO_HOST:
            self.streams.finish(stream)

    def copy(self, target: int, source: int, size: int, kind: int) -> None:
        self.copy_async(target, source, size, kind, 0)
        self.streams.finish(0)

    def set_async(self, target: int, value: int, size: int, stream: int) -> None:
        self._check(target, size)
        self.streams.enqueue(stream, lambda: ctypes.memset(target, value, size))

    def set_(self, target: int, value: int, size: int) -> None:
        self.set_async(target, value, size, 0)

    # ------------------------------------------------------------------ kernels
    def load(self, image: bytes) -> int:
        module = self.streams.handle()
        self._modules[module] = self.source.text
        return module

    def function(self, module: int, name: str) -> int:
        if name not in self._modules[module]:
            raise Refused(NOT_FOUND, f"the module has no kernel {name}")
        handle = self.streams.handle()
        self.functions[handle] = (module, name)
        return handle

    def host_module(self, text: str) -> HostModule:
        if text not in self._host:
            options = self.headers if "<cupy/" in text else ()
            self._host[text] = HostModule(code=text, order=self.streams.order, options=options)
        return self._host[text]

    def kernel(self, function: int) -> Any:
        module, name = self.functions[function]
        return self.host_module(self._modules[module]).get_function(name)

    def launch(self, function: int, *numbers: int) -> None:
        *shape, shared, stream, parameters, _ = numbers
        self._launch(function, shape, shared, stream, parameters, False)

    def launch_cooperative(self, function: int, *numbers: int) -> None:
        *shape, shared, stream, parameters = numbers
        self._launch(function, shape, shared, stream, parameters, True)

    def _launch(self, function: int, shape: list[int], shared: int, stream: int, parameters: int, cooperative: bool) -> None:
        name = self.functions[function][1]
        self.launched[name] = self.launched.get(name, 0) + 1
        if 0 in shape or shape[3] * shape[4] * shape[5] > 1024:
            raise Refused(INVALID_VALUE, f"{name}: no grid and blocks can be {shape}")
        kernel = self.kernel(function)
        values = kernel.freeze(parameters)
        self.streams.enqueue(stream, lambda: kernel.run_frozen(shape[:3], shape[3:], values, shared, cooperative))

    # ------------------------------------------------------------------ the tables
    def raising(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except Refused as refused:
                error = self._error(refused.status)
                error.add_note(str(refused))
                raise error from refused

        return call

    def runtime(self) -> dict[str, Callable[..., Any]]:
        s = self.streams
        table = {
            "driverGetVersion": _is(13000), "runtimeGetVersion": _is(13020), "_getCUDAMajorVersion": _is(13), "getDeviceCount": _is(1),
            "getDevice": _is(0), "setDevice": _is(None), "_ensure_context": _is(None), "getDeviceProperties": lambda number: dict(FACTS),
            "deviceGetAttribute": lambda what, number: {MAJOR: 9, MINOR: 0, MULTIPROCESSORS: 2}.get(what, 0),
            "memGetInfo": lambda: (self.memory - self.used, self.memory), "deviceSynchronize": s.finish,
            "deviceCanAccessPeer": _is(0), "_deviceEnsurePeerAccess": _is(None),
            "malloc": self.malloc, "free": self.free, "hostAlloc": self.host_alloc, "freeHost": self.free_host,
            "memcpy": self.copy, "memcpyAsync": self.copy_async, "memset": self.set_, "memsetAsync": self.set_async,
            "pointerGetAttributes": self._pointer, "pointerGetMemoryType": _is(2),
            "streamCreate": s.create, "streamCreateWithFlags": lambda flags: s.create(),
            "streamCreateWithPriority": lambda flags, priority: s.create(), "streamDestroy": s.destroy, "streamSynchronize": s.finish,
            "streamQuery": lambda stream: 0 if s.idle(stream) else 600, "streamIsCapturing": lambda stream: int(s.capturing(stream)),
            "streamGetFlags": _is(1), "streamGetPriority": _is(0), "streamWaitEvent": lambda stream, event, *rest: s.wait(stream, event),
            "eventCreate": s.handle, "eventCreateWithFlags": lambda flags: s.handle(), "eventDestroy": s.forget_event,
            "eventRecord": s.record, "eventQuery": lambda event: 0 if s.reached(event) else 600, "eventSynchronize": s.finish_event,
            "eventElapsedTime": lambda begin, end: 1.0,
            "streamBeginCapture": lambda stream, *rest: s.begin(stream), "streamEndCapture": s.end, "graphInstantiate": s.instantiate,
            "graphLaunch": s.launch, "graphUpload": lambda graph, stream: None, "graphDestroy": s.drop, "graphExecDestroy": s.drop,
        }  # fmt: skip
        return {name: self.raising(function) for name, function in table.items()}

    def _pointer(self, address: int) -> Any:
        return self._attributes(0, address, address, 2)

    def driver(self) -> dict[str, Callable[..., Any]]:
        table = {
            "get_build_version": _is(13020), "ctxGetCurrent": _is(1), "ctxGetDevice": _is(0), "ctxSetCurrent": _is(None),
            "moduleLoadData": self.load, "moduleUnload": _is(None), "moduleGetFunction": self.function,
            "funcGetAttribute": lambda what, function: {NUM_REGS: 32, MAX_THREADS: 1024}.get(what, 0), "funcSetAttribute": _is(None),
            "occupancyMaxActiveBlocksPerMultiprocessor": _is(1), "occupancyMaxPotentialBlockSize": _is((4, 256)),
            "launchKernel": self.launch, "launchCooperativeKernel": self.launch_cooperative, "streamGetCtx": _is(1),
        }  # fmt: skip
        return {name: self.raising(function) for name, function in table.items()}
