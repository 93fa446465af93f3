"""vsa.yml as an inventory says it: what changes, what stays, and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.settings import (
    plan_settings,
    roll_back_settings,
    write_settings,
)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(str(tmp_path))
    paths.vsa_yml.parent.mkdir(parents=True)
    return paths


BEFORE = "# mine\nschema: 1\nca: staging\nca_bundle: /etc/vsa/acme-ca.pem\n"


@pytest.mark.parametrize(
    ("before", "said", "words", "settings"),
    [
        (None, {}, (), Settings()),
        (None, {"ca": None, "email": None}, (), Settings()),
        (None, {"ca": "selfsigned"}, ("ca: not said → selfsigned",), Settings(ca="selfsigned")),
        (BEFORE, {"ca": "staging"}, (), Settings(ca="staging", ca_bundle="/etc/vsa/acme-ca.pem")),
        (
            BEFORE,
            {"ca": "letsencrypt", "email": "ops@example.com", "loki_url": None},
            ("ca: staging → letsencrypt", "email: not said → ops@example.com"),
            Settings(email="ops@example.com", ca_bundle="/etc/vsa/acme-ca.pem"),
        ),
    ],
)
def test_written_and_rolled_back(
    paths: Paths, before: str | None, said: dict[str, object], words: tuple[str, ...], settings: Settings
) -> None:
    if before is not None:
        paths.vsa_yml.write_text(before)
    change = plan_settings(paths, said)
    assert (change.words, change.settings) == (words, settings)
    write_settings(paths, change)
    assert plan_settings(paths, said).words == ()
    assert plan_settings(paths, {}).settings == settings
    if not words:
        assert (paths.vsa_yml.read_text() if before is not None else None) == before
    roll_back_settings(paths, change)
    assert (paths.vsa_yml.read_text() if paths.vsa_yml.exists() else None) == before


@pytest.mark.parametrize(
    ("before", "said", "field"),
    [
        (None, {"ca": "nobody"}, "bootstrap_ca"),
        (None, {"worker_shutdown_timeout": 5}, "bootstrap_worker_shutdown_timeout"),
        ("schema: 2\n", {}, "vsa.yml/schema"),
        ("- 1\n", {"ca": "staging"}, "vsa.yml"),
    ],
)
def test_what_is_no_setting_is_refused(paths: Paths, before: str | None, said: dict[str, object], field: str) -> None:
    if before is not None:
        paths.vsa_yml.write_text(before)
    with pytest.raises(RefusedError) as caught:
        plan_settings(paths, said)
    assert caught.value.field == field
