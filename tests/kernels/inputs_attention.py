"""Inputs of the attention kernels: `columns` of the parity tests become steps, places, heads and widths."""

from gpunn.kernels.attention import CAUSAL, KEYS, QUERIES, WHOLE

OPTIONS = (QUERIES | KEYS, CAUSAL, WHOLE | KEYS, 0)


def _sizes(rows, columns):
    return 1 + columns % 11, 1 + columns % 37, 1 + rows % 2, (1, 3, 17, 50)[(rows + columns) % 4]  # steps, places, heads, width


def _masks(m, rows, columns):
    steps, others, _, _ = _sizes(rows, columns)
    options = OPTIONS[(rows + columns) % 4]
    sizes = ((QUERIES, steps), (KEYS, others), (WHOLE, steps * others))
    return [m.flags(rows, size if options & bit else 0) for bit, size in sizes], options


def _attend(m, rows, columns):
    steps, others, heads, width = _sizes(rows, columns)
    masks, options = _masks(m, rows, columns)
    out = [m.small(rows, steps * heads * width), m.small(rows, others * heads * width), *masks, steps, others, heads, width]
    return [*out, m.number(width**-0.5), options, m.blank(rows, heads * steps * others)]


def _shares(m, rows, heads, steps, others):
    return m.distribution(rows * heads * steps, others).reshape(rows, heads * steps * others)


def _mix(m, rows, columns):
    steps, others, heads, width = _sizes(rows, columns)
    given = [_shares(m, rows, heads, steps, others), m.small(rows, others * heads * width)]
    return [*given, steps, others, heads, width, m.blank(rows, steps * heads * width)]


def _mix_bwd(m, rows, columns):
    steps, others, heads, width = _sizes(rows, columns)
    given = [m.small(rows, steps * heads * width), _shares(m, rows, heads, steps, others), m.small(rows, others * heads * width)]
    return [*given, steps, others, heads, width, m.blank(rows, heads * steps * others), m.blank(rows, others * heads * width)]


def _attend_bwd(m, rows, columns):
    steps, others, heads, width = _sizes(rows, columns)
    given = [m.small(rows, heads * steps * others), _shares(m, rows, heads, steps, others)]
    masks, options = _masks(m, rows, columns)
    given += [*(m.small(rows, n * heads * width) for n in (steps, others)), *masks]
    return [*given, steps, others, heads, width, m.number(0.5), options, *(m.blank(rows, n * heads * width) for n in (steps, others))]


MAKERS = {"attend": _attend, "mix": _mix, "mix_bwd": _mix_bwd, "attend_bwd": _attend_bwd}
