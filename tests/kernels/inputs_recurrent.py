"""Inputs of the recurrent kernels. `rows` and `columns` of the parity tests become rows, units and steps; and choose the options."""

import numpy as np

from gpunn.kernels.recurrent_options import DROP, IN_TIME, KEEP, MASKED, NO_DC, NO_DH, REVERSED, SEQUENCES, ZERO

CHOICES = (
    KEEP | SEQUENCES, KEEP | MASKED | DROP | SEQUENCES | REVERSED, MASKED | REVERSED | IN_TIME | SEQUENCES | ZERO,
    KEEP | MASKED | ZERO | DROP, KEEP | NO_DH | NO_DC | REVERSED, 0,
    KEEP | MASKED | SEQUENCES | IN_TIME | REVERSED | DROP | NO_DC, SEQUENCES,
)
GATES = {"simple_rnn": 1, "lstm": 4, "gru_after": 3, "gru_before": 3}


def _sizes(rows, columns):
    units, steps = min(columns, 40), 1 + columns % 4
    which = {0: 5, 3: 0, 31: 1, 33: 6, 257: 2, 6: 3}.get(rows, 4 if columns == 1 else 7)
    return units, steps, CHOICES[which]


def _common(m, rows, units, steps, options):
    """mask and drop."""
    mask, drop = m.flags(rows, steps), m.flags(rows, units) * m.dtype.type(1.25)
    return [mask if options & MASKED else mask[:, :0].copy(), drop if options & DROP else drop[:, :0].copy()]


def _weights(m, units, gates):
    return (m.small(units, gates * units) * m.dtype.type(1 / np.sqrt(units))).astype(m.dtype)


def _sequences(draw, rows, units, steps, options):
    return draw(rows, steps * units if options & SEQUENCES else units if options & ZERO else 0)


def forward(kind):
    def make(m, rows, columns):
        units, steps, options = _sizes(rows, columns)
        gates, wide = GATES[kind], steps if options & KEEP else 0
        states = [m.small(rows, units) for _ in range(2 if kind == "lstm" else 1)]
        biases = (2 if kind == "gru_after" else 1) * gates * units
        out = [m.small(rows, steps * gates * units), *states, _weights(m, units, gates), m.small(biases)]
        out += [*_common(m, rows, units, steps, options), steps, units, options, _sequences(m.blank, rows, units, steps, options)]
        out += [m.blank(rows, units) for _ in states]
        out += [m.blank(rows, wide * units) for _ in states]
        out.append(m.blank(rows, units if options & DROP else 0))
        if kind.startswith("gru"):
            out.append(m.blank(rows, (steps if options & KEEP else 1) * units * (3 if kind == "gru_after" else 1)))
        return out

    return make


def backward(kind):
    def make(m, rows, columns):
        units, steps, options = _sizes(rows, columns)
        gates = GATES[kind]
        kept = m.probability(rows, steps * gates * units)
        states = [m.small(rows, steps * units)] if kind != "simple_rnn" else []
        extra = [m.small(rows, steps * 3 * units)] if kind == "gru_after" else []
        out = [kept, *states, *extra, _weights(m, units, gates), *_common(m, rows, units, steps, options)]
        out.append(_sequences(m.small, rows, units, steps, options))
        out += [m.small(rows, units) for _ in range(2 if kind == "lstm" else 1)]
        return [*out, steps, units, options, *(m.blank(rows, units) for _ in range(2 if kind == "gru_before" else 1))]

    return make


_NAMES = {kind: f"{kind}_tanh" + ("" if kind == "simple_rnn" else "_sigmoid") for kind in GATES}
MAKERS = {
    **{name: forward(kind) for kind, name in _NAMES.items()},
    **{f"{name}_bwd": backward(kind) for kind, name in _NAMES.items()},
}
