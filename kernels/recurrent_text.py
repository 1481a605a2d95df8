"""The Numba texts of the recurrent kernels. A block of rows goes through all steps together: a product of registers' tiles, then the cell.

The frame is the same for every cell: what differs is the arrays, the products of a step and the call of the cell's formula.
"""

import re
import textwrap
from collections.abc import Sequence

from gpunn.kernels.formula import Formula
from gpunn.kernels.recurrent_options import BITS


def _fill(text: str, parts: dict[str, str]) -> str:
    """`text` with whole lines ``<name>`` replaced by parts, indented as they stand."""
    out = []
    for line in textwrap.dedent(text).strip("\n").splitlines():
        name = line.strip()
        if name.startswith("<") and name.endswith(">"):
            own = parts.get(name[1:-1], "")
            out += [line[: len(line) - len(line.lstrip())] + x for x in textwrap.dedent(own).strip("\n").splitlines()]
        else:
            out.append(line)
    return "\n".join(out)


def _point(formula: Formula, arguments: Sequence[str], targets: Sequence[str], index: int = 0, biased: Sequence[str] = ()) -> str:
    """A loop over a row's units: ``point<index>(arrays..., biases...)``; `biased` are arguments that get a bias, ``b_<name>``, first."""
    arrays = list(dict.fromkeys((*arguments, *targets)))
    call = ", ".join(f"{a}[j] + b_{a}[j]" if a in biased else f"{a}[j]" for a in arguments)
    results = [f"{t}[j] = result_" if len(targets) == 1 else f"{t}[j] = result_[{i}]" for i, t in enumerate(targets)]
    lines = [
        "@apart", f"def point{index}({', '.join([*arrays, *(f'b_{a}' for a in biased)])}):", "    widest()",
        f"    for j in range({arrays[0]}.size):", f"        result_ = {formula.name}({call})", *(f"        {r}" for r in results),
    ]
    return "\n".join(lines) + "\n"


def _module(formulas: Sequence[Formula], points: Sequence[str], body: str) -> str:
    every = dict.fromkeys(f for formula in formulas for f in formula.closure())
    texts = ["@inlined\n" + f.python("numba") for f in every]
    return "\n".join([*texts, "from gpunn.kernels import recurrent_native as rec", *points, body])


def _constants(text: str) -> str:
    return re.sub(r"\bo_ & ([A-Z_]+)", lambda m: f"o_ & {BITS[m.group(1)]}", text)


FORWARD = """
    def body(<operands>, lo_, hi_, scratch_):
        count, o_, n = steps[0], options[0], h.shape[1]
        packed, ks, counts, spare, _ = rec.carve(z, scratch_)
        right, source = rec.address_of(u), h
        if o_ & DROP:
            source = w
        for row in range(lo_, hi_, rec.ROWS):
            end = min(row + rec.ROWS, hi_)
            for i in range(row, end):
                rec.copy(h0[i], h[i])
                <start>
            for s in range(count):
                t = count - 1 - s if o_ & REVERSED else s
                at = (t if o_ & IN_TIME else s) * n
                k = t * <gates> * n
                for i in range(row, end):
                    if o_ & KEEP:
                        rec.copy(h[i], hs[i, t * n : (t + 1) * n])
                        <keep>
                    if o_ & DROP:
                        rec.times(h[i], drop[i], w[i])
                <product>
                for i in range(row, end):
                    masked = (o_ & MASKED) != 0 and mask[i, t] == 0
                    if not masked:
                        <call>
                    if o_ & SEQUENCES:
                        out = y[i, at : at + n]
                    else:
                        out = y[i]
                    if o_ & SEQUENCES or o_ & ZERO:
                        if masked and o_ & ZERO:
                            rec.clear(out)
                        else:
                            rec.copy(h[i], out)
"""
BACKWARD = """
    def body(<operands>, lo_, hi_, scratch_):
        count, o_, n = steps[0], options[0], dh.shape[1]
        packed, ks, counts, spare, right = rec.carve(z, scratch_)
        rec.transposed(u, right)
        for row in range(lo_, hi_, rec.ROWS):
            end = min(row + rec.ROWS, hi_)
            for i in range(row, end):
                if o_ & NO_DH:
                    rec.clear(dh[i])
                <start>
                rec.clear(p[i])
            for s in range(count - 1, -1, -1):
                t = count - 1 - s if o_ & REVERSED else s
                at = (t if o_ & IN_TIME else s) * n
                k = t * <gates> * n
                for i in range(row, end):
                    masked = (o_ & MASKED) != 0 and mask[i, t] == 0
                    <arrive>
                    if not (masked and o_ & ZERO):
                        if o_ & SEQUENCES:
                            rec.add(dy[i, at : at + n], dh[i])
                        elif o_ & ZERO and s == count - 1:
                            rec.add(dy[i], dh[i])
                    if masked:
                        rec.clear(z[i, k : k + <gates> * n])
                        <masked>
                    else:
                        <call>
                <product>
            for i in range(row, end):
                <arrive>
"""
ARRIVE = """
    if o_ & DROP:
        rec.add_times(p[i], drop[i], dh[i])
    else:
        rec.add(p[i], dh[i])
"""


