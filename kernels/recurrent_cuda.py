"""What fills the frames of ``cuda/recurrent.cu`` for each cell: the counterpart of `recurrent_text`.

START readies the other state (or its gradient), SAVE keeps it, PRODUCT is a step's product (or more), CELL calls the cell's formulas, FIRST
and SECOND, for one unit, and CLEAR is what a masked step leaves in the gates' places.
"""

from collections.abc import Sequence

from gpunn.kernels.record import Operand


def parts(kind: str, backward: bool, operands: Sequence[Operand]) -> dict[str, str]:
    """The words to fill in for a kernel of this kind of cell."""
    words = {"START": "", "SAVE": "", "CLEAR": "", **(_BACKWARD if backward else _FORWARD)[kind]}
    words["GATES"] = str(gates := _GATES[kind])
    if backward:
        words["CLEAR"] = _zero("x", gates) + words["CLEAR"]
    return {"OPERANDS": ", ".join(map(_parameter, operands)), **words}


def _parameter(o: Operand) -> str:
    return f"long long {o.name}" if o.kind == "const" else f"{'' if o.written else 'const '}T* __restrict__ {o.name}"


def _at(array: str, gate: int) -> str:
    return f"{array}[{('', 'n + ')[gate] if gate < 2 else f'{gate} * n + '}j]"


def _each(array: str, gates: int) -> str:
    return ", ".join(_at(array, g) for g in range(gates))


def _biased(gates: int) -> str:
    return ", ".join(f"{_at('x', g)} + {_at('b', g)}" for g in range(gates))


def _set(array: str, values: Sequence[str]) -> str:
    return " ".join(f"{_at(array, g)} = {v};" for g, v in enumerate(values))


def _zero(array: str, gates: int) -> str:
    return _set(array, ["T(0)"] * gates) + "\n"


_EACH_UNIT = "for (long long j = threadIdx.x; j < n; j += blockDim.x)"
_GATES = {"simple_rnn": 1, "lstm": 4, "gru_after": 3, "gru_before": 3}
_FORWARD = {
    "simple_rnn": {
        "PRODUCT": "row_product(source, u, x, n, n, n, true);",
        "CELL": f"""T kept, next;
        FIRST({_biased(1)}, kept, next);
        x[j] = kept; h[at + j] = next;""",
    },
    "lstm": {
        "START": "c[at + j] = c0[at + j];",
        "SAVE": "cs[(lines + t) * n + j] = c[at + j];",
        "PRODUCT": "row_product(source, u, x, n, 4 * n, 4 * n, true);",
        "CELL": f"""T i, f, g, o, next, out_h;
        FIRST({_biased(4)}, c[at + j], i, f, g, o, next, out_h);
        {_set("x", "ifgo")}
        c[at + j] = next; h[at + j] = out_h;""",
    },
    "gru_after": {  # the recurrent sums stay apart, in r
        "PRODUCT": """T* __restrict__ const q = r + (options & KEEP ? (lines + t) * 3 * n : row * 3 * n);
    row_product(source, u, q, n, 3 * n, 3 * n, false);""",
        "CELL": f"""const T sum = q[2 * n + j] + b[5 * n + j];
        T kz, kr, kg, next;
        FIRST({_biased(3)}, q[j] + b[3 * n + j], q[n + j] + b[4 * n + j], sum, h[at + j], kz, kr, kg, next);
        {_set("x", ["kz", "kr", "kg"])}
        q[2 * n + j] = sum; h[at + j] = next;""",
    },
    "gru_before": {  # two products a step, the second of r * h, which q keeps
        "PRODUCT": f"""T* __restrict__ const e = q + (options & KEEP ? (lines + t) * n : at);
    row_product(source, u, x, n, 2 * n, 3 * n, true);
    __syncthreads();
    {_EACH_UNIT} {{
      T kz, kr, scaled;
      FIRST({_biased(2)}, source[j], kz, kr, scaled);
      x[j] = kz; x[n + j] = kr; e[j] = scaled;
    }}
    __syncthreads();
    row_product(e, u + 2 * n, x + 2 * n, n, n, 3 * n, true);""",
        "CELL": """T kg, next;
        SECOND(x[2 * n + j] + b[2 * n + j], x[j], h[at + j], kg, next);
        x[2 * n + j] = kg; h[at + j] = next;""",
    },
}
_BACKWARD = {
    "simple_rnn": {
        "PRODUCT": "row_product_nt(x, u, p + at, n, n, n, false);",
        "CELL": "x[j] = FIRST(x[j], d); dh[at + j] = T(0);",
    },
    "lstm": {
        "START": "if (options & NO_DC) dc[at + j] = T(0);",
        "PRODUCT": "row_product_nt(x, u, p + at, 4 * n, n, 4 * n, false);",
        "CELL": f"""T i, f, g, o, before;
        FIRST({_each("x", 4)}, cs[(lines + t) * n + j], d, dc[at + j], i, f, g, o, before);
        {_set("x", "ifgo")}
        dc[at + j] = before; dh[at + j] = T(0);""",
    },
    "gru_after": {  # z becomes the gradient of the inputs' sums, r that of the recurrent ones
        "PRODUCT": "row_product_nt(r + (lines + t) * 3 * n, u, p + at, 3 * n, n, 3 * n, false);",
        "CELL": f"""T* __restrict__ const q = r + (lines + t) * 3 * n;
        T kz, kr, kg, sum, before;
        FIRST({_each("x", 3)}, q[2 * n + j], hs[(lines + t) * n + j], d, kz, kr, kg, sum, before);
        {_set("x", ["kz", "kr", "kg"])}
        {_set("q", ["kz", "kr", "sum"])}
        dh[at + j] = before;""",
        "CLEAR": f"""        T* __restrict__ const q = r + (lines + t) * 3 * n;
        {_zero("q", 3)}""",
    },
    "gru_before": {  # v is the gradient of r * h
        "PRODUCT": f"""row_product_nt(x + 2 * n, u + 2 * n, v + at, n, n, 3 * n, false);
    __syncthreads();
    {_EACH_UNIT} {{
      T change = T(0), through = T(0);
      const T before = hs[(lines + t) * n + j];
      if (live) SECOND(x[n + j], options & DROP ? before * drop[at + j] : before, v[at + j], change, through);
      x[n + j] = change; p[at + j] = through;
    }}
    __syncthreads();
    row_product_nt(x, u, p + at, 2 * n, n, 3 * n, true);""",
        "CELL": """T kz, kg, before;
        FIRST(x[j], x[2 * n + j], hs[(lines + t) * n + j], d, kz, kg, before);
        x[j] = kz; x[2 * n + j] = kg; dh[at + j] = before;""",
    },
}
