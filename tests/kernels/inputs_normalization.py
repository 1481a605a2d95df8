"""Inputs of the kernels of normalization and of noise."""

from draws import whole

GROUPED = [(1, 1), (1, 2), (2, 1), (3, 2), (2, 3)]  # places and groups; the channels of a group are what is left of the columns


def _grouped(rows, columns):
    places, groups = next((p, g) for p, g in GROUPED[(rows + columns) % len(GROUPED) :] + GROUPED if columns % (p * g) == 0)
    return places, columns // places, groups


def _group_normalize(m, rows, columns):
    _, channels, groups = _grouped(rows, columns)
    x = m.small(rows, columns) + m.dtype.type(3)
    given = [m.real(channels), m.small(channels), channels, groups, m.number(1e-3), (rows + columns) % 2]
    return [x, *given, m.blank(rows, columns), m.blank(rows, groups), m.blank(rows, groups)]


def _group_normalize_bwd(m, rows, columns):
    _, channels, groups = _grouped(rows, columns)
    means = [m.small(rows, groups), m.positive(rows, groups)]
    return [m.small(rows, columns), m.small(rows, columns), m.small(channels), *means, channels, groups, rows % 2, m.blank(rows, columns)]


def _group_sums(m, rows, columns):
    places, channels, groups = _grouped(rows, columns)
    means = [m.small(rows, groups), m.positive(rows, groups)]
    wide = [m.small(rows * places, channels) for _ in range(2)]
    return [*wide, *means, places, groups, m.blank(channels), m.blank(channels)]


MAKERS = {
    "group_normalize": _group_normalize,
    "group_normalize_bwd": _group_normalize_bwd,
    "group_sums": _group_sums,
    "unit_rows": lambda m, r, c: [m.small(r, c), m.number(1e3), m.blank(r, c), m.blank(r)],
    "unit_rows_bwd": lambda m, r, c: [m.real(r, c), m.small(r, c), m.positive(r), m.number(4.0), m.blank(r, c)],
    "dropout": lambda m, r, c: [
        m.real(r, c), whole(2**33 + 5), -(2**61) + 12345, 3, int(0.3 * 2**32), m.number(1 / 0.7), m.blank(r, c)
    ],
    "gaussian": lambda m, r, c: [m.small(r, c), whole(2**33 + 5), -(2**61) + 12345, 3, m.number(0.75), (r + c) % 2, m.blank(r, c)],
    "masked": lambda m, r, c: [
        m.real(r, c), whole(2**33 + 5), -(2**61) + 12345, 3, int(0.3 * 2**32), *map(m.number, (1 / 0.7, 0.25, -1.75)),
        *((3, c, 1, 1) if r % 3 == 0 else (1, 1, 2, c // 2) if c % 2 == 0 else (1, 1, 1, c)), m.blank(r, c)
    ],
    "moments": lambda m, r, c: [m.real(r, c) + m.dtype.type(64), m.blank(c), m.blank(c)],
    "normalize_sums": lambda m, r, c: [m.real(r, c), m.real(r, c), m.small(c), m.positive(c), m.blank(c), m.blank(c)],
}
ELEMENTWISE = {
    "inverse_deviation": {"variance": "positive", "epsilon": 1e-3},
    "moving_average": {"momentum": 0.99},
    "mask": {"keep": "positive"},
    "is_positive": {},
    "times_rows": {"scale": 0.1},
    "normalize": {"inverse": "positive"},
    "normalize_bwd": {"inverse": "positive", "share": 0.125},
    "normalize_fixed_bwd": {"inverse": "positive"},
}
