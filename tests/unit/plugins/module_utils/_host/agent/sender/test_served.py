"""The certificates that the proxy serves, as the sender sees them."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.beat import FAILED, OK, Reading, section_of
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.places import AgentPlaces
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender.served import ask_proxy, served_section

from agenthost import MovedClock
from certs import make_pair
from tlsserver import tls_server

AT = "2026-11-30T09:00:00Z"
ROW = {"domain": "shop.test", "last_change": {"at": AT}}


def snapshot(*domains: dict[str, Any]) -> dict[str, Any]:
    return {"sections": {"domains": section_of("domains", Reading(OK, AT, domains))}}


def test_what_the_proxy_serves(tmp_path: Path) -> None:
    pair = make_pair(["shop.test"], issuer=make_pair(["Some CA"]))
    with tls_server(tmp_path, {"shop.test": pair}) as port:
        served = ask_proxy("shop.test", target=("127.0.0.1", port))
        refused = ask_proxy("other.test", target=("127.0.0.1", port))
    der = ssl.PEM_cert_to_DER_cert(pair.pem)
    assert served == {
        "fingerprint": hashlib.sha256(der).hexdigest(),
        "not_after": f"{pair.certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "issuer": "Some CA",
        "error": None,
    }
    assert "refuses this name" in refused["error"]
    assert refused["fingerprint"] is None
    assert "does not answer" in ask_proxy("shop.test", target=("127.0.0.1", 9))["error"]


@pytest.fixture
def places(tmp_path: Path) -> AgentPlaces:
    made = AgentPlaces(str(tmp_path))
    made.state_in_memory.parent.mkdir(parents=True)
    return made


def answered(domain: str) -> dict[str, Any]:
    return {"fingerprint": domain, "not_after": AT, "issuer": "CA", "error": None}


def test_only_names_of_the_snapshot_are_asked_for(places: AgentPlaces) -> None:
    clock = MovedClock()
    asked: list[str] = []

    def ask(domain: str) -> dict[str, Any]:
        asked.append(domain)
        return answered(domain)

    never_live = {"domain": "new.test", "last_change": None}
    section = served_section(snapshot(ROW, never_live), places, clock.clock(), ask=ask)
    assert asked == ["shop.test"]
    assert [row["domain"] for row in section["rows"]] == ["shop.test"]
    # A site that is gone is forgotten.
    assert served_section(snapshot(), places, clock.clock(), ask=ask)["rows"] == []


def test_without_the_sites_nothing_is_asked(places: AgentPlaces) -> None:
    failed = {"sections": {"domains": section_of("domains", Reading(FAILED, AT, error="x"))}}
    section = served_section(failed, places, MovedClock().clock(), ask=answered)
    assert section["status"] == "failed"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"shop.test": 5}'])
def test_what_was_kept_may_be_damaged(places: AgentPlaces, text: str) -> None:
    (places.state_in_memory.parent / "served.json").write_text(text, encoding="utf-8")
    section = served_section(snapshot(ROW), places, MovedClock().clock(), ask=answered)
    assert section["rows"][0]["fingerprint"] == "shop.test"
