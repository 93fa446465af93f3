"""A container as the policy of stacks sees it."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Endpoint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.known import known_container

from stackhost import make_container


def test_the_names_of_a_container() -> None:
    container = make_container(
        "blog", "web", hostname="blog.example", networks={"n": Endpoint("192.0.2.1", "", ("web",))}, volumes=("v",)
    )
    known = known_container(container)
    assert known.networks == {"n": frozenset({"blog-web", "blog.example", "web"})}
    assert (known.project, known.folder, known.volumes, known.image) == ("blog", "", frozenset({"v"}), "app:1")
