# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rolling update on fakes: what it does, what a broken version leaves, and a kill before every step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import NotRolledBackError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.rolling import run, switch

from rollhost import DOMAIN, RollHost

OLD, NEW, NEXT = "acme-shop-web-1", "acme-shop-web-2", "acme-shop-web-3"
STEPS = ("others", "start", "healthy", "switch", "drain", "stop")
# Of the proxy transaction in the middle.
TRANSACTION = ("stage", "journal", "effects", "reload", "prove", "keep", "manifests", "close")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RollHost:
    monkeypatch.setattr(run, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(switch, "_SETTLE_SECONDS", 0.0)
    host = RollHost(tmp_path)
    host.prepare()
    return host


def always_served(host: RollHost) -> Callable[[str], None]:
    """Return a function for each step that fails if the container of the site does not run."""

    def on_step(_step: str) -> None:
        assert host.led_to() in host.replicas()

    return on_step


def test_a_new_version_serves_before_the_old_one_goes(host: RollHost) -> None:
    host.want("two")
    result = host.roll(always_served(host))
    assert result.changed
    assert result.data["compose_needed"] is False
    assert (host.replicas(), host.led_to()) == ({NEW: "two"}, NEW)
    assert f"container: {NEW}" in host.manifests()[DOMAIN]
    assert result.steps[-1].text == f"{NEW} in the place of {OLD}, drained in 0 s"
    scaled = "up --detach --no-deps --no-recreate --pull never --scale web=2 web"
    assert host.state.read()["composed"] == ["up --detach --no-deps --pull never db", scaled]


def test_nothing_rolls_if_the_version_runs_already(host: RollHost) -> None:
    result = host.roll()
    assert (result.changed, result.data["compose_needed"]) == (False, True)
    assert "composed" not in host.state.read()


def test_a_stack_that_does_not_run_is_left_to_compose(host: RollHost) -> None:
    host.engine.stop(OLD)
    host.want("two")
    assert host.roll().data["compose_needed"] is True
    assert host.replicas() == {}


@pytest.mark.parametrize("health", ["unhealthy", "starting"])
def test_a_broken_version_is_removed_and_the_old_one_serves(
    host: RollHost, health: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run.time, "monotonic", iter(range(10_000)).__next__)
    generation = host.generations.live_number()
    host.want("two", health=health)
    with pytest.raises(NotRolledBackError) as failed:
        host.roll(always_served(host))
    assert failed.value.message == f"shop is not healthy: {NEW} is {health}"
    assert f"{NEW}: {NEW} is out of order" in map(str, failed.value.details)
    assert (host.replicas(), host.led_to(), host.generations.live_number()) == ({OLD: "one"}, OLD, generation)


def test_a_container_that_ended_is_not_waited_for(host: RollHost) -> None:
    host.want("two")

    def crash(step: str) -> None:
        if step == "healthy":
            with host.state.change() as known:
                known["containers"][NEW] |= {"restarts": 3, "health": "starting"}

    with pytest.raises(NotRolledBackError, match=f"{NEW} is starting"):
        host.roll(crash)
    assert host.replicas() == {OLD: "one"}


def test_compose_that_fails_leaves_the_old_version(host: RollHost) -> None:
    host.want("two")
    with host.state.change() as known:
        known["complains"] = True
    with pytest.raises(NotRolledBackError, match="no space left on device"):
        host.roll()
    assert (host.replicas(), host.led_to()) == ({OLD: "one"}, OLD)


def test_a_switch_that_fails_leaves_the_old_version(host: RollHost) -> None:
    host.want("two")

    def refuse(step: str) -> None:
        if step == "prove":
            raise RolledBackError("the site does not answer")

    with pytest.raises(RolledBackError, match="the site does not answer"):
        host.roll(refuse)
    assert (host.replicas(), host.led_to()) == ({OLD: "one"}, OLD)


@pytest.mark.parametrize("step", [*STEPS, *TRANSACTION])
def test_a_kill_is_finished_by_the_next_run(host: RollHost, step: str) -> None:
    host.want("two")
    host.kill(step)
    assert host.led_to() in host.replicas(), "the site's container runs after the kill"
    host.roll(always_served(host))
    assert (set(host.replicas().values()), list(host.replicas())) == ({"two"}, [host.led_to()])
    assert host.generations.journal() is None
    assert host.roll().changed is False


@pytest.mark.parametrize("step", ["stage", "reload", "keep", "close"])
def test_a_kill_in_the_second_transaction_is_finished_by_the_next_run(host: RollHost, step: str) -> None:
    host.want("two")
    host.kill(step, times=2)
    assert host.led_to() in host.replicas()
    host.roll(always_served(host))
    assert (list(host.replicas()), host.led_to()) == ([NEW], NEW)
    assert "rolling-update" not in host.manifests()[DOMAIN]


@pytest.mark.parametrize("step", STEPS)
def test_after_a_kill_the_operator_may_want_the_old_version_back(host: RollHost, step: str) -> None:
    host.want("two")
    host.kill(step)
    host.want("one")
    host.roll(always_served(host))
    assert (set(host.replicas().values()), list(host.replicas())) == ({"one"}, [host.led_to()])


def test_after_a_kill_a_third_version_may_come(host: RollHost) -> None:
    host.want("two")
    host.kill("drain")
    host.want("three")
    host.roll(always_served(host))
    assert (host.replicas(), host.led_to()) == ({NEXT: "three"}, NEXT)


def test_a_service_that_does_not_roll_is_waited_for(host: RollHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.time, "monotonic", iter(range(10_000)).__next__)
    host.want("two")
    with host.state.change() as known:
        known["health"]["d"] = "unhealthy"
    with pytest.raises(NotRolledBackError, match="acme-shop-db-1 is unhealthy"):
        host.roll()
    assert (host.replicas(), host.led_to()) == ({OLD: "one"}, OLD)


def test_a_container_of_no_service_is_left_to_compose(host: RollHost) -> None:
    host.want("two")
    with host.state.change() as known:
        stray = known["containers"][OLD]
        labels = {**stray["labels"], "com.docker.compose.service": "gone"}
        known["containers"]["acme-shop-gone-1"] = {**stray, "labels": labels}
    assert host.roll().data["compose_needed"] is True
    assert host.replicas() == {NEW: "two"}
