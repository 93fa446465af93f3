"""The password of a first user: where it is kept, and that no run leaves a file that nobody needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsa.ansible.report import HostResult, Report
from vsa.command.first_password import added, first_password
from vsa.core import UsageError


def test_without_a_file_it_is_private_and_to_be_shown() -> None:
    with first_password(None, check=False) as made:
        place = Path(made.path)
        assert place.read_text() == f"{made.shown}\n"
        assert place.stat().st_mode & 0o777 == 0o600
        assert made.shown is not None
        assert len(made.shown) == 24
    assert not place.exists()


@pytest.mark.parametrize("used", [True, False])
def test_a_new_file_stays_if_a_host_has_the_user(tmp_path: Path, used: bool) -> None:
    place = tmp_path / "first"
    with first_password(str(place), check=False) as made:
        # It is there before the run: whoever kills the run still has the password.
        assert (made.path, made.shown) == (str(place), None)
        assert place.stat().st_mode & 0o777 == 0o600
        assert len(place.read_text().strip()) == 24
        made.used = used
    assert place.exists() is used


@pytest.mark.parametrize("used", [True, False])
def test_a_file_that_exists_has_the_password(tmp_path: Path, used: bool) -> None:
    place = tmp_path / "mine"
    place.write_text("let me in\n")
    with first_password(str(place), check=False) as made:
        assert (made.path, made.shown) == (str(place), None)
        made.used = used
    assert place.read_text() == "let me in\n"


def test_a_check_writes_nothing(tmp_path: Path) -> None:
    with first_password(str(tmp_path / "first"), check=True) as made:
        assert made.shown is None
        assert not (tmp_path / "first").exists()


def test_a_file_that_cannot_be_made_is_an_error_of_usage(tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere" / "first", tmp_path):
        with (
            pytest.raises(UsageError, match="cannot be made") as caught,
            first_password(str(place), check=False),
        ):
            pass
        assert (caught.value.field, caught.value.value) == ("--password-file", str(place))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], False),
        ([{"name": "users", "state": "changed"}], True),
        ([{"name": "users", "state": "ok"}], False),
        ([{"name": "stack", "state": "changed"}], False),
    ],
)
def test_the_step_of_the_users_says_whether_a_host_has_a_new_one(steps: list[dict[str, str]], expected: bool) -> None:
    report = Report(hosts={"vps-01": HostResult(), "vps-02": HostResult(steps=steps)})
    assert added(report) is expected
