"""Over several hosts the worst wins: 1, 6, 4, 5, 3, 7, 0."""

from __future__ import annotations

import itertools

import pytest

from vsa.ansible.report import HostResult, Report

WORST_FIRST = [1, 6, 4, 5, 3, 7, 0]


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(WORST_FIRST, 2)))
def test_the_worst_wins(one: int, other: int) -> None:
    for first, second in ((one, other), (other, one)):
        report = Report(hosts={"a": HostResult(exit_code=first), "b": HostResult(exit_code=second)})
        assert report.exit_code == one


def test_an_error_of_the_run_counts_too() -> None:
    assert Report(hosts={"a": HostResult()}, error_exit=130).exit_code == 130
    assert Report(hosts={"a": HostResult()}, error_exit=2).exit_code == 2


@pytest.mark.parametrize(
    ("code", "status"),
    [(0, "ok"), (1, "internal_error"), (2, "usage_error"), (3, "refused"), (4, "failed"), (5, "unreachable"),
     (6, "not_put_back"), (7, "due"), (130, "interrupted"), (99, "internal_error")],
)  # fmt: skip
def test_each_code_has_its_word(code: int, status: str) -> None:
    assert HostResult(exit_code=code).status == status
