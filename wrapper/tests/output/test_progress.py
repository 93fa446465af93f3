"""What is seen while a verb runs, with a clock of its own."""

from __future__ import annotations

import pytest

from vsa.output.progress import Progress, _Live, _Plain, progress
from vsa.output.screen import Screen


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def plain(clock: Clock) -> _Plain:
    return _Plain(Screen(), clock=clock)


def test_a_line_per_task_but_none_for_a_skipped_one(plain: _Plain, capsys: pytest.CaptureFixture[str]) -> None:
    with plain.shown(["vps-01"]):
        plain.task("vps-01", "Skip this")
        plain.skipped("vps-01")
        plain.task("vps-01", "Do this")
        plain.tick()
        plain.task("vps-01", "And that")
        plain.flush()
        plain.flush()
    assert capsys.readouterr() == ("", "starting on vps-01\nvps-01: Do this\nvps-01: And that\n")


def test_nothing_is_silent_for_long(plain: _Plain, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with plain.shown([]):
        plain.task("vps-01", "Install")
        for _ in range(50):
            clock.now += 0.5
            plain.tick()
    assert capsys.readouterr().err.splitlines() == [
        "starting",
        "vps-01: Install",
        "vps-01: Install, 10.5 s so far",
        "vps-01: Install, 20.5 s so far",
    ]


def test_a_failure_is_a_line_only_where_others_go_on(plain: _Plain, capsys: pytest.CaptureFixture[str]) -> None:
    with plain.shown(["vps-01", "vps-02"]):
        plain.task("vps-01", "Do this")
        plain.ended("vps-01", "no such container")
        plain.task("vps-02", "Do this")
        plain.ended("vps-02", "no such \x1bcontainer")
    assert capsys.readouterr().err.splitlines()[1:] == [
        "vps-01: Do this",
        "vps-02: Do this",
        "vps-02: no such \\x1bcontainer",
    ]


@pytest.mark.parametrize(
    ("terminal", "term", "quiet", "json", "verbose", "kind"),
    [
        (True, "xterm", False, False, False, _Live),
        (True, "dumb", False, False, False, _Plain),
        (False, "xterm", False, False, False, _Plain),
        (True, "xterm", True, False, False, Progress),
        (True, "xterm", False, False, True, Progress),
        (True, "xterm", False, True, False, _Live),
        (False, "xterm", False, True, False, Progress),
    ],
)
def test_which_kind(monkeypatch: pytest.MonkeyPatch, terminal, term, quiet, json, verbose, kind) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("TERM", term)
    assert type(progress(Screen(quiet=quiet, json=json), verbose=verbose)) is kind
