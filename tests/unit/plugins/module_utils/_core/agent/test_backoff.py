"""How long the agent waits after a beat that was not taken."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.answer import NO_ANSWER, Refusal
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.backoff import is_failure, wait_after


def waits(refusal: Refusal, *, chance: float = 0.5, most: int = 8) -> list[float]:
    return [wait_after(refusal, failures, chance=chance) for failures in range(1, most)]


def test_the_wait_doubles_to_ten_minutes() -> None:
    assert waits(Refusal(0, NO_ANSWER, "")) == [30, 60, 120, 240, 480, 600, 600]
    assert wait_after(Refusal(0, NO_ANSWER, ""), 10**9, chance=0.5) == 600


def test_chance_moves_a_wait_by_a_fifth() -> None:
    assert waits(Refusal(0, NO_ANSWER, ""), chance=0.0, most=3) == [24, 48]
    assert waits(Refusal(0, NO_ANSWER, ""), chance=0.999, most=2)[0] == pytest.approx(36, abs=0.1)


@pytest.mark.parametrize(
    ("code", "wait"), [("token_revoked", 3600), ("token_unknown", 30), ("other_machine", 600), ("agent_too_old", 600)]
)
def test_some_errors_only_a_person_mends(code: str, wait: float) -> None:
    assert wait_after(Refusal(401, code, ""), 1, chance=0.5) == wait


def test_the_hub_may_ask_for_a_longer_wait_but_not_a_shorter_one() -> None:
    assert wait_after(Refusal(503, "database", "", 300), 1, chance=0.5) == 300
    assert wait_after(Refusal(503, "database", "", 1), 3, chance=0.5) == 120


@pytest.mark.parametrize("code", ["too_soon", "under_way"])
def test_a_pause_is_no_failure(code: str) -> None:
    assert not is_failure(Refusal(429, code, "", 4))
    assert wait_after(Refusal(429, code, "", 4), 0, chance=0.5) == 4
    assert is_failure(Refusal(429, NO_ANSWER, "", 4))
