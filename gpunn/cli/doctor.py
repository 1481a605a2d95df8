"""``gpunn doctor``: the checks as a report, or as JSON."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gpunn.cli.checks import Check, all_checks
from gpunn.cli.shell import FAILED, OK

MARKS = {"ok": ("✓", "green"), "gap": ("–", "yellow"), "bad": ("✗", "red")}
ASCII_MARKS = {"ok": "+", "gap": "-", "bad": "x"}


def run(as_json: bool) -> int:
    """Look, report; the exit code: 0 when training can run here."""
    checks = list(all_checks())
    able = all(check.level != "bad" for check in checks)
    if as_json:
        print(json.dumps({"ok": able, "checks": [vars(check) for check in checks]}, default=_plain))
    else:
        _show(Console(highlight=False), checks, able)
    return OK if able else FAILED


def _plain(value: Any) -> str:
    return str(value)


def _show(console: Console, checks: list[Check], able: bool) -> None:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        mark, colour = MARKS[check.level]
        found = Text().append(check.found, "" if check.level == "ok" else colour)
        for line in check.details:
            found.append(f"\n{line}", "dim")
        table.add_row(Text(ASCII_MARKS[check.level] if console.options.ascii_only else mark, style=colour), Text(check.name), found)
    console.print(table)
    _show_mends(console, [check for check in checks if check.mend])
    verdict = ("Training can run here.", "bold green") if able else ("Training cannot run here yet.", "bold red")
    console.print(Text(f"\n{verdict[0]}", style=verdict[1]))


def _show_mends(console: Console, gaps: list[Check]) -> None:
    """The command of each gap, not folded, so that it can be copied; gaps with the same command share it."""
    mends: dict[str, list[str]] = {}
    for check in gaps:
        mends.setdefault(check.mend or "", []).append(check.name)
    if mends:
        console.print(Text("\nWhat mends the gaps", style="bold"))
    for mend, names in mends.items():
        console.print(Text().append(f"  {', '.join(names)}\n", "dim").append(f"    {mend}", "cyan"), soft_wrap=True)
