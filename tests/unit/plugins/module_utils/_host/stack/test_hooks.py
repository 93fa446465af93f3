"""Which stack has hooks, and that the hooks of all others do nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.hooks import Hooks, hooks_of
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.reverse_proxy import ReverseProxy

from stackhost import StackHost, make_container


@pytest.mark.parametrize(
    ("name", "kind"), [("reverse-proxy", ReverseProxy), ("app", Hooks), ("reverse_proxy", Hooks), ("", Hooks)]
)
def test_the_registry(name: str, kind: type[Hooks]) -> None:
    assert type(hooks_of(name)) is kind


def test_a_stack_without_hooks(tmp_path: Path) -> None:
    host = StackHost(tmp_path)
    hooks = hooks_of("app")
    hooks.refuse_images(host.engine, host.paths, {"web": "app:2"}, [make_container("app", "web")])
    hooks.refuse_host(host.paths)
    hooks.prepare(host.paths)
    assert hooks.hand_over(host.engine, host.paths, check=False) == []
    assert hooks.answering_sites(host.engine, host.paths) == []
    assert (hooks.before_start, hooks.serves_sites) == (None, False)
    assert host.tree() == {}
    assert host.engine.done == []
