"""Images a second of networks of other kinds against PyTorch and Keras on JAX: ``python bench/networks.py [--cases resnet gru]``.

Batch normalization and dropout, wide and deep dense networks, autoencoders, LeNet-5, a residual network, a GRU, a transformer's block, on
Fashion-MNIST. Prints a table and writes bench/results/networks-cpu-DATE.json.
"""

import argparse

from contest import Contestant, ratios, save, take_turns
from networks_worker import CASES

PEERS = ("torch", "keras")


def contest(case: str, batch: int, rounds: int, rows: int, peers=PEERS, script: str = "networks_worker.py") -> dict:
    everybody = [Contestant(name, case, batch, rows=rows, script=script) for name in ("gpunn", *peers)]
    take_turns(everybody, rounds)
    return {
        "case": case, "batch": batch, "rounds": rounds, "rows": rows,
        "images_per_second": {c.name: round(c.rate) for c in everybody},
        "ratio": ratios(everybody),
        "loss": {c.name: float(c.answers[-1][0]) for c in everybody},
    }


def main(text=__doc__, cases=CASES, script: str = "networks_worker.py", result: str = "networks-cpu", peers=PEERS) -> None:
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--cases", nargs="+", default=cases, choices=cases)
    parser.add_argument("--batches", type=int, nargs="+", default=[128])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=12800, help="of an epoch")
    parser.add_argument("--peers", nargs="+", default=list(peers))
    parser.add_argument("--dry", action="store_true", help="print, write no file")
    given = parser.parse_args()
    results = []
    for case in given.cases:
        for batch in given.batches:
            results.append(contest(case, batch, given.rounds, given.rows // batch * batch, given.peers, script))
            r = results[-1]
            beside = "  ".join(f"{name} x{ratio:.2f}" for name, ratio in r["ratio"].items())
            print(f"{case:17s} batch {batch:5d}  gpunn {r['images_per_second']['gpunn']:8,d} img/s  {beside}  loss {r['loss']}", flush=True)
    if not given.dry:
        print(save(result, {"results": results}))


if __name__ == "__main__":
    main()
