"""What is listed of a host's sites, with everything that may be wrong with them."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Engine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.listing import list_sites

from certs import make_pair, put_pair
from hosttree import HostTree, provide

A, B = "a.example", "b.example"
TODAY = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class States:
    """What the engine would say of the containers: the listing asks for nothing else."""

    def __init__(self, **states: str) -> None:
        self._states = states

    def summaries(self) -> dict[str, str]:
        """Return each container's status."""
        return self._states


def certify(host: HostTree, domain: str, *, left: datetime.timedelta = 80 * DAY) -> None:
    """Put a certificate of so long a time where certbot would."""
    pair = make_pair([domain, f"www.{domain}"], issuer=make_pair(["a CA"]), start=TODAY - 10 * DAY, end=TODAY + left)
    put_pair(host.paths.letsencrypt / "live" / domain, chain=pair.chain, key=pair.key_pem)


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    """A host with two sites, both with a certificate."""
    host = HostTree(tmp_path)
    host.apply(provide(A, "web-a:3000", tenant="acme"))
    host.apply(provide(B, "web-b:3000", aliases=["www.b.example"]))
    certify(host, A)
    certify(host, B)
    return host


def sites(host: HostTree, domain: str | None = None, **states: str) -> dict[str, Any]:
    """Return the listing by domain; both containers run unless said otherwise."""
    engine = cast(Engine, States(**{"web-a": "running", "web-b": "running", **states}))
    found = list_sites(domain, paths=host.paths, engine=engine)
    assert not found.changed
    return {entry["domain"]: entry for entry in found.data["sites"]}


def test_all_is_well(host: HostTree) -> None:
    found = sites(host)
    assert list(found) == [A, B]
    assert {(entry["state"], *entry["problems"]) for entry in found.values()} == {("ok",)}
    assert found[A]["network"] == "flowbiz_ext_acme"
    assert found[B]["names"] == [B, "www.b.example"]
    route = {"path": "/", "container": "web-a", "port": 3000, "profile": "web", "strip_prefix": False}
    assert found[A]["routes"] == [{**route, "state": "running"}]
    assert (found[A]["auth"], found[A]["certificate"]["served"]) == ([], None)
    last_changes = [found[domain]["last_change"] for domain in (A, B)]
    assert last_changes == [entry["last_change"] for entry in host.read_record()["sites"].values()]
    assert [change["generation"] for change in last_changes] == [1, 2]
    assert found[A]["certificate"]["problem"] is None


def test_who_made_the_last_change(host: HostTree) -> None:
    listed = list_sites(None, paths=host.paths, engine=cast(Engine, States())).data
    assert listed["generation"] == 2
    time = host.read_record()["time"]
    assert listed["last_change"] == {"time": time, "actor": "tester@here", "verb": "site.provision"}


def test_an_empty_host(tmp_path: Path) -> None:
    listed = list_sites(None, paths=HostTree(tmp_path).paths, engine=cast(Engine, States())).data
    assert (listed["generation"], listed["sites"], listed["last_change"]) == (0, [], None)


def test_one_site(host: HostTree) -> None:
    assert list(sites(host, B)) == [B]
    with pytest.raises(RefusedError) as caught:
        sites(host, "c.example")
    assert caught.value.there_are == [A, B]


def by_hand(host: HostTree) -> None:
    """Change a site's manifest by hand."""
    host.manifest(A, {"domain": A, "routes": [{"path": "/", "container": "web-a", "port": 1}]})


BROKEN: dict[str, tuple[Any, dict[str, str], str, str]] = {
    "container gone": (lambda host: None, {"web-a": "missing"}, "warning", "web-a is missing"),
    "container stopped": (lambda host: None, {"web-a": "exited"}, "warning", "web-a is exited"),
    "edited": (by_hand, {}, "warning", "not live as the manifest says: vsa vhost sync"),
    "invalid": (lambda host: host.manifest(A, "domain: ["), {}, "invalid", "the manifest is not valid"),
    "empty": (lambda host: host.manifest(A, ""), {}, "invalid", "the manifest is not valid"),
    "no text": (lambda host: host.manifest(A, b"\xff\xfe"), {}, "invalid", "the manifest is not valid"),
    "another's": (
        lambda host: host.manifest(A, {"domain": "c.example", "routes": [{"path": "/", "container": "x", "port": 1}]}),
        {},
        "invalid",
        "the manifest is not valid",
    ),
    "expired": (lambda host: certify(host, A, left=-DAY), {}, "warning", "certificate: it expired on"),
    "no certificate": (
        lambda host: (host.paths.letsencrypt / "live" / A / "fullchain.pem").unlink(),
        {},
        "warning",
        "certificate: there is no certificate",
    ),
}


@pytest.mark.parametrize(("damage", "states", "state", "problem"), BROKEN.values(), ids=list(BROKEN))
def test_what_is_wrong_with_a_site(
    host: HostTree, damage: Any, states: dict[str, str], state: str, problem: str
) -> None:
    damage(host)
    found = sites(host, **states)
    assert found[A]["state"] == state
    assert any(said.startswith(problem) for said in found[A]["problems"]), found[A]["problems"]
    assert found[A]["live"] is True
    assert (found[B]["state"], found[B]["problems"]) == ("ok", []), "the other site has nothing to do with it"


def test_a_new_manifest_is_not_live_yet(host: HostTree) -> None:
    host.manifest("c.example", {"domain": "c.example", "routes": [{"path": "/", "container": "web-b", "port": 1}]})
    found = sites(host)["c.example"]
    assert (found["state"], found["live"]) == ("warning", False)
    assert "not live yet: vsa vhost sync" in found["problems"]


def test_without_an_engine_the_state_of_containers_is_not_known(host: HostTree) -> None:
    class Silent:
        def summaries(self) -> dict[str, str]:
            raise RefusedError("the engine does not answer")

    listed = list_sites(A, paths=host.paths, engine=cast(Engine, Silent())).data
    assert listed["sites"][0]["routes"][0]["state"] is None
    assert listed["sites"][0]["problems"] == []
