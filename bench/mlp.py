"""Images a second of the 784-300-100-10 network against JAX, PyTorch and scikit-learn: ``python bench/mlp.py [--busy] [--rounds 5]``.

Prints a table and writes bench/results/mlp-cpu[-busy]-DATE.json. `test_mlp.py` runs the same contest under pytest-benchmark.
"""

import argparse
import os

from contest import Contestant, neighbours, ratios, save, take_turns

PEERS = ("jax", "torch", "sklearn")


def contest(batch: int, rounds: int, busy: bool, peers=PEERS, ours="gpunn", rows=60000) -> dict:
    everybody = [Contestant(name, batch, rows=rows) for name in (ours, *peers)]
    with neighbours(len(os.sched_getaffinity(0)) if busy else 0):
        take_turns(everybody, rounds)
    out = {"batch": batch, "busy": busy, "rounds": rounds, "images_per_second": {c.name: round(c.rate) for c in everybody}}
    out["ratio"] = ratios(everybody)
    out["seconds"] = {c.name: c.seconds for c in everybody}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", action="store_true", help="a spinning process on each core")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128, 1024])
    parser.add_argument("--peers", nargs="+", default=list(PEERS))
    parser.add_argument("--dry", action="store_true", help="print, write no file")
    given = parser.parse_args()
    results = []
    for batch in given.batches:
        results.append(contest(batch, given.rounds, given.busy, given.peers))
        r = results[-1]
        beside = "  ".join(f"{name} x{ratio:.2f}" for name, ratio in r["ratio"].items())
        print(f"batch {batch:5d}  gpunn {r['images_per_second']['gpunn']:8,d} img/s  {beside}", flush=True)
    if not given.dry:
        print(save("mlp-cpu-busy" if given.busy else "mlp-cpu", {"results": results}))


if __name__ == "__main__":
    main()
