# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of declared sites: which are looked at, and what a CA that refuses means for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError, VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result, Step
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import Site
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.wanted import IssueRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import certificates
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.certificates import (
    ensure_certificates,
    issue_request,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import Host, read_host

from hosttree import HostTree, provide
from making import make_site

A, B, C = "a.example", "b.example", "c.example"
SETTINGS = Settings(email="ops@example.com")
ISSUED = Result(changed=True, steps=(Step("certificate", "changed", "issued by a CA", ("a note",)),))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that serves A and B."""
    tree = HostTree(tmp_path)
    tree.apply(provide(A))
    tree.apply(provide(B))
    return read_host(tree.paths)


@pytest.fixture
def usable(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The domains whose certificate on disk can be served."""
    domains = {A, B}
    monkeypatch.setattr(
        certificates, "certificate_problem", lambda _paths, domain, _ca: None if domain in domains else "there is none"
    )
    return domains


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Say what the CA answers for each domain, and return the domains for which it was asked."""
    asked: list[str] = []

    def answers(**by_letter: Result | VsaError) -> list[str]:
        def ensure(_host: Host, request: IssueRequest, *, check: bool) -> Result:
            del check
            asked.append(str(request.domain))
            answer = by_letter[str(request.domain)[0]]
            if isinstance(answer, VsaError):
                raise answer
            return answer

        monkeypatch.setattr(certificates, "ensure_certificate", ensure)
        monkeypatch.setattr(certificates, "valid_certificate", lambda _host, _request: None)
        return asked

    return answers


def nothing() -> None:
    """A plan of a change that nothing is wrong with."""


def sites(*domains: str) -> list[Site]:
    return [make_site(domain) for domain in domains]


@pytest.mark.parametrize("checked", [True, False])
def test_the_request_of_a_site(checked: bool) -> None:
    request = issue_request(make_site(A, aliases=["www.a.example"], ca="staging"), SETTINGS, names_checked=checked)
    assert request == IssueRequest(
        domain=A,
        names=(A, "www.a.example"),
        ca="staging",
        email="ops@example.com",
        names_checked=checked,
        prove=False,
    )


@pytest.mark.usefixtures("usable")
def test_an_unchanged_site_with_a_usable_certificate_is_kept(host: Host, ask: Callable[..., list[str]]) -> None:
    asked = ask(c=ISSUED)
    result = ensure_certificates(host, sites(A, B, C), SETTINGS, plan=nothing, touched={C}, check=False)
    assert asked == [C]
    [step] = result.steps
    assert (result.changed, step.state, step.text) == (True, "changed", "1 issued, 2 kept")
    assert step.notes == (f"{C}: issued by a CA", f"{C}: a note")
    assert ensure_certificates(host, [], SETTINGS, plan=nothing, touched=set(), check=False) == Result()


def test_a_site_that_is_served_keeps_its_certificate(
    host: Host, ask: Callable[..., list[str]], usable: set[str]
) -> None:
    asked = ask(a=RefusedError("the CA refuses"))
    result = ensure_certificates(host, sites(A), SETTINGS, plan=nothing, touched={A}, check=False)
    [step] = result.steps
    assert (asked, result.changed, step.state) == ([A], False, "warning")
    assert step.notes[0].startswith(f"{A}: the CA refuses: ")
    usable.clear()
    with pytest.raises(RefusedError, match="the CA refuses"):
        ensure_certificates(host, sites(A), SETTINGS, plan=nothing, touched={A}, check=False)


@pytest.mark.usefixtures("usable")
def test_every_refusal_is_reported_and_what_was_issued_stays(host: Host, ask: Callable[..., list[str]]) -> None:
    asked = ask(c=ISSUED, d=RefusedError("no"), e=RefusedError("no"))
    with pytest.raises(RefusedError, match="2 mistakes in the 3 declared sites") as caught:
        ensure_certificates(
            host, sites(C, "d.example", "e.example"), SETTINGS, plan=nothing, touched=set(), check=False
        )
    assert asked == [C, "d.example", "e.example"]
    assert caught.value.state == f"the proxy is as it was; issued already: {C}"
    assert caught.value.details[0].startswith("vsa_sites/d.example")


@pytest.mark.usefixtures("usable")
def test_a_ca_that_does_not_answer_is_asked_once(host: Host, ask: Callable[..., list[str]]) -> None:
    asked = ask(c=RolledBackError("no answer"), d=ISSUED)
    with pytest.raises(RolledBackError, match="no answer"):
        ensure_certificates(host, sites(C, "d.example"), SETTINGS, plan=nothing, touched=set(), check=False)
    assert asked == [C]


@pytest.mark.usefixtures("usable")
def test_a_check_says_what_would_be_issued(host: Host, ask: Callable[..., list[str]]) -> None:
    ask(c=ISSUED)
    [step] = ensure_certificates(host, sites(C), SETTINGS, plan=nothing, touched={C}, check=True).steps
    assert (step.state, step.text) == ("would_change", "1 would be issued")


@pytest.mark.usefixtures("usable")
def test_issue_14_item_12_the_change_is_planned_once_before_a_ca_is_asked(
    host: Host, ask: Callable[..., list[str]]
) -> None:
    asked = ask(c=ISSUED, d=ISSUED)
    planned: list[str] = []
    ensure_certificates(
        host, sites(C, "d.example"), SETTINGS, plan=lambda: planned.append("plan"), touched=set(), check=False
    )
    assert (planned, asked) == (["plan"], [C, "d.example"])

    def missing() -> None:
        raise MissingLibraryError("ruamel")

    asked.clear()
    with pytest.raises(MissingLibraryError) as caught:
        ensure_certificates(host, sites(C), SETTINGS, plan=missing, touched=set(), check=False)
    assert (asked, caught.value.state) == ([], "nothing was changed")
    ensure_certificates(host, sites(A), SETTINGS, plan=missing, touched=set(), check=False)
