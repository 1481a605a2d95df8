"""Grouped, depthwise, separable and dilated convolutions, forward and backward, against PyTorch: ``python bench/grouped.py [--rounds 7]``.

Prints a table (milliseconds of a pass over 128 images, and how many times longer PyTorch takes, channels first and channels last) and
writes bench/results/grouped-cpu-DATE.json.
"""

import argparse
import statistics

from contest import Contestant, ratios, save, take_turns
from grouped_worker import BATCH, CASES

PEERS = ("torch", "torch_last")


def contest(case: str, rounds: int, passes: int) -> dict:
    everybody = [Contestant(name, case, rows=passes * BATCH, script="grouped_worker.py") for name in ("gpunn", *PEERS)]
    take_turns(everybody, rounds)
    return {
        "case": case, "layer": list(CASES[case]), "batch": BATCH, "rounds": rounds, "passes": passes,
        "milliseconds": {c.name: round(1e3 * statistics.median(c.seconds) / passes, 3) for c in everybody},
        "ratio": ratios(everybody),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--passes", type=int, default=20, help="of a turn")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--dry", action="store_true", help="print, write no file")
    given = parser.parse_args()
    results = []
    for case in given.cases:
        results.append(contest(case, given.rounds, given.passes))
        r = results[-1]
        beside = "  ".join(f"{name} x{ratio:.2f}" for name, ratio in r["ratio"].items())
        print(f"{case:18s} gpunn {r['milliseconds']['gpunn']:8.2f} ms  {beside}", flush=True)
    if not given.dry:
        print(save("grouped-cpu", {"results": results}))


if __name__ == "__main__":
    main()
