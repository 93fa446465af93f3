"""Before Compose: what is refused, what is written, and when Compose must run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import parse_env
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import up
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.finish import StackVerifyRequest, verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare

from stackhost import StackHost, make_container

DOMAIN = {"APP_DOMAIN": "app.example.com"}
Prepare = Callable[..., Result]


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    return StackHost(tmp_path)


@pytest.fixture
def prepared(host: StackHost) -> Prepare:
    def run(*, check: bool = False, diff: bool = False, **env: str) -> Result:
        request = StackUpRequest("app", host.files, env)
        return prepare(request, check=check, diff=diff, paths=host.paths, engine=host.engine)

    return run


def start(host: StackHost) -> None:
    """Do what Compose does, and verify it."""
    host.engine.running = [make_container("app", "web")]
    verify(StackVerifyRequest("app"), paths=host.paths, engine=host.engine)


def test_the_first_time(host: StackHost, prepared: Prepare) -> None:
    result = prepared(**DOMAIN)
    assert result.changed
    assert result.data == {
        "stack": "app",
        "folder": str(host.folder()),
        "before_start": None,
        "timeout": 120,
        "up_needed": True,
        "proven": [],
        "sites": [
            {
                "domain": "app.example.com",
                "container": "app-web",
                "port": 3000,
                "profile": "llm",
                "tenant": "acme",
            }
        ],
    }
    (step,) = result.steps
    assert (step.name, step.state) == ("stack", "changed")
    assert step.text == f"{host.folder()}: 4 file(s) and directories written"
    assert step.notes == ("1 secret(s) made on the host: APP_SECRET",)
    env = parse_env((host.folder() / "env/.env").read_text(encoding="utf-8"))
    assert env["APP_DOMAIN"] == "app.example.com"
    assert len(env["APP_SECRET"]) == 32
    assert host.engine.done == ["network flowbiz_ext_acme"]


def test_the_second_time_changes_nothing(host: StackHost, prepared: Prepare) -> None:
    prepared(**DOMAIN)
    start(host)
    before = host.tree()
    result = prepared()
    assert not result.changed
    assert result.data["up_needed"] is False
    assert result.steps[0].state == "ok"
    assert result.steps[0].text == "app-web healthy"
    assert host.tree() == before


def test_check_mode_writes_nothing(host: StackHost, prepared: Prepare) -> None:
    host.engine.images.clear()
    result = prepared(check=True, diff=True, **DOMAIN)
    assert result.changed
    assert result.steps[0].state == "would_change"
    assert "would be written" in result.steps[0].text
    assert "the image app:1 would be pulled" in result.steps[0].notes
    assert "app.example.com would be provisioned after the start" in result.steps[0].notes
    assert "+description: An application" in (result.diff or "")
    assert "APP_SECRET=" not in (result.diff or "").replace("+APP_SECRET=\n", ""), "no secret is in the diff"
    assert host.tree() == {}
    assert host.engine.done == []


@pytest.mark.parametrize(
    ("env", "field", "message"),
    [
        ({}, "stack.yml/sites/0/domain_from", "the variable APP_DOMAIN is not set"),
        ({"APP_DOMAIN": ""}, "stack.yml/sites/0/domain_from", "the variable APP_DOMAIN is not set"),
        ({"APP_DOMAIN": "nonsense"}, "env/.env/APP_DOMAIN", "this is not a domain name"),
        ({"APP_DOMAIN": "a b"}, "env/APP_DOMAIN", "this is not a plain value"),
        ({"A-B": "x"}, "env/A-B", "this is not a variable's name"),
        ({**DOMAIN, "APP_IMAGE": "app:latest"}, "compose.yml/services/web/image", "an image is not pinned"),
        ({**DOMAIN, "APP_IMAGE": "app:2"}, None, "the image app:2 is neither on this host nor to be had"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    host: StackHost, prepared: Prepare, env: dict[str, str], field: str | None, message: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        prepared(**env)
    assert refused.value.field == field
    assert message in refused.value.message
    assert host.tree() == {}


def test_a_missing_variable_is_named_with_the_way_to_set_it(host: StackHost, prepared: Prepare) -> None:
    with pytest.raises(RefusedError) as refused:
        prepared()
    assert refused.value.value == "APP_DOMAIN"
    assert refused.value.hint == Hint("stack.up", {"name": "app", "env": {"APP_DOMAIN": "DOMAIN"}})


def test_the_variable_of_a_site_may_be_in_the_hosts_environment_already(host: StackHost, prepared: Prepare) -> None:
    (host.folder() / "env").mkdir(parents=True)
    (host.folder() / "env/.env").write_text("APP_DOMAIN=old.example.com\n", encoding="utf-8")
    assert prepared().data["sites"][0]["domain"] == "old.example.com"
    assert prepared(APP_DOMAIN="new.example.com").data["sites"][0]["domain"] == "new.example.com"


def test_a_domain_that_is_written_out_needs_no_variable(host: StackHost, prepared: Prepare) -> None:
    host.files["stack.yml"] = host.files["stack.yml"].replace("domain_from: APP_DOMAIN", "domain: app.example.com")
    assert prepared().data["sites"][0]["domain"] == "app.example.com"


@pytest.mark.parametrize("missing", ["stack.yml", "compose.yml"])
def test_a_folder_without_its_files_is_refused(host: StackHost, prepared: Prepare, missing: str) -> None:
    del host.files[missing]
    with pytest.raises(RefusedError, match=f"the stack has no {missing}"):
        prepared(**DOMAIN)


@pytest.mark.parametrize(("kilobytes", "refused"), [(1 << 20, False), ((1 << 20) - 1, True)])
def test_a_host_that_is_too_small_is_refused(host: StackHost, prepared: Prepare, kilobytes: int, refused: bool) -> None:
    host.files["stack.yml"] += "memory: 1g\n"
    (host.root / "proc").mkdir()
    (host.root / "proc/meminfo").write_text(f"MemFree: 1 kB\nMemTotal: {kilobytes} kB\n", encoding="utf-8")
    if refused:
        with pytest.raises(RefusedError, match="this host has 1023 MiB of memory, and the stack needs 1024 MiB"):
            prepared(**DOMAIN)
    else:
        assert prepared(**DOMAIN).changed


def test_a_network_that_no_site_uses_must_exist(host: StackHost, prepared: Prepare) -> None:
    host.files["compose.yml"] += "  other: {external: true, name: theirs}\n"
    with pytest.raises(RefusedError) as refused:
        prepared(**DOMAIN)
    assert refused.value.value == "theirs"
    host.engine.networks.add("theirs")
    assert prepared(**DOMAIN).changed


def test_an_image_is_pulled_before_the_folder_is_written(host: StackHost, prepared: Prepare) -> None:
    host.engine.registry.add("app:2")
    result = prepared(**DOMAIN, APP_IMAGE="app:2")
    assert "the image app:2 was pulled" in result.steps[0].notes
    assert host.engine.done == ["network flowbiz_ext_acme", "pull app:2"]


def stopped(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web", status="exited", health=None)]


def superfluous(host: StackHost) -> None:
    host.engine.running.append(make_container("app", "old"))


def other_image(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web", image="app:0")]


def never_verified(host: StackHost) -> None:
    record = host.folder() / ".vsa/stack.json"
    record.write_text(record.read_text(encoding="utf-8").replace('"verified": "', '"verified": "0'), encoding="utf-8")


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (stopped, "app-web is exited"),
        (superfluous, "app-old belongs to no service any more"),
        (other_image, "app-web runs another image"),
        (never_verified, "its files are new"),
    ],
)
def test_compose_runs_if_the_containers_differ(
    host: StackHost, prepared: Prepare, happens: Callable[[StackHost], None], reason: str
) -> None:
    prepared(**DOMAIN)
    start(host)
    happens(host)
    checked = prepared(check=True)
    assert checked.data["up_needed"] is True
    assert checked.steps[0].state == "would_change"
    assert checked.steps[0].text == f"app would be started: {reason}"
    result = prepared()
    assert result.data["up_needed"] is True
    assert not result.changed
    assert result.steps[0].text == f"{host.folder()} is as it should be"


def test_what_differs_is_named(host: StackHost, prepared: Prepare) -> None:
    host.files["bin/run.sh"] = "exit 0\n"
    prepared(**DOMAIN)
    start(host)
    del host.files["bin/run.sh"]
    host.files["compose.yml"] += "# changed\n"
    result = prepared(**DOMAIN, MORE="1")
    assert result.steps[0].text == f"{host.folder()}: compose.yml, bin/run.sh (removed), env/.env written"


def without_engine() -> Any:
    raise RefusedError("the Docker engine of this host does not answer")


def test_without_an_engine(host: StackHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "Engine", without_engine)
    request = StackUpRequest("app", host.files, DOMAIN)
    checked = prepare(request, check=True, diff=False, paths=host.paths)
    assert "does not answer: images and containers could not be looked at" in checked.steps[0].notes[1]
    with pytest.raises(RefusedError, match="does not answer"):
        prepare(request, check=False, diff=False, paths=host.paths)
    assert host.tree() == {}
