"""The secrets of the stacks of a host: of the version under way, of the last good one, and of the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import NotRolledBackError, RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import parse_env
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.secrecy import Secrets
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.down import StackDownRequest, report_down
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.finish import (
    StackVerifyRequest,
    restore,
    verify,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.listing import StackListRequest, list_stacks
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.secrecy import learn_version
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare

from stackhost import StackHost, fake_compose, make_container

GIVEN = "given-by-the-operator"


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    host = StackHost(tmp_path)
    env = {"APP_DOMAIN": "app.example.com", "MAIL_PASSWORD": GIVEN}
    prepare(
        StackUpRequest("app", host.files, env, own=True),
        check=False,
        diff=False,
        paths=host.paths,
        engine=host.engine,  # type: ignore[arg-type]
        compose=fake_compose,
    )
    host.engine.running = [make_container("app", "web", project="acme-app", health="unhealthy")]
    host.engine.log = f"2026-01-01T00:00:00Z {canary(host)} {GIVEN}\n"
    return host


def canary(host: StackHost) -> str:
    return parse_env((host.folder() / "env/.env").read_text(encoding="utf-8"))["APP_SECRET"]


def test_a_failed_start(host: StackHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    monkeypatch.setattr("ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.finish._SETTLE_SECONDS", 0.0)
    words = f"invalid port {canary(host)}"
    request = StackVerifyRequest("app", failure=words, details=(f"x {GIVEN}",))
    with pytest.raises(NotRolledBackError) as failed:
        verify(request, paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    shown = str(failed.value.as_result())
    assert canary(host) not in shown
    assert GIVEN not in shown
    assert "invalid port ***" in shown
    details = restore("app", paths=host.paths, engine=host.engine).data["details"]  # type: ignore[arg-type]
    assert details == ["app-web: *** ***"]


def test_a_failed_stop(host: StackHost) -> None:
    with pytest.raises(NotRolledBackError) as failed:
        report_down(StackDownRequest("app", removed=False, failure=f"no: {GIVEN}"), check=False, paths=host.paths)
    assert GIVEN not in str(failed.value.as_result())
    assert failed.value.state == "some of its containers may be gone; no volume was deleted"


def test_the_logs(host: StackHost) -> None:
    shown = list_stacks(StackListRequest("app", tail=5), paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    assert shown.data["logs"][0]["lines"] == ["2026-01-01T00:00:00Z *** ***"]


def test_a_refusal(host: StackHost) -> None:
    host.files["compose.yml"] = "services: {web: {image: '${MAIL_PASSWORD}'}}"
    with pytest.raises(RefusedError) as refused:
        prepare(
            StackUpRequest("app", host.files, {}),
            check=True,
            diff=False,
            paths=host.paths,
            engine=host.engine,  # type: ignore[arg-type]
            compose=fake_compose,
        )
    assert refused.value.value == "***"


def test_files_and_images() -> None:
    secrets = Secrets()
    files = {
        "compose.yml": "services: {web: {image: 'some/image:${TAG}'}}\nsecrets: {k: {file: ./key.txt}}\n",
        "compose.override.yml": "services: {web: {user: root}}",
        "key.txt": "the-key\n",
    }
    learn_version(secrets, Stack("x", "x", "x"), files, "TAG=1\nIMAGE=some/image:1\n")
    assert secrets.text("some/image:1 the-key") == "some/image:1 ***"
    learn_version(secrets, Stack("x", "x", "x"), {"compose.yml": "]"}, "A=abcdefgh\n")
    assert secrets.text("abcdefgh") == "***"
