"""The state of a host as lines."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.host.shown import counted, ping_words, status_lines


def test_sites_are_counted() -> None:
    assert counted({}) == ""
    assert counted({"ok": 1}) == "1 site"
    assert counted({"down": 2, "ok": 3}) == "5 sites: 2 down"


def test_findings_with_their_remedies() -> None:
    payload = {
        "state": "down",
        "site_states": {"down": 1},
        "findings": [
            {"level": "down", "subject": "a.example.com", "text": "502", "remedy": "docker start web-1"},
            {"level": "warning", "subject": "host", "text": "a reboot is pending"},
        ],
    }
    assert status_lines(payload) == [
        "down · 1 site: 1 down",
        "✘ a.example.com: 502",
        "  try  docker start web-1",
        "! host: a reboot is pending",
    ]
    assert status_lines({"state": "ok", "findings": []}) == ["ok"]


def test_as_what_a_host_was_reached() -> None:
    assert ping_words({"ping": {"python": "3.13.5", "bootstrapped": True}}) == "Python 3.13.5"
    assert ping_words({"ping": {"python": "3.13.5"}}) == "Python 3.13.5, not bootstrapped yet"
