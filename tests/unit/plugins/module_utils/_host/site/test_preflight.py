"""The parts of the preflight that stand alone; the verbs' own tests run all of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Advice, Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import OK, WARNING
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container, Published
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.names import Report
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.preflight import (
    MOST_LISTED,
    _of_site,
    listed,
    preflight_step,
)

from sitehost import SiteHost


@pytest.mark.parametrize(("lines", "more"), [(1, None), (MOST_LISTED, None), (MOST_LISTED + 3, "and 3 more")])
def test_many_lines_are_counted(lines: int, more: str | None) -> None:
    found = listed([str(number) for number in range(lines)])
    assert found[:MOST_LISTED] == [str(number) for number in range(min(lines, MOST_LISTED))]
    assert (found[MOST_LISTED] if len(found) > MOST_LISTED else None) == more


def test_a_note_about_a_container_is_no_warning_and_one_about_a_name_is() -> None:
    containers = Report(["web-1:3000 answers"], ["web-1 will be joined"])
    step = preflight_step(containers, Report(["A 192.0.2.7 leads here"]), first=["port 80 is web-1"])
    assert (step.state, step.text) == (OK, "port 80 is web-1 · web-1:3000 answers · A 192.0.2.7 leads here")
    assert preflight_step(containers, Report(warnings=["a.test has no address"])).state == WARNING


def test_the_site_stands_before_a_note_and_its_command_stays() -> None:
    assert _of_site("a.test", "web-1 will be joined") == "a.test: web-1 will be joined"
    advice = _of_site("a.test", Advice("a stream", Hint("site.provision", {"profile": "sse"})))
    assert isinstance(advice, Advice)
    assert advice.sentence == "a.test: a stream"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteHost:
    """A host whose names lead here and whose containers answer."""
    return SiteHost(tmp_path, monkeypatch)


def refusal(host: SiteHost, container: str) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        host.provision("a.example", container=container, port=3000)
    return caught.value


def test_finding_18_a_mistyped_container_is_answered_with_what_it_may_mean(host: SiteHost) -> None:
    # Finding 18.
    assert refusal(host, "web1").message == "no container is named web1: did you mean web-1?"
    assert refusal(host, "else").message == "no container is named else"
    assert "on the host" in str(refusal(host, "web1").hint)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"health": None}, ["web-1 has no health check, so nobody sees that it hangs"]),
        ({"published": (Published("0.0.0.0", 8080, 3000, "tcp"), Published("::", 8080, 3000, "tcp"))},
         ["web-1 publishes 8080 → 3000 to everybody, past the proxy with its passwords and limits"]),
        ({"published": (Published("", 81, 80, "tcp"), Published("192.0.2.7", 53, 53, "udp"))},
         ["web-1 publishes 53 → 53 to everybody, past the proxy with its passwords and limits",
          "web-1 publishes 81 → 80 to everybody, past the proxy with its passwords and limits"]),
        ({"published": (Published("127.0.0.1", 8080, 3000, "tcp"), Published("::1", 8080, 3000, "tcp"))}, []),
    ],
)  # fmt: skip
def test_part_3_12_a_port_past_the_proxy_and_a_missing_health_check_are_told(
    host: SiteHost, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], told: list[str]
) -> None:
    ask = host.engine.container

    def weak(name: str) -> Container | None:
        found = ask(name)
        return found and dataclasses.replace(found, **more)

    monkeypatch.setattr(host.engine, "container", weak)
    result = host.provision("a.example", container="web-1", port=3000)
    notes = next(step.notes for step in result.steps if step.name == "preflight")
    assert [note.partition(":")[0] for note in notes] == told


@pytest.mark.parametrize(("policy", "told"), [("no", True), ("on-failure", True), ("always", False)])
def test_finding_17_a_container_that_stays_down_after_a_reboot_is_told(
    host: SiteHost, monkeypatch: pytest.MonkeyPatch, policy: str, told: bool
) -> None:
    # Finding 17: it was accepted without a word, and the site was 502 after the reboot.
    ask = host.engine.container

    def with_policy(name: str) -> Container | None:
        found = ask(name)
        return found and dataclasses.replace(found, restart=policy)

    monkeypatch.setattr(host.engine, "container", with_policy)
    result = host.provision("a.example", container="web-1", port=3000)
    notes = next(step.notes for step in result.steps if step.name == "preflight")
    assert any("no restart policy that survives a reboot" in note for note in notes) is told
