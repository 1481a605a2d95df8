"""From one typed scalar Python function to CUDA C, a Numba function and a vectorised NumPy expression.

The language is small on purpose: names, numbers, ``+ - * / **``, comparisons, ``and or not``, conditional expressions, assignments, one
``return``, the functions of `FUNCTIONS`, module-level numbers, and other formulas. Everything is of one floating type ``T``: a number
``0.5`` becomes ``T(0.5)`` in CUDA and Numba, so a float kernel never computes in double.
"""

import ast
import functools
import inspect
import math
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.kernels import vector_math

# name in a formula: (CUDA, Numba, NumPy); maximum and minimum let a NaN through on each
FUNCTIONS = {
    "exp": ("exp", "vector_math.exp", "np.exp"),
    "expm1": ("expm1", "vector_math.expm1", "np.expm1"),
    "log": ("log", "vector_math.log", "np.log"),
    "log1p": ("log1p", "vector_math.log1p", "np.log1p"),
    "log1pexp": ("log1pexp", "vector_math.log1pexp", "vector_math.log1pexp"),  # log(1 + exp(x)) for any x
    "sqrt": ("sqrt", "math.sqrt", "np.sqrt"),
    "tanh": ("tanh", "vector_math.tanh", "np.tanh"),
    "sin": ("sin", "math.sin", "np.sin"),
    "cos": ("cos", "math.cos", "np.cos"),
    "erfcx": ("erfcx", "vector_math.erfcx", "vector_math.erfcx"),  # exp(x^2) erfc(x), for x >= 0
    "atan": ("atan", "vector_math.atan", "np.arctan"),
    "pow": ("pow", "math.pow", "np.power"),
    "abs": ("fabs", "abs", "np.abs"),
    "floor": ("floor", "math.floor", "np.floor"),
    "maximum": ("maximum", "np.maximum", "np.maximum"),
    "minimum": ("minimum", "np.minimum", "np.minimum"),
}
CHEAP = {"sqrt", "abs", "floor", "maximum", "minimum"}  # of these: an instruction or two; the others are some twenty
# what an argument or a variable cannot be called: words of C++, and of the functions written around a formula
RESERVED = frozenset(
    "T np math alignas alignof asm auto bool case catch char const constexpr decltype default delete do double dynamic_cast enum "
    "explicit export extern false float friend goto inline int long mutable namespace new noexcept nullptr operator private "
    "protected public register short signed sizeof static struct switch template this throw true typedef typeid typename union "
    "unsigned using virtual void volatile warpSize threadIdx blockIdx blockDim gridDim".split()
)
_TARGETS = ("cuda", "numba", "numpy")
_BINARY: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARE: dict[type, str] = {ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!="}


class FormulaError(SyntaxError):
    """The function uses something the formula language does not have."""


def _constant(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


class Formula:
    """A scalar function, readable by every target.

    Attributes: ``name``; ``parameters``; ``outputs`` (how many values it returns); ``calls``, the formulas it uses, in order.
    Raises `FormulaError` when the function steps outside the language, naming the line.
    """

    def __init__(self, function: Callable, name: str | None = None):
        self.function, self.name = function, name or function.__name__
        try:
            source = textwrap.dedent(inspect.getsource(function))
        except (OSError, TypeError) as error:
            raise FormulaError(f"{self.name}: the source text of a formula must be readable (a file or a notebook cell)") from error
        tree = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef))
        self.parameters = tuple(a.arg for a in tree.args.args)
        self.calls: list[Formula] = []
        self._functions: set[str] = set()
        closure = inspect.getclosurevars(function)
        self._scope = {**closure.builtins, **closure.globals, **closure.nonlocals}
        body = [s for s in tree.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        if not body or not isinstance(body[-1], ast.Return) or body[-1].value is None:
            raise FormulaError(f"{self.name}: a formula ends with one `return`")
        value = body[-1].value
        self._returns = list(value.elts) if isinstance(value, ast.Tuple) else [value]
        self._assigns = body[:-1]
        self.outputs = len(self._returns)
        self._check_names()
        for target in _TARGETS:  # every error shows at the definition, whatever target is asked for later
            self.statements(target)

    def _check_names(self) -> None:
        if self.name in FUNCTIONS or self.name in RESERVED:
            raise FormulaError(f"{self.name}: the name is taken; give the formula another, or `name=`")
        variables = [s.targets[0].id for s in self._assigns if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name)]
        for variable in (*self.parameters, *variables):
            if variable in RESERVED or variable == self.name or variable.endswith("_"):
                raise FormulaError(
                    f"{self.name}: {variable!r} cannot name a variable of a formula. Expected a name that is no word of C++, is not the "
                    "formula's own and does not end in an underscore"
                )

    def statements(self, target: str) -> tuple[list[tuple[str, str]], list[str]]:
        """-> (assignments as (name, expression), returned expressions), as text of the target."""
        local = set(self.parameters)
        assigns = []
        for s in self._assigns:
            if not (isinstance(s, ast.Assign) and len(s.targets) == 1 and isinstance(s.targets[0], ast.Name)):
                raise FormulaError(f"{self.name}, line {s.lineno}: only `name = expression` may stand before `return`")
            assigns.append((s.targets[0].id, self._text(s.value, target, local)))
            local.add(s.targets[0].id)
        return assigns, [self._text(r, target, local) for r in self._returns]

    def _text(self, node: ast.AST, target: str, local: set[str]) -> str:
        def sub(n: ast.AST) -> str:
            return self._text(n, target, local)

        if isinstance(node, ast.Name):
            return self._name(node, target, local)
        if isinstance(node, ast.Constant) and (value := _constant(node.value)) is not None:
            return number(value, target)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            return self._power(node, target, local)
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return f"({sub(node.left)} {_BINARY[type(node.op)]} {sub(node.right)})"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return f"(-{sub(node.operand)})"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return {"cuda": "(!{})", "numba": "(not {})", "numpy": "np.logical_not({})"}[target].format(sub(node.operand))
        if isinstance(node, ast.BoolOp):
            word = {"cuda": (" && ", " || "), "numba": (" and ", " or "), "numpy": (" & ", " | ")}[target][isinstance(node.op, ast.Or)]
            return "(" + word.join(map(sub, node.values)) + ")"
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
            return f"({sub(node.left)} {_COMPARE[type(node.ops[0])]} {sub(node.comparators[0])})"
        if isinstance(node, ast.IfExp):
            a, b, c = sub(node.test), sub(node.body), sub(node.orelse)
            return {"cuda": f"({a} ? {b} : {c})", "numba": f"({b} if {a} else {c})", "numpy": f"np.where({a}, {b}, {c})"}[target]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id, node, target, local)
        raise FormulaError(f"{self.name}, line {getattr(node, 'lineno', '?')}: {ast.unparse(node)!r} is not in the formula language")

    def _name(self, node: ast.Name, target: str, local: set[str]) -> str:
        if node.id in local:
            return node.id
        if (value := _constant(self._scope.get(node.id))) is not None:
            return number(value, target)
        raise FormulaError(f"{self.name}, line {node.lineno}: {node.id!r} is neither an argument nor a number")

    def _power(self, node: ast.BinOp, target: str, local: set[str]) -> str:
        base = self._text(node.left, target, local)
        if isinstance(node.right, ast.Constant) and isinstance(node.right.value, (int, float)) and node.right.value in (2, 3):
            return "(" + " * ".join([base] * int(node.right.value)) + ")"
        self._functions.add("pow")
        return f"{FUNCTIONS['pow'][_TARGETS.index(target)]}({base}, {self._text(node.right, target, local)})"

    def _call(self, name: str, node: ast.Call, target: str, local: set[str]) -> str:
        arguments = ", ".join(self._text(a, target, local) for a in node.args)
        inner = self._scope.get(name)
        inner = getattr(inner, "formula", inner)
        if isinstance(inner, Formula):
            if len(node.args) != len(inner.parameters) or inner.outputs != 1:
                raise FormulaError(f"{self.name}, line {node.lineno}: {name} takes {len(inner.parameters)} arguments and returns one value")
            if inner not in self.calls:
                self.calls.append(inner)
            return f"{inner.name}({arguments})"
        if name in FUNCTIONS:
            self._functions.add(name)
            return f"{FUNCTIONS[name][_TARGETS.index(target)]}({arguments})"
        raise FormulaError(f"{self.name}, line {node.lineno}: unknown function {name!r}. Known: {', '.join(FUNCTIONS)}, and other formulas")

    def body(self) -> tuple[list[str], list[str]]:
        """-> (assignments, returned expressions), as Python text: for formulas made around this one, which need its `scope`."""
        return [ast.unparse(s) for s in self._assigns], [ast.unparse(r) for r in self._returns]

    @property
    def scope(self) -> dict[str, Any]:
        """What the names of the body mean: module-level numbers and other formulas."""
        return {name: value for name, value in self._scope.items() if not name.startswith("__")}

    def closure(self) -> list["Formula"]:
        """The formulas this one calls, directly or not, callee first, then itself."""
        out: list[Formula] = []
        for inner in self.calls:
            out += [f for f in inner.closure() if f not in out]
        return [*out, self]

    @property
    def costly(self) -> bool:
        """Whether it takes an exponential, a logarithm or the like, itself or by a formula it calls."""
        return any(f._functions - CHEAP for f in self.closure())

    @functools.cached_property
    def numpy(self) -> Callable:
        """The vectorised function."""
        return self.over(np, vector_math)

    def over(self, numpy: Any, functions: Any) -> Callable:
        """The vectorised function with others in the place of NumPy's and of `vector_math`'s: for what is computed with like arrays."""
        space: dict[str, Any] = {"np": numpy, "vector_math": functions}
        for f in self.closure():
            exec(f.python("numpy"), space)
        return space[self.name]

    # ------------------------------------------------------------------ whole functions, as text
    def cuda(self) -> str:
        """A device function with type parameter T. Several outputs come back through references."""
        assigns, returns = self.statements("cuda")
        seen, lines = set(self.parameters), []
        for name, text in assigns:
            lines.append(f"{'' if name in seen else 'T '}{name} = {text};")
            seen.add(name)
        arguments = [f"T {p}" for p in self.parameters]
        if self.outputs == 1:
            lines.append(f"return {returns[0]};")
            head = f"T {self.name}({', '.join(arguments)})"
        else:
            lines += [f"r{i}_ = {text};" for i, text in enumerate(returns)]
            head = f"void {self.name}({', '.join([*arguments, *(f'T& r{i}_' for i in range(self.outputs))])})"
        return f"__device__ __forceinline__ {head} {{ {' '.join(lines)} }}"

    def python(self, target: str) -> str:
        """A Python function: scalar with typed constants for "numba", vectorised for "numpy"."""
        assigns, returns = self.statements(target)
        lines = [f"def {self.name}({', '.join(self.parameters)}):"]
        lines += [f"    {name} = {text}" for name, text in assigns]
        lines.append(f"    return {', '.join(returns)}")
        return "\n".join(lines)


def number(value: float, target: str) -> str:
    if target == "numpy":  # a Python float is a weak scalar: the arrays' type wins
        return repr(value) if math.isfinite(value) else f"float('{value}')"
    if math.isfinite(value):
        return f"T({value!r})"
    raise FormulaError("infinite constants are not portable: use a large finite number")
