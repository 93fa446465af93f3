"""Before Compose: what is refused, what is written, and when Compose must run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.shape import Object
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import parse_env
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import text_of
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.removal import Volume
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.source import Source
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import up
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.finish import StackVerifyRequest, verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.folder import find_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.hooks import Hooks
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import documents
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.documents import read_document

from stackhost import COMPOSE, StackHost, fake_compose, make_container

DOMAIN = {"APP_DOMAIN": "app.example.com"}
Prepare = Callable[..., Result]


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    return StackHost(tmp_path)


@pytest.fixture
def prepared(host: StackHost) -> Prepare:
    def run(*, check: bool = False, diff: bool = False, **env: str) -> Result:
        request = StackUpRequest("app", host.files, env)
        return prepare(request, check=check, diff=diff, paths=host.paths, engine=host.engine, compose=fake_compose)

    return run


def test_a_path_behind_a_password_needs_its_first_user(host: StackHost) -> None:
    """Nothing is written before the controller has a password for the user, because nobody could open the site."""
    protected = "profile: llm, aliases: [b.example.com], auth: [/], auth_open: [/hooks/]"
    host.files["stack.yml"] = str(host.files["stack.yml"]).replace("profile: llm", protected)
    before = host.tree()

    def run(*, check: bool = False, **more: Any) -> Result:
        request = StackUpRequest("app", host.files, DOMAIN, **more)
        return prepare(request, check=check, diff=False, paths=host.paths, engine=host.engine, compose=fake_compose)

    with pytest.raises(RefusedError, match="asks for a password, and has no user yet") as refused:
        run()
    assert refused.value.field == "password_file"
    assert host.tree() == before
    [step] = run(check=True).steps[-1:]
    assert "admin would be added at app.example.com/" in step.notes
    result = run(password=True)
    assert result.data["admins"] == [{"user": "admin", "domain": "app.example.com", "route": "/"}]
    [site] = result.data["sites"]
    assert (site["aliases"], site["auth"], site["auth_open"]) == (["b.example.com"], ["/"], ["/hooks/"])


def start(host: StackHost) -> None:
    """Do what Compose does, and verify it."""
    host.engine.running = [make_container("app", "web", project="acme-app")]
    verify(StackVerifyRequest("app"), paths=host.paths, engine=host.engine)


def test_the_first_time(host: StackHost, prepared: Prepare) -> None:
    result = prepared(**DOMAIN)
    assert result.changed
    assert result.data == {
        "stack": "app",
        "tenant": "acme",
        "project": "acme-app",
        "folder": str(host.folder()),
        "compose_files": [str(host.paths.stack_state("acme", "app") / "compose.yml")],
        "env_file": str(host.paths.stack_state("acme", "app") / ".env"),
        "before_start": None,
        "timeout": 120,
        "up_needed": True,
        "builds": False,
        "fresh": True,
        "rolling": False,
        "proven": [],
        "sites": [
            {
                "domain": "app.example.com",
                "container": "app-web",
                "port": 3000,
                "profile": "llm",
                "tenant": "acme",
                "routes": None,
                "aliases": None,
                "auth": None,
                "auth_open": None,
            }
        ],
        "admins": [],
        "closed": [],
    }
    (step,) = result.steps
    assert (step.name, step.state) == ("stack", "changed")
    assert step.text == f"{host.folder()}: 4 file(s) and directories written"
    assert step.notes == ("1 secret(s) made on the host: APP_SECRET",)
    env = parse_env((host.folder() / "env/.env").read_text(encoding="utf-8"))
    assert env["APP_DOMAIN"] == "app.example.com"
    assert len(env["APP_SECRET"]) == 32
    assert host.engine.done == ["network flowbiz_ext_acme"]


BY_HAND = Volume("app_files", project="app", directory="/var/lib/docker/volumes/app_files/_data")


def test_data_of_a_start_by_hand_are_not_left_behind(host: StackHost, prepared: Prepare) -> None:
    host.files["compose.yml"] = f"{COMPOSE}volumes:\n  files: {{}}\n"
    host.engine.kept = [BY_HAND]
    with pytest.raises(RefusedError, match="acme-app would begin without the data of the Compose project app"):
        prepared(**DOMAIN)
    assert host.tree() == {}
    assert host.engine.done == []
    # The commands of the refusal were run.
    host.engine.kept.append(Volume("acme-app_files", project="acme-app"))
    assert prepared(**DOMAIN).data["project"] == "acme-app"
    host.engine.kept.pop()
    assert prepared(**DOMAIN).data["up_needed"], "a stack that VSA has brought up is not asked again"


def test_a_stack_of_another_tenant_is_no_start_by_hand(host: StackHost, prepared: Prepare) -> None:
    request = StackUpRequest("app", {**host.files}, DOMAIN, tenant="platform", own=True)
    prepare(request, check=False, diff=False, paths=host.paths, engine=host.engine, compose=fake_compose)
    host.files["compose.yml"] = f"{COMPOSE}volumes:\n  files: {{}}\n"
    host.engine.kept = [BY_HAND]
    assert prepared(**DOMAIN).data["project"] == "acme-app"


def test_a_stack_that_runs_in_another_folder_does_not_run_twice(host: StackHost, prepared: Prepare) -> None:
    host.engine.folders["app"] = "/opt/app"
    host.engine.running = [make_container("app", "web")]
    with pytest.raises(RefusedError, match="the Compose project app of /opt/app runs web already"):
        prepared(**DOMAIN)
    assert host.tree() == {}


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
        ({"APP_DOMAIN": "it's"}, "env/APP_DOMAIN", "this is not a value for an environment file"),
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


def test_a_folder_without_its_compose_file_is_refused(host: StackHost, prepared: Prepare) -> None:
    del host.files["compose.yml"]
    with pytest.raises(RefusedError, match=r"the stack has no compose\.yml"):
        prepared(**DOMAIN)


def test_a_folder_with_its_compose_file_alone(host: StackHost, prepared: Prepare) -> None:
    host.files = {"compose.yml": "services: {web: {image: 'app:1'}}\n"}
    result = prepared()
    assert (result.data["tenant"], result.data["project"], result.data["sites"]) == ("platform", "app", [])
    assert parse_stack(yaml.safe_load((host.folder(tenant="platform") / "stack.yml").read_text()), name="app")


def test_the_environment_of_the_host_is_no_file_of_a_stack(host: StackHost, prepared: Prepare) -> None:
    host.files["env/.env"] = "A=1\n"
    with pytest.raises(RefusedError, match=r"the stack brings env/\.env, which is the host's own file"):
        prepared(**DOMAIN)


def test_an_image_that_stack_yml_lets_pass(host: StackHost, prepared: Prepare) -> None:
    host.engine.images.add("app:latest")
    host.files["stack.yml"] = f"{text_of(host.files['stack.yml'])}unpinned: [web]\n"
    result = prepared(**DOMAIN, APP_IMAGE="app:latest")
    assert "the image app:latest of web is not pinned: stack.yml allows that" in result.steps[-1].notes


def test_an_image_that_intruders_published_is_refused_before_anything_is_written(
    host: StackHost, prepared: Prepare
) -> None:
    host.engine.images |= {"litellm:1.107.0", "litellm:1.108.7"}
    entry = '{image: litellm, versions: ["1.107"], reason: it steals}'
    host.files["stack.yml"] = f"{text_of(host.files['stack.yml'])}refused_images: [{entry}]\n"
    with pytest.raises(RefusedError, match="must not run: it steals"):
        prepared(**DOMAIN, APP_IMAGE="litellm:1.107.0")
    assert not Path(host.paths.root, "srv/acme/app").exists()
    prepared(**DOMAIN, APP_IMAGE="litellm:1.108.7")


def test_a_stack_without_egress_needs_an_engine_that_asks_nobody_outside(host: StackHost, prepared: Prepare) -> None:
    host.engine.release = "24.0.7"
    assert prepared(**DOMAIN).changed, "a stack with a way out runs on every engine"
    host.files["stack.yml"] = f"{text_of(host.files['stack.yml'])}egress: [web]\n"
    before = host.tree()
    with pytest.raises(RefusedError, match=r"Docker 24\.0\.7 resolves names from outside"):
        prepared(**DOMAIN)
    assert host.tree() == before


def test_stack_yml_names_a_service_whose_profile_is_off(host: StackHost, prepared: Prepare) -> None:
    host.files["stack.yml"] = f"{text_of(host.files['stack.yml'])}egress: [web, exit]\n"
    with pytest.raises(RefusedError, match="no such service"):
        prepared(**DOMAIN)
    off = "  exit: {profiles: [providers], image: 'exit:1'}\nnetworks:\n"
    host.files["compose.yml"] = text_of(host.files["compose.yml"]).replace("networks:\n", off)

    def compose(*words: Any, **named: Any) -> dict[str, Any]:
        """Leave the services of profiles out, as Compose does."""
        config = fake_compose(*words, **named)
        config["services"] = {name: entry for name, entry in config["services"].items() if "profiles" not in entry}
        return config

    request = StackUpRequest("app", host.files, env=DOMAIN)
    prepare(request, check=False, diff=False, paths=host.paths, engine=host.engine, compose=compose)


# Whose it is


def tenant_of(host: StackHost, tenant: str | None) -> Result:
    host.files["compose.yml"] = "services: {web: {image: 'app:1'}}\n"
    host.files["stack.yml"] = "schema: 1\ndescription: An application\ntenant: acme\n"
    request = StackUpRequest("app", host.files, tenant=tenant)
    return prepare(request, check=False, diff=False, paths=host.paths, engine=host.engine, compose=fake_compose)


@pytest.mark.parametrize(("tenant", "expected"), [(None, "acme"), ("beta", "beta")])
def test_the_tenant_that_is_said_counts(host: StackHost, tenant: str | None, expected: str) -> None:
    result = tenant_of(host, tenant)
    assert result.data["project"] == f"{expected}-app"
    assert (host.folder(tenant=expected) / "compose.yml").exists()
    _folder, stack = find_stack(host.paths, "app")
    assert (stack.tenant, stack.project) == (expected, f"{expected}-app")


def test_a_name_that_two_tenants_have_is_refused_without_the_tenant(host: StackHost) -> None:
    tenant_of(host, "acme")
    tenant_of(host, "beta")
    with pytest.raises(RefusedError, match="several tenants have a stack app") as refused:
        find_stack(host.paths, "app")
    assert refused.value.there_are == ["acme", "beta"]
    assert find_stack(host.paths, "app", tenant="beta")[1].tenant == "beta"


def test_a_stack_of_an_earlier_release_keeps_its_bare_project(host: StackHost) -> None:
    tenant_of(host, None)
    record = host.paths.stack_state("acme", "app") / "stack.json"
    before = json.loads(record.read_text())
    del before["project"]
    record.write_text(json.dumps(before))
    host.engine.running = [make_container("app", "web")]
    assert tenant_of(host, None).data["project"] == "app"
    assert json.loads(record.read_text())["project"] == "app", "it is noted down"
    assert find_stack(host.paths, "app")[1].project == "app"


def test_containers_by_hand_in_the_stacks_folder_are_taken_over(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web")]
    result = tenant_of(host, None)
    assert (result.data["project"], result.data["fresh"]) == ("app", False)
    host.engine.running = [make_container("app", "web", project="other")]
    with pytest.raises(RefusedError, match="runs as the Compose project other, and not as app"):
        tenant_of(host, None)


# Sites


def with_edge(host: StackHost, networks: str, site: str) -> None:
    web = f"image: 'app:1', container_name: app-web, networks: {networks}"
    edge = "networks: {edge: {external: true, name: flowbiz_ext_acme}, default: {}}"
    host.files["compose.yml"] = f"services: {{web: {{{web}}}}}\n{edge}\n"
    start = "schema: 1\ndescription: An application\ntenant: acme\n"
    host.files["stack.yml"] = f"{start}sites: [{{domain: a.test, {site}, port: 3000}}]\n"


@pytest.mark.parametrize("site", ["service: web", "container: app-web"])
def test_the_container_of_a_site_is_on_the_network_that_the_compose_file_names(
    host: StackHost, prepared: Prepare, site: str
) -> None:
    with_edge(host, "{edge: {}}", site)
    assert prepared().data["sites"][0]["container"] == "app-web"
    with_edge(host, "{default: {}}", site)
    with pytest.raises(RefusedError, match="the service web has a site, and is not on the network flowbiz_ext_acme"):
        prepared()


def test_a_site_of_a_service_that_is_not_there(host: StackHost, prepared: Prepare) -> None:
    with_edge(host, "{edge: {}}", "service: nobody")
    with pytest.raises(RefusedError, match="the Compose file has no such service") as refused:
        prepared()
    assert refused.value.there_are == ["web"]


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
    host.engine.running = [make_container("app", "web", project="acme-app", status="exited", health=None)]


def superfluous(host: StackHost) -> None:
    host.engine.running.append(make_container("app", "old", project="acme-app"))


def other_image(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web", project="acme-app", image="app:0")]


def never_verified(host: StackHost) -> None:
    record = host.paths.stack_state("acme", "app") / "stack.json"
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


def test_a_change_of_variables_names_what_takes_it_back(host: StackHost, prepared: Prepare) -> None:
    first = prepared(**DOMAIN, TAG="2.0", LONG="hunter2hunter2")
    assert "undo" not in first.data, "nothing was before"
    start(host)
    changed = prepared(**DOMAIN, TAG="2.1")
    fields = {"name": "app", "env": {"TAG": "2.0"}, "tenant": "acme"}
    assert changed.data["undo_hint"] == {"verb": "stack.set", "fields": fields}
    start(host)
    assert "undo" not in prepared(**DOMAIN, TAG="2.1").data, "nothing changes"
    assert "undo" not in prepared(check=True, TAG="2.2").data
    # The value of before may be a secret, whatever its name.
    assert "undo" not in prepared(LONG="other-long-value").data
    start(host)
    host.files["compose.yml"] += "# changed\n"
    assert "undo" not in prepared(TAG="2.2").data, "a file is new too"


def without_engine() -> Any:
    raise RefusedError("the Docker engine of this host does not answer")


def test_without_an_engine(host: StackHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "StackEngine", without_engine)
    request = StackUpRequest("app", host.files, DOMAIN, own=True)
    checked = prepare(request, check=True, diff=False, paths=host.paths, compose=fake_compose)
    assert "does not answer: images and containers could not be looked at" in checked.steps[0].notes[1]
    with pytest.raises(RefusedError, match="does not answer"):
        prepare(request, check=False, diff=False, paths=host.paths, compose=fake_compose)
    assert host.tree() == {}


class Interrupted(Hooks):
    """A stack of which an earlier run changed only a part after its start was proven."""

    def hand_over(self, *_host: object, check: bool) -> list[str]:
        del check
        return ["letsencrypt"]


@pytest.mark.parametrize("check", [False, True])
def test_what_a_killed_run_left_after_a_proven_start_is_finished(
    host: StackHost, prepared: Prepare, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    monkeypatch.setattr(up, "hooks_of", lambda _name: Interrupted())
    assert prepared(**DOMAIN).data["up_needed"], "not before the start is proven"
    assert "letsencrypt" not in str(prepared(**DOMAIN).steps)
    start(host)
    result = prepared(check=check)
    assert result.changed
    assert not result.data["up_needed"]


class Serving(Hooks):
    """A stack that reads a file of VSA's own, which the tasks before its start read and repair too."""

    before_start = "x.yml"

    def __init__(self, path: Path) -> None:
        self.path = path

    def answering_sites(self, *_host: object) -> list[str]:
        assert read_document(self.path, Object({}, {})) is None
        return []


