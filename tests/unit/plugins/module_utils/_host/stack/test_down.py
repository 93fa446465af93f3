"""Removing the containers: where Compose works, and what is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import NotRolledBackError, RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.removal import Volume
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import down, finish
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.alerts.install import ensure_alerts
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.down import (
    StackDownRequest,
    StackStopRequest,
    begin_down,
    find_folder,
    report_down,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.hooks import Hooks
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare

from stackhost import StackHost, fake_compose, make_container
from timers import UNITS, fake_systemd


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    host = StackHost(tmp_path)
    host.write(APP_DOMAIN="app.example.com")
    return host


def test_the_folder_of_a_stack(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web", project="acme-app")]
    result = find_folder("app", paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    assert not result.changed
    state = host.paths.stack_state("acme", "app")
    assert result.data == {
        "stack": "app",
        "tenant": "acme",
        "project": "acme-app",
        "folder": str(host.folder()),
        "compose_files": [str(state / "compose.yml")],
        "env_file": str(state / ".env"),
        "serves": [],
    }


WEB = make_container("app", "web", project="acme-app").name


def serve(host: StackHost, sites: dict[str, list[str]], *, closed: tuple[str, ...] = ()) -> None:
    """Make these sites live by their containers, and those that are closed closed by their manifests."""
    directory = host.paths.generations / "1"
    directory.mkdir(parents=True)
    entry = {"names": [], "network": "flowbiz_ext", "ca": "selfsigned"}
    text = dict.fromkeys(("time", "audit_id", "actor", "verb", "plan", "inputs", "marker"), "")
    index = {domain: {**entry, "containers": containers} for domain, containers in sites.items()}
    record = {"number": 1, "base": 0, "schema": 1, **text, "files": {}, "sites": index}
    (directory / "generation.json").write_text(json.dumps(record))
    host.paths.current.symlink_to("generations/1")
    host.paths.sites.mkdir(parents=True, exist_ok=True)
    for domain in sites:
        manifest = {"schema": 1, "domain": domain, "routes": [{"path": "/", "container": WEB, "port": 3000}]}
        if domain in closed:
            manifest["maintenance"] = True
        (host.paths.sites / f"{domain}.yml").write_text(json.dumps(manifest))


class _Serving(Hooks):
    serves_sites = True


@pytest.mark.parametrize(
    ("service", "hooks", "serves"),
    [
        ("web", Hooks, ["a.example"]),
        ("db", Hooks, []),
        ("db", _Serving, ["a.example", "b.example"]),
        (None, _Serving, []),
    ],
)
def test_finding_15_the_sites_that_go_off_the_air_are_counted(
    host: StackHost, monkeypatch: pytest.MonkeyPatch, service: str | None, hooks: type[Hooks], serves: list[str]
) -> None:
    monkeypatch.setattr(down, "hooks_of", lambda _name: hooks())
    host.engine.running = [make_container("app", service, project="acme-app")] if service else []
    serve(host, {"a.example": [WEB], "b.example": ["other"]})
    assert find_folder("app", paths=host.paths, engine=host.engine).data["serves"] == serves  # type: ignore[arg-type]


def test_the_containers_of_another_folder_are_not_removed(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web", project="acme-app")]
    host.engine.folder = "/srv/beta/app"
    with pytest.raises(
        RefusedError, match="the containers of the Compose project acme-app are not those of"
    ) as refused:
        find_folder("app", paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    assert refused.value.details == ["their folder is /srv/beta/app"]


@pytest.mark.parametrize(
    ("name", "message"), [("other", "this host has no such stack"), ("../app", "this is not a stack's name")]
)
def test_a_stack_that_is_not_here(host: StackHost, name: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        find_folder(name, paths=host.paths)


def test_the_other_stacks_are_named(host: StackHost) -> None:
    with pytest.raises(RefusedError) as refused:
        find_folder("other", paths=host.paths)
    assert refused.value.there_are == ["app"]
    assert refused.value.hint == Hint("stack.up", {"name": "other"})


@pytest.mark.parametrize(
    ("removed", "check", "state", "text"),
    [
        (True, False, "changed", "its containers are removed, its data stays"),
        (True, True, "would_change", "its containers would be removed, its data stays"),
        (False, False, "ok", "it did not run"),
        (False, True, "ok", "it did not run"),
    ],
)
def test_what_is_reported(host: StackHost, removed: bool, check: bool, state: str, text: str) -> None:
    result = report_down(StackDownRequest("app", removed=removed), check=check, paths=host.paths)
    assert result.changed is removed
    assert [(step.name, step.state, step.text) for step in result.steps] == [("stack", state, text)]


def test_a_service_that_the_stack_does_not_have(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web", project="acme-app")]
    assert find_folder("app", service="web", paths=host.paths, engine=host.engine).data["stack"] == "app"  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match="no container of this service") as refused:
        find_folder("app", service="db", paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    assert refused.value.there_are == ["web"]


def begin(host: StackHost, *, check: bool = False, **more: object) -> dict[str, object]:
    request = StackStopRequest("app", **more)  # type: ignore[arg-type]
    return begin_down(request, check=check, paths=host.paths, engine=host.engine).data  # type: ignore[arg-type]


def noted(host: StackHost) -> object:
    return json.loads((host.paths.stack_state("acme", "app") / "stack.json").read_text()).get("closed")


SITES = {"a.example": [WEB], "b.example": [WEB, "other"], "c.example": [WEB], "d.example": ["other"]}


@pytest.mark.parametrize("running", [True, False], ids=["it runs", "a killed run removed its containers"])
def test_the_sites_of_the_stack_alone_are_closed_and_noted_first(host: StackHost, running: bool) -> None:
    serve(host, SITES, closed=("c.example",))
    host.engine.running = [make_container("app", "web", project="acme-app")] if running else []
    # Compose's own name of the container, if there is none that could be asked.
    if not running:
        for path in (host.paths.generations / "1").iterdir():
            path.write_text(path.read_text().replace(f'"{WEB}"', '"acme-app-web-1"'))
    found = begin(host)
    assert (found["close"], found["unprovision"]) == (["a.example"], [])
    assert noted(host) == ["a.example"], "c.example was closed by somebody else, who opens it"
    assert begin(host)["close"] == ["a.example"]


ROLLING = """\
schema: 1
description: An application
tenant: acme
deploy: rolling
sites: [{domain: a.example, service: web, port: 3000}]
"""
CHECKED = """\
services: {web: {image: "app:1", healthcheck: {test: [CMD, "true"]}, networks: {edge: {}}}}
networks: {edge: {external: true, name: flowbiz_ext_acme}}
"""


def test_the_sites_of_a_rolling_stack_are_known_although_its_container_is_gone(host: StackHost) -> None:
    """The number of the container grew with each version, and a killed run removed it."""
    host.files |= {"stack.yml": ROLLING, "compose.yml": CHECKED}
    request = StackUpRequest("app", host.files, own=True)
    prepare(request, check=False, diff=False, paths=host.paths, engine=host.engine, compose=fake_compose)
    serve(host, {"a.example": ["acme-app-web-7"], "b.example": ["acme-app-other-7"], "c.example": ["acme-app-web-x"]})
    assert begin(host)["close"] == ["a.example"]


def test_a_run_that_was_killed_leaves_the_note_of_what_it_closed(host: StackHost) -> None:
    serve(host, {"a.example": [WEB], "c.example": [WEB]})
    host.engine.running = [make_container("app", "web", project="acme-app")]
    begin(host)
    manifest = host.paths.sites / "a.example.yml"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "maintenance": True}))
    assert begin(host)["close"] == ["c.example"]
    assert noted(host) == ["a.example", "c.example"]


@pytest.mark.parametrize("more", [{"check": True}, {"sites": True}])
def test_nothing_is_noted_if_nothing_is_closed(host: StackHost, more: dict[str, bool]) -> None:
    serve(host, SITES)
    host.engine.running = [make_container("app", "web", project="acme-app")]
    found = begin(host, **more)
    assert noted(host) is None
    assert found["unprovision"] == (["a.example", "c.example"] if more.get("sites") else [])


def test_the_sites_of_all_stacks_are_not_the_proxys(host: StackHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(down, "hooks_of", lambda _name: _Serving())
    serve(host, SITES)
    host.engine.running = [make_container("app", "web", project="acme-app")]
    assert begin(host)["close"] == []
    with pytest.raises(RefusedError, match="app serves the sites of all stacks"):
        begin(host, sites=True)


DATA = Volume("acme-app_data", "acme-app", size=3 << 20)


@pytest.mark.parametrize("typed", [None, "", "other", "acme-app"])
def test_volumes_go_only_if_the_name_was_typed(host: StackHost, typed: str | None) -> None:
    host.engine.kept = [DATA]
    with pytest.raises(RefusedError, match="only if its name is typed") as refused:
        begin(host, volumes=True, typed=typed)
    assert (refused.value.field, refused.value.expected) == ("typed", "app")
    assert begin(host, volumes=True, typed=typed, check=True)["volumes"] == [{"name": DATA.name, "size": 3 << 20}]
    assert host.engine.kept == [DATA]


def test_volumes_are_named_with_their_size_and_deleted(host: StackHost) -> None:
    other = Volume("beta-app_data", "beta-app")
    shared = Volume("acme-app_shared", "acme-app")
    host.engine.kept = [DATA, shared, other]
    backup = make_container("backup", "web", volumes=("acme-app_shared",))
    host.engine.running = [make_container("app", "web", project="acme-app", volumes=(DATA.name,)), backup]
    found = begin(host, volumes=True, typed="app")
    assert found["volumes"] == [{"name": DATA.name, "size": 3 << 20}]
    assert found["volumes_in_use"] == {"acme-app_shared": ["backup-web"]}
    request = StackDownRequest("app", removed=True, volumes=(DATA,))
    checked = report_down(request, check=True, paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    assert [step.text for step in checked.steps] == [
        "its containers would be removed, its folder stays",
        "acme-app_data (3 MiB) would be deleted: this cannot be undone",
    ]
    assert host.engine.kept == [DATA, shared, other]
    host.engine.running = [backup]
    done = report_down(request, check=False, paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    assert done.steps[-1].text == "acme-app_data (3 MiB) deleted: this cannot be undone"
    assert host.engine.kept == [shared, other]
    again = report_down(  # a second run, or one after a kill
        StackDownRequest("app", removed=False, volumes=(DATA,)),
        check=False,
        paths=host.paths,
        engine=host.engine,  # type: ignore[arg-type]
    )
    assert (again.changed, [step.state for step in again.steps]) == (False, ["ok"])


@pytest.mark.parametrize("volume", [Volume("beta-app_data", "beta-app"), Volume("common")])
def test_a_volume_that_is_not_the_stacks_by_its_label_stays(host: StackHost, volume: Volume) -> None:
    host.engine.kept = [volume]
    request = StackDownRequest("app", removed=False, volumes=(volume,))
    assert not report_down(request, check=False, paths=host.paths, engine=host.engine).changed  # type: ignore[arg-type]
    assert host.engine.kept == [volume]


def test_a_volume_that_somebody_mounts_by_now_stays(host: StackHost) -> None:
    host.engine.kept = [DATA]
    host.engine.running = [make_container("late", "web", volumes=(DATA.name,))]
    request = StackDownRequest("app", removed=True, volumes=(DATA,))
    done = report_down(request, check=False, paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    assert done.steps[-1].text == "acme-app_data stays: a container mounts it"


def test_a_volume_that_cannot_be_deleted(host: StackHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.engine.kept = [Volume("acme-app_a", "acme-app"), DATA]

    def remove(name: str) -> bool:
        if name == DATA.name:
            raise RefusedError("Docker would not remove it")
        return True

    monkeypatch.setattr(host.engine, "remove_volume", remove)
    request = StackDownRequest("app", removed=True, volumes=tuple(host.engine.kept))
    with pytest.raises(NotRolledBackError, match="the volume acme-app_data could not be deleted") as failed:
        report_down(request, check=False, paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    assert failed.value.state == "its containers are removed; deleted: acme-app_a"


def test_the_next_up_names_the_sites_to_open_until_they_are_open(host: StackHost) -> None:
    serve(host, {"a.example": [WEB], "gone.example": [WEB]})
    host.engine.running = [make_container("app", "web", project="acme-app")]
    begin(host)
    report_down(StackDownRequest("app", removed=True), check=False, paths=host.paths)
    (host.paths.sites / "gone.example.yml").unlink()
    host.files["compose.yml"] = f"{host.files['compose.yml']}# another version\n"
    for _killed_before_the_sites_were_open in range(2):
        again = prepare(
            StackUpRequest("app", host.files, own=True),
            check=False,
            diff=False,
            paths=host.paths,
            engine=host.engine,  # type: ignore[arg-type]
            compose=fake_compose,
        )
        assert again.data["closed"] == ["a.example"]
    finish.forget_closed("app", paths=host.paths)
    assert noted(host) == []


@pytest.mark.parametrize("check", [False, True])
def test_the_timer_of_alerts_goes_with_the_last_stack_that_has_alerts(
    host: StackHost, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    fake_systemd(Path(host.paths.root), monkeypatch)
    timer = Path(host.paths.root, UNITS) / "vsa-stack-alerts.timer"
    for name in ("app", "other"):
        files = {**host.files, "stack.yml": "schema: 1\ndescription: x\ntenant: acme\nalerts: web\n"}
        request = StackUpRequest(name, files, {"APP_DOMAIN": "app.example.com"}, own=True)
        prepare(request, check=False, diff=False, paths=host.paths, engine=host.engine, compose=fake_compose)
    ensure_alerts(Path(host.paths.root))
    first = report_down(StackDownRequest("other", removed=True), check=False, paths=host.paths)
    assert [step.name for step in first.steps] == ["stack"]
    assert timer.exists()
    last = report_down(StackDownRequest("app", removed=True), check=check, paths=host.paths)
    assert timer.exists() is check
    assert [step.name for step in last.steps] == (["stack"] if check else ["stack", "alerts"])
    again = report_down(StackDownRequest("app", removed=False), check=False, paths=host.paths)
    assert again.changed is check  # the check left the timer to this run
