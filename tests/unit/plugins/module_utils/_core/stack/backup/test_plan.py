"""What of a stack a backup holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.declared import Backup
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.plan import plan_backup, volume_names


def mount(source: str, kind: str = "volume") -> dict[str, str]:
    return {"type": kind, "source": source, "target": "/data"}


CONFIG: dict[str, Any] = {
    "name": "acme-shop",
    "services": {
        "app": {"image": "app:1", "volumes": [mount("uploads"), mount("/srv/acme/shop/data", "bind")]},
        "db": {"image": "docker.io/library/postgres:17", "volumes": [mount("dbdata")]},
        "cache": {"image": "redis:8", "volumes": [mount("cache")]},
    },
    "volumes": {
        "uploads": {"name": "acme-shop_uploads"},
        "dbdata": {"name": "acme-shop_dbdata"},
        "cache": {"name": "a$$b"},
        "shared": {"name": "shared", "external": True},
    },
}
TEXT = json.dumps(CONFIG)
ALL = {"uploads": "acme-shop_uploads", "dbdata": "acme-shop_dbdata", "cache": "a$b"}


@pytest.mark.parametrize(
    ("backup", "volumes", "notes", "warnings"),
    [
        (None, ["uploads", "dbdata", "cache"], 0, 1),
        (Backup(), ["uploads", "dbdata", "cache"], 0, 1),
        (Backup(databases=("db",)), ["uploads", "cache"], 0, 0),
        (Backup(databases=("db",), volumes=("uploads",)), ["uploads"], 1, 0),
        (Backup(databases=("db",), volumes=()), [], 2, 0),
        (Backup(volumes=("uploads", "dbdata")), ["uploads", "dbdata"], 1, 1),
        (Backup(volumes=("dbdata",), stop=("db",)), ["dbdata"], 2, 0),
    ],
)
def test_the_volumes(backup: Backup | None, volumes: list[str], notes: int, warnings: int) -> None:
    plan = plan_backup(backup, TEXT)
    assert plan.volumes == {key: ALL[key] for key in volumes}
    assert (len(plan.notes), len(plan.warnings)) == (notes, warnings)


def test_services_are_taken_over() -> None:
    plan = plan_backup(Backup(databases=("db",), stop=("app",)), TEXT)
    assert (plan.databases, plan.stop) == (("db",), ("app",))


@pytest.mark.parametrize(
    ("backup", "field"),
    [
        (Backup(databases=("other",)), "databases"),
        (Backup(stop=("other",)), "stop"),
        (Backup(volumes=("other",)), "volumes"),
        (Backup(volumes=("shared",)), "volumes"),
    ],
)
def test_what_the_stack_does_not_have_is_refused(backup: Backup, field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        plan_backup(backup, TEXT)
    assert caught.value.field == f"stack.yml/backup/{field}"


def test_a_service_whose_profile_is_off_has_nothing_to_save() -> None:
    wanted = Backup(databases=("db", "keys"), volumes=(), stop=("app", "worker"))
    plan = plan_backup(wanted, TEXT, profiled={"keys", "worker", "app"})
    assert (plan.databases, plan.stop) == (("db",), ("app",))
    with pytest.raises(RefusedError, match="no such name"):
        plan_backup(wanted, TEXT, profiled={"worker"})


def test_names_of_volumes() -> None:
    assert volume_names(TEXT) == ALL
    assert volume_names("") == volume_names("{}") == {}
