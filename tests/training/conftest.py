"""Fixtures of the tests of training."""

import pytest

from gpunn.training import own_runs


@pytest.fixture
def made(monkeypatch):
    """What was recorded, or why not, in the order of the attempts."""
    found, record = [], own_runs.record
    monkeypatch.setattr(own_runs, "record", lambda *given, **named: found.append(record(*given, **named)) or found[-1])
    return found
