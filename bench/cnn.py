"""Images a second of a small convolutional network against PyTorch and Keras on JAX: ``python bench/cnn.py [--rounds 5]``.

Prints a table and writes bench/results/cnn-cpu-DATE.json, peak memory of each process (MB, libraries and data included) with it.
`test_cnn.py` runs the same contest, briefly.
"""

import argparse

from contest import Contestant, ratios, save, take_turns

PEERS = ("torch", "keras")


def contest(batch: int, rounds: int, rows: int, peers=PEERS) -> dict:
    everybody = [Contestant(name, batch, rows=rows, script="cnn_worker.py") for name in ("gpunn", *peers)]
    take_turns(everybody, rounds)
    return {
        "batch": batch, "rounds": rounds, "rows": rows,
        "images_per_second": {c.name: round(c.rate) for c in everybody},
        "ratio": ratios(everybody),
        "peak_mb": {c.name: int(c.answers[-1][1]) for c in everybody},
        "peak_above_data_mb": {c.name: int(c.answers[-1][2]) for c in everybody},
        "seconds": {c.name: c.seconds for c in everybody},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=12800)
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128, 1024])
    parser.add_argument("--peers", nargs="+", default=list(PEERS))
    parser.add_argument("--dry", action="store_true", help="print, write no file")
    given = parser.parse_args()
    results = []
    for batch in given.batches:
        results.append(contest(batch, given.rounds, given.rows // batch * batch, given.peers))
        r = results[-1]
        beside = "  ".join(f"{name} x{ratio:.2f}" for name, ratio in r["ratio"].items())
        print(f"batch {batch:5d}  gpunn {r['images_per_second']['gpunn']:8,d} img/s  {beside}  peak MB {r['peak_mb']}", flush=True)
    if not given.dry:
        print(save("cnn-cpu", {"results": results}))


if __name__ == "__main__":
    main()
