"""How programs of the host are run: what they printed, how they ended, and what is said if one fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import programs
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.programs import (
    output_of,
    require_success,
    run_program,
)


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


def test_a_program_says_how_it_ended() -> None:
    done = run_program(["sh", "-c", "echo out; echo wrong >&2; exit 3"])
    assert (done.code, done.output, done.errors) == (3, "out\n", "wrong\n")


def test_a_failure_has_the_words_of_the_program() -> None:
    require_success(["true"], failure="it failed", state="all is well")
    with pytest.raises(RolledBackError, match=r"it failed: .*wrong") as failed:
        require_success(["sh", "-c", "echo wrong >&2; exit 1"], failure="it failed", state="half")
    assert failed.value.state == "half"


def test_a_program_that_is_missing() -> None:
    with pytest.raises(RefusedError, match="cannot be run"):
        run_program(["vsa-no-such-program"])
