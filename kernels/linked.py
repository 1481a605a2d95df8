"""How functions are compiled that only compiled code calls: they are linked into it, and become machine code there alone.

Numba would make machine code of each by itself too, which nobody runs: a sixth of all compiling. (Not to optimize them before they are
linked would save as much again, but loops with exponentials come out slower then.) Imported only when Numba is there.
"""

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

NEEDED = ("_ensure_finalized", "_finalize_dynamic_globals", "_finalize_final_module", "_verify_declare_only_symbols")  # Numba's own affair


def divide_by_roots(function: Any) -> None:
    """Makes 1 / sqrt(x) of an LLVM function a root and a division: LLVM would estimate it, and what it estimates is NaN for 0 and infinity,
    where the quotient is infinity and 0."""
    set.add(function.attributes, '"reciprocal-estimates"="none"')  # llvmlite's own `add` knows no attributes with values


class _NoEnvironment:
    """A code generator that sets no environment of a function: without machine code it has no place for one."""

    def __init__(self, codegen: Any):
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, env_name: str, env: Any) -> None:
        """Nothing: what needs one, such as an exception's words, is never used in kernels."""


class Linked(JITCodeLibrary):
    """The optimized code of one function, for others to take in."""

    def add_ir_module(self, module: Any) -> None:
        for function in module.functions:
            if not function.is_declaration:
                divide_by_roots(function)
        super().add_ir_module(module)

    @property
    def codegen(self) -> Any:
        return _NoEnvironment(self._codegen)

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """There is none."""
        self._ensure_finalized()
        return 0


class Inner(Compiler):
    """Compiles a function of this kind."""

    def __init__(self, typingctx, targetctx, library, args, return_type, flags, locals):
        if library is None and all(hasattr(JITCodeLibrary, name) for name in NEEDED):
            library = Linked(targetctx.codegen(), "inner")
        super().__init__(typingctx, targetctx, library, args, return_type, flags, locals)


class Apart(Inner):
    """The same as if no two of its arrays overlapped (LLVM's ``noalias``), an option Numba has but does not offer by name."""

    def __init__(self, typingctx, targetctx, library, args, return_type, flags, locals):
        flags = flags.copy()
        flags.noalias = True
        super().__init__(typingctx, targetctx, library, args, return_type, flags, locals)


PLAIN: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": Inner}
APART: dict[str, Any] = PLAIN | {"pipeline_class": Apart}
