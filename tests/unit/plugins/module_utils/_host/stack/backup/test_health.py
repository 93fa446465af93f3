"""What `vsa status` says about backups."""

from __future__ import annotations

import datetime
from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.times import rfc3339
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.health import (
    backup_findings,
    saved_stacks,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.backups import BackupRecord

from backupstack import STACK, BackupHost

NOW = datetime.datetime(2026, 11, 29, 3, 0, tzinfo=datetime.UTC)


def found(host: BackupHost) -> list[tuple[str, str, str]]:
    return [(finding.name, finding.subject, finding.text) for finding in backup_findings(host.paths, now=NOW)]


def note(host: BackupHost, hours: int, failure: str | None = None) -> None:
    time = rfc3339(NOW - datetime.timedelta(hours=hours))
    BackupRecord(host.paths, "acme", "shop").note(time=time, run="r", failure=failure)


def test_a_backup_that_is_late_is_found(shop: BackupHost) -> None:
    assert found(shop) == [("backup-late", "acme/shop", "there is no backup yet")]
    note(shop, 36)
    assert found(shop) == []
    note(shop, 37, "the repository does not answer")
    text = "the last good backup is 37 h old; the last try failed: the repository does not answer"
    assert found(shop) == [("backup-late", "acme/shop", text)]


def test_a_host_without_settings_has_no_finding(shop: BackupHost) -> None:
    Path(shop.paths.root, "etc/vsa/backup.yml").unlink()
    assert found(shop) == []


def test_settings_that_are_wrong_are_found(shop: BackupHost) -> None:
    shop.settings("schema: 1\n")
    assert found(shop)[0][:2] == ("backup-settings", "backup.yml")


def test_which_stacks_should_have_backups(shop: BackupHost) -> None:
    assert [stack.name for stack in saved_stacks(shop.paths)] == ["shop"]
    shop.up(STACK.replace("backup: {databases: [db], stop: [web]}\n", ""))
    assert saved_stacks(shop.paths) == []
    note(shop, 1)
    assert [stack.name for stack in saved_stacks(shop.paths)] == ["shop"]
