"""`vsa help` without words is the help of the command."""

from __future__ import annotations

import pytest

from vsa.cli import main


def test_without_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    said = capsys.readouterr().out
    assert "bootstrap" in said
    assert "init" in said
