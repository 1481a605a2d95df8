"""Puts the newest CPU contest results into README's table: ``python bench/table.py``."""

import json
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
MARK = "<!-- speed table: python bench/table.py -->"


def newest(name: str) -> dict | None:
    files = sorted((HERE / "results").glob(f"{name}-20*.json"))
    return json.loads(files[-1].read_text()) if files else None


def table() -> str:
    quiet, busy = newest("mlp-cpu"), newest("mlp-cpu-busy")
    if quiet is None:
        raise SystemExit("No results: run python bench/mlp.py first.")
    where, versions = quiet["machine"], quiet["machine"]["versions"]
    names = {"jax": "JAX jit+scan", "torch": "PyTorch eager", "sklearn": "scikit-learn"}
    lines = [
        f"Images a second, Fashion-MNIST, 784-300-100-10, Adam, float32; {where['cpu']}, {where['cores']} cores, {where['date']}, "
        f"medians of {quiet['results'][0]['rounds']} rounds; NumPy {versions['numpy']}, Numba {versions['numba']}, JAX {versions['jax']}, "
        f"PyTorch {versions['torch']}, scikit-learn {versions['scikit-learn']}. In brackets how many times as fast gpunn is, the median of "
        "the rounds' ratios; the rates are medians of their own, and this virtual machine changes its speed by up to 2 within a contest.",
        "",
        "| batch | gpunn | " + " | ".join(names.values()) + " | with a spinning process on each core: gpunn, JAX |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for r in quiet["results"]:
        rate, ratio = r["images_per_second"], r["ratio"]
        cells = [f"{rate[n]:,} ({ratio[n]:.2f})" for n in names]
        loaded = next((b for b in busy["results"] if b["batch"] == r["batch"]), None) if busy else None
        last = ""
        if loaded:
            both = loaded["images_per_second"]
            last = f"{both['gpunn']:,}, {both['jax']:,} ({loaded['ratio']['jax']:.2f})"
        lines.append(f"| {r['batch']} | **{rate['gpunn']:,}** | " + " | ".join(cells) + f" | {last} |")
    return "\n".join(lines)


def main() -> None:
    readme = HERE.parent / "README.md"
    text = readme.read_text()
    start = text.index(MARK)
    end = text.index("\nThe contest is", start)
    readme.write_text(text[:start] + MARK + "\n" + table() + "\n" + text[end:])
    print(re.sub(r"^", "  ", table(), flags=re.M))


if __name__ == "__main__":
    main()
