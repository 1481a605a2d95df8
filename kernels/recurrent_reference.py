"""The recurrent kernels in NumPy: the specification. All rows at once, step by step."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gpunn.kernels.recurrent_options import DROP, IN_TIME, KEEP, MASKED, NO_DC, NO_DH, REVERSED, SEQUENCES, ZERO


def _order(steps: int, options: int) -> Iterator[tuple[int, int]]:
    """(step of the input, place of the output) in the order of the work."""
    for s in range(steps):
        t = steps - 1 - s if options & REVERSED else s
        yield t, t if options & IN_TIME else s


def _live(mask: Any, t: int, options: int, like: Any) -> Any:
    return mask[:, t : t + 1] != 0 if options & MASKED else np.ones((len(like), 1), bool)


class _Run:
    """Arrays of a launch, cut into steps; a subclass adds a cell's arithmetic."""

    def __init__(self, cell: Any, names: tuple[str, ...], arguments: tuple[Any, ...]):
        self.cell, self.a = cell, dict(zip(names, arguments, strict=True))
        self.steps, self.options = int(self.a["steps"]), int(self.a["options"])
        self.units = self.a["u"].shape[0]

    def at(self, name: str, t: int, first: int = 0, last: int = 1, per: int = 1) -> Any:
        """Units [first, last) of the `per` times n numbers that step t has in an array."""
        n = self.units
        return self.a[name][:, (t * per + first) * n : (t * per + last) * n]

    def split(self, name: str, t: int, per: int) -> list[Any]:
        return [self.at(name, t, g, g + 1, per) for g in range(per)]

    def bias(self, first: int, last: int) -> Any:
        return self.a["b"][first * self.units : last * self.units]

    def dropped(self, h: Any) -> Any:
        return h * self.a["drop"] if self.options & DROP else h

    # ------------------------------------------------------------------ forward
    def forward(self) -> None:
        a, options = self.a, self.options
        a["h"][...] = a["h0"]
        if "c" in a:
            a["c"][...] = a["c0"]
        with np.errstate(over="ignore"):
            for t, place in _order(self.steps, options):
                if options & KEEP:
                    self.at("hs", t)[...] = a["h"]
                    if "c" in a:
                        self.at("cs", t)[...] = a["c"]
                live = _live(a["mask"], t, options, a["h"])
                if options & DROP:
                    a["w"][...] = self.dropped(a["h"])
                h, *c = self.step(t, a["w"] if options & DROP else a["h"], live)
                a["h"][...] = np.where(live, h, a["h"])
                if c:
                    a["c"][...] = np.where(live, c[0], a["c"])
                out = np.where(live, a["h"], 0) if options & ZERO else a["h"]
                if options & SEQUENCES:
                    self.at("y", place)[...] = out
                elif options & ZERO:
                    a["y"][...] = out

    def step(self, t: int, source: Any, live: Any) -> tuple[Any, ...]:
        """-> the next h (and c). Sums of masked rows stay sums."""
        raise NotImplementedError

    # ------------------------------------------------------------------ backward
    def backward(self) -> None:
        a, options = self.a, self.options
        if options & NO_DH:
            a["dh"][...] = 0
        if options & NO_DC and "dc" in a:
            a["dc"][...] = 0
        with np.errstate(over="ignore"):
            for s, (t, place) in reversed(list(enumerate(_order(self.steps, options)))):
                live = _live(a["mask"], t, options, a["dh"])
                seen = live if options & ZERO else True
                if options & SEQUENCES:
                    a["dh"] += np.where(seen, self.at("dy", place), 0)
                elif options & ZERO and s == self.steps - 1:
                    a["dh"] += np.where(seen, a["dy"], 0)
                carry, a["p"][...] = self.step_back(t, live)
                a["dh"][...] = np.where(live, carry, a["dh"]) + self.dropped(a["p"])

    def step_back(self, t: int, live: Any) -> tuple[Any, Any]:
        """-> what flows to the previous h, directly and through the products. The gradient of masked rows' sums is 0."""
        raise NotImplementedError


