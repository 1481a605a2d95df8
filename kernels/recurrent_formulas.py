"""The cells of recurrent layers as formulas of one unit: what comes after the products, and its gradient, for any two activations.

An activation is kept for the backward pass as its gradient wants it: its output, or its input. The formulas are Elman 1990 (SimpleRNN),
Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000 (LSTM, gates in the order i, f, c, o), and Cho et al. 2014 (GRU, in
the order z, r, h; the reset gate before the product, as there, or after it).
"""

import hashlib
from typing import Any, NamedTuple

from gpunn.kernels.elementwise import text_formula
from gpunn.kernels.formula import Formula


class Activation:
    """An activation in the text of a formula. ``forward`` and ``backward``: elementwise kernels; ``constants``: their values by name."""

    def __init__(self, word: str, forward: Any, backward: Any, constants: dict[str, float]):
        self.word, self.forward, self.backward = word, forward, backward
        self._more, self._more_bwd = (
            "".join(f", {constants[o.name]!r}" for o in k.operands if o.kind == "const") for k in (forward, backward)
        )
        kept = [o for o in backward.operands if o.read and o.kind == "full"][1].name
        self.keeps_output = kept == forward.outputs[0].name
        self.name = forward.name.rstrip("_") + (_short(self._more + self._more_bwd) if self._more or self._more_bwd else "")

    @property
    def scope(self) -> dict[str, Any]:
        return {self.word: self.forward, f"{self.word}_bwd": self.backward}

    def of(self, x: str) -> str:
        return f"{self.word}({x}{self._more})"

    def kept(self, x: str, y: str) -> str:
        return y if self.keeps_output else x

    def again(self, kept: str) -> str:
        """The output, from what was kept."""
        return kept if self.keeps_output else self.of(kept)

    def gradient(self, dy: str, kept: str) -> str:
        return f"{self.word}_bwd({dy}, {kept}{self._more_bwd})"


def _short(text: str) -> str:
    return "_" + hashlib.sha256(text.encode()).hexdigest()[:8]


class Cell(NamedTuple):
    """``forward`` and ``backward``: the formulas of a cell in the order they are needed."""

    name: str
    forward: tuple[Formula, ...]
    backward: tuple[Formula, ...]


Text = tuple[str, str, str]  # arguments, assignments, results


def _cell(name: str, activations: tuple[Activation, ...], forward: list[Text], backward: list[Text]) -> Cell:
    """The formulas of these texts."""
    scope = {word: kernel for a in activations for word, kernel in a.scope.items()}
    name = "_".join([name, *(a.name for a in activations)])
    made = []
    for part, texts in (("cell", forward), ("cell_bwd", backward)):
        for i, (arguments, assigns, results) in enumerate(texts):
            own = f"{name}_{part}{i or ''}"
            lines = [f"def {own}({arguments}):", *(f"    {line.strip()}" for line in assigns.split(";") if line.strip())]
            made.append(text_formula(own, "\n".join([*lines, f"    return {results}", ""]), scope))
    return Cell(name, tuple(made[: len(forward)]), tuple(made[len(forward) :]))


def simple(a: Activation) -> Cell:
    """(z) -> kept, h."""
    return _cell("simple_rnn", (a,), [("z", f"y = {a.of('z')}", f"{a.kept('z', 'y')}, y")], [("k, dh", "", a.gradient("dh", "k"))])


def lstm(a: Activation, r: Activation) -> Cell:
    """(zi, zf, zc, zo, c) -> four kept, c, h."""
    forward = (
        "zi, zf, zg, zo, c",
        f"i = {r.of('zi')}; f = {r.of('zf')}; g = {a.of('zg')}; o = {r.of('zo')}; n = f * c + i * g",
        f"{r.kept('zi', 'i')}, {r.kept('zf', 'f')}, {a.kept('zg', 'g')}, {r.kept('zo', 'o')}, n, o * {a.of('n')}",
    )
    backward = (
        "ki, kf, kg, ko, c, dh, dn",
        f"i = {r.again('ki')}; f = {r.again('kf')}; g = {a.again('kg')}; o = {r.again('ko')}; n = f * c + i * g; t = {a.of('n')}; "
        f"d = dn + {a.gradient('dh * o', a.kept('n', 't'))}",
        f"{r.gradient('d * g', 'ki')}, {r.gradient('d * c', 'kf')}, {a.gradient('d * i', 'kg')}, {r.gradient('dh * t', 'ko')}, d * f",
    )
    return _cell("lstm", (a, r), [forward], [backward])


def gru_after(a: Activation, r: Activation) -> Cell:
    """(z of three gates, recurrent sums of three gates, h) -> three kept, h; the reset gate scales the product."""
    forward = (
        "zz, zr, zh, sz, sr, sh, h",
        f"xz = zz + sz; xr = zr + sr; z = {r.of('xz')}; r = {r.of('xr')}; x = zh + r * sh; g = {a.of('x')}",
        f"{r.kept('xz', 'z')}, {r.kept('xr', 'r')}, {a.kept('x', 'g')}, z * h + (1.0 - z) * g",
    )
    backward = (
        "kz, kr, kg, sh, h, dh",
        f"z = {r.again('kz')}; r = {r.again('kr')}; g = {a.again('kg')}; d = {a.gradient('dh * (1.0 - z)', 'kg')}",
        f"{r.gradient('dh * (h - g)', 'kz')}, {r.gradient('d * sh', 'kr')}, d, d * r, dh * z",
    )
    return _cell("gru_after", (a, r), [forward], [backward])


def gru_before(a: Activation, r: Activation) -> Cell:
    """(zz, zr, h) -> two kept, r * h; then (zh, kept z, h) -> kept, h. Backward the other way round."""
    forward = [
        ("zz, zr, h", f"z = {r.of('zz')}; r = {r.of('zr')}", f"{r.kept('zz', 'z')}, {r.kept('zr', 'r')}, r * h"),
        ("zh, kz, h", f"g = {a.of('zh')}; z = {r.again('kz')}", f"{a.kept('zh', 'g')}, z * h + (1.0 - z) * g"),
    ]
    backward = [
        (
            "kz, kg, h, dh", f"z = {r.again('kz')}; g = {a.again('kg')}",
            f"{r.gradient('dh * (h - g)', 'kz')}, {a.gradient('dh * (1.0 - z)', 'kg')}, dh * z",
        ),
        ("kr, h, dq", f"r = {r.again('kr')}", f"{r.gradient('dq * h', 'kr')}, dq * r"),
    ]
    return _cell("gru_before", (a, r), forward, backward)
