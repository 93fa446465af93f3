"""A stack is refused with all of its findings, unless the operator allowed them by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Port, Stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.verdict import (
    Question,
    Verdict,
    keep_allowed,
    pass_judgement,
)

from stackhost import StackHost, fake_compose

PRIVILEGED = "services: {web: {image: 'app:1', privileged: true}}"
BOTH = "services: {web: {image: 'app:1', privileged: true, pid: host}}"


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    return StackHost(tmp_path)


def judged(host: StackHost, text: str, *allow: str, check: bool = False, **more: Any) -> Verdict:
    stack = Stack("app", "An application", "acme", **more)
    question = Question(stack, {"compose.yml": text}, "", allow=allow)
    verdict = pass_judgement(
        question,
        paths=host.paths,
        engine=host.engine,  # type: ignore[arg-type]
        check=check,
        compose=fake_compose,
    )
    if not check:
        keep_allowed(question, verdict, paths=host.paths)
    return verdict


def test_all_findings_are_named_and_nothing_is_written(host: StackHost) -> None:
    with pytest.raises(RefusedError) as refused:
        judged(host, BOTH)
    assert refused.value.message == "the stack app reaches the host or another tenant: host-pid, privileged"
    assert [line.partition(":")[0] for line in refused.value.details] == ["host-pid", "privileged"]
    assert host.tree() == {}


def test_what_is_allowed_is_kept(host: StackHost) -> None:
    with pytest.raises(RefusedError, match=r"another tenant: host-pid$"):
        judged(host, BOTH, "privileged")
    assert host.tree() == {}, "nothing is kept if the stack is refused"
    verdict = judged(host, PRIVILEGED, "privileged")
    assert verdict.changed
    assert verdict.steps[0].text == "privileged is now allowed for this stack"
    again = judged(host, PRIVILEGED)
    assert not again.changed
    assert again.steps[0].notes == ("privileged: privileged is set",)
    # Another object of the same kind is refused again, and so is the finding after it was gone.
    with pytest.raises(RefusedError, match="privileged"):
        judged(host, "services: {db: {image: 'app:1', privileged: true}}")
    judged(host, "services: {web: {image: 'app:1'}}")
    with pytest.raises(RefusedError, match="privileged"):
        judged(host, PRIVILEGED)


MOUNTS = "services: {web: {image: 'app:1', volumes: [{type: bind, source: ./conf, target: /conf}]}}"


def label_of(host: StackHost, name: str, text: str) -> str | None:
    """Return the label of a stack of the collection that mounts a folder with this file."""
    files = {"compose.yml": MOUNTS, "conf/a.txt": text}
    question = Question(Stack(name, "Of the collection", "platform"), files, "", own=True)
    verdict = pass_judgement(question, paths=host.paths, engine=None, check=True, compose=fake_in(host, name))
    labels = json.loads(verdict.text)["services"]["web"].get("labels") or {}
    return labels.get("vsa.files")


def fake_in(host: StackHost, name: str) -> Any:
    """Compose names a mounted folder by the place where the stack will be."""

    def ask(folder: Path, *words: Any, **more: Any) -> dict[str, Any]:
        config = fake_compose(folder, *words, **more)
        place = f"{host.paths.root}/srv/platform/{name}"
        return dict(json.loads(json.dumps(config).replace(str(folder), place)))

    return ask


@pytest.mark.parametrize("name", ["observability", "reverse-proxy"])
def test_a_changed_file_of_the_collection_recreates_what_mounts_it(host: StackHost, name: str) -> None:
    """Prometheus would go on with the rules of the version before."""
    old, new = (label_of(host, name, text) for text in ("one", "two"))
    assert old
    assert new
    assert old != new


def test_check_mode_keeps_nothing(host: StackHost) -> None:
    verdict = judged(host, PRIVILEGED, "privileged", check=True)
    assert not verdict.changed
    assert (verdict.steps[0].state, host.tree()) == ("would_change", {})


@pytest.mark.parametrize(
    ("name", "message"),
    [("everything", "there is no such finding"), ("foreign-project", "nobody can allow foreign-project")],
)
def test_a_name_that_cannot_be_allowed(host: StackHost, name: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        judged(host, PRIVILEGED, name)


def test_what_the_operator_reads(host: StackHost) -> None:
    plain = "services: {web: {image: 'app:1'}}"
    assert judged(host, plain).steps == ()
    (step,) = judged(host, plain, "privileged", ports=(Port(25, "tcp", "mail"),)).steps
    assert (step.state, step.text) == ("ok", "passed")
    assert step.notes == (
        "privileged: the stack has no such finding, so nothing was allowed",
        "the port 25/tcp is declared: mail",
    )


def test_a_host_without_an_engine(host: StackHost) -> None:
    def broken(*words: Any, **named: Any) -> dict[str, Any]:
        raise RefusedError("Compose does not answer on this host")

    question = Question(Stack("app", "x", "acme"), {"compose.yml": PRIVILEGED}, "")
    verdict = pass_judgement(question, paths=host.paths, engine=None, check=True, compose=broken)
    assert verdict.steps[0].text == "the stack could not be judged: Compose does not answer on this host"
    with pytest.raises(RefusedError):
        pass_judgement(question, paths=host.paths, engine=None, check=False, compose=broken)
