"""The results of verbs that read, as plain lines. Every verb shows something, and nothing acts on a terminal."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.plain import VERBS, as_lines

PAYLOAD: dict[str, Any] = {
    "agent": {"state": "late", "hub_url": "https://a.example.com", "problems": ["\x1b[2Jno answer"]},
    "auth": [{"domain": "a.example.com", "path": "/"}],
    "causes": [{"subject": "vsa-nginx", "text": "NGINX does not run", "remedy": "start it"}],
    "certificates": [{"domain": "a.example.com", "state": "ok"}],
    "findings": [{"level": "down", "subject": "a.example.com", "text": "502"}],
    "generation": 7,
    "generations": [{"number": 7, "live": True, "summary": "1 file changed: a.example.com"}],
    "ping": {"user": "a.example.com"},
    "logs": [{"container": "a.example.com", "lines": ["2026-11-24T10:00:00.5Z hello \x1b[2J"]}],
    "renewal": {"exit": 1, "time": "t"},
    "sites": [{"domain": "a.example.com", "state": "ok"}],
    "backups": [{"stack": "a.example.com", "run": "20261129t030000z-1f2e", "age": 60, "size": 1}],
    "stacks": [{"name": "a.example.com", "containers": [{"name": "vsa-nginx"}]}],
    "state": "down",
    "vhosts": [{"domain": "a.example.com", "text": "server {\n\x1b}\n"}],
    "runs": [{"target": None, "sites": ["a.example.com"]}],
    "records": [{"target": "a.example.com"}],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_shows_its_subject(verb: str) -> None:
    lines = as_lines(PAYLOAD, verb=verb)
    assert any("a.example.com" in line for line in lines)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("verb", VERBS)
def test_an_empty_result_shows_no_error(verb: str) -> None:
    assert all(line.isprintable() for line in as_lines({}, verb=verb))


def test_what_concerns_all_sites_comes_first() -> None:
    assert as_lines(PAYLOAD, verb="site.list")[0] == "vsa-nginx: NGINX does not run  try start it"


def test_a_renewal_loop_that_failed_is_told() -> None:
    assert as_lines(PAYLOAD, verb="cert.status")[-1] == "the renewal loop failed at t"
