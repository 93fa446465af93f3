"""The steps of the transaction in the operator's words, as tables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import Generation, Plan, make_plan, site_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Step
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.steps import (
    outcome_result,
    plan_result,
    site_step,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Answer, Desired, Outcome, Prepared

SHOP = "shop.example.com"
RUN = RunContext("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", Actor("tester", controller="here"), "site.provision")


def planned(text: str | None = "server {}\n", joins: tuple[tuple[str, str], ...] = ()) -> Plan:
    """Return the plan of a generation 8 that has one site's file, or nothing new."""
    files = {} if text is None else {site_file(SHOP): text}
    return make_plan(Generation(7), files, inputs="", marker="", joins=joins)


def desired(*warnings: str, invalid: tuple[str, ...] = ()) -> Desired:
    return Desired({}, {}, {}, warnings, invalid)


def test_a_plan_that_changes_something() -> None:
    result = plan_result(
        planned(joins=(("flowbiz_ext", "web-1"),)), desired("careful", invalid=("b.example",)), diff=True
    )
    text = "generation 7 → 8: 1 file added"
    assert result.steps == (Step("proxy", WOULD_CHANGE, text, ("web-1 joined to flowbiz_ext", "careful")),)
    assert result.changed
    assert {key: result.data[key] for key in ("base", "generation", "invalid")} == {
        "base": 7,
        "generation": 7,
        "invalid": ["b.example"],
    }
    assert result.diff is not None
    assert "+server {}" in result.diff


def test_a_plan_that_changes_nothing() -> None:
    result = plan_result(planned(None), desired(), diff=False)
    assert (result.changed, result.diff) == (False, None)
    assert result.steps == (Step("proxy", OK, "nothing to change"),)


@pytest.mark.parametrize(("warnings", "state"), [((), OK), (("careful",), WARNING)])
def test_nothing_had_to_change(warnings: tuple[str, ...], state: str) -> None:
    result = outcome_result(Prepared(planned(None), desired(*warnings)), None, RUN, diff=False)
    assert not result.changed
    assert result.steps == (Step("proxy", state, "generation 7: unchanged", warnings),)
    assert (result.data["base"], result.data["generation"], result.data["audit_id"]) == (7, 7, RUN.audit_id)


@pytest.mark.parametrize(("proven", "proof"), [(True, "tested, live, proven"), (False, "tested")])
def test_a_commit(proven: bool, proof: str) -> None:
    plan = planned(joins=(("flowbiz_ext", "web-1"),))
    outcome = Outcome(number=9, base=7, proven=proven, notes=["a note"])
    result = outcome_result(Prepared(plan, desired("careful"), 9), outcome, RUN, diff=True)
    text = f"generation 7 → 9: 1 file added, {proof}"
    assert result.changed
    assert result.steps == (Step("proxy", CHANGED, text, ("web-1 joined to flowbiz_ext", "a note", "careful")),)
    assert (result.data["generation"], result.data["plan"]) == (9, plan.hash)
    assert result.diff == plan.diff()


def test_a_commit_of_what_an_earlier_run_prepared() -> None:
    result = outcome_result(None, Outcome(number=9, base=7, proven=True), RUN, diff=False)
    assert result.steps[0].text == "generation 7 → 9: prepared before, tested, live, proven"
    assert (result.data["plan"], result.data["invalid"], result.diff) == (None, [], None)


ENTRY: dict[str, Any] = {"ca": "letsencrypt", "path": "/api/", "served": f"www.{SHOP}"}


@pytest.mark.parametrize(
    ("entry", "answer", "state", "end"),
    [
        ({}, Answer(200, 12, None), OK, "→ 200 in 12 ms, chain verified"),
        ({}, Answer(404, 12, None), OK, "→ 404 in 12 ms, chain verified"),
        ({}, Answer(502, 12, None), WARNING, "→ 502 in 12 ms, chain verified"),
        ({}, Answer(200, 12, "it expired"), WARNING, "→ 200 in 12 ms, chain not verified: it expired"),
        ({"ca": "selfsigned"}, Answer(200, 1, "x"), WARNING, "→ 200 in 1 ms, self-signed: browsers will warn"),
        ({}, Answer(None, 3, None, "timed out"), WARNING, "did not answer: timed out"),
    ],
)
def test_how_a_site_answers(entry: dict[str, Any], answer: Answer, state: str, end: str) -> None:
    step = site_step(SHOP, {**ENTRY, **entry}, answer)
    assert (step.name, step.state) == ("site", state)
    assert step.text == f"https://www.{SHOP}/api/ {end}"


def test_a_record_of_an_earlier_version_does_not_say_the_served_name() -> None:
    step = site_step(SHOP, {"ca": "letsencrypt", "path": "/"}, Answer(200, 1, None))
    assert step.text.startswith(f"https://{SHOP}/ ")
