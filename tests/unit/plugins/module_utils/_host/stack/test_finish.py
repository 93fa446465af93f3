"""After Compose: healthy and remembered, or the last good version restored."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    NotRolledBackError,
    RefusedError,
    RolledBackError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import finish
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.finish import StackVerifyRequest, restore, verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.hooks import Hooks
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare

from stackhost import StackHost, make_container

ENV = "srv/acme/app/env/.env"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackHost:
    """Return a host whose stack runs and was verified once."""
    monkeypatch.setattr(finish, "_SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(finish, "_PAUSE_SECONDS", 0.0)
    host = StackHost(tmp_path)
    write(host, APP_DOMAIN="app.example.com")
    host.engine.running = [make_container("app", "web")]
    verify(StackVerifyRequest("app"), paths=host.paths, engine=host.engine)
    return host


def write(host: StackHost, **env: str) -> None:
    request = StackUpRequest("app", host.files, env)
    prepare(request, check=False, diff=False, paths=host.paths, engine=host.engine)


@pytest.mark.parametrize(("started", "state"), [(True, "changed"), (False, "ok")])
def test_a_healthy_stack(host: StackHost, started: bool, state: str) -> None:
    request = StackVerifyRequest("app", started=started)
    result = verify(request, paths=host.paths, engine=host.engine)
    assert result.changed is started
    assert [(step.state, step.text) for step in result.steps] == [(state, "app-web healthy")]


def test_a_stack_that_is_not_healthy(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web", health="unhealthy")]
    with pytest.raises(NotRolledBackError) as failed:
        verify(StackVerifyRequest("app", started=True), paths=host.paths, engine=host.engine)
    assert failed.value.message == "app is not healthy: app-web is unhealthy"
    assert failed.value.details == ["app-web: out of order"]


class Silent(Hooks):
    """A stack that serves sites; one of them no longer answers."""

    def answering_sites(self, *_host: object) -> list[str]:
        return ["a.test"]


def test_a_site_that_answered_before_must_answer(host: StackHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish, "hooks_of", lambda name: Silent())
    one = StackVerifyRequest("app", proven=("a.test",))
    assert verify(one, paths=host.paths, engine=host.engine).steps[0].text == "app-web healthy, 1 site(s) proven"
    with pytest.raises(NotRolledBackError, match="answered before and does not now"):
        verify(StackVerifyRequest("app", proven=("a.test", "b.test")), paths=host.paths, engine=host.engine)


def test_a_failed_start_goes_back_to_the_version_of_before(host: StackHost) -> None:
    good = host.tree()[ENV]
    host.engine.images.add("app:2")
    write(host, APP_IMAGE="app:2")
    host.engine.running = [make_container("app", "web", image="app:2", health="unhealthy")]
    result = restore("app", paths=host.paths, engine=host.engine)
    assert result.changed
    assert result.data["restored"] is True
    assert result.data["details"][0] == "app-web: out of order"
    assert result.steps[0].state == "warning"
    assert host.tree()[ENV] == good
    assert "APP_IMAGE=app:2" in host.tree()["srv/acme/app/.vsa/refused.env"]

    host.engine.running = [make_container("app", "web")]
    request = StackVerifyRequest("app", failure="timeout", restored=True, details=("a line",))
    with pytest.raises(RolledBackError) as failed:
        verify(request, paths=host.paths, engine=host.engine)
    assert failed.value.state == "rolled back: the previous version runs and is healthy"
    assert failed.value.message == "app did not become healthy: timeout"
    assert failed.value.details == ["a line"]


@pytest.mark.parametrize(
    ("restored", "health", "state"),
    [
        (True, "unhealthy", "its containers are as the failed start left them: app-web is unhealthy"),
        (False, "healthy", "its containers are as the failed start left them: running"),
    ],
)
def test_a_failed_start_that_is_not_rolled_back(host: StackHost, restored: bool, health: str, state: str) -> None:
    host.engine.running = [make_container("app", "web", health=health)]
    request = StackVerifyRequest("app", failure="timeout", restored=restored)
    with pytest.raises(NotRolledBackError) as failed:
        verify(request, paths=host.paths, engine=host.engine)
    assert failed.value.state == state


def test_the_version_that_failed_is_not_restored_over_itself(host: StackHost) -> None:
    before = host.tree()
    result = restore("app", paths=host.paths, engine=host.engine)
    assert not result.changed
    assert result.data["restored"] is False
    assert host.tree() == before


def test_a_stack_that_the_host_does_not_have(host: StackHost) -> None:
    with pytest.raises(RefusedError) as refused:
        verify(StackVerifyRequest("other"), paths=host.paths, engine=host.engine)
    assert refused.value.there_are == ["app"]
