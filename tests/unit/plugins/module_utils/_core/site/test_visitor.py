"""The state of a site, from what a visitor got, from its containers, and from DNS."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.finding import Finding
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.visitor import (
    ContainerState,
    Lookup,
    Visit,
    container_findings,
    dns_findings,
    site_state,
    visit_findings,
)

A = "a.example"
GONE = Finding("site-container", "warning", A, "web-1 is exited", "docker start web-1, on the host")


def seen(visit: Visit, *because: Finding, maintenance: bool = False) -> tuple[str, list[str]]:
    """Return the state of the site, and the texts of the findings."""
    findings = visit_findings(A, visit, maintenance=maintenance, because=because)
    assert all(finding.subject == A for finding in findings)
    return site_state(findings, invalid=False), [finding.text for finding in findings]


@pytest.mark.parametrize("status", [200, 204, 301, 302, 401, 403, 404, 429, 499])
@pytest.mark.parametrize("by_backend", [True, False])
def test_an_answer_below_500_is_ok(status: int, by_backend: bool) -> None:
    assert seen(Visit(status, by_backend)) == ("ok", [])


@pytest.mark.parametrize(
    ("visit", "state", "text"),
    [
        (Visit(error="the proxy refuses this name"), "down", "the proxy refuses this name"),
        (Visit(0), "down", "its backend does not speak HTTP"),
        (Visit(9, by_backend=True), "down", "its backend does not speak HTTP"),
        (Visit(502), "down", "the proxy answers 502: the container does not answer"),
        (Visit(504), "down", "the proxy answers 504: the container does not answer"),
        (Visit(502, by_backend=True), "warning", "its backend answers 502"),
        (Visit(500, by_backend=True), "warning", "its backend answers 500"),
        (Visit(503, by_backend=True), "warning", "its backend answers 503"),
        (Visit(500), "warning", "the proxy answers 500"),
        (Visit(503), "warning", "the proxy answers 503"),
        (Visit(late=True), "not checked", "it did not answer within 5 s"),
        (Visit(200, own=False), "warning", "the proxy does not answer from the site's own server block"),
        (Visit(200, untrusted="expired"), "warning", "browsers do not accept its certificate: expired"),
    ],
)
def test_what_is_wrong(visit: Visit, state: str, text: str) -> None:
    assert seen(visit) == (state, [text])


def test_declared_maintenance_is_ok() -> None:
    assert seen(Visit(503), maintenance=True) == ("ok", [])
    assert seen(Visit(503, by_backend=True), maintenance=True)[0] == "warning", "this client sees the backend"
    assert seen(Visit(502), maintenance=True)[0] == "down"


def test_a_container_is_the_reason_of_a_502_and_is_said_once() -> None:
    (finding,) = visit_findings(A, Visit(502), maintenance=False, because=[GONE])
    assert (finding.level, finding.text) == ("down", "the proxy answers 502: web-1 is exited")
    assert finding.remedy == GONE.remedy
    # Another route of the site may lead to this container.
    assert seen(Visit(200), GONE) == ("warning", [GONE.text])
    assert seen(Visit(late=True), GONE)[0] == "warning"


def test_containers() -> None:
    edge = frozenset({"flowbiz_ext"})
    states = {
        "well": ContainerState("running", networks=edge),
        "away": ContainerState("running", networks=frozenset({"own"})),
        "sick": ContainerState("running", unhealthy=True, networks=edge),
        "stopped": ContainerState("exited", networks=edge),
    }
    names = ("well", "away", "sick", "stopped", "none")
    found = container_findings(A, names, states, network="flowbiz_ext")
    assert [finding.text for finding in found] == [
        "away is not on the network flowbiz_ext",
        "sick is unhealthy: its health check fails",
        "stopped is exited",
        "none is missing",
    ]
    assert all(finding.remedy for finding in found)


@pytest.mark.parametrize(
    ("lookup", "level", "text"),
    [
        (Lookup(here=("192.0.2.7",)), None, ""),
        (Lookup(), "warning", "DNS has no address"),
        (Lookup(here=("192.0.2.7",), elsewhere=("192.0.2.8",)), "warning", "DNS leads to 192.0.2.8, which is not"),
        (Lookup(unknown=("192.0.2.8",)), "not checked", "DNS leads to 192.0.2.8, which this host cannot reach"),
        (Lookup(failed="try again"), "not checked", "DNS: no answer (try again)"),
    ],
)
def test_dns(lookup: Lookup, level: str | None, text: str) -> None:
    found = dns_findings(A, {A: lookup})
    assert [finding.level for finding in found] == ([level] if level else [])
    assert all(finding.text.startswith(text) for finding in found)


def test_dns_of_an_alias_names_the_alias() -> None:
    (found,) = dns_findings(A, {A: Lookup(here=("192.0.2.7",)), "www.a.example": Lookup()})
    assert found.text == "DNS of www.a.example has no address"


def test_the_worst_state_counts() -> None:
    down = Finding("x", "down", A, "")
    unknown = Finding("x", "not checked", A, "")
    assert site_state([], invalid=False) == "ok"
    assert site_state([unknown], invalid=False) == "not checked"
    assert site_state([unknown, GONE], invalid=False) == "warning"
    assert site_state([GONE], invalid=True) == "invalid"
    assert site_state([unknown, GONE, down], invalid=True) == "down"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (ContainerState("running"), []),
        (ContainerState("running", checked=False), ["no health check"]),
        (ContainerState("running", open_ports=(80, 8080)), ["port 80, 8080 of the host leads past the proxy"]),
    ],
)
def test_part_3_12_what_hurts_a_site_later_is_shown(state: ContainerState, told: list[str]) -> None:
    assert state.remarks() == told
