"""What is listed of a host's sites, with everything that may be wrong with them."""

from __future__ import annotations

import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.visitor import ContainerState, Lookup, Visit
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.served import ServedCertificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Engine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import Nginx
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import survey
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.listing import (
    SiteListRequest,
    list_sites,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.visit import Visited
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.generations import Generations

from certbotengine import put_lineage
from certs import make_pair
from hosttree import HostTree, provide

A, B = "a.example", "b.example"
TODAY = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class States:
    """What the engine would say of the containers, and of the proxy, which runs."""

    def __init__(self, **states: str) -> None:
        self._states = states

    def overview(self) -> dict[str, ContainerState]:
        """Return each container's status; all are on the networks of both sites."""
        edges = frozenset({"flowbiz_ext", "flowbiz_ext_acme"})
        return {name: ContainerState(status, networks=edges) for name, status in self._states.items()}

    def container(self, name: str) -> Any:
        """Return the proxy's container."""
        assert name == "vsa-nginx"
        status = self._states.get(name, "running")
        return SimpleNamespace(status=status, running=status == "running", pid=9, health=None)


@pytest.fixture(autouse=True)
def visits(monkeypatch: pytest.MonkeyPatch) -> dict[str, Visit]:
    """What a visitor of a site gets if not a page; names lead here, and NGINX serves what is live."""
    known: dict[str, Visit] = {}

    def visit_sites(asks: Any, _target: Any) -> dict[str, Visited]:
        nothing = ServedCertificate(error="nothing")
        return {ask.domain: Visited(known.get(ask.domain, Visit(200, by_backend=True)), nothing) for ask in asks}

    monkeypatch.setattr(survey, "visit_sites", visit_sites)
    monkeypatch.setattr(survey, "look_up", lambda names, *_a, **_m: dict.fromkeys(names, Lookup(here=("192.0.2.7",))))
    monkeypatch.setattr(Nginx, "generation", lambda self, _pid: Generations(self._paths).live_number())
    return known


def certify(host: HostTree, domain: str, *, left: datetime.timedelta = 80 * DAY) -> None:
    """Put a certificate of so long a time where certbot would."""
    pair = make_pair([domain, f"www.{domain}"], issuer=make_pair(["a CA"]), start=TODAY - 10 * DAY, end=TODAY + left)
    put_lineage(host.paths, domain, pair)


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
    found = list_sites(SiteListRequest(domain), paths=host.paths, engine=engine)
    assert not found.changed
    return {entry["domain"]: entry for entry in found.data["sites"]}


def test_all_is_well(host: HostTree) -> None:
    found = sites(host)
    assert list(found) == [A, B]
    assert {(entry["state"], *entry["problems"]) for entry in found.values()} == {("ok",)}
    assert found[A]["network"] == "flowbiz_ext_acme"
    assert found[B]["names"] == [B, "www.b.example"]
    route = {"path": "/", "container": "web-a", "port": 3000, "profile": None, "strip_prefix": False, "headers": {}}
    assert found[A]["routes"] == [{**route, "state": "running"}]
    assert (found[A]["auth"], found[A]["certificate"]["served"]) == ([], "none")
    last_changes = [found[domain]["last_change"] for domain in (A, B)]
    assert last_changes == [entry["last_change"] for entry in host.read_record()["sites"].values()]
    assert [change["generation"] for change in last_changes] == [1, 2]


def test_who_made_the_last_change(host: HostTree) -> None:
    listed = list_sites(SiteListRequest(), paths=host.paths, engine=cast(Engine, States())).data
    assert listed["generation"] == 2
    time = host.read_record()["time"]
    assert listed["last_change"] == {"time": time, "actor": "tester@here", "verb": "site.provision"}


def test_an_empty_host(tmp_path: Path) -> None:
    listed = list_sites(SiteListRequest(), paths=HostTree(tmp_path).paths, engine=cast(Engine, States())).data
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
    "edited": (by_hand, {}, "warning", "not live as the manifest says: ansible-playbook flowbiz.vsa.vhost.sync"),
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
    assert "not live yet: ansible-playbook flowbiz.vsa.vhost.sync" in found["problems"]


class Silent:
    """An engine that does not answer."""

    def overview(self) -> dict[str, ContainerState]:
        """Refuse."""
        raise RefusedError("the engine does not answer")


def test_finding_2_without_an_engine_the_state_of_containers_is_not_known(host: HostTree) -> None:
    listed = list_sites(SiteListRequest(A), paths=host.paths, engine=cast(Engine, Silent())).data
    assert listed["sites"][0]["routes"][0]["state"] is None
    assert listed["sites"][0]["problems"] == []
    assert [cause["name"] for cause in listed["causes"]] == ["engine-silent"]
    assert listed["sites"][0]["state"] == "warning", "NGINX finds its containers by the engine"


def test_finding_2_a_proxy_that_does_not_run_is_said_once(host: HostTree, visits: dict[str, Visit]) -> None:
    visits[A] = visits[B] = Visit(error="the proxy does not answer on 192.0.2.7:443: Connection refused")
    engine = cast(Engine, States(**{"web-a": "running", "web-b": "running", "vsa-nginx": "exited"}))
    listed = list_sites(SiteListRequest(), paths=host.paths, engine=engine).data
    assert [cause["text"] for cause in listed["causes"]] == ["NGINX does not run: the container is exited"]
    assert {site["state"] for site in listed["sites"]} == {"down"}
    assert [site["problems"] for site in listed["sites"]] == [["the proxy does not answer"]] * 2
    unprobed = list_sites(SiteListRequest(probe=False), paths=host.paths, engine=engine).data
    assert {site["state"] for site in unprobed["sites"]} == {"down"}


@pytest.mark.parametrize(
    ("visit", "state"),
    [
        (Visit(502), "down"),
        (Visit(500, by_backend=True), "warning"),
        (Visit(late=True), "not checked"),
        (Visit(200, untrusted="certificate has expired"), "warning"),
        (Visit(401), "ok"),
    ],
)
def test_finding_2_the_state_is_what_a_visitor_gets(
    host: HostTree, visits: dict[str, Visit], visit: Visit, state: str
) -> None:
    visits[A] = visit
    assert sites(host)[A]["state"] == state


def test_without_a_probe_nobody_is_asked(host: HostTree, visits: dict[str, Visit]) -> None:
    visits[A] = Visit(502)
    engine = cast(Engine, States(**{"web-a": "running", "web-b": "exited"}))
    listed = list_sites(SiteListRequest(probe=False), paths=host.paths, engine=engine).data
    assert [site["state"] for site in listed["sites"]] == ["not checked", "warning"]


def test_finding_2_a_site_without_its_manifest_is_not_called_not_live(host: HostTree) -> None:
    (host.paths.sites / f"{A}.yml").unlink()
    found = sites(host)[A]
    assert (found["state"], found["problems"]) == (
        "warning",
        ["its manifest is missing, and the live generation serves it"],
    )


def test_pain_a_site_whose_certificate_cannot_be_renewed_is_not_ok(host: HostTree) -> None:
    live = host.paths.letsencrypt / "live" / A
    text = (live / "cert.pem").read_text()
    (live / "cert.pem").unlink()
    (live / "cert.pem").write_text(text)
    found = sites(host)[A]
    assert (found["state"], found["certificate"]["state"]) == ("warning", "cannot renew")
    (problem,) = found["problems"]
    assert problem == f"certificate: certbot cannot renew it: live/{A}/cert.pem is a plain file, not a link"
    assert sites(host)[B]["certificate"]["state"] == "ok"
