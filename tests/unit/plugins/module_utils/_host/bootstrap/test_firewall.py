"""The step of bootstrap that closes the host."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.bootstrap import firewall
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths


@pytest.mark.parametrize(
    ("differed", "check", "state", "changed"),
    [([], False, "ok", False), (["/x"], False, "changed", True), (["/x"], True, "would_change", True)],
)
def test_the_step(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    differed: list[str],
    check: bool,
    state: str,
    changed: bool,
) -> None:
    asked: list[dict[str, bool]] = []

    def ensure(_paths: Paths, _engine: object, **more: bool) -> list[str]:
        asked.append(more)
        return differed

    monkeypatch.setattr(firewall, "ensure_firewall", ensure)
    monkeypatch.setattr(firewall, "output_of", lambda _argv: "iptables v1.8.11 (nf_tables)\n")
    result = firewall.close_host(check=check, paths=Paths(str(tmp_path)), engine=None)
    assert asked == [{"check": check, "close": True}]
    assert (result.changed, result.steps[0].name, result.steps[0].state) == (changed, "firewall", state)


def test_a_host_without_an_engine_has_nothing_to_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall, "output_of", lambda _argv: None)
    result = firewall.close_host(check=False, paths=Paths(str(tmp_path)), engine=None)
    assert not result.changed
    assert "no Docker engine" in result.steps[0].text


def test_issue_14_item_12_a_check_closes_nothing_and_needs_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise MissingLibraryError("idna")

    monkeypatch.setattr(firewall, "Engine", missing)
    monkeypatch.setattr(firewall, "output_of", lambda _argv: "iptables v1.8.11 (nf_tables)\n")
    [step] = firewall.close_host(check=True, paths=Paths(str(tmp_path))).steps
    assert (step.state, step.text.split(":")[0]) == ("warning", "not looked at")
    with pytest.raises(MissingLibraryError):
        firewall.close_host(check=False, paths=Paths(str(tmp_path)))
