"""After a boot: the last proven version of our own containers runs, and nothing else is touched."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.removal import Volume
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import boot
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.boot import start_missing
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.down import StackDownRequest, report_down
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.finish import StackVerifyRequest, verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.hooks import Hooks
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.backups import RestoreJournal

from stackhost import StackHost, fake_compose, make_container

STACK = "schema: 1\ndescription: One of our own\ntenant: platform\n"
COMPOSE = "services: {web: {image: 'app:1'}, db: {image: 'app:1'}}\n"


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    """Return a host whose own stack ran and was healthy before the power cut."""
    host = StackHost(tmp_path)
    bring_up(host, COMPOSE)
    host.engine.running = [make_container("app", "web"), make_container("app", "db")]
    verify(StackVerifyRequest("app"), paths=host.paths, engine=host.engine)
    return host


def bring_up(host: StackHost, compose: str, *, tenant: str = "platform", name: str = "app") -> None:
    host.engine.folders[name] = str(host.folder(name, tenant))
    files = {"stack.yml": STACK.replace("platform", tenant), "compose.yml": compose, ".env.example": ""}
    request = StackUpRequest(name, files, own=True)
    prepare(request, check=False, diff=False, paths=host.paths, engine=host.engine, compose=fake_compose)


def booted(host: StackHost, *, code: int = 0) -> tuple[list[str], list[str]]:
    """Return what the boot reports, and the commands that it runs."""
    commands: list[str] = []

    def run(argv: Sequence[str]) -> int:
        commands.append(" ".join(argv))
        return code

    return start_missing(host.paths, host.engine, run), commands  # type: ignore[arg-type]


def test_nothing_is_missing(host: StackHost) -> None:
    before = host.tree()
    assert booted(host) == ([], [])
    assert host.tree() == before


def test_a_stack_whose_restore_was_cut_off_is_not_started(host: StackHost) -> None:
    RestoreJournal(host.paths, "platform", "app").write(run="20261129t030000z-1f2e", suffix="now", moved=[])
    host.engine.kept = [Volume("app_data.before-now")]
    host.engine.running = []
    with pytest.raises(VsaError, match="app: a restore of app was cut off"):
        booted(host)


@pytest.mark.parametrize("left", ["nothing", "stopped", "created", "renamed"])
def test_what_a_power_cut_left_is_removed_and_the_service_started(host: StackHost, left: str) -> None:
    web, db = host.engine.running
    stopped = {
        "nothing": [],
        "stopped": [dataclasses.replace(web, status="exited")],
        "created": [dataclasses.replace(web, status="created")],
        "renamed": [
            dataclasses.replace(web, name="0123_app-web", id="old", status="exited"),
            dataclasses.replace(web, id="new", status="created"),
        ],
    }[left]
    host.engine.running = [*stopped, db]
    lines, (command,) = booted(host)
    assert lines == ["app: started web"]
    state = host.paths.stack_state("platform", "app")
    folder = host.folder(tenant="platform")
    assert command == (
        f"docker compose --project-name app --project-directory {folder} --env-file {state}/.env"
        f" --file {state}/compose.yml up --detach --no-deps --pull never web"
    )
    assert host.engine.running == [db]


def test_a_container_with_the_label_of_the_stack_stands_for_no_service_and_is_not_removed(host: StackHost) -> None:
    """Somebody started a container by hand and gave it the labels of Compose. NGINX was never started again."""
    web, db = host.engine.running
    labels = {**web.labels, "com.docker.compose.project.working_dir": "/root/eve"}
    foreign = dataclasses.replace(web, name="eve", id="eve", labels=labels)
    stopped = dataclasses.replace(foreign, name="eve-2", id="eve-2", status="exited")
    host.engine.running = [foreign, stopped, db]
    assert booted(host)[0] == ["app: started web"]
    assert host.engine.running == [foreign, stopped, db]


@pytest.mark.parametrize("status", ["restarting", "paused"])
def test_what_is_there_is_left_alone(host: StackHost, status: str) -> None:
    web, db = host.engine.running
    host.engine.running = [dataclasses.replace(web, status=status), db]
    assert booted(host) == ([], [])


def test_the_version_that_was_proven_is_started_not_the_new_one(host: StackHost) -> None:
    host.engine.images.add("app:2")
    bring_up(host, COMPOSE.replace("app:1", "app:2"))
    host.engine.running = []
    assert booted(host)[0] == ["app: started web, db"]
    run = host.paths.stack_state("platform", "app") / "compose.yml"
    assert run.read_text(encoding="utf-8") == COMPOSE
    assert (host.folder(tenant="platform") / "compose.yml").read_text(encoding="utf-8") == COMPOSE


def test_what_was_taken_down_stays_down(host: StackHost) -> None:
    host.engine.running = []
    report_down(StackDownRequest("app", removed=True), check=True, paths=host.paths)
    assert booted(host)[0] != [], "a check changes nothing"
    report_down(StackDownRequest("app", removed=True), check=False, paths=host.paths)
    assert booted(host) == ([], [])
    bring_up(host, COMPOSE)
    assert booted(host)[0] == ["app: started web, db"], "it was brought up again, and then the power went"


def test_stacks_of_tenants_and_stacks_never_proven_are_not_its_business(host: StackHost) -> None:
    bring_up(host, COMPOSE, tenant="acme", name="shop")
    bring_up(host, COMPOSE, name="never")
    assert booted(host) == ([], [])


def test_a_stack_that_does_not_start_is_named_and_the_others_start(host: StackHost) -> None:
    bring_up(host, COMPOSE, name="beside")
    host.engine.running += [make_container("beside", "web"), make_container("beside", "db")]
    verify(StackVerifyRequest("beside"), paths=host.paths, engine=host.engine)
    host.engine.running = []
    commands = []

    def run(argv: Sequence[str]) -> int:
        commands.append(argv[3])
        return len(commands) % 2

    with pytest.raises(VsaError, match=r"app: docker compose ended with 1 .*; beside: started web, db"):
        start_missing(host.paths, host.engine, run)  # type: ignore[arg-type]
    assert commands == ["app", "beside"]


def test_the_hooks_of_a_stack_come_before_and_after(host: StackHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reverse proxy needs its entry network before the start, and joins the tenants' networks after it."""
    seen: list[str] = []

    class Noted(Hooks):
        def make_networks(self, *_host: object) -> None:
            seen.append("networks")

        def after_start(self, *_host: object) -> None:
            seen.append("after")

    def run(_argv: Sequence[str]) -> int:
        seen.append("start")
        return 0

    monkeypatch.setattr(boot, "hooks_of", lambda name: Noted())
    host.engine.running = []
    start_missing(host.paths, host.engine, run)  # type: ignore[arg-type]
    assert seen == ["networks", "start", "after"]


def test_the_program_reports_to_systemd(
    host: StackHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(boot, "Paths", lambda: host.paths)
    monkeypatch.setattr(boot, "Engine", lambda: host.engine)
    monkeypatch.setattr(boot, "_run", lambda argv: 3)
    assert boot.main() == 0
    assert capsys.readouterr().out == "nothing was missing\n"
    host.engine.running = []
    assert boot.main() == 1
    assert "docker compose ended with 3" in capsys.readouterr().err
