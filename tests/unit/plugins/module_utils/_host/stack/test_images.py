"""The digest of a pulled image is kept, and a tag that names another image is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.images import StackImages

from stackhost import FakeEngine, StackHost

STACK = Stack("app", "An application", "acme")


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    host = StackHost(tmp_path)
    host.engine = FakeEngine(images=("local:1",), registry=("app:1",))
    return host


def pull(host: StackHost, *references: str, again: bool = False, check: bool = False) -> list[str]:
    images = StackImages(host.paths, STACK)
    notes = images.pull(host.engine, references or ("app:1",), again=again, check=check)  # type: ignore[arg-type]
    if not check:
        images.keep(references or ("app:1",))
    return notes


def test_what_was_pulled_is_kept(host: StackHost) -> None:
    assert pull(host, "app:1", "local:1") == ["the image app:1 was pulled"]
    file = host.paths.stack_state("acme", "app") / "images.json"
    assert json.loads(file.read_text()) == {"schema": 1, "images": {"app:1": "sha256:first"}}
    assert file.stat().st_mode & 0o777 == 0o600
    assert pull(host, "app:1", "local:1") == []
    assert pull(host, "local:1") == []
    assert json.loads(file.read_text())["images"] == {}, "an image that the stack no longer names is forgotten"


def test_a_tag_that_moved_in_the_registry(host: StackHost) -> None:
    pull(host)
    host.engine.images.clear()
    host.engine.done.clear()
    host.engine.digests["app:1"] = "sha256:second"
    for check in (True, False):
        with pytest.raises(RefusedError, match="the tag app:1 has moved") as refused:
            pull(host, check=check)
        assert "sha256:first" in str(refused.value.expected)
        assert "sha256:second" in str(refused.value.expected)
    assert host.engine.done == [], "nothing was pulled"
    assert pull(host, again=True) == ["the image app:1 was pulled"]
    assert pull(host) == []


def test_a_tag_that_moved_on_the_host(host: StackHost) -> None:
    pull(host)
    host.engine.digests["app:1"] = "sha256:second"
    with pytest.raises(RefusedError, match="the tag app:1 has moved"):
        pull(host)


def test_a_registry_that_is_silent(host: StackHost) -> None:
    pull(host)
    host.engine.images.clear()
    host.engine.registry.clear()
    with pytest.raises(RefusedError, match="neither on this host"):
        pull(host)


def test_check_mode_pulls_nothing(host: StackHost) -> None:
    assert pull(host, check=True) == ["the image app:1 would be pulled"]
    assert host.tree() == {}


def test_a_damaged_file(host: StackHost) -> None:
    path = host.paths.stack_state("acme", "app")
    path.mkdir(parents=True)
    (path / "images.json").write_text("[]")
    assert pull(host) == ["the image app:1 was pulled"]
