"""Inputs of the kernels of augmentation. Shapes are (rows, columns) of the tests; an image has `columns` pixels, or three channels."""

import numpy as np

SEED, STREAM = -(2**61) + 12345, 3


def whole(*values):
    return np.array(values, np.int64)


def _image(columns):
    """(height, width, channels) with as many values."""
    for channels in (3, 2, 1):
        if columns % channels == 0:
            pixels = columns // channels
            height = max(n for n in range(1, pixels + 1) if pixels % n == 0 and n * n <= pixels)
            return height, pixels // height, channels
    raise AssertionError


def table(m, rows):
    """Drawn numbers as those of a full affine map."""
    low = np.array([-0.7, -3, -2, -0.4, 0.7, 0.6, 0, 0, -0.2, -0.1, 0, -2, -1, 0.9, 0.5, -1, 0.3, 2, 0, 0])
    high = np.array([0.7, 3, 2, 0.4, 1.4, 1.3, 1, 1, 0.3, 0.2, 1, 3, 2, 1.2, 1.5, 1, 1.2, 8, 1, 1])
    return m.rng.uniform(low, high, (rows, 20))


def _bounds(m):
    return m.rng.uniform(-1, 1, 20), m.rng.uniform(0, 2, 20).astype(np.float32).astype(np.float64)


def _eighths(values):
    """Coordinates made of them are exact in float32, so that edges and ties fall the same way in every type."""
    return np.round(values * 8) / 8


def _gather(m, rows, columns):
    height, width, channels = _image(columns)
    mode, order = (rows + columns) % 6, columns % 2
    out = (height, width) if rows % 2 else (height + 2, max(1, width - 1))
    maps = _eighths(m.rng.uniform(-1.2, 1.2, (rows, 6)) * np.array([1, 1, height, 1, 1, width]))
    field = m._as(_eighths(m.rng.standard_normal((rows, out[0] * out[1] * 2))))
    strength = 0.0 if rows % 3 == 0 else 0.75
    fixed = (height, width, channels, *out, mode, order, m.number(strength), m.number(-1.5))
    return [m.small(rows, columns), maps, field, *fixed, m.blank(rows, out[0] * out[1] * channels)]


def _boxes(m, rows, columns):
    height, width, _ = _image(columns)
    tops, lefts = m.rng.integers(-2, height, rows), m.rng.integers(-2, width, rows)
    ends = m.rng.integers(0, 5, (2, rows))
    return np.stack([tops, tops + ends[0], lefts, lefts + ends[1]], axis=1).astype(np.float64)


def _blur(m, rows, columns):
    table_ = table(m, rows)
    table_[:, 4:6] = m.rng.uniform(0, 1, (rows, 2))
    chance, size = 4 if rows % 2 else -1, (1, 3, 5, 7)[rows % 4]
    return [m.small(rows, columns), table_, 9, chance, *_image(columns), size, columns % 2, m.blank(rows, columns)]


def _tone(m, rows, columns):
    kind = (rows + columns) % 3
    limits = (m.number(-1.5), m.number(2.0)) if rows % 2 else (-np.inf, np.inf)
    columns_ = (14, -1) if columns % 4 == 1 else (-1, 15) if columns % 4 == 2 else (14, 15)
    return [m.small(rows, columns), table(m, rows), _image(columns)[2], *columns_, kind, *limits, m.blank(rows, columns)]


def _levels(m, rows, columns):
    """Values in the middle of steps, so that rounding does not decide."""
    x = m._as((m.rng.integers(0, 16, (rows, columns)) + 0.37) / 16)
    shades = np.zeros((rows, 20))
    shades[:, 1] = 2
    if columns % 2:
        shades[:, 3] = m.rng.uniform(0, 1, rows)
    else:
        shades[:, 2] = m.rng.choice([0, 1.5, 3.2], rows)
        turned = shades[:, 2] == 0
        shades[turned, 0], shades[turned, 1] = m.rng.choice([0, 0.26], turned.sum()), m.rng.choice([0.26, 0.51, 2.0], turned.sum())
    return [x, shades, _image(columns)[2], m.number(0.0), m.number(1.0), m.blank(rows, columns)]


