"""How a stack is judged: its files are staged, Compose is asked, and paths are those that the stack will have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Port, Stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Endpoint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.policy import (
    Judgement,
    judge_stack,
    read_facts,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import StackState, Version

from stackhost import StackHost, fake_compose, make_container

STACK = Stack("app", "An application", "acme")


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    return StackHost(tmp_path)


def judged(host: StackHost, *, compose: Any = fake_compose, **files: str) -> Judgement:
    texts = {"compose.yml": "services: {web: {image: 'app:1'}}"} | {
        name.replace("_", "."): text for name, text in files.items()
    }
    return judge_stack(STACK, texts, "A=secret\n", paths=host.paths, engine=host.engine, compose=compose)  # type: ignore[arg-type]


def names(found: Judgement) -> list[str]:
    return [finding.name for finding in found.findings]


def test_paths_are_those_of_the_stacks_folder(host: StackHost) -> None:
    text = "services: {web: {image: 'app:1', volumes: [{type: bind, source: ./data, target: /data}]}}"
    found = judged(host, compose_yml=text)
    assert found.findings == ()
    (mount,) = json.loads(found.text)["services"]["web"]["volumes"]
    assert mount["source"] == str(host.folder() / "data")


def test_a_link_in_the_folder(host: StackHost) -> None:
    host.folder().mkdir(parents=True)
    (host.folder() / "data").symlink_to("/etc")
    text = "services: {web: {image: 'app:1', volumes: [{type: bind, source: ./data, target: /data}]}}"
    assert names(judged(host, compose_yml=text)) == ["bind-outside"]


@pytest.mark.parametrize("how", ["a mount", "a volume", "the last good version"])
def test_what_could_make_a_link_after_the_judgement(host: StackHost, how: str) -> None:
    """A running container mounts the whole folder, or the last good version mounts what this version reaches."""
    folder = str(host.folder())
    narrow = "services: {web: {image: 'app:1', volumes: [{type: bind, source: ./data, target: /data}]}}"
    wide = "services: {web: {image: 'app:1', volumes: [{type: bind, source: ./, target: /app}]}}"
    if how == "a mount":
        host.engine.running = [make_container("app", "web", project="acme-app", writes=(folder,))]
    elif how == "a volume":
        host.engine.running = [make_container("app", "web", project="acme-app", volumes=("all",))]
        host.engine.devices = {"all": folder, "other": "/srv"}
    else:
        state = StackState(host.paths, STACK.tenant, STACK.name)
        files = {"compose.yml": narrow, "stack.yml": "schema: 1\n"}
        state.write(Version(files, "", judged_config=judged(host, compose_yml=narrow).text), {"schema": 1})
        state.keep_good()
        narrow = wide
    assert names(judged(host, compose_yml=narrow)) == ["bind-nested"]


def test_profiles_are_chosen_and_nothing_is_watched(host: StackHost) -> None:
    text = "services: {web: {image: 'app:1', profiles: [p], develop: {watch: []}}}"
    web = json.loads(judged(host, compose_yml=text).text)["services"]["web"]
    assert web == {"image": "app:1", "cap_drop": ["NET_RAW"]}


@pytest.mark.parametrize(
    ("service", "dropped"),
    [
        ({}, ["NET_RAW"]),
        ({"cap_drop": ["MKNOD"]}, ["MKNOD", "NET_RAW"]),
        ({"cap_drop": ["ALL"]}, ["ALL"]),
        ({"cap_drop": ["net_raw"]}, ["net_raw"]),
        ({"cap_add": ["CAP_NET_RAW"]}, None),
    ],
)
def test_no_service_can_forge_packets(host: StackHost, service: dict[str, Any], dropped: list[str] | None) -> None:
    text = json.dumps({"services": {"web": {"image": "app:1", **service}}})
    web = json.loads(judged(host, compose_yml=text).text)["services"]["web"]
    assert web.get("cap_drop") == dropped


def test_nothing_stays_on_disk(host: StackHost) -> None:
    places: list[Path] = []

    def compose(folder: Path, *words: Any, **named: Any) -> dict[str, Any]:
        places.append(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
        return fake_compose(folder, *words, **named)

    judged(host, compose=compose)
    assert places
    assert not places[0].exists()
    assert host.tree() == {}


def never(*words: Any, **named: Any) -> dict[str, Any]:
    raise AssertionError((words, named))


@pytest.mark.parametrize(
    "files",
    [
        {"compose_yml": "services: {web: {image: 'app:1', env_file: /etc/shadow}}"},
        {"compose_yml": "include: [sub.yml]", "sub_yml": "services: {web: {env_file: [../x]}}"},
        {"compose_override_yml": "services: {web: {extends: {file: /srv/beta/x.yml, service: x}}}"},
        {
            "compose_yml": "services: {web: {extends: {file: a.yml, service: b}}}",
            "a_yml": "services: {b: {extends: {file: compose.yml, service: web}, label_file: /etc/passwd}}",
        },
    ],
    ids=str,
)
def test_compose_does_not_read_files_of_the_host(host: StackHost, files: dict[str, str]) -> None:
    found = judged(host, compose=never, **files)
    assert names(found) == ["file-outside"]
    assert found.text == ""


def test_a_file_that_compose_would_choose_by_itself(host: StackHost) -> None:
    with pytest.raises(RefusedError, match=r"the stack has a compose\.yaml besides compose\.yml"):
        judged(host, compose=never, compose_yaml="services: {}")


def test_the_facts(host: StackHost) -> None:
    container = make_container("blog", "web", networks={"blog_default": Endpoint("192.0.2.1", "", ("web",))})
    host.engine.running = [container]
    for name in ("blog", "gone"):
        host.paths.stack_state("beta", name).mkdir(parents=True)
        (host.paths.stack_state("beta", name) / "stack.json").write_text('{"schema": 1}', encoding="utf-8")
    (host.root / "srv/beta/blog").mkdir(parents=True)
    stack = Stack("app", "x", "acme", ports=(Port(25),))
    facts = read_facts(stack, paths=host.paths, engine=host.engine, mentioned={"/var/run"})  # type: ignore[arg-type]
    assert facts.folder == str(host.folder())
    assert facts.srv == str(host.root / "srv")
    assert facts.ports == {(25, "tcp")}
    assert facts.stacks == {("beta", "blog")}
    assert facts.former == frozenset()
    assert facts.project == "acme-app"
    assert facts.projects == {("beta", "blog"): "blog", ("beta", "gone"): "gone"}, "as earlier releases brought them up"
    gone = Stack("gone", "x", "platform")
    assert read_facts(gone, paths=host.paths, engine=None, mentioned=set()).former == {"beta"}
    assert [entry.project for entry in facts.containers] == ["blog"]
    assert set(facts.real) == {"/var/run", facts.folder}
