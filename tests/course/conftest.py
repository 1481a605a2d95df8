"""The courses' snippets, run as they stand through gpunn.compat."""

import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

import gpunn
from gpunn import compat

SNIPPETS = Path(__file__).with_name("snippets")


@pytest.fixture(params=["cpu", "sim"])
def play(request):
    """``play("sn06", "sn07", X=...)`` runs snippets one after another with these names of the reader's; the names there are at the end.

    ``play.device`` says where.
    """
    if request.param == "sim" and (shutil.which("g++") is None or shutil.which("gcc") is None):
        pytest.skip("sim needs g++ and gcc")

    def call(*snippets, **names):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old spellings are what some snippets are about
            for path in (SNIPPETS / f"{name}.py" for name in snippets):
                exec(compile(path.read_text(), str(path), "exec"), names)
        return SimpleNamespace(**{k: v for k, v in names.items() if not k.startswith("__")})

    call.device = request.param
    gpunn.utils.set_random_seed(7)
    with gpunn.device(request.param), compat.install():
        yield call
