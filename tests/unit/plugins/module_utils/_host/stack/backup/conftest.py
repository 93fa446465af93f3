"""A host of fakes for the tests of backups."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup import databases

from backupstack import BackupHost


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BackupHost:
    """A host with a stack that runs and holds `one`."""
    host = BackupHost(tmp_path)
    monkeypatch.setattr(databases, "_exec", host.execute)
    host.up()
    host.write("one")
    return host