class OneProduct(_Run):
    """SimpleRNN and LSTM."""

    def step(self, t: int, source: Any, live: Any) -> tuple[Any, ...]:
        per = self.a["u"].shape[1] // self.units
        z = self.at("z", t, 0, per, per)
        z += source @ self.a["u"]
        biased = [z[:, g * self.units : (g + 1) * self.units] + self.bias(g, g + 1) for g in range(per)]
        kept = self.cell.forward[0].numpy(*biased, *([self.a["c"]] if "c" in self.a else []))
        for target, value in zip(self.split("z", t, per), kept, strict=False):
            target[...] = np.where(live, value, target)
        return tuple(kept[per:][::-1])

    def step_back(self, t: int, live: Any) -> tuple[Any, Any]:
        per = self.a["u"].shape[1] // self.units
        kept = [x.copy() for x in self.split("z", t, per)]
        if per == 1:
            found = (self.cell.backward[0].numpy(*kept, self.a["dh"]),)
        else:
            found = self.cell.backward[0].numpy(*kept, self.at("cs", t), self.a["dh"], self.a["dc"])
            self.a["dc"][...] = np.where(live, found[per], self.a["dc"])
        for target, value in zip(self.split("z", t, per), found, strict=False):
            target[...] = np.where(live, value, 0)
        return 0, self.at("z", t, 0, per, per) @ self.a["u"].T


class ResetAfter(_Run):
    def step(self, t: int, source: Any, live: Any) -> tuple[Any, ...]:
        place = t if self.options & KEEP else 0
        r = self.at("r", place, 0, 3, 3)
        r[...] = source @ self.a["u"]
        self.at("r", place, 2, 3, 3)[...] += np.where(live, self.bias(5, 6), 0)
        z = [x + self.bias(g, g + 1) for g, x in enumerate(self.split("z", t, 3))]
        sums = [x + (self.bias(3 + g, 4 + g) if g < 2 else 0) for g, x in enumerate(self.split("r", place, 3))]
        kept = self.cell.forward[0].numpy(*z, *sums, self.a["h"])
        for target, value in zip(self.split("z", t, 3), kept, strict=False):
            target[...] = np.where(live, value, target)
        return (kept[3],)

    def step_back(self, t: int, live: Any) -> tuple[Any, Any]:
        z, r = self.split("z", t, 3), self.split("r", t, 3)
        found = self.cell.backward[0].numpy(*(x.copy() for x in z), r[2].copy(), self.at("hs", t), self.a["dh"])
        for target, value in zip((*z, *r), (*found[:3], *found[:2], found[3]), strict=True):
            target[...] = np.where(live, value, 0)
        return found[4], self.at("r", t, 0, 3, 3) @ self.a["u"].T


class ResetBefore(_Run):
    def step(self, t: int, source: Any, live: Any) -> tuple[Any, ...]:
        n, u, q = self.units, self.a["u"], self.at("q", t if self.options & KEEP else 0)
        z = self.split("z", t, 3)
        self.at("z", t, 0, 2, 3)[...] += source @ u[:, : 2 * n]
        z[0][...], z[1][...], q[...] = self.cell.forward[0].numpy(z[0] + self.bias(0, 1), z[1] + self.bias(1, 2), source)
        z[2][...] += q @ u[:, 2 * n :]
        kept, h = self.cell.forward[1].numpy(z[2] + self.bias(2, 3), z[0], self.a["h"])
        z[2][...] = np.where(live, kept, z[2])
        return (h,)

    def step_back(self, t: int, live: Any) -> tuple[Any, Any]:
        n, u, z, h = self.units, self.a["u"], self.split("z", t, 3), self.at("hs", t)
        found = self.cell.backward[0].numpy(z[0].copy(), z[2].copy(), h, self.a["dh"])
        z[0][...], z[2][...] = np.where(live, found[0], 0), np.where(live, found[1], 0)
        self.a["v"][...] = z[2] @ u[:, 2 * n :].T
        change, through = self.cell.backward[1].numpy(z[1].copy(), self.dropped(h), self.a["v"])
        z[1][...] = np.where(live, change, 0)
        return found[2], np.where(live, through, 0) + self.at("z", t, 0, 2, 3) @ u[:, : 2 * n].T
