"""Directional gradient checks in float64 (Chainer's idea): one random direction, a random upstream gradient, kinks stepped around."""

import numpy as np

STEP = 1e-6
TOLERANCE = 1e-7  # relative to the sum of the terms' sizes; central differences with this step are good to about 1e-9
DRAWS = 20


def compare(value, arrays, gradients, seed, what=""):
    """`gradients` are those of ``value()``, a number, with respect to `arrays`, which `value` reads and this function moves in place.

    Fails with both numbers and the seed. A direction along which the two one-sided slopes differ crosses a kink: another is drawn.
    """
    rng = np.random.default_rng([seed, 1])  # not the draw of an input made with this seed: normalizations are blind along their input
    for which, (array, gradient) in enumerate(zip(arrays, gradients, strict=True)):
        assert gradient.shape == array.shape, f"{what}: gradient {which} has shape {gradient.shape}, not {array.shape}"
        assert np.isfinite(gradient).all(), f"{what}: gradient {which} is not finite (seed {seed})"
        start = array.copy()
        for _ in range(DRAWS):
            direction = rng.standard_normal(array.shape)
            slopes = []
            middle = value()
            for sign in (1.0, -1.0):
                array[...] = start + sign * STEP * direction
                slopes.append(sign * (value() - middle) / STEP)
            array[...] = start
            size = float(np.abs(gradient * direction).sum()) + 1e-3
            if abs(slopes[0] - slopes[1]) <= 1e-3 * size:
                break
        else:
            raise AssertionError(f"{what}: no direction without a kink in {DRAWS} draws (array {which}, seed {seed})")
        analytic, numeric = float((gradient * direction).sum()), (slopes[0] + slopes[1]) / 2
        rounding = 8 * np.finfo(float).eps * abs(middle) / STEP  # of the value itself: all there is where a gradient is 0
        assert abs(analytic - numeric) <= TOLERANCE * size + rounding, (
            f"{what}: gradient {which} is wrong along a random direction: analytic {analytic!r}, numeric {numeric!r} (seed {seed})"
        )


def check_layer(layer, x, training=False, seed=0, spoil=1.0, **options):
    """Input and every parameter that learns of a built layer. `spoil` multiplies the analytic gradients: the check must then fail."""
    rng = np.random.default_rng(seed + 1000)
    for p in layer.parameters:
        p.assign(np.abs(p.numpy() + 0.3 * rng.standard_normal(p.shape)) if p.name.endswith("variance") else rng.standard_normal(p.shape))
    state = [p for p in layer.parameters if not p.trainable]
    held = [p.numpy() for p in state]

    def forward():
        for p, values in zip(state, held, strict=True):  # running statistics move in training
            p.assign(values)
        return layer.forward(x, training, **options)

    y, pullback = forward()
    dy = rng.standard_normal(y.shape)
    learning = [p for p in layer.parameters if p.learns]
    for p in learning:
        p.begin_step()
    dx = pullback(dy.copy()).copy()
    gradients = [spoil * g for g in (dx, *(p.gradient.copy() for p in learning))]
    compare(
        lambda: float((forward()[0] * dy).sum()), [x, *(p.value for p in learning)], gradients, seed, f"{type(layer).__name__} {options}"
    )
