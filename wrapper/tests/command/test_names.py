"""The cache that shells complete from."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsa.command.names import known, remember


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("VSA_INVENTORY", "vps-09,")
    return tmp_path / "vsa/names.json"


def test_what_was_seen_is_known(cache: Path) -> None:
    remember({"vps-01": {"domains": ["b.example", "a.example"], "containers": ["web-1"]}})
    remember({"vps-02": {"domains": ["c.example"]}})
    assert known("domains") == ["a.example", "b.example", "c.example"]
    assert known("containers") == ["web-1"]
    assert known("stacks") == []
    assert known("hosts") == ["all", "vps-01", "vps-02", "vps-09"]


def test_what_is_gone_from_a_host_is_forgotten_and_the_rest_stays() -> None:
    remember({"vps-01": {"domains": ["a.example"], "containers": ["web-1"]}})
    remember({"vps-01": {"domains": []}})
    assert (known("domains"), known("containers")) == ([], ["web-1"])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"hosts": []}', '{"hosts": {"a": 1}}'])
def test_a_broken_cache_is_an_empty_one(cache: Path, content: str) -> None:
    cache.parent.mkdir()
    cache.write_text(content)
    assert known("domains") == []
    remember({"vps-01": {"domains": ["a.example"]}})
    assert known("domains") == ["a.example"]


def test_a_cache_that_cannot_be_written_is_no_error(cache: Path) -> None:
    cache.parent.write_text("a file where the directory should be")
    remember({"vps-01": {"domains": ["a.example"]}})
    assert known("domains") == []
