"""COVERAGE.md lists every snippet and worked example, and the tests that it names are there."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def rows():
    """The table's rows: number -> last cell."""
    cells = [[c.strip() for c in line.strip("|\n").split("|")] for line in (HERE / "COVERAGE.md").read_text().splitlines()]
    return {row[0]: row[-1] for row in cells if re.fullmatch(r"(SN|EX)-\d\d", row[0])}


def test_the_table_is_whole():
    assert sorted(rows()) == sorted([f"SN-{i:02}" for i in range(1, 35)] + [f"EX-{i:02}" for i in range(1, 39)])


@pytest.mark.parametrize("number", sorted(rows()))
def test_every_row_names_tests_that_exist(number):
    named = re.findall(r"(\w+/test_\w+\.py)::(test_\w+)", rows()[number])
    assert named
    for file, test in named:
        text = (HERE.parent / file).read_text()
        assert re.search(rf"^def {test}\(", text, re.MULTILINE), f"tests/{file} has no {test}"