def _frame(frame: str, operands: Sequence[str], gates: int, **parts: str) -> str:
    text = _fill(frame, parts).replace("<operands>", ", ".join(operands)).replace("<gates>", str(gates))
    return _constants(text)


def _gates(count: int, array: str = "z", at: str = "k") -> str:
    return ", ".join(f"{array}[i, {at} + {g} * n : {at} + {g + 1} * n]" for g in range(count))


def _biases(count: int) -> str:
    return ", ".join(f"b[{g} * n : {g + 1} * n]" for g in range(count))


def _product(source: str, at: str, k: str, right: str, line: int, n: str, out: str, column: str, more: int) -> str:
    return f"rec.product({source}, {at}, {k}, {right}, {line} * n, {n}, {out}, row, end, {column}, {more}, packed, ks, counts, spare)"


def forward_one(formula: Formula, operands: Sequence[str], gates: int) -> str:
    """SimpleRNN and LSTM: one product, then the cell."""
    zs = [f"z{g}" for g in range(gates)]
    cell = ["c"] if gates == 4 else []
    point = _point(formula, [*zs, *cell], [*zs, *cell, "h"], biased=zs)
    call = f"point0({_gates(gates)}, {'c[i], ' if cell else ''}h[i], {_biases(gates)})"
    body = _frame(
        FORWARD, operands, gates, call=call, product=_product("source", "0", "n", "right", gates, f"{gates} * n", "z", "k", 1),
        start="rec.copy(c0[i], c[i])" if cell else "", keep="rec.copy(c[i], cs[i, t * n : (t + 1) * n])" if cell else "",
    )
    return _module([formula], [point], body)


def backward_one(formula: Formula, operands: Sequence[str], gates: int) -> str:
    zs = [f"z{g}" for g in range(gates)]
    long = gates == 4
    arguments = [*zs, *(["c"] if long else []), "dh", *(["dc"] if long else [])]
    point = _point(formula, arguments, [*zs, *(["dc"] if long else [])])
    call = f"point0({_gates(gates)}, {'cs[i, t * n : (t + 1) * n], ' if long else ''}dh[i]{', dc[i]' if long else ''})\nrec.clear(dh[i])"
    start = "if o_ & NO_DC:\n    rec.clear(dc[i])" if long else ""
    product = _product("z", "k", f"{gates} * n", "right", 1, "n", "p", "0", 0)
    return _module([formula], [point], _frame(BACKWARD, operands, gates, arrive=ARRIVE, call=call, start=start, product=product))


