"""An optimizer's step over a million parameters beside PyTorch's: ``python bench/optimizers.py [--rounds 15]``.

Each contestant has a process of its own; they take turns, some steps each, so that a noisy moment hits them all. PyTorch's time is that of
its fastest way there (fused, foreach, one tensor after another). Ratios are PyTorch's time over ours: by the rounds' medians, and by the
best rounds. Prints a table and writes bench/results/optimizers-cpu-DATE.json; with ``--add`` what that file has of other optimizers stays:
a quiet machine is then needed for a minute at a time only.
"""

import argparse
import statistics

from contest import Contestant, save, saved, take_turns
from optimizer_worker import OPTIONS, WAYS

STEPS = 20


def contest(name: str, rounds: int) -> dict:
    """Seconds of a step, best and median, of gpunn and of every way PyTorch has."""
    contestants = []
    for library in ("gpunn", *WAYS):
        try:
            contestants.append(Contestant(library, name, STEPS, rows=STEPS, script="optimizer_worker.py"))
        except RuntimeError:  # PyTorch has no such optimizer, or not in this way
            continue
    take_turns(contestants, rounds)
    times = {c.name: [s / STEPS for s in c.seconds] for c in contestants}
    result = {"seconds": {n: {"best": min(t), "median": statistics.median(t)} for n, t in times.items()}}
    if len(times) > 1:
        rivals = {n: v for n, v in result["seconds"].items() if n != "gpunn"}
        for which in ("best", "median"):
            result[f"ratio_of_{which}"] = round(min(r[which] for r in rivals.values()) / result["seconds"]["gpunn"][which], 2)
        result["fastest_of_torch"] = min(rivals, key=lambda n: rivals[n]["best"])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", nargs="+", default=list(OPTIONS), choices=list(OPTIONS))
    parser.add_argument("--add", action="store_true", help="keep what today's file has of other optimizers")
    parser.add_argument("--dry", action="store_true", help="print, write no file")
    given = parser.parse_args()
    results = saved("optimizers-cpu").get("results", {}) if given.add else {}
    for name in given.only:
        results[name] = r = contest(name, given.rounds)
        mine = r["seconds"]["gpunn"]
        line = f"{name:18s} {mine['best'] * 1e3:7.3f} ms (median {mine['median'] * 1e3:7.3f})"
        if "fastest_of_torch" in r:
            rival = r["seconds"][r["fastest_of_torch"]]
            line += f"   {r['fastest_of_torch']:16s} {rival['best'] * 1e3:7.3f} ms (median {rival['median'] * 1e3:7.3f})"
            line += f"   x{r['ratio_of_best']:.2f} best by best, x{r['ratio_of_median']:.2f} by medians"
            if same := r["seconds"].get("torch in float32"):
                line += f"; in float32 x{same['best'] / mine['best']:.2f}, x{same['median'] / mine['median']:.2f}"
        print(line, flush=True)
    if not given.dry:
        print(save("optimizers-cpu", {"parameters": 997_330, "results": results}))


if __name__ == "__main__":
    main()
