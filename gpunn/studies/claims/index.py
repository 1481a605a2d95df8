"""What trying claims leaves behind: a picture each, one JSON file, and a page of them all."""

import html
import json
import pathlib
from collections import Counter
from string import Template
from typing import Any

from gpunn.studies import pictures
from gpunn.studies.claims.base import HOLDS, NOT_HERE, ONLY_IF, Record
from gpunn.studies.environment import facts

PAGE = pathlib.Path(__file__).with_name("index.html")
CLASSES = {HOLDS: "holds", ONLY_IF: "part", NOT_HERE: "not"}


def draw(record: Record, folder: Any) -> pathlib.Path | None:
    """The claim's picture, ``CL-01.png`` and so on; None where it has none."""
    if not record.outcome.charts:
        return None
    path = pathlib.Path(folder) / f"{record.claim.id}.png"
    pictures.draw(record.outcome.charts, path)
    return path


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
        facts="".join(f"<dt>{html.escape(str(k))}</dt><dd>{html.escape(str(v))}</dd>" for k, v in rows.items()),
    ), encoding="utf-8")
    return path


def _card(record: Record, folder: pathlib.Path) -> str:
    o, it = record.outcome, record.claim
    picture = f'<img src="{it.id}.png" alt="{html.escape(it.id)}" loading="lazy">' if (folder / f"{it.id}.png").exists() else ""
    verdict, used = f"{o.verdict} {o.condition}".strip(), "; ".join(dict.fromkeys(record.data))
    return (
        f'<article id="{it.id}"><h3>{it.id} {html.escape(it.statement)}</h3>'
        f'<p class="verdict {CLASSES.get(o.verdict, "open")}">{html.escape(verdict)}</p><p>{html.escape(o.found)}</p>{picture}'
        f'<p class="small">{html.escape(used)}. {record.seconds:.1f} s. Said in: {html.escape(it.source)}.</p></article>'
    )