def forward_after(formula: Formula, operands: Sequence[str]) -> str:
    """GRU with the reset gate after the product: the recurrent sums stay apart, in r."""
    zs, rs = ["z0", "z1", "z2"], ["r0", "r1", "r2"]
    point = _point(formula, [*zs, *rs, "h"], [*zs, "h"], biased=[*zs, *rs[:2]])
    call = f"rec.add(b[5 * n :], r[i, q + 2 * n : q + 3 * n])\npoint0({_gates(3)}, {_gates(3, 'r', 'q')}, h[i], {_biases(5)})"
    product = "q = k if o_ & KEEP else 0\n" + _product("source", "0", "n", "right", 3, "3 * n", "r", "q", 0)
    return _module([formula], [point], _frame(FORWARD, operands, 3, call=call, product=product))


def backward_after(formula: Formula, operands: Sequence[str]) -> str:
    """z becomes the gradient of the inputs' sums, r that of the recurrent ones."""
    zs = ["z0", "z1", "z2"]
    point = _point(formula, [*zs, "r2", "h", "dh"], [*zs, "r2", "dh"])
    call = (
        f"point0({_gates(3)}, r[i, k + 2 * n : k + 3 * n], hs[i, t * n : (t + 1) * n], dh[i])\n"
        "rec.copy(z[i, k : k + 2 * n], r[i, k : k + 2 * n])"
    )
    product = _product("r", "k", "3 * n", "right", 1, "n", "p", "0", 0)
    masked = "rec.clear(r[i, k : k + 3 * n])"
    return _module([formula], [point], _frame(BACKWARD, operands, 3, arrive=ARRIVE, call=call, masked=masked, product=product))


def forward_before(formulas: Sequence[Formula], operands: Sequence[str]) -> str:
    """GRU with the reset gate before the product: two products a step, the second of r * h, which q keeps."""
    first = _point(formulas[0], ["z0", "z1", "h"], ["z0", "z1", "q"], 0, ["z0", "z1"])
    second = _point(formulas[1], ["z2", "z0", "h"], ["z2", "h"], 1, ["z2"])
    product = "\n".join([
        "e = t * n if o_ & KEEP else 0", _product("source", "0", "n", "right", 3, "2 * n", "z", "k", 1), "for i in range(row, end):",
        f"    point0({_gates(2)}, source[i], q[i, e : e + n], {_biases(2)})",
        _product("q", "e", "n", "right + 2 * n * z.itemsize", 3, "n", "z", "k + 2 * n", 1),
    ])
    call = "point1(z[i, k + 2 * n : k + 3 * n], z[i, k : k + n], h[i], b[2 * n : 3 * n])"
    return _module(formulas, [first, second], _frame(FORWARD, operands, 3, call=call, product=product))


def backward_before(formulas: Sequence[Formula], operands: Sequence[str]) -> str:
    """v is the gradient of r * h."""
    last = _point(formulas[0], ["z0", "z2", "h", "dh"], ["z0", "z2", "dh"], 0)
    first = _point(formulas[1], ["z1", "p", "v"], ["z1", "p"], 1)
    call = "point0(z[i, k : k + n], z[i, k + 2 * n : k + 3 * n], hs[i, t * n : (t + 1) * n], dh[i])"
    product = "\n".join([
        _product("z", "k + 2 * n", "n", "right + 2 * n * n * z.itemsize", 1, "n", "v", "0", 0), "for i in range(row, end):",
        "    if o_ & MASKED and mask[i, t] == 0:", "        rec.clear(p[i])", "    else:", "        if o_ & DROP:",
        "            rec.times(hs[i, t * n : (t + 1) * n], drop[i], p[i])", "        else:",
        "            rec.copy(hs[i, t * n : (t + 1) * n], p[i])", "        point1(z[i, k + n : k + 2 * n], p[i], v[i])",
        _product("z", "k", "2 * n", "right", 1, "n", "p", "0", 1),
    ])
    return _module(formulas, [last, first], _frame(BACKWARD, operands, 3, arrive=ARRIVE, call=call, product=product))