def _equalize(m, rows, columns):
    """Values in the middle of levels, some beyond the range."""
    x = m._as((m.rng.integers(-9, 265, (rows, columns)) + 0.5) / 255)
    x[: rows // 4] = x[: rows // 4, :1]
    return [x, m.rng.uniform(0, 1.5, (rows, 20)), _image(columns)[2], m.number(0.0), m.number(1.0), m.blank(rows, columns)]


def _shade(m, rows, columns):
    shades = m.rng.uniform(-0.6, 1, (rows, 20)) * m.rng.integers(0, 2, (rows, 20))
    return [m.small(rows, columns), shades, *_image(columns), m.number(-1.0), m.number(1.5), m.blank(rows, columns)]


def _saturate(m, rows, columns):
    values = m.probability(rows, 3 * columns)
    values[:, : 3 * (columns // 3)] = np.repeat(values[:, : columns // 3], 9, axis=1)[:, : 3 * (columns // 3)]  # grey ones too
    return [values, m.rng.uniform(-0.2, 1, (rows, 20)), 2, m.blank(rows, 3 * columns)]


def _hue(m, rows, columns):
    """Colours at least a bit apart, so that rounding does not decide which is the largest; grey ones, and some beyond the range."""
    order = m.rng.permuted(np.tile(np.arange(3.0), (rows, columns, 1)), axis=2)
    values = m._as(order / 2 + m.rng.uniform(-0.2, 0.2, order.shape))
    values[:, ::3] = values[:, ::3, :1]
    limits = m.number(-0.1), m.number(1.0)
    return [values.reshape(rows, 3 * columns), m.rng.uniform(0, 1, (rows, 20)), 2, 7, *limits, m.blank(rows, 3 * columns)]


def _perspective(m, rows, columns):
    height, width, _ = _image(columns)
    return [m.rng.uniform(-0.3, 0.3, (rows, 20)), height, width, m.blank(rows, height * width * 2)]


def _partners(m, rows, columns):
    both = [np.stack([w, 1 - w], axis=1) for w in m.rng.uniform(0, 1, (2, rows))]
    blanks = [np.full((rows, n), np.nan) for n in (2, 4, 2)]
    return [*both, m.rng.uniform(0, 1, (rows, 20)), 9, 7, *blanks]


ELEMENTWISE = {
    "scale_columns": {}, "standardize": {"variance": "positive", "least": 1e-7}, "unstandardize": {"variance": "positive", "least": 1e-7},
}
MAKERS = {
    "augment_draw": lambda m, r, c: [*_bounds(m), whole(2**33 + 5), SEED, STREAM, 7, np.full((r, 20), np.nan)],
    "augment_choose": lambda m, r, c: [
        table(m, r), m.rng.uniform(0, 1, 20), m.rng.integers(0, 5, 20).astype(np.float64), 10, 5, np.full((r, 20), np.nan)
    ],
    "augment_boxes": lambda m, r, c: [
        np.where(np.arange(20) < 2, 3.0 * (c % 2) or 0.4, m.rng.uniform(0, 1, (r, 20))), 9, 7, c % 2, np.full((r, 4), np.nan)
    ],
    "augment_mixing": lambda m, r, c: [whole(2**33 + 5), SEED, STREAM, (0.2, 1.0, 2.5)[c % 3], np.full((r, 1 + 1 + c % 4), np.nan)],
    "augment_maps": lambda m, r, c: [table(m, r), 9, 7, np.full((r, 6), np.nan)],
    "augment_gather": _gather,
    "augment_blur": _blur,
    "augment_tone": _tone,
    "augment_levels": _levels,
    "augment_equalize": _equalize,
    "augment_shade": _shade,
    "augment_saturate": _saturate,
    "augment_salt": lambda m, r, c: [
        m.small(r, c), whole(2**33 + 5), SEED, STREAM, 2**30, 2**31, m.number(-1.5), m.number(2.0), m.blank(r, c)
    ],
    "augment_paste": lambda m, r, c: [
        m.small(r, c), _boxes(m, r, c), m.small(r, c), *_image(c), r % 2, m.number(0.5), m.number(-1.0), m.number(1.0), m.blank(r, c)
    ],
    "augment_hue": _hue,
    "augment_perspective": _perspective,
    "augment_roll": lambda m, r, c: [m.small(r, c), m.rng.uniform(0, 1, (max(r, 1), 20)), 6, m.blank(r, c)],
    "augment_partners": _partners,
    "augment_mix": lambda m, r, c: [m.small(r, c), m.rng.uniform(0, 1, (r, 4)), 4, 2, r % 2, m.small(r, c)],
}
