"""How much memory is left: the system's word, and that of a control group with a limit, in both versions."""

import pytest

from gpunn.backend import memory


@pytest.mark.parametrize("inside", [True, False], ids=["a group's folder", "the root, as in a container"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_group_with_a_limit(tmp_path, monkeypatch, version, inside):
    monkeypatch.setattr(memory, "GROUPS", tmp_path)
    monkeypatch.setattr(memory, "SELF", tmp_path / "self")
    (tmp_path / "self").write_text("0::/a/b\n" if version == 2 else "3:cpu,memory:/a/b\n2:cpuset:/\n")
    folder = tmp_path / ("" if version == 2 else "memory") / ("a/b" if inside else "")
    folder.mkdir(parents=True, exist_ok=True)
    limit, used = ("memory.max", "anon") if version == 2 else ("memory.limit_in_bytes", "total_rss")
    (folder / "memory.stat").write_text(f"cache 5000\n{used} 300\nfile 100\n")
    (folder / limit).write_text("1000\n")
    assert memory.available_memory() == 700
    (folder / "memory.stat").write_text(f"{used} 3000\n")
    assert memory.available_memory() == 0
    (folder / limit).write_text("max\n")
    assert memory.available_memory() == memory._of_system() or memory.available_memory() > 10_000


def test_no_groups_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "SELF", tmp_path / "nowhere")
    assert memory._of_group() is None and (memory.available_memory() or 1) > 0
