"""The report's page: words, charts, table, facts and commands in one HTML file that needs no other and no network; and the PNG files."""

import html
import json
import math
import pathlib
import shlex
from string import Template
from typing import Any

from gpunn.studies import pictures
from gpunn.studies.charts import Chart
from gpunn.studies.report.figures import figures
from gpunn.studies.report.plots import figure
from gpunn.studies.report.words import RULES, found, not_found
from gpunn.studies.results import Results
from gpunn.studies.statistics import Estimate

PAGE = pathlib.Path(__file__).with_name("page.html")
NAME = "report.html"


def write(results: Results, folder: Any) -> list[pathlib.Path]:
    """``report.html`` and a PNG a chart, into the study's folder. -> the paths. Needs plotly and matplotlib."""
    folder = pathlib.Path(folder)
    charts = figures(results)
    paths = [folder / NAME, *(folder / f"{chart.key}.png" for chart in charts)]
    paths[0].write_text(page(results, charts), encoding="utf-8")
    for chart, path in zip(charts, paths[1:], strict=True):
        pictures.draw([chart], path, 7.0, 4.4)
    return paths


def page(results: Results, charts: list[Chart]) -> str:
    """The HTML text."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ImportError(f'The report needs plotly ({error}). Install it with: pip install "gpunn[study]"') from error
    name = results.about["words"].get("dataset", "a data set")
    drawn = json.dumps({chart.key: figure(chart) for chart in charts}, allow_nan=False).replace("</", "<\\/")
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        title=html.escape(f"What the batch size does: {name}"), lead=html.escape(_lead(results)), found=_list(found(results)),
        not_found=_list(not_found(results)), charts="".join(map(_chart, charts)), table=_table(results), facts=_facts(results),
        commands=html.escape(commands(results)), plotly=get_plotlyjs(), figures=drawn,
    )


def _lead(results: Results) -> str:
    s = results.settings
    model = str(results.about["words"].get("model", "one network"))
    rows = results.about["data"]["train"][0]
    budget = {
        "epochs": f"{s['amount']:g} epochs", "steps": f"{s['amount']:g} steps", "time": f"{s['amount']:g} seconds of training",
        "target-accuracy": f"until {s['target']:.1%}, in {s['amount']:g} epochs at most" if s["target"] else "",
    }[s["budget"]]
    done = len([r for r in results.runs if r["status"] == "ok"])
    return (
        f"{model[:1].upper()}{model[1:]}, {rows:,} training rows, batch sizes {', '.join(map(str, s['sizes']))}; {s['seeds']} "
        f"{'seed' if s['seeds'] == 1 else 'seeds'} each; {budget}; {s['optimizer']} with {RULES[s['lr_rule']]}. {done} runs ended well. "
        "Ranges in brackets and error bars are 95 % bootstrap intervals over seeds."
    )


def _list(items: list[str]) -> str:
    return "".join(f"<li>{html.escape(text)}</li>" for text in items)


def _chart(chart: Chart) -> str:
    return (
        f'<figure><h3>{html.escape(chart.title)}</h3><div class="plot" id="{html.escape(chart.key)}"></div>'
        f"<figcaption>{html.escape(chart.note)}</figcaption></figure>"
    )


COLUMNS = (
    ("images/s", "images_per_second", ",.0f"), ("train accuracy", "train_accuracy", ".2%"), ("test accuracy", "test_accuracy", ".2%"),
    ("gap", "gap", ".2%"), ("test loss", "test_loss", ".4f"), ("sharpness %", "sharpness", ".3g"),
)

TO_TARGET = (("step", ",.0f"), ("epoch", ".3g"), ("seconds", ".3g"))


def _table(results: Results) -> str:
    head = ["batch", "runs", *(c[0] for c in COLUMNS), "steps to target", "epochs", "seconds", "step ms", "MiB a step"]
    rows = []
    for b in results.backends:
        for size in results.sizes:
            first = f"{size} {b}" if len(results.backends) > 1 else str(size)
            cells = [first, str(len(results.of(b, size)))]
            cells += [_cell(results.mean(b, size, name), form) for _, name, form in COLUMNS]
            cells += [_cell(results.to_target(b, size, name), form) for name, form in TO_TARGET]
            step, memory = results.part(b, size, "step"), results.mean(b, size, "step_bytes")
            cells += ["-" if step is None else f"{step:.3g}", "-" if memory is None else f"{memory.value / 2**20:.3g}"]
            rows.append(cells)

    def row(cells: list[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}>{html.escape(c)}</{kind}>" for c in cells) + "</tr>"

    return f"<table><thead>{row(head, 'th')}</thead><tbody>{''.join(row(r, 'td') for r in rows)}</tbody></table>"


def _cell(found: Estimate | None, form: str) -> str:
    if found is None:
        return "-"
    if not math.isfinite(found.value):
        return "never"
    if found.low is None or found.high is None:
        return format(found.value, form)
    high = format(found.high, form) if math.isfinite(found.high) else "never"
    return f"{found.value:{form}} ({found.low:{form}} to {high})"


def _facts(results: Results) -> str:
    s = results.settings
    seeds = f"{s['first_seed']} to {s['first_seed'] + s['seeds'] - 1}"
    rows = results.machine | {"seeds": seeds, "learning rate": f"{results.about['base_rate']:g} at batch {s['base_batch']}"} | {
        k: v for k, v in results.about["words"].items() if k != "command"
    }
    return "".join(f"<dt>{html.escape(str(k))}</dt><dd>{html.escape(str(v))}</dd>" for k, v in rows.items())


def commands(results: Results) -> str:
    """What to type to run the same study again."""
    given = results.about["words"].get("command")
    if given:
        return shlex.join(["gpunn", *given])
    s = dict(results.settings)
    inner = ", ".join(f"{k}={v!r}" for k, v in s.items())
    return f"gpunn.studies.BatchSizeStudy(build, train, validation, test, {inner}).run()"
