"""Compose's own hash of a service."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import compose_hash


@pytest.mark.parametrize(
    ("printed", "expected"), [("nginx abc\n", "abc"), (None, None), ("", None), ("other abc", None), ("nginx", None)]
)
def test_config_hash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, printed: str | None, expected: str | None
) -> None:
    asked: list[list[str]] = []

    def output_of(argv: list[str]) -> str | None:
        asked.append(argv)
        assert Path(argv[argv.index("--file") + 1]).read_text() == "services: {}"
        assert Path(argv[argv.index("--env-file") + 1]).read_text() == "A=b"
        return printed

    monkeypatch.setattr(compose_hash, "output_of", output_of)
    assert compose_hash.config_hash(tmp_path, "services: {}", "A=b", service="nginx") == expected
    assert asked[0][-3:] == ["config", "--hash", "nginx"]
    assert not Path(asked[0][asked[0].index("--file") + 1]).exists()


@pytest.mark.parametrize(
    ("printed", "expected"), [("web abc\ndb def\n", {"web": "abc", "db": "def"}), (None, {}), ("odd\n", {})]
)
def test_the_hashes_of_a_project(
    monkeypatch: pytest.MonkeyPatch, printed: str | None, expected: dict[str, str]
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(compose_hash, "output_of", lambda argv: asked.append(argv) or printed)
    assert compose_hash.config_hashes("/srv/a/b", ["/x/compose.yml"], "/x/.env", project="a-b") == expected
    assert " ".join(asked[0]) == (
        "docker compose --project-name a-b --project-directory /srv/a/b --env-file /x/.env --file /x/compose.yml"
        " config --hash *"
    )
