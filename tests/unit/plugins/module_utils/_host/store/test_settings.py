"""A change of vsa.yml: what changes, what stays, what is refused, and the rollback."""

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
        paths.vsa_yml.chmod(0o640)
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
    ("unset", "said", "words", "left"),
    [
        (("ca",), {}, ("ca: staging → not said",), "schema: 1\nca_bundle: /etc/vsa/acme-ca.pem\n"),
        (
            ("ca", "ca_bundle"),
            {},
            ("ca: staging → not said", "ca_bundle: /etc/vsa/acme-ca.pem → not said"),
            "schema: 1\n",
        ),
        (("ca",), {"ca": "selfsigned"}, ("ca: staging → not said",), "schema: 1\nca_bundle: /etc/vsa/acme-ca.pem\n"),
        (("email",), {}, (), BEFORE),
    ],
)
def test_unset_goes_back_to_the_built_in_value(
    paths: Paths, unset: tuple[str, ...], said: dict[str, object], words: tuple[str, ...], left: str
) -> None:
    paths.vsa_yml.write_text(BEFORE)
    paths.vsa_yml.chmod(0o640)
    change = plan_settings(paths, said, unset=unset)
    assert change.words == words
    write_settings(paths, change)
    text = paths.vsa_yml.read_text()
    assert text == left or text.split("\n", 1)[1] == left, "the first line is our comment, unless nothing changed"


def test_a_file_without_a_setting_is_made_only_on_demand(paths: Paths) -> None:
    assert plan_settings(paths, {}).after is None
    made = plan_settings(paths, {}, create=True)
    assert made.after is not None
    assert made.after.endswith("\nschema: 1\n")
    paths.vsa_yml.write_text(BEFORE)
    paths.vsa_yml.chmod(0o640)
    assert plan_settings(paths, {}, create=True).after == BEFORE


def test_a_wrong_value_can_be_replaced_or_unset(paths: Paths) -> None:
    paths.vsa_yml.write_text("ca: nobody\nemail: ops@example.com\n")
    paths.vsa_yml.chmod(0o640)
    with pytest.raises(RefusedError) as caught:
        plan_settings(paths, {"email": "me@example.com"})
    assert caught.value.field == "vsa.yml/ca"
    assert plan_settings(paths, {"ca": "staging"}).settings.ca == "staging"
    assert plan_settings(paths, {}, unset=["ca"]).settings.ca == "letsencrypt"


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
        paths.vsa_yml.chmod(0o640)
    with pytest.raises(RefusedError) as caught:
        plan_settings(paths, said)
    assert caught.value.field == field


def test_a_file_of_before_that_others_could_read_is_closed(paths: Paths) -> None:
    paths.vsa_yml.write_text(BEFORE)
    paths.vsa_yml.chmod(0o644)
    change = plan_settings(paths, {})
    assert change.words == ("mode: 0644 → 0640",)
    write_settings(paths, change)
    assert paths.vsa_yml.read_text() == BEFORE
    assert paths.vsa_yml.stat().st_mode & 0o777 == 0o640
    assert plan_settings(paths, {}).words == ()
