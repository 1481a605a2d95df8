"""The claims: their catalogue's shape, the quickest of them run, and all of them in a slow test."""

import json
import math
import time

import pytest

from gpunn.datasets.errors import DatasetError
from gpunn.studies.claims import CLAIMS, try_claim
from gpunn.studies.claims import data as claims_data
from gpunn.studies.claims.base import DECKS, FAILED, HOLDS, NOT_HERE, ONLY_IF, UNTESTED, Claim, judged
from gpunn.studies.claims.index import draw, write

# What mathematics settles cannot come out otherwise.
QUICK = {
    "CL-09": HOLDS, "CL-23": ONLY_IF, "CL-25": HOLDS, "CL-35": HOLDS, "CL-50": HOLDS, "CL-52": HOLDS, "CL-55": HOLDS, "CL-56": HOLDS,
    "CL-63": HOLDS, "CL-64": HOLDS, "CL-71": HOLDS,
}


def complete(record):
    """A record has all that a page of claims shows."""
    o = record.outcome
    assert record.error is None and o.verdict in (HOLDS, ONLY_IF, NOT_HERE, UNTESTED), record.error
    assert bool(o.condition) == (o.verdict == ONLY_IF)
    assert o.found.endswith(".") or o.found.endswith(")"), o.found
    assert o.table and all(isinstance(row, dict) for row in o.table) and o.charts and record.data
    for chart in o.charts:
        assert chart.title and (chart.images is not None or chart.grid is not None or any(len(s.x) for s in chart.series))
        assert all(len(s.x) == len(s.y) for s in chart.series)
    json.dumps(record.plain(), allow_nan=False)


def test_the_catalogue():
    for key, it in CLAIMS.items():
        assert key == it.id and it.statement.endswith(".") and it.decks and set(it.decks) <= set(DECKS) and it.family
    statements = [it.statement for it in CLAIMS.values()]
    assert len(set(statements)) == len(statements) and set(CLAIMS) == {f"CL-{n:02d}" for n in range(1, 72)}


@pytest.mark.parametrize("key", QUICK)
def test_a_quick_claim(cpu, key, tmp_path):
    record = try_claim(CLAIMS[key], backend="cpu")
    complete(record)
    assert record.outcome.verdict == QUICK[key], record.outcome.found
    assert all(path.stat().st_size > 3000 for path in draw(record, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("key", sorted(CLAIMS))
def test_every_claim(cpu, key, tmp_path):
    began = time.process_time()  # of this process: others may be busy
    record = try_claim(CLAIMS[key], backend="cpu")
    complete(record)
    assert time.process_time() - began < 60 and draw(record, tmp_path)


def test_the_same_seed_gives_the_same_figures(cpu):
    found = [try_claim(CLAIMS["CL-33"], seed=3, backend="cpu").outcome.table for _ in range(2)]
    assert found[0] == found[1]


def test_an_error_is_kept_and_shown(tmp_path):
    def experiment(scale):
        raise ValueError("no <such> thing")

    record = try_claim(Claim("CL-99", "It works.", (0,), "theory", experiment), backend="cpu")
    assert record.outcome.verdict == FAILED and record.error == "ValueError: no <such> thing" and draw(record, tmp_path) == []
    text = write([record], tmp_path).read_text()
    assert "no &lt;such&gt; thing" in text and "1 failed" in text


def test_verdicts():
    assert judged(True, "", []).verdict == HOLDS and judged(False, "", []).verdict == NOT_HERE
    part = judged(False, "", [], only_if="x", otherwise=True)
    assert (part.verdict, part.condition) == (ONLY_IF, "x") and judged(False, "", [], only_if="x").verdict == NOT_HERE


def test_digits_where_the_files_are_missing(monkeypatch):
    from gpunn import datasets
    from gpunn.studies.claims.base import Scale

    def gone():
        raise DatasetError("not here")

    monkeypatch.setattr(datasets.mnist, "load_data", gone)
    claims_data.load.cache_clear()
    try:
        scale = Scale()
        (x, y), _ = scale.images("mnist", 100)
    finally:
        claims_data.load.cache_clear()
    assert x.shape == (100, 64) and x.max() == 1 and len(y) == 100 and scale.data == ["digits, 100 rows"]


def test_a_page_of_claims(cpu, tmp_path):
    records = [try_claim(CLAIMS[key], backend="cpu") for key in ("CL-55", "CL-23")]
    for record in records:
        draw(record, tmp_path)
    text = write(records, tmp_path).read_text()
    assert 'src="CL-55.png"' in text and "holds only if the activation is 0 at 0" in text and "http" not in text
    saved = json.loads((tmp_path / "claims.json").read_text())
    assert [c["id"] for c in saved["claims"]] == ["CL-55", "CL-23"] and not math.isnan(saved["claims"][0]["seconds"])
