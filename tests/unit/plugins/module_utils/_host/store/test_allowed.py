"""What an operator allowed for a stack: kept for one object, with who allowed it, and forgotten with the object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.catalogue import violation
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.allowed import AllowedFindings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

RUN = RunContext(
    "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", Actor("root", sudo_user="ana", controller="laptop"), "stack.up"
)
SOCKET = violation("docker-socket", "web /run/docker.sock", "a mount")
NOW = "2026-01-01T00:00:00Z"


def test_kept_and_forgotten(tmp_path: Path) -> None:
    allowed = AllowedFindings(Paths(str(tmp_path)), "acme", "shop")
    assert allowed.keys() == set()
    assert not allowed.keep(set(), [], run=RUN, now=NOW)
    assert list(tmp_path.iterdir()) == [], "nothing is written if nothing was allowed"
    key = (SOCKET.name, SOCKET.subject)
    assert allowed.keep({key}, [SOCKET], run=RUN, now=NOW)
    assert allowed.keys() == {key}
    assert not allowed.keep({key}, [], run=None, now="later")
    file = tmp_path / "var/lib/vsa/stacks/acme/shop/allowed.json"
    assert file.stat().st_mode & 0o777 == 0o600
    (entry,) = json.loads(file.read_text())["allowed"]
    assert entry == {
        "finding": "docker-socket",
        "subject": "web /run/docker.sock",
        "text": "a mount",
        "actor": "root@laptop (sudo by ana)",
        "audit_id": RUN.audit_id,
        "time": NOW,
    }
    assert allowed.keep(set(), [], run=RUN, now=NOW)
    assert allowed.keys() == set()


@pytest.mark.parametrize("text", ["", "[]", '{"allowed": 1}', '{"allowed": [1]}', "\x00"])
def test_a_damaged_file_allows_nothing(tmp_path: Path, text: str) -> None:
    paths = Paths(str(tmp_path))
    paths.stack_state("acme", "shop").mkdir(parents=True)
    (paths.stack_state("acme", "shop") / "allowed.json").write_text(text)
    assert AllowedFindings(paths, "acme", "shop").keys() == set()
