"""The nightly backup: each stack is saved, whatever becomes of the others."""

from __future__ import annotations

import os

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup import nightly

from backupstack import BackupHost


def test_each_stack_is_saved(shop: BackupHost) -> None:
    done, failed = nightly.save_all(shop.paths, shop.engine)
    assert failed == []
    assert done[0].startswith("acme/shop: saved as 2")
    shop.dump_fails = True
    done, failed = nightly.save_all(shop.paths, shop.engine)
    assert done == []
    assert failed[0].startswith("acme/shop: the dump of the database failed")
    assert "pg: out of order" in failed[0]


@pytest.mark.parametrize(("fails", "code"), [(False, 0), (True, 1)])
def test_systemd_learns_of_a_failure(
    shop: BackupHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fails: bool, code: int
) -> None:
    monkeypatch.setattr(nightly, "Paths", lambda: shop.paths)
    monkeypatch.setattr(nightly, "BackupEngine", lambda: shop.engine)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "umask", lambda _mask: 0)
    shop.dump_fails = fails
    assert nightly.main() == code
    printed = capsys.readouterr()
    assert ("the dump" in printed.err) is fails
    assert ("saved as" in printed.out) is not fails


def test_it_needs_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert nightly.main() == 2
    assert "root" in capsys.readouterr().err
