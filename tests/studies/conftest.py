"""Small studies."""

import pytest
from small_study import made


@pytest.fixture
def study(cpu, tmp_path):
    """``study(sizes=..., ...)``: a BatchSizeStudy of the small problem in a folder of the test's."""
    return lambda **options: made(**{"out": tmp_path / "out"} | options)
