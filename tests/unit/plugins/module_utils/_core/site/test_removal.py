# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers go with a site and which never do; which data is its alone."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.removal import (
    ContainerInfo,
    Mount,
    decide,
    mentions,
    own_data,
)

EDGE = "flowbiz_ext_acme"
PROXY = ContainerInfo("vsa-nginx", "n" * 64, networks=("flowbiz_ext", EDGE), project="reverse-proxy")


def info(name: str, *networks: str, **more: object) -> ContainerInfo:
    return ContainerInfo(name, f"id-{name}", networks=networks or (EDGE,), **more)  # type: ignore[arg-type]


# name of the case, wanted, containers beside the proxy, manifests that route, who goes, words about who stays
CASES = [
    ("one alone", ["web"], [info("web")], {}, ["web"], {}),
    ("a neighbour on the edge is no peer", ["web"], [info("web"), info("other")], {}, ["web"], {}),
    ("another manifest", ["web"], [info("web")], {"web": ["the site b.test"]}, [], {"web": "the site b.test routes"}),
    ("a peer elsewhere", ["web"], [info("web", EDGE, "app"), info("db", "app")], {}, [], {"web": "db is on its"}),
    (
        "a stopped peer is one",
        ["web"],
        [info("web", EDGE, "app"), info("db", "app", status="exited")],
        {},
        [],
        {"web": "db is on its network app"},
    ),
    (
        "two that go together are no peers",
        ["front", "pocketbase"],
        [info("front", EDGE, "app"), info("pocketbase", EDGE, "app")],
        {},
        ["front", "pocketbase"],
        {},
    ),
    (
        "one that stays keeps the other",
        ["front", "pocketbase"],
        [info("front", EDGE, "app"), info("pocketbase", EDGE, "app")],
        {"front": ["the site b.test"]},
        [],
        {"front": "the site b.test", "pocketbase": "front is on its network app"},
    ),
    (
        "a Compose project with another service in use",
        ["web"],
        [info("web", project="shop"), info("worker", "none", project="shop")],
        {},
        [],
        {"web": "worker is of its Compose project shop"},
    ),
    (
        "a Compose project whose other service has ended",
        ["web"],
        [info("web", project="shop"), info("job", "none", project="shop", status="exited")],
        {},
        ["web"],
        {},
    ),
    (
        "another tenant's edge network is another network",
        ["web"],
        [info("web", EDGE, "flowbiz_ext"), info("blog", "flowbiz_ext")],
        {},
        [],
        {"web": "blog is on its network flowbiz_ext"},
    ),
    ("the proxy is nobody's peer", ["web"], [info("web", EDGE, "flowbiz_ext")], {}, ["web"], {}),
    (
        "somebody lives in its network namespace",
        ["web"],
        [info("web"), info("sidecar", "none", shares_with="id-web")],
        {},
        [],
        {"web": "sidecar is in the same network namespace"},
    ),
    ("gone already", ["web"], [info("other")], {}, [], {}),
    ("no network is none in common", ["a"], [info("a", "none"), info("b", "none")], {}, ["a"], {}),
]


@pytest.mark.parametrize(
    ("wanted", "containers", "routed", "going", "shared"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_who_goes(
    wanted: list[str],
    containers: list[ContainerInfo],
    routed: dict[str, list[str]],
    going: list[str],
    shared: dict[str, str],
) -> None:
    decision = decide(wanted, [PROXY, *containers], routed=routed, edge=EDGE)
    assert [one.name for one in decision.going] == going
    assert set(decision.shared) == set(shared)
    for name, words in shared.items():
        assert any(words in reason for reason in decision.shared[name]), decision.shared


@pytest.mark.parametrize(
    ("text", "data", "found"),
    [
        ("container: web-1\n", None, True),
        ("upstream web-1:3000;}", None, True),
        ("container: web-10\n", None, False),
        ("container: my-web-1\n", None, False),
        ("container: web-1.old\n", None, False),
        ('container: "web\\x2d1"\n', {"routes": [{"container": "web-1"}]}, True),
        ("w\0e\0b\0-\0001\0", None, True),
        ("", [[[{"x": "web-1"}]]], True),
        ("", None, False),
    ],
)
def test_an_invalid_manifest_still_speaks_of_a_container(text: str, data: object, found: bool) -> None:
    assert mentions("web-1", text, data) is found


OWN = Mount("/srv/acme/shop/data", target="/data")


@pytest.mark.parametrize(
    ("mount", "others", "goes", "why"),
    [
        (Mount("/var/lib/docker/volumes/v/_data", "v", "local"), [], True, ""),
        (Mount("/var/lib/docker/volumes/v/_data", "v", "local"), [Mount("", "v", "local")], False, "mounts it too"),
        (Mount("/x", "v", "nfs"), [], False, "its driver is nfs"),
        (OWN, [], True, ""),
        (OWN, [Mount("/srv/acme/shop/data")], False, "mounts it too"),
        (OWN, [Mount("/srv/acme/shop")], False, "mounts it too"),
        (OWN, [Mount("/srv/acme/shop/data/uploads")], False, "mounts it too"),
        (OWN, [Mount("/srv/acme/shop/data-2")], True, ""),
        (OWN, [Mount("/")], False, "mounts it too"),
        (Mount("/srv/acme/shop"), [], True, ""),
        (Mount("/srv/acme"), [], False, "no directory below"),
        (Mount("/srv"), [], False, "no directory below"),
        (Mount("/"), [], False, "no directory below"),
        (Mount("/etc/shop"), [], False, "no directory below"),
        (Mount("/srv/acme/shop/../../../etc"), [], False, "no directory below"),
        (Mount("/srvx/acme/shop/data"), [], False, "no directory below"),
        (Mount("/srv/platform/reverse-proxy/data"), [], False, "VSA's own"),
        (Mount("/var/run/docker.sock"), [], False, "no directory below"),
    ],
)
def test_which_data_is_a_sites_alone(mount: Mount, others: list[Mount], goes: bool, why: str) -> None:
    data = own_data([mount], [ContainerInfo("other", "x", mounts=tuple(others))])
    assert bool(data.volumes or data.places) is goes
    assert why in "".join(data.refused.values())
    assert bool(data.refused) is not goes
