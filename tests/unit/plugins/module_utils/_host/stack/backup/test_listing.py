"""`stack backups`: the runs in the repository."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.listing import (
    BackupListRequest,
    list_backups,
)

from backupstack import BackupHost


def listed(host: BackupHost, **request: Any) -> list[Any]:
    return list(list_backups(BackupListRequest(**request), paths=host.paths, engine=host.engine).data["backups"])


def test_runs_of_a_stack_and_a_tenant(shop: BackupHost) -> None:
    run = shop.save().data["run"]
    (found,) = listed(shop)
    assert (found["run"], found["complete"], found["databases"]) == (run, True, ["db"])
    assert isinstance(found["age"], int)
    assert len(listed(shop, name="shop", tenant="acme")) == 1
    assert listed(shop, name="blog") == listed(shop, tenant="beta") == []


def test_what_is_asked_has_its_form(shop: BackupHost) -> None:
    for request in ({"name": "../shop"}, {"tenant": "a b"}):
        with pytest.raises(RefusedError):
            listed(shop, **request)


def test_before_the_first_backup_there_is_none(shop: BackupHost) -> None:
    shop.settings("schema: 1\nrepository: /r\n")
    assert listed(shop) == []


def test_a_repository_that_is_away_is_an_error(shop: BackupHost) -> None:
    shop.engine.restic.away = True
    with pytest.raises(RolledBackError):
        listed(shop)
