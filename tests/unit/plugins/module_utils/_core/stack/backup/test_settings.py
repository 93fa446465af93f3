"""The strict reader of backup.yml."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.settings import (
    Access,
    BackupSettings,
    Keep,
    parse_backup_settings,
)

SECRET = "a secret of 22 letters"
SFTP = {"key_file": "/etc/vsa/backup.key", "known_hosts_file": "/etc/vsa/backup.known_hosts"}


def parsed(**values: Any) -> BackupSettings:
    return parse_backup_settings({"schema": 1, "repository": "/var/backups/vsa", **values})


def test_what_a_host_has_at_least() -> None:
    assert parsed() == BackupSettings("/var/backups/vsa", "directory")
    assert not parsed().is_remote
    assert parsed(keep={"daily": 3}).keep == Keep(daily=3)
    assert parsed(late_hours=50, nightly=False, password=SECRET) == BackupSettings(
        "/var/backups/vsa", "directory", SECRET, late_hours=50, nightly=False
    )


@pytest.mark.parametrize(
    ("repository", "access", "kind"),
    [
        ("sftp://backup@store.example.com/srv/vps-01", SFTP, "sftp"),
        ("sftp://backup@192.0.2.7:2222/srv/vps-01", SFTP, "sftp"),
        ("s3:s3.amazonaws.com/bucket/vps-01", {"access_key": "a", "secret_key": "b"}, "s3"),
        (
            "s3:https://minio.example.com:9000/bucket",
            {"access_key": "a", "secret_key": "b", "region": "eu", "ca_file": "/etc/vsa/ca.pem"},
            "s3",
        ),
        ("rest:https://store.example.com:8000/vps-01/", {"user": "vps", "password": "p/w"}, "rest"),
        ("rest:https://store.example.com", None, "rest"),
    ],
)
def test_repositories_elsewhere(repository: str, access: Any, kind: str) -> None:
    found = parsed(repository=repository, access=access)
    assert (found.repository, found.kind, found.is_remote) == (repository, kind, True)
    assert found.access == Access(**(access or {}))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"schema": 2}, "schema"),
        ({"schema": True}, "schema"),
        ({"repositry": "/a"}, "repositry"),
        ({"repository": None}, "repository"),
        ({"repository": "backups"}, "repository"),
        ({"repository": "/var/../etc"}, "repository"),
        ({"repository": "/var/backups\n--option=x"}, "repository"),
        ({"repository": "sftp://backup@store/srv", "access": None}, "access/key_file"),
        ({"repository": "sftp://-oProxyCommand=x@store/srv", "access": SFTP}, "repository"),
        ({"repository": "sftp://backup@-store/srv", "access": SFTP}, "repository"),
        ({"repository": "rest:https://user:pw@store/x"}, "repository"),
        ({"repository": "rest:http://store/x"}, "repository"),
        ({"repository": "rclone:remote:x"}, "repository"),
        ({"repository": "rest:https://store/x", "access": {"user": "a"}}, "access/user"),
        ({"access": SFTP}, "access/key_file"),
        ({"repository": "sftp://b@store/srv", "access": {**SFTP, "key_file": "a key"}}, "access/key_file"),
        ({"password": "short"}, "password"),
        ({"password": 123456789012345678}, "password"),
        ({"password": f"{SECRET}\n"}, "password"),
        ({"keep": {"yearly": 1}}, "keep/yearly"),
        ({"keep": {"daily": -1}}, "keep/daily"),
        ({"late_hours": 0}, "late_hours"),
        ({"nightly": "perhaps"}, "nightly"),
    ],
)
def test_what_is_refused(values: Any, field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parsed(**values)
    assert caught.value.field == f"backup.yml/{field}"


def test_no_error_and_no_repr_shows_a_secret() -> None:
    for values in ({"password": f"{SECRET}\0"}, {"repository": f"rest:https://u:{SECRET}@store/x"}):
        with pytest.raises(RefusedError) as caught:
            parsed(**values)
        assert SECRET not in str(caught.value.as_result())
    there = parsed(repository="s3:h/b", access={"access_key": SECRET, "secret_key": SECRET}, password=SECRET)
    assert SECRET not in repr(there)


@pytest.mark.parametrize("data", [None, [], "repository"])
def test_what_is_no_mapping_is_refused(data: Any) -> None:
    with pytest.raises(RefusedError):
        parse_backup_settings(data)
