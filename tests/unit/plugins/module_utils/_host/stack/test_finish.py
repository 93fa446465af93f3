"""After Compose: healthy and remembered, or the last good version restored."""

from __future__ import annotations

import dataclasses
import datetime
import json
import signal
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    NotRolledBackError,
    RefusedError,
    RolledBackError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Reload
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import finish, health
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.finish import StackVerifyRequest, restore, verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.hooks import Hooks
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import StackState, Version

from stackhost import StackHost, fake_compose, make_container

ENV = "srv/acme/app/env/.env"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackHost:
    """Return a host whose stack runs and was verified once."""
    monkeypatch.setattr(finish, "_SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(health, "PAUSE_SECONDS", 0.0)
    host = StackHost(tmp_path)
    host.write(APP_DOMAIN="app.example.com")
    host.engine.running = [make_container("app", "web", project="acme-app")]
    verify(StackVerifyRequest("app"), paths=host.paths, engine=host.engine)
    return host


@pytest.mark.parametrize(("started", "state"), [(True, "changed"), (False, "ok")])
def test_a_healthy_stack(host: StackHost, started: bool, state: str) -> None:
    request = StackVerifyRequest("app", started=started)
    result = verify(request, paths=host.paths, engine=host.engine)
    assert result.changed is started
    assert [(step.state, step.text) for step in result.steps] == [(state, "app-web healthy")]


def test_a_stack_that_is_not_healthy(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web", project="acme-app", health="unhealthy")]
    with pytest.raises(NotRolledBackError) as failed:
        verify(StackVerifyRequest("app", started=True), paths=host.paths, engine=host.engine)
    assert failed.value.message == "app is not healthy: app-web is unhealthy"
    assert failed.value.details == ["app-web: out of order"]


def test_issue_12_a_container_with_a_label_of_the_project_stands_for_no_service(host: StackHost) -> None:
    [web] = host.engine.running
    labels = {**web.labels, "com.docker.compose.project.working_dir": "/root/eve"}
    host.engine.running = [dataclasses.replace(web, name="eve", id="eve", labels=labels)]
    with pytest.raises(NotRolledBackError) as failed:
        verify(StackVerifyRequest("app", started=True), paths=host.paths, engine=host.engine)
    assert failed.value.message == "app is not healthy: web has no container"
    assert failed.value.details == [], "the words of another's container are not shown"


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


class HandingOver(Silent):
    """A stack that changes files after a proven start; ``seen`` says whether the version was kept as good by then."""

    def __init__(self, host: StackHost) -> None:
        self.host, self.seen = host, list[bool]()

    def hand_over(self, *_host: object, check: bool) -> list[str]:
        assert not check
        good = self.host.paths.stack_state("acme", "app") / "good.json"
        self.seen.append("APP_IMAGE=app:2" in good.read_text())
        return ["letsencrypt"]


def test_files_are_handed_over_only_after_the_version_is_the_good_one(
    host: StackHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = HandingOver(host)
    monkeypatch.setattr(finish, "hooks_of", lambda name: hooks)
    host.engine.images.add("app:2")
    host.write(APP_IMAGE="app:2")
    host.engine.running = [make_container("app", "web", project="acme-app", image="app:2", health="unhealthy")]
    with pytest.raises(NotRolledBackError):
        verify(StackVerifyRequest("app"), paths=host.paths, engine=host.engine)
    assert hooks.seen == []
    host.engine.running = [make_container("app", "web", project="acme-app", image="app:2")]
    result = verify(StackVerifyRequest("app"), paths=host.paths, engine=host.engine)
    assert hooks.seen == [True]
    assert (result.changed, result.steps[0].state, result.steps[0].notes) == (True, "changed", ("letsencrypt",))


def test_a_failed_start_goes_back_to_the_version_of_before(host: StackHost) -> None:
    good = host.tree()[ENV]
    host.engine.images.add("app:2")
    host.write(APP_IMAGE="app:2")
    host.engine.running = [make_container("app", "web", project="acme-app", image="app:2", health="unhealthy")]
    result = restore("app", paths=host.paths, engine=host.engine)
    assert result.changed
    assert result.data["restored"] is True
    assert result.data["details"][0] == "app-web: out of order"
    assert result.steps[0].state == "warning"
    assert host.tree()[ENV] == good
    assert "APP_IMAGE=app:2" in host.tree()["var/lib/vsa/stacks/acme/app/refused.env"]

    host.engine.running = [make_container("app", "web", project="acme-app")]
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
    host.engine.running = [make_container("app", "web", project="acme-app", health=health)]
    request = StackVerifyRequest("app", failure="timeout", restored=restored)
    with pytest.raises(NotRolledBackError) as failed:
        verify(request, paths=host.paths, engine=host.engine)
    assert failed.value.state == state


@pytest.mark.parametrize("privileged", [True, False])
def test_a_version_before_that_nobody_judged_is_judged_first(host: StackHost, privileged: bool) -> None:
    """An earlier release kept it in the folder of the stack, where the root of a container may have written it."""
    state = StackState(host.paths, "acme", "app")
    text = f"services: {{web: {{image: 'app:1', privileged: {str(privileged).lower()}}}}}"
    state.write(Version({"stack.yml": "schema: 1\ndescription: x\n", "compose.yml": text}, "A=1\n"), {"schema": 1})
    state.keep_good()
    files = {"stack.yml": "schema: 1\ndescription: x\n", "compose.yml": "services: {}"}
    new = Version(files, "A=1\n", judged_config='{"services": {}}')
    state.write(new, {"schema": 1})
    result = restore("app", paths=host.paths, engine=host.engine, compose=fake_compose)
    assert result.data["restored"] is not privileged
    found = state.version()
    assert found is not None
    if privileged:
        assert found == new
        assert "the version before does not run" in "\n".join(result.data["details"])
    else:
        assert json.loads(found.judged_config)["services"]["web"]["cap_drop"] == ["NET_RAW"]


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


HASH = {"com.docker.compose.config-hash": "new"}


def gave_up(host: StackHost) -> StackVerifyRequest:
    del host
    return StackVerifyRequest("app", started=True, complaint="container acme-app-web is unhealthy")


def with_hash(host: StackHost, monkeypatch: pytest.MonkeyPatch, **more: object) -> None:
    """The container of the service, with the hash by which Compose knows its version."""
    web = make_container("app", "web", project="acme-app", **more)
    host.engine.running = [dataclasses.replace(web, labels={**web.labels, **HASH})]
    monkeypatch.setattr(finish, "config_hashes", lambda *_asked, **_more: {"web": "new"})


def test_the_containers_decide_if_compose_ended_with_an_error(host: StackHost, monkeypatch: pytest.MonkeyPatch) -> None:
    with_hash(host, monkeypatch)
    result = verify(gave_up(host), paths=host.paths, engine=host.engine)
    assert [(step.name, step.state) for step in result.steps] == [("stack", "changed"), ("start", "warning")]
    assert result.steps[1].notes == ("Compose says: container acme-app-web is unhealthy",)


def test_a_container_of_the_version_before_is_no_success(host: StackHost, monkeypatch: pytest.MonkeyPatch) -> None:
    with_hash(host, monkeypatch)
    monkeypatch.setattr(finish, "config_hashes", lambda *_asked, **_more: {"web": "newer"})
    with pytest.raises(NotRolledBackError, match="app-web still runs the version of before") as failed:
        verify(gave_up(host), paths=host.paths, engine=host.engine)
    assert failed.value.details[-1] == "Compose says: container acme-app-web is unhealthy"


@pytest.mark.parametrize(
    ("age", "timeout", "waits"), [(0, 120, True), (119, 120, True), (121, 120, False)], ids=["new", "late", "too late"]
)
def test_a_health_check_has_the_time_that_the_stack_gives(
    host: StackHost, monkeypatch: pytest.MonkeyPatch, age: int, timeout: int, waits: bool
) -> None:
    """The container heals at the second look, if there is one."""
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    began = (now - datetime.timedelta(seconds=age)).isoformat()
    monkeypatch.setattr(health, "time_now", lambda: now)
    monkeypatch.setattr(finish, "_SECOND_LOOK_SECONDS", -1.0)
    with_hash(host, monkeypatch, health="unhealthy", started_at=began)
    (sick,) = host.engine.running
    assert timeout == 120, "the default of stack.yml"

    def heal(_seconds: float) -> None:
        host.engine.running = [dataclasses.replace(sick, health="healthy")]

    monkeypatch.setattr(health.time, "sleep", heal)
    if waits:
        assert verify(gave_up(host), paths=host.paths, engine=host.engine).changed
    else:
        with pytest.raises(NotRolledBackError, match="app-web is unhealthy"):
            verify(gave_up(host), paths=host.paths, engine=host.engine)


def test_the_words_of_the_health_check_come_before_the_log(host: StackHost) -> None:
    host.engine.running = [
        make_container("app", "web", project="acme-app", health="unhealthy", probe="\nno answer\nlocked\n")
    ]
    with pytest.raises(NotRolledBackError) as failed:
        verify(StackVerifyRequest("app"), paths=host.paths, engine=host.engine)
    assert failed.value.details == [
        "app-web, health check: no answer",
        "app-web, health check: locked",
        "app-web: out of order",
    ]


def test_a_first_version_that_was_removed(host: StackHost) -> None:
    request = StackVerifyRequest(
        "app", failure="app is not healthy: app-web is unhealthy", removed=True, details=("a line",), complaint="no"
    )
    with pytest.raises(RolledBackError) as failed:
        verify(request, paths=host.paths, engine=host.engine)
    assert failed.value.message == "app did not become healthy: app-web is unhealthy"
    assert "its containers are removed; its folder and volumes stay" in failed.value.state
    assert failed.value.details == ["a line", "Compose says: no"]
    assert host.paths.stack_state("acme", "app").joinpath("stack.json").read_text().count('"down": true') == 1


@pytest.mark.parametrize("first", [True, False])
def test_whether_it_was_the_first_version(host: StackHost, first: bool) -> None:
    if first:
        (host.paths.stack_state("acme", "app") / "good.json").unlink()
    assert restore("app", paths=host.paths, engine=host.engine).data["first"] is first


def test_a_service_is_told_by_a_signal_that_goes_past_the_engine(
    host: StackHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(finish.os, "kill", lambda pid, number: told.append((pid, number)))
    monkeypatch.setattr(finish, "services_to_reload", lambda *_found, **_more: [Reload("web"), Reload("db")])
    host.engine.running = [make_container("app", "web", project="acme-app", pid=42)]
    result = verify(StackVerifyRequest("app"), paths=host.paths, engine=host.engine)
    assert told == [(42, signal.SIGHUP)]
    assert result.changed
    assert result.steps[0].notes == ("app-web was told by HUP to read its files again",)
