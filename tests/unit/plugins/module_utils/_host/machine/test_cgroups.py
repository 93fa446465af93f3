"""What a container uses, from the files of both kinds of control groups."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.cgroups import GroupUsage, usage_of


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="ascii")


def test_the_unified_hierarchy(tmp_path: Path) -> None:
    group = "system.slice/docker-abc.scope"
    put(
        tmp_path,
        {
            "proc/7/cgroup": f"0::/{group}\n",
            f"top/{group}/memory.current": "5000\n",
            f"top/{group}/memory.stat": "anon 1\ninactive_file 1000\n",
            f"top/{group}/cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
        },
    )
    used = usage_of(7, proc=str(tmp_path / "proc"), top=str(tmp_path / "top"))
    assert used == GroupUsage(memory=4000, cpu_seconds=2.5)


def test_the_older_hierarchies(tmp_path: Path) -> None:
    group = "docker/abc"
    put(
        tmp_path,
        {
            "proc/7/cgroup": f"5:cpu,cpuacct:/{group}\n3:memory:/{group}\n0::/{group}\n",
            f"top/memory/{group}/memory.usage_in_bytes": "5000\n",
            f"top/memory/{group}/memory.stat": "inactive_file 1\ntotal_inactive_file 6000\n",
            f"top/cpu,cpuacct/{group}/cpuacct.usage": "1234567890\n",
        },
    )
    used = usage_of(7, proc=str(tmp_path / "proc"), top=str(tmp_path / "top"))
    assert used == GroupUsage(memory=0, cpu_seconds=1.235)


def test_a_process_that_has_ended(tmp_path: Path) -> None:
    assert usage_of(7, proc=str(tmp_path), top=str(tmp_path)) == GroupUsage()


def test_this_process_has_a_group() -> None:
    import os

    assert isinstance(usage_of(os.getpid()), GroupUsage)
