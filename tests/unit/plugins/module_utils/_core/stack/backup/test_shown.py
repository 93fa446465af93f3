"""The columns of `stack backups`."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.shown import BACKUPS


def test_a_run_is_one_row() -> None:
    run = {
        "run": "20261129t030000z-1f2e", "stack": "shop", "tenant": "acme", "host": "vps-01", "age": 7200,
        "complete": True, "size": 3 << 20,
    }  # fmt: skip
    assert BACKUPS.titles() == ["RUN", "STACK", "TENANT", "FROM", "AGE", "STATE", "SIZE"]
    assert BACKUPS.cells(run) == ["20261129t030000z-1f2e", "shop", "acme", "vps-01", "120 min", "complete", "3.0 MiB"]
    assert BACKUPS.cells({})[4:] == [None, "not complete", None]
