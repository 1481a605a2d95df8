"""``gpunn study list`` and ``gpunn study run``: the lectures' claims."""

import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gpunn.cli.inputs import choose_backend
from gpunn.cli.shell import FAILED, OK, Failure

COLOURS = {"holds": "green", "holds only if": "yellow", "does not hold here": "red"}


def listing() -> int:
    """Every claim in a line."""
    from gpunn.studies.claims import CLAIMS

    table = Table(box=None, padding=(0, 1))
    for name in ("claim", "family", "deck", "statement"):
        table.add_column(name, no_wrap=name != "statement")
    for key, it in sorted(CLAIMS.items()):
        table.add_row(key, it.family, ", ".join(map(str, it.decks)), it.statement)
    Console(highlight=False).print(table)
    return OK


def run(wanted: tuple[str, ...], full: bool, seed: int, backend: str, out: Path | None) -> int:
    """Try these claims; pictures, figures and a page into a folder. The exit code."""
    from gpunn.studies.claims import CLAIMS, try_claim
    from gpunn.studies.claims.index import draw, write

    keys = _chosen(wanted, list(CLAIMS))
    device = choose_backend(backend)
    folder = out or Path("runs") / "claims"
    folder.mkdir(parents=True, exist_ok=True)
    console, records = Console(highlight=False), []
    began = time.perf_counter()
    for key in keys:
        record = try_claim(CLAIMS[key], full, seed, device)
        draw(record, folder)
        records.append(record)
        o = record.outcome
        console.print(f"[bold]{key}[/] {record.claim.statement}", soft_wrap=True)
        console.print(f"  [{COLOURS.get(o.verdict, 'cyan')}]{o.verdict} {o.condition}".rstrip() + "[/]", soft_wrap=True)
        console.print(f"  {o.found} [dim]({record.seconds:.1f} s)[/]", soft_wrap=True, markup=True)
    path = write(records, folder)
    console.print(f"[dim]saved[/] [bold]{path}[/]  [dim]{len(records)} claims in {time.perf_counter() - began:.0f} s[/]", soft_wrap=True)
    return FAILED if any(r.error for r in records) else OK


def _chosen(wanted: tuple[str, ...], known: list[str]) -> list[str]:
    """Claims by id: CL-07, cl-7 or 7; "all"."""
    keys = []
    for word in wanted:
        if word.lower() == "all":
            return sorted(known)
        number = word.lower().removeprefix("cl-").removeprefix("cl")
        key = f"CL-{int(number):02d}" if number.isdecimal() else word
        if key not in known:
            raise Failure(f"There is no claim {word!r}. gpunn study list shows all {len(known)}.")
        keys.append(key)
    return list(dict.fromkeys(keys))
