"""What the comparisons with papers share: data, records with the machine's facts, pictures."""

import argparse
import json
import pathlib
import time

import numpy as np

from gpunn import datasets
from gpunn.backend import get_backend
from gpunn.studies.environment import facts
from gpunn.studies.pictures import draw

RESULTS = pathlib.Path(__file__).with_name("results")


def arguments(doc):
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--full", action="store_true", help="the paper's number of runs and epochs, as far as it says them")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    return parser.parse_args()


def images(name, rows=None, flat=True):
    """((x, y), (x_test, y_test)) in [0, 1]; the first `rows` for training."""
    (x, y), (x_test, y_test) = getattr(datasets, name).load_data()
    both = [(a.reshape(len(a), -1) if flat else a).astype(np.float32) / 255 for a in (x[:rows], x_test)]
    return (both[0], y[:rows]), (both[1], y_test)


def mean_and_spread(values):
    """Mean, standard deviation over runs, and how many."""
    return {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None, "runs": len(values)}


def write(name, paper, ours, words, charts, out, began):
    """``NAME.json`` and ``NAME.png``: what the paper says, what was found, in words too, and on which machine."""
    out.mkdir(parents=True, exist_ok=True)
    took = round(time.perf_counter() - began)
    record = {"paper": paper, "ours": ours, "in words": words, "machine": facts(get_backend()), "seconds": took}
    (out / f"{name}.json").write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    draw(charts, out / f"{name}.png")
    print("\n".join(words))
