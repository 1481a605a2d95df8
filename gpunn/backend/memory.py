"""How much memory the host has left for this process."""

import os
import pathlib

GROUPS = pathlib.Path("/sys/fs/cgroup")
SELF = pathlib.Path("/proc/self/cgroup")


def available_memory() -> int | None:
    """Bytes that this process could still get without pushing others out, or out of the control group (container) it is in; None where
    the system does not say."""
    known = [n for n in (_of_system(), _of_group()) if n is not None]
    return min(known, default=None)


def _of_system() -> int | None:
    try:
        with open("/proc/meminfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _of_group() -> int | None:
    """What the group's limit leaves beside private memory: its cached files go when memory is short. None without a limit."""
    try:
        lines = [line.split(":", 2) for line in SELF.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    for _, controllers, path in lines:
        if controllers == "":  # version 2
            places, limit, used = GROUPS, "memory.max", "anon"
        elif "memory" in controllers.split(","):
            places, limit, used = GROUPS / "memory", "memory.limit_in_bytes", "total_rss"
        else:
            continue
        for folder in (places / path.lstrip("/"), places):  # within a container its own group is the root
            try:
                most = int((folder / limit).read_text())  # "max" is no number
                stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                return max(0, most - int(stat.get(used, 0)))
            except (OSError, ValueError):
                continue
    return None
