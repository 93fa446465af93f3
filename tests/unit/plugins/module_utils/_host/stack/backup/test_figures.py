"""The figures of backups: a stack that was saved has one."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.figures import write_backup_figures

from backupstack import BackupHost


def test_a_backup_writes_when_it_was_made(shop: BackupHost) -> None:
    assert write_backup_figures(shop.paths) is None
    file = Path(shop.paths.root, "var/lib/vsa/metrics/backups.prom")
    assert 'stack="shop"' not in file.read_text(encoding="utf-8")
    shop.save()
    line = file.read_text(encoding="utf-8").splitlines()[-1]
    assert line.startswith('vsa_backup_last_success_seconds{tenant="acme",stack="shop"} 1')
