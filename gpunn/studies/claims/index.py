"""What trying claims leaves behind: a picture each, one JSON file, and a page of them all."""

import html
import json
import pathlib
from collections import Counter
from string import Template
from typing import Any

from gpunn.studies import pictures
from gpunn.studies.claims.base import DECKS, HOLDS, NOT_HERE, ONLY_IF, Record
from gpunn.studies.environment import facts

PAGE = pathlib.Path(__file__).with_name("index.html")
CLASSES = {HOLDS: "holds", ONLY_IF: "part", NOT_HERE: "not"}


def draw(record: Record, folder: Any) -> list[pathlib.Path]:
    """The claim's pictures, a file a panel: ``CL-01.png``, ``CL-01-2.png`` and so on. -> their paths."""
    paths = [pathlib.Path(folder) / name for name in _files(record)]
    for chart, path in zip(record.outcome.charts, paths, strict=True):
        pictures.draw([chart], path)
    return paths


def _files(record: Record) -> list[str]:
    it = record.claim.id
    return [f"{it}.png" if i == 1 else f"{it}-{i}.png" for i in range(1, len(record.outcome.charts) + 1)]


def write(records: list[Record], folder: Any, backend: Any = None) -> pathlib.Path:
    """``claims.json`` and ``index.html`` beside the pictures that `draw` has made. -> the page's path."""
    folder = pathlib.Path(folder)
    machine = facts(backend)
    whole = {"machine": machine, "claims": [r.plain() for r in records]}
    (folder / "claims.json").write_text(json.dumps(whole, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    counts = Counter(r.outcome.verdict for r in records)
    count = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    lead = f"{len(records)} claims from five public lectures, each as a small seeded experiment: {count}"
    families: dict[str, list[Record]] = {}
    for record in records:
        families.setdefault(record.claim.family, []).append(record)
    body = "".join(
        f'<h2>{html.escape(name.replace("_", " "))}</h2><div class="cards">{"".join(_card(r, folder) for r in members)}</div>'
        for name, members in families.items()
    )
    path = folder / "index.html"
    seeds = sorted({r.seed for r in records})
    command = "gpunn study run all" + (" --full" if any(r.full for r in records) else "")
    rows = machine | {"seed": ", ".join(map(str, seeds)), "to repeat": command}
    path.write_text(Template(PAGE.read_text(encoding="utf-8")).substitute(
        lead=html.escape(lead + ". A verdict is of this run, at this size; it proves nothing beyond."), families=body,
        decks="".join(f"<dt>{n}</dt><dd>{html.escape(name)}</dd>" for n, name in DECKS.items()),
        facts="".join(f"<dt>{html.escape(str(k))}</dt><dd>{html.escape(str(v))}</dd>" for k, v in rows.items()),
    ), encoding="utf-8")
    return path


def _card(record: Record, folder: pathlib.Path) -> str:
    o, it = record.outcome, record.claim
    shown = [
        f'<img src="{name}" alt="{html.escape(f"{it.id}: {chart.title}")}" loading="lazy">'
        for name, chart in zip(_files(record), o.charts, strict=True) if (folder / name).exists()
    ]
    picture = f'<div class="pictures">{"".join(shown)}</div>' if shown else ""
    decks = ", ".join(map(str, it.decks))
    verdict, used = f"{o.verdict} {o.condition}".strip(), "; ".join(dict.fromkeys(record.data))
    return (
        f'<article id="{it.id}"><h3>{it.id} {html.escape(it.statement)}</h3>'
        f'<p class="verdict {CLASSES.get(o.verdict, "open")}">{html.escape(verdict)}</p><p>{html.escape(o.found)}</p>{picture}'
        f'<p class="small">{html.escape(used)}. {record.seconds:.1f} s. Said in deck {decks}.</p></article>'
    )
