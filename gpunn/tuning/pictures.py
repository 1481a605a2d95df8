"""What the tuning tools draw, with matplotlib (``pip install "gpunn[tuning]"``)."""

from typing import Any

import numpy as np

LINE, POINTS, MARK, INK, GRID = "#2f6db5", "#9db8d6", "#e0662f", "#3f3f46", "#e4e4e7"


def _figure(width: float, height: float) -> tuple[Any, Any]:
    """A figure with one panel, without pyplot's global state."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f'Drawing needs matplotlib ({error}). Install it with: pip install "gpunn[tuning]"') from error
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#a1a1aa")
    axes.tick_params(colors=INK, which="both")
    return figure, axes


def _done(figure: Any, axes: Any, path: Any, legend: str = "best") -> Any:
    axes.legend(frameon=True, facecolor="white", edgecolor="none", framealpha=0.8, labelcolor=INK, loc=legend)
    if path is not None:
        figure.savefig(path)
    return figure


def range_test(finder: Any, path: Any) -> Any:
    """Loss against learning rate: the phases shaded, the suggestion marked."""
    figure, axes = _figure(7.0, 4.2)
    rates, losses, smoothed = finder.learning_rates, finder.losses, finder.smoothed
    shown = np.where(losses <= finder._limit(losses[np.isfinite(losses)]) if len(losses) else True, losses, np.nan)
    axes.plot(rates, shown, ".", color=POINTS, markersize=4, label="loss of a batch")
    axes.plot(rates, smoothed, color=LINE, linewidth=2, label="smoothed")
    try:
        phases, suggested = finder.phases(), finder.suggestion()
    except ValueError:
        axes.set_title("the loss never falls", color=INK, fontsize=11)
    else:
        low, high = finder.range()
        axes.axvspan(low, high, color=LINE, alpha=0.08, linewidth=0)
        axes.axvline(suggested, color=MARK, linewidth=1.6, linestyle="--", label=f"suggestion {suggested:.2g}")
        axes.set_title(f"the loss falls between {low:.2g} and {high:.2g}", color=INK, fontsize=11, pad=18)
        ends = [(rates[0], low, "flat"), (low, high, "falling"), (rates[phases.rise] if phases.rise else rates[-1], rates[-1], "diverging")]
        for left, right, word in ends:
            middle = np.sqrt(left * right) if finder.mode == "exponential" else (left + right) / 2
            if right > left:
                axes.text(middle, 1.01, word, color=INK, ha="center", fontsize=9, transform=axes.get_xaxis_transform())
    axes.set_xscale("log" if finder.mode == "exponential" else "linear")
    axes.set_xlabel("learning rate", color=INK)
    axes.set_ylabel("loss", color=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    return _done(figure, axes, path, "lower left")  # where a sweep leaves room


def loss_curve(curve: Any, path: Any) -> Any:
    """The loss over one weight, as a line."""
    figure, axes = _figure(6.0, 4.2)
    axes.plot(curve.axes[0], curve.losses, color=LINE, linewidth=2, label="loss")
    axes.plot([curve.here[0]], [curve.loss], "o", color=MARK, label=f"now: {curve.here[0]:.3g}, loss {curve.loss:.3g}")
    axes.set_xlabel(curve.names[0], color=INK)
    axes.set_ylabel("loss", color=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    return _done(figure, axes, path)


def loss_surface(curve: Any, path: Any) -> Any:
    """The loss over two weights, as lines of equal loss."""
    figure, axes = _figure(6.2, 5.0)
    shown = np.ma.masked_invalid(curve.losses.T)
    filled = axes.contourf(curve.axes[0], curve.axes[1], shown, levels=24, cmap="viridis")
    axes.contour(curve.axes[0], curve.axes[1], shown, levels=24, colors="white", linewidths=0.4, alpha=0.6)
    bar = figure.colorbar(filled, ax=axes, label="loss")
    bar.ax.tick_params(colors=INK)
    axes.plot([curve.here[0]], [curve.here[1]], "o", color=MARK, markeredgecolor="white", label=f"now: loss {curve.loss:.3g}")
    axes.set_xlabel(curve.names[0], color=INK)
    axes.set_ylabel(curve.names[1], color=INK)
    return _done(figure, axes, path)
