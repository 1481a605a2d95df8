"""How sharp a minimum is: Keskar's measure, and the largest eigenvalue of the Hessian."""

import numpy as np

from gpunn.studies.gradients import Gradients


def keskar_sharpness(gradients: Gradients, epsilon: float = 1e-3, iterations: int = 10) -> float:
    """100 * (max f(w + z) - f(w)) / (1 + f(w)) over the box |z_i| <= epsilon * (|w_i| + 1), in percent.

    N. S. Keskar, D. Mudigere, J. Nocedal, M. Smelyanskiy, P. T. P. Tang (2017), On Large-Batch Training for Deep Learning, metric 2.1 in
    the full space; as there, the maximum is sought by `iterations` of L-BFGS-B. Needs SciPy.
    """
    from scipy.optimize import minimize

    with gradients as g:
        start = g.weights
        here, slope = g.at()
        if not np.isfinite(here):
            return float("nan")
        bound = epsilon * (np.abs(start) + 1)

        def downhill(z: np.ndarray) -> tuple[float, np.ndarray]:
            loss, gradient = g.at(start + z)
            return -loss, -gradient

        first = bound * np.sign(slope) * 1e-2  # at a minimum the slope is nearly 0, and the search needs a direction
        limits = np.stack([-bound, bound], axis=1)
        found = minimize(downhill, first, method="L-BFGS-B", jac=True, bounds=limits, options={"maxiter": iterations})
    return float(100 * max(0.0, -found.fun - here) / (1 + here))


def top_eigenvalue(gradients: Gradients, iterations: int = 60, tolerance: float = 1e-3, step: float = 1e-2, seed: int = 0) -> float:
    """The Hessian's eigenvalue of largest size at the present weights, by power iteration.

    A product of the Hessian with a unit vector v is (grad f(w + step v) - grad f(w - step v)) / (2 step). It ends when the estimate
    changes by less than `tolerance`, relatively.
    """
    with gradients as g:
        w = g.weights
        v = np.random.default_rng(seed).standard_normal(w.size) * (g.at()[1] != 0)  # padding and dead weights stay out
        value = 0.0
        for _ in range(iterations):
            norm = float(np.linalg.norm(v))
            if norm == 0 or not np.isfinite(norm):
                return value if norm == 0 else float("nan")
            v /= norm
            product = (g.at(w + step * v)[1] - g.at(w - step * v)[1]) / (2 * step)
            before, value = value, float(v @ product)
            if abs(value - before) <= tolerance * abs(value):
                break
            v = product
    return value


def directions(gradients: Gradients, sizes: list[int], count: int = 8) -> dict[str, list[float]]:
    """How well a batch's gradient points along that of all rows, for each batch size, at the present weights.

    -> ``cosine``, the mean of `count` batches; ``error``, the root of the mean of |g_m - g|^2 / |g|^2, which falls like 1 / sqrt(m) while
    m is far below the number of rows.
    """
    out: dict[str, list[float]] = {"cosine": [], "error": []}
    with gradients as g:
        full = g.at()[1]
        norm = float(np.linalg.norm(full)) or 1.0
        for size in sizes:
            found = list(g.batches(size, count))
            out["cosine"].append(float(np.mean([full @ b / (norm * (np.linalg.norm(b) or 1.0)) for b in found])))
            out["error"].append(float(np.sqrt(np.mean([np.sum((b - full) ** 2) for b in found])) / norm))
    return out


def slope_of_law(sizes: list[int], values: list[float]) -> float:
    """The exponent k of values ~ sizes^k, by least squares of the logarithms; NaN for fewer than two sizes."""
    fit = [(m, v) for m, v in zip(sizes, values, strict=True) if v > 0]
    if len(fit) < 2:
        return float("nan")
    m, v = np.log(np.array(fit, float)).T
    return float(np.polyfit(m, v, 1)[0])
