"""How long single calls on few rows take: ``python bench/calls.py [--rounds 5]``, against Keras 3 on JAX, PyTorch and scikit-learn.

784-300-100-10, Adam, float32. Every library in a process of its own (`calls_worker.py`), one after another in each round. Prints a table
of microseconds and writes bench/results/calls-cpu-DATE.json.
"""

import argparse
import statistics

from calls_worker import CALLS
from contest import Contestant, save, take_turns

PEERS = ("keras", "torch", "sklearn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", nargs="+", default=list(PEERS))
    parser.add_argument("--dry", action="store_true", help="print, write no file")
    given = parser.parse_args()
    everybody = [Contestant(name, script="calls_worker.py") for name in ("gpunn", *given.peers)]
    take_turns(everybody, given.rounds)
    times = {c.name: [list(map(float, words)) for words in c.answers] for c in everybody}  # rounds of microseconds, call by call
    results = {}
    for i, call in enumerate(CALLS):
        us = {name: [r[i] for r in rounds] for name, rounds in times.items() if rounds[0][i] > 0}
        ratio = {
            name: round(statistics.median(b / a for a, b in zip(us["gpunn"], theirs, strict=True)), 2)
            for name, theirs in us.items() if name != "gpunn"
        }
        results[call] = {"microseconds": {name: round(statistics.median(v)) for name, v in us.items()}, "ratio": ratio}
        print(f"{call:34s} {results[call]['microseconds']['gpunn']:7,d} us  " + "  ".join(f"{n} x{r:.2f}" for n, r in ratio.items()))
    if not given.dry:
        print(save("calls-cpu", {"rounds": given.rounds, "calls": results}))


if __name__ == "__main__":
    main()
