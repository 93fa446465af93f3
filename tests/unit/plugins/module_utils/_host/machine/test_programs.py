"""What a program of the host printed, or None."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import programs
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.programs import output_of


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_the_output_is_returned_without_the_errors() -> None:
    assert output_of(python("import sys; print('said'); print('noise', file=sys.stderr)")) == "said\n"


def test_a_program_speaks_english_and_is_found_in_the_directories_of_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("PATH", "/nowhere")
    printed = output_of(python("import os; print(os.environ['LC_ALL'], os.environ['PATH'])"))
    assert printed == "C /nowhere:/usr/sbin:/sbin\n"


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert output_of(python("import sys; sys.stdout.buffer.write(b'a\\xffb')")) == "a\ufffdb"


@pytest.mark.parametrize("argv", [python("raise SystemExit(3)"), ["/nowhere/program"], ["no-such-program"]])
def test_a_program_that_fails_or_is_missing_gives_none(argv: list[str]) -> None:
    assert output_of(argv) is None


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs, "_SECONDS", 0.5)
    late = tmp_path / "late"
    text = f"import time; time.sleep(20); open({str(late)!r}, 'w')"
    assert output_of(python(text)) is None
    assert not late.exists()