@pytest.mark.parametrize("check", [False, True])
def test_a_damaged_file_is_named_once_by_the_task_that_repairs_it(
    host: StackHost, prepared: Prepare, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    documents.notes()
    (host.root / "damaged.json").write_text("torn")
    monkeypatch.setattr(up, "hooks_of", lambda _name: Serving(host.root / "damaged.json"))
    assert prepared(check=check, **DOMAIN).changed
    assert documents.notes() == []


def ask(host: StackHost, **more: Any) -> Result:
    request = StackUpRequest("app", host.files, DOMAIN, own=True, **more)
    return prepare(
        request,
        check=False,
        diff=False,
        paths=host.paths,
        engine=host.engine,  # type: ignore[arg-type]
        compose=fake_compose,
    )


@pytest.mark.parametrize(("builds", "needed"), [(True, True), (False, False)])
def test_a_build_that_is_asked_for_needs_no_changed_file(host: StackHost, builds: bool, needed: bool) -> None:
    if builds:
        host.files["compose.yml"] = COMPOSE.replace("image: ${APP_IMAGE:-app:1}", "build: {context: ./app}")
        host.engine.images.add("acme-app-web")
    ask(host)
    start(host)
    if builds:
        host.engine.running = [make_container("app", "web", project="acme-app", image="acme-app-web")]
    assert ask(host).data["up_needed"] is False
    built = ask(host, build=True)
    assert built.data["up_needed"] is needed
    assert ("no service of the stack is built, so nothing was built" in built.steps[0].notes) is not needed


def test_a_secret_of_stack_yml_that_was_typed_is_refused(host: StackHost) -> None:
    with pytest.raises(RefusedError, match="APP_SECRET is a secret"):
        ask(host, typed=("APP_DOMAIN", "APP_SECRET"))
    assert host.tree() == {}
    ask(host, typed=("APP_DOMAIN",))


def test_other_data_of_postgresql_are_refused_before_anything_is_written(host: StackHost) -> None:
    mount = "volumes: [{type: volume, source: data, target: /var/lib/postgresql/data}]"
    host.files["compose.yml"] = (
        f"services: {{web: {{image: 'postgres:${{TAG:-17.7}}', {mount}}}}}\nvolumes: {{data: {{}}}}\n"
    )
    host.files["stack.yml"] = "schema: 1\ndescription: x\ntenant: acme\n"
    host.engine.images |= {"postgres:17.7", "postgres:18.6"}
    ask(host)
    host.engine.in_volumes["acme-app_data"] = {"PG_VERSION": b"17\n"}
    host.engine.running = [make_container("app", "web", project="acme-app", image="postgres:17.7")]
    verify(StackVerifyRequest("app"), paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    before = host.tree()
    asked_before = list(host.engine.done)
    assert ask(host).data["up_needed"] is False
    assert host.engine.done == asked_before, "what is unchanged was looked at before"
    host.files["compose.yml"] = str(host.files["compose.yml"]).replace("17.7", "18.6")
    with pytest.raises(RefusedError, match="the volume acme-app_data has data of PostgreSQL 17"):
        ask(host)
    assert host.tree() == before


OURS, BESIDE = Source("collection", "/c/stacks"), Source("inventory", "/i/stacks")


def test_a_stack_that_runs_goes_on_from_its_source(host: StackHost) -> None:
    ask(host, source=BESIDE)
    start(host)
    assert ask(host, source=Source("inventory", "/home/operator/stacks")).data["up_needed"] is False
    before = host.tree()
    with pytest.raises(
        RefusedError, match="app runs from /home/operator/stacks beside the inventory, and would now come"
    ) as refused:
        ask(host, source=OURS)
    assert refused.value.expected == "/home/operator/stacks beside the inventory"
    assert host.tree() == before
    typed = ask(host, source=Source("collection", "/c/stacks", typed=True), also=("/i/stacks beside the inventory",))
    assert typed.steps[0].notes == (
        "taken from the collection; /i/stacks beside the inventory has a stack app too",
        "app comes from the collection now, and came from /home/operator/stacks beside the inventory",
    )
    assert find_stack(host.paths, "app")[0].source() == OURS
    # The files that the host has come from where they came from.
    ask(host)
    assert find_stack(host.paths, "app")[0].source() == OURS


def test_a_stack_that_was_taken_down_may_come_from_elsewhere(host: StackHost) -> None:
    ask(host, source=BESIDE)
    start(host)
    find_stack(host.paths, "app")[0].note_down(True)
    ask(host, source=OURS)
    assert find_stack(host.paths, "app")[0].source() == OURS


def test_a_stack_of_an_earlier_release_has_no_source(host: StackHost) -> None:
    ask(host)
    start(host)
    assert find_stack(host.paths, "app")[0].source() is None
    ask(host, source=OURS)
    assert find_stack(host.paths, "app")[0].source() == OURS


def test_finding_3_sites_are_looked_over_before_anything_is_written(host: StackHost) -> None:
    """A site without an address in DNS was refused after its containers ran."""
    before = host.tree()
    seen: list[Any] = []

    def foresee(sites: Any) -> list[str]:
        seen.extend(sites)
        raise RefusedError("app.example.com does not exist in DNS (NXDOMAIN)")

    def run(*, foresee: Any) -> Result:
        return prepare(
            StackUpRequest("app", host.files, DOMAIN),
            check=False,
            diff=False,
            paths=host.paths,
            engine=host.engine,
            compose=fake_compose,
            foresee=foresee,
        )

    with pytest.raises(RefusedError, match="NXDOMAIN") as refused:
        run(foresee=foresee)
    assert refused.value.state == "nothing was changed"
    assert [site["domain"] for site in seen] == ["app.example.com"]
    assert host.tree() == before
    assert host.engine.done == []
    [*_others, step] = run(foresee=lambda _sites: ["app.example.com: nobody answers"]).steps
    assert "app.example.com: nobody answers" in step.notes


ROLLING = """\
schema: 1
description: An application
tenant: acme
deploy: rolling
sites: [{domain_from: APP_DOMAIN, service: web, port: 3000}]
"""
CHECKED = """\
services:
  web:
    image: ${APP_IMAGE:-app:1}
    healthcheck: {test: [CMD, "true"]}
    networks: {edge: {}}
networks:
  edge: {external: true, name: flowbiz_ext_acme}
"""


def replica(number: int, **more: Any) -> Container:
    found = make_container("acme-app", "web", project="acme-app", **more)
    return dataclasses.replace(found, name=f"acme-app-web-{number}", id=str(number))


def test_the_site_of_a_rolling_service_leads_to_the_container_that_runs(host: StackHost, prepared: Prepare) -> None:
    host.files |= {"stack.yml": ROLLING, "compose.yml": CHECKED}
    assert prepared(**DOMAIN).data["sites"][0]["routes"][0]["container"] == "acme-app-web-1"
    host.engine.running = [replica(4)]
    verified = verify(StackVerifyRequest("app"), paths=host.paths, engine=host.engine)
    assert verified.data["sites"][0]["routes"][0]["container"] == "acme-app-web-4"
    again = prepared()
    assert (again.changed, again.data["up_needed"], again.data["rolling"]) == (False, False, True)
    assert again.data["sites"][0]["routes"][0]["container"] == "acme-app-web-4"


def test_the_container_keeps_its_number_if_the_stack_rolls_no_more(host: StackHost, prepared: Prepare) -> None:
    host.files |= {"stack.yml": ROLLING, "compose.yml": CHECKED}
    prepared(**DOMAIN)
    host.engine.running = [replica(4)]
    host.files["stack.yml"] = ROLLING.replace("deploy: rolling\n", "")
    result = prepared()
    assert (result.data["rolling"], result.data["sites"][0]["container"]) == (False, "acme-app-web-4")


@pytest.mark.parametrize(
    ("compose", "field"),
    [
        (CHECKED.replace('    healthcheck: {test: [CMD, "true"]}\n', ""), "compose.yml/services/web/healthcheck"),
        (
            CHECKED.replace("    image", "    container_name: shop\n    image"),
            "compose.yml/services/web/container_name",
        ),
        (
            CHECKED.replace("    image", '    ports: [{published: "80"}]\n    image'),
            "compose.yml/services/web/ports",
        ),
    ],
)
def test_a_service_that_cannot_roll_is_refused_and_nothing_is_written(
    host: StackHost, compose: str, field: str
) -> None:
    host.files |= {"stack.yml": ROLLING, "compose.yml": compose}
    before = host.tree()
    request = StackUpRequest("app", host.files, DOMAIN, own=True)
    with pytest.raises(RefusedError) as refused:
        prepare(request, check=False, diff=False, paths=host.paths, engine=host.engine, compose=fake_compose)
    assert (refused.value.field, host.tree()) == (field, before)


def test_a_typed_site_that_names_a_replica_is_refused_before_its_container_goes(
    host: StackHost, prepared: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.files |= {"stack.yml": ROLLING, "compose.yml": CHECKED}
    live = {"typed.example.com": ["acme-app-web-1"], "app.example.com": ["acme-app-web-1"]}
    monkeypatch.setattr(up, "live_sites", lambda _paths: live)
    with pytest.raises(RefusedError, match="leads to acme-app-web-1, which goes with the next version of web"):
        prepared(**DOMAIN)
    assert host.tree() == {}
