"""The steps of the transaction in the operator's words, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint, undo_keys
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import (
    Generation,
    Plan,
    make_plan,
    manifest_file,
    site_file,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Step
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.steps import (
    outcome_result,
    plan_result,
    site_step,
    undo_of_site,
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


@pytest.mark.parametrize(
    ("base", "served", "named", "undo"),
    [
        (7, True, True, "vhost.rollback"),
        (7, True, False, None),
        (7, False, True, None),
        (0, True, True, None),
        (0, False, True, None),
    ],
)
def test_a_rollback_of_the_host_undoes_a_run_about_the_host_if_its_base_was_served(
    base: int, served: bool, named: bool, undo: str | None
) -> None:
    result = outcome_result(None, Outcome(number=9, base=base, base_served=served), RUN, diff=False, named=named)
    assert (result.data["undo_hint"]["verb"] if "undo_hint" in result.data else None) == undo


BEFORE = Generation(7, {site_file(SHOP): "server {}\n", manifest_file(SHOP): "domain: x\n"})
EDITED = {**BEFORE.files, manifest_file(SHOP): "domain: y\n"}
RENDERED = {**BEFORE.files, site_file(SHOP): "server { }\n"}
GONE, BACK = Hint("site.unprovision", {"domain": SHOP}), Hint("site.rollback", {"domain": SHOP, "generation": 7})
UNDO: dict[str, tuple[Generation, Mapping[str, str], int | None, Hint | None]] = {
    "a site that is new": (Generation(7), BEFORE.files, 7, GONE),
    "a site that was there": (BEFORE, EDITED, 7, BACK),
    "nothing went live": (BEFORE, EDITED, None, None),
    "only its NGINX file": (BEFORE, RENDERED, 7, None),
    "the first generation": (Generation(0), BEFORE.files, 0, GONE),
}


@pytest.mark.parametrize(("before", "after", "base", "undo"), UNDO.values(), ids=UNDO)
def test_what_undoes_the_change_of_one_site(
    before: Generation, after: Mapping[str, str], base: int | None, undo: Hint | None
) -> None:
    plan = make_plan(before, after, inputs="", marker="")
    outcome = None if base is None else Outcome(number=9, base=base, base_served=True)
    assert undo_of_site(SHOP, plan, outcome) == (undo_keys(undo) if undo else {})


def test_a_run_without_a_domain_names_its_sites() -> None:
    live = Generation(7, {site_file("a.example"): "a", site_file("b.example"): "b"})
    plan = make_plan(live, {site_file("b.example"): "B", site_file("c.example"): "c"}, inputs="", marker="")
    result = plan_result(plan, desired(), diff=False, named=True)
    assert result.steps[0].notes == ("new: c.example", "changed: b.example", "off the air: a.example")
    affected = {"new": ["c.example"], "changed": ["b.example"], "off_the_air": ["a.example"]}
    assert result.data["affected"] == affected
    done = outcome_result(Prepared(plan, desired(), 9), Outcome(number=9, base=7), RUN, diff=False, named=True)
    assert (done.data["affected"], done.steps[0].notes) == (affected, result.steps[0].notes)


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
