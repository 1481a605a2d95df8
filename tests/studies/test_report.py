"""The report: what it says, that it needs no other file, and how a browser renders it."""

import re
import shutil
import subprocess

import pytest
from small_study import made

import gpunn
from gpunn.studies.charts import BARS, Chart, Grid, Mark, Series
from gpunn.studies.pictures import draw
from gpunn.studies.report import write
from gpunn.studies.report.figures import figures
from gpunn.studies.report.page import page
from gpunn.studies.report.words import found, not_found

pytest.importorskip("plotly")
BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
LOOK = """<!doctype html><body style="margin:0"><iframe id="f" width="{width}" height="6000" style="border:0" src="{page}"></iframe><script>
f.onload = () => setTimeout(() => {{
  const page = f.contentDocument, root = page.documentElement;
  const plots = [...page.querySelectorAll(".plot")].filter(p => p.querySelector(".main-svg") && p.clientWidth > 200);
  document.body.dataset.said = [root.dataset.drawn, plots.length, root.scrollWidth, f.contentWindow.innerWidth,
                                f.contentWindow.getComputedStyle(page.body).backgroundColor].join(";");
}}, 300);
</script></body>"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A finished study, once for all tests here."""
    with gpunn.device("cpu"):
        return made(out=tmp_path_factory.mktemp("study")).run()


def rendered(folder, width, dark):
    (folder / "look.html").write_text(LOOK.format(width=width, page=(folder / "report.html").as_uri()))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--virtual-time-budget=10000",
               "--host-resolver-rules=MAP * ~NOTFOUND", f"--window-size={width + 40},6100", f"--user-data-dir={folder / 'browser'}"]
    options += ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = subprocess.run([BROWSER, *options, "--dump-dom", (folder / "look.html").as_uri()], capture_output=True, text=True, timeout=120,
                          check=False)
    said = re.search(r'data-said="([^"]*)"', done.stdout)
    assert said, done.stderr[-2000:]
    return said.group(1).split(";")


@pytest.mark.one_in(3)
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here (apt-get install chromium)")
@pytest.mark.parametrize(("width", "dark", "paper"), [(390, False, "rgb(255, 255, 255)"), (1280, True, "rgb(22, 24, 28)")])
def test_in_a_browser(results, tmp_path, width, dark, paper):
    """Every plot is drawn, nothing is wider than the page, and dark means dark; without a network."""
    write(results, tmp_path)
    drawn, plots, needed, wide, background = rendered(tmp_path, width, dark)
    assert int(drawn) == int(plots) == len(figures(results)) and int(needed) <= int(wide) <= width and background == paper


def test_files(results, tmp_path):
    paths = write(results, tmp_path)
    charts = figures(results)
    assert [p.name for p in paths] == ["report.html", *(f"{c.key}.png" for c in charts)]
    assert all(p.read_bytes().startswith(b"\x89PNG") and p.stat().st_size > 5000 for p in paths[1:])
    kinds = {c.key for c in charts}
    assert kinds >= {
        "throughput", "time-to-accuracy", "steps-to-target", "accuracy", "gap", "noise-scale", "step-parts", "memory", "direction",
    }


def test_one_file_without_any_other(results):
    text = page(results, figures(results))
    ours = text.replace(re.search(r"<script>(?:(?!</script>).)*plotly\.js.*?</script>", text, re.S).group(0), "")
    assert "<link" not in ours and "src=" not in ours and "@import" not in ours and "http" not in ours
    assert "</script><script>alert" not in text and "BatchSizeStudy(build" in ours


def test_words(results):
    said, unsaid = found(results), not_found(results)
    assert {"Speed", "Time", "Result", "Minimum"} <= {t.split(":")[0] for t in said}
    assert any("only --lr-rule tuned" in t for t in unsaid) and any("One network, one data set" in t for t in unsaid)
    assert not any("nan" in t.lower().split() or "None" in t for t in said + unsaid)


def test_names_are_not_markup(results):
    results.about["words"]["dataset"] = "<script>alert(1)</script>"
    try:
        assert "<script>alert(1)" not in page(results, figures(results))
    finally:
        del results.about["words"]["dataset"]


def test_every_kind_of_picture(tmp_path):
    charts = [
        Chart("a", "lines", "x", "y", [
            Series("one", [1, 2], [1.0, None], [0.5, None], [1.5, None]), Series("two", [1, 2], [2.0, 3.0], kind="dash")],
              [Mark("here", x=1.5, low=1.2, high=1.7), Mark("there", y=2.0)], log_x=2, log_y=True),
        Chart("b", "bars", "", "share", [Series("one", ["long names", "b"], [0.2, 0.3], kind=BARS)], percent=True),
        Chart("c", "surface", "x", "y", grid=Grid([0, 1], [0, 1], [[0.0, 1.0], [1.0, 2.0]])),
        Chart("d", "images", "", "", images=[[[0, 1], [1, 0]]] * 6, image_titles=("first",)),
    ]
    draw(charts, tmp_path / "all.png")
    assert (tmp_path / "all.png").stat().st_size > 5000
