"""The example programs: quickly that they run, slowly that each reaches its figure. CL-57, SYS-19 to SYS-21, SYS-23."""

import numpy as np
import pytest
from click.testing import CliRunner

import gpunn
from gpunn import examples
from gpunn.cli.app import gpunn as command
from gpunn.examples import gan, recall
from gpunn.layers import GRU, LSTM, SimpleRNN

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def seeded():
    gpunn.utils.set_random_seed(0)


@pytest.mark.parametrize("name", recall.CELLS)
def test_every_cell_recalls_over_a_few_steps(name):
    assert recall.accuracy(name, 12, epochs=8, rows=1024) >= 0.95


def test_a_gru_has_three_quarters_of_the_weights_of_an_lstm():
    counts = []
    for layer in (SimpleRNN(32), GRU(32, reset_after=False), GRU(32), LSTM(32)):
        layer.ensure_built((None, 5, 8))
        counts.append(layer.count_params())
    assert counts[1] == 3 * counts[0] and counts[3] == 4 * counts[0] and counts[1] == 0.75 * counts[3]
    assert counts[2] == counts[1] + 3 * 32  # Keras's second bias


def test_the_points_of_a_ring_are_told_from_others():
    rng = np.random.default_rng(0)
    found = gan.figures(gan.ring(4000, rng))
    assert found["mean off"] < 0.1 and abs(found["radius"] - gan.RADIUS) < 0.01 and abs(found["spread"] - gan.WIDTH) < 0.01
    assert gan.figures(gan.ring(4000, rng) + 1)["mean off"] > 1


def test_a_short_gan_saves_its_picture(tmp_path):
    said = []
    outcome = gan.main(tmp_path / "gan.png", said.append, steps=20)
    assert outcome.picture.read_bytes().startswith(PNG) and set(outcome.figures) == {"mean off", "radius", "spread", "emptiest eighth"}


def test_the_command_lists_them_and_names_them(tmp_path):
    listed = CliRunner().invoke(command, ["examples", "list"])
    assert listed.exit_code == 0 and all(name in listed.output for name in examples.EXAMPLES)
    with pytest.raises(ValueError, match=r"Unknown example: 'none'. Expected one of: recall"):
        examples.run("none", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_it_reaches_its_figure(name, tmp_path):
    if examples.EXAMPLES[name].needs:
        real_data = pytest.importorskip(f"gpunn.datasets.{examples.EXAMPLES[name].needs}")
        try:
            real_data.load_data()
        except (OSError, ValueError) as error:
            pytest.skip(str(error))
    outcome = examples.run(name, tmp_path, lambda line: None)
    assert outcome.reached, outcome.figures
    assert outcome.picture.read_bytes().startswith(PNG)
