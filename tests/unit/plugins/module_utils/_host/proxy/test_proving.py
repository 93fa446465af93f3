"""What a proof asks for, as tables over a NGINX that only takes notes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.proving import (
    neighbours_serving,
    newly_closed,
    prove_generation,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Answer, Outcome
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.certificates import live_fingerprint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.generations import Record

from hosttree import HostTree

A, B, C = "a.example", "b.example", "c.example"


class Notes:
    """NGINX: notes what it is asked, and answers as it is told."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answers = answers

    def master(self) -> int | None:
        return self.answers.get("master", 1)

    def serving(self, domains: list[str], **proof: Any) -> list[str]:
        self.asked.append(("serving", (domains, proof["generation"])))
        return domains

    def prove_sites(self, wanted: dict[str, str | None], **proof: Any) -> list[str]:
        self.asked.append(("sites", dict(wanted)))
        assert (proof["marker"], proof["generation"]) == ("mark", 2)
        return list(self.answers.get("sites", ()))

    def prove_refused(self, names: list[str]) -> list[str]:
        self.asked.append(("refused", names))
        return list(self.answers.get("refused", ()))

    def prove_closed(self, places: list[tuple[str, str]]) -> list[str]:
        self.asked.append(("closed", places))
        return list(self.answers.get("closed", ()))

    def fetch(self, domain: str, entry: dict[str, Any], *, settings: Settings) -> Answer:
        assert entry["path"] == "/"
        self.asked.append(("fetch", (domain, settings.ca)))
        return Answer(self.answers.get("status", 200), 1, None)


def entry(domain: str, **fields: Any) -> dict[str, Any]:
    return {"names": [domain], "ca": "selfsigned", "path": "/", **fields}


def record(number: int = 2, **fields: Any) -> Record:
    fields.setdefault("sites", {A: entry(A), B: entry(B)})
    origin = dict.fromkeys(("time", "audit_id", "actor", "verb", "plan", "inputs"), "")
    return Record(number=number, base=number - 1, marker="mark", files={}, **origin, **fields)  # type: ignore[arg-type]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostTree]:
    host = HostTree(tmp_path)
    with host.certificates(A, B):
        yield host


def prove(host: HostTree, nginx: Notes, to: Record, base: Record | None, **options: Any) -> tuple[list[str], Outcome]:
    outcome = Outcome(2, 1, neighbours=options.pop("neighbours", []))
    options = {"certificates": {}, "settings": None, **options}
    return prove_generation(host.paths, nginx, to, base, outcome, **options), outcome  # type: ignore[arg-type]


def test_a_changed_site_is_asked_for_the_certificate_on_disk(host: HostTree) -> None:
    nginx = Notes()
    problems, outcome = prove(host, nginx, record(changed=[A]), record(1))
    assert (problems, outcome.notes) == ([], [])
    assert nginx.asked[0] == ("sites", {A: live_fingerprint(host.paths, A, "selfsigned")})


@pytest.mark.parametrize(
    ("certificates", "proven"),
    [({A: None}, True), ({A: "it expired"}, False), ({}, False)],
    ids=["checked", "known to be bad", "not checked"],
)
def test_a_site_without_a_good_certificate_is_not_proven(
    host: HostTree, certificates: dict[str, str | None], proven: bool
) -> None:
    (host.paths.selfsigned / A / "privkey.pem").unlink()
    nginx = Notes()
    to = record(changed=[A], sites={A: entry(A, closed=["/"])})
    _problems, outcome = prove(host, nginx, to, None, certificates=certificates)
    assert (A in nginx.asked[0][1]) is proven
    assert bool(outcome.notes) is not proven
    assert (("closed", [(A, "/")]) in nginx.asked) is proven


def test_the_names_of_removed_sites_are_refused_unless_another_site_took_them(host: HostTree) -> None:
    nginx = Notes()
    before = record(1, sites={A: entry(A), C: {**entry(C), "names": [C, "www.c.example", "old.example"]}})
    to = record(removed=[C], sites={A: {**entry(A), "names": [A, "old.example"]}})
    prove(host, nginx, to, before)
    assert ("refused", [C, "www.c.example"]) in nginx.asked


def test_without_the_record_of_the_base_the_domain_itself_is_refused(host: HostTree) -> None:
    nginx = Notes()
    prove(host, nginx, record(removed=[C]), None)
    assert ("refused", [C]) in nginx.asked


def test_neighbours_are_asked_again_without_a_certificate(host: HostTree) -> None:
    nginx = Notes()
    prove(host, nginx, record(removed=[C]), None, neighbours=[A, B])
    assert ("sites", {A: None, B: None}) in nginx.asked


def test_closed_paths_are_asked_under_the_served_name(host: HostTree) -> None:
    nginx = Notes()
    sites = {A: entry(A, closed=["/", "/admin/"], served=f"www.{A}"), B: entry(B, closed=["/x/"])}
    prove(host, nginx, record(changed=[A], sites=sites), None)
    assert ("closed", [(f"www.{A}", "/"), (f"www.{A}", "/admin/")]) in nginx.asked


@pytest.mark.parametrize("what", ["sites", "refused", "closed"])
def test_a_problem_is_returned_and_no_backend_is_asked(host: HostTree, what: str) -> None:
    nginx = Notes(**{what: ["something is wrong"]})
    problems, _outcome = prove(host, nginx, record(changed=[A], answering=[A]), None)
    assert problems[0] == "something is wrong"
    assert "fetch" not in dict(nginx.asked)


@pytest.mark.parametrize(("status", "good"), [(200, True), (404, True), (None, False), (502, False), (504, False)])
def test_a_backend_that_answered_before_must_answer(host: HostTree, status: int | None, good: bool) -> None:
    nginx = Notes(status=status)
    settings = Settings(ca="staging")
    problems, outcome = prove(host, nginx, record(changed=[A], answering=[A]), None, settings=settings)
    assert (problems == []) is good
    assert outcome.answers[A].status == status
    assert nginx.asked[-1] == ("fetch", (A, "staging"))


def test_the_settings_are_read_if_nobody_has_them(host: HostTree) -> None:
    host.settings("ca: staging\n")
    nginx = Notes()
    prove(host, nginx, record(changed=[A], answering=[A]), None)
    assert nginx.asked[-1] == ("fetch", (A, "staging"))


# -- neighbours and passwords ----------------------------------------------------------------------------------------


def test_neighbours_of_a_removed_site() -> None:
    nginx = Notes()
    assert neighbours_serving(nginx, record(removed=[C], changed=[B])) == [A]  # type: ignore[arg-type]
    assert nginx.asked == [("serving", ([A], 1))], "they serve the base"


@pytest.mark.parametrize(("removed", "master"), [([], 1), ([C], None)], ids=["no removal", "NGINX does not run"])
def test_no_neighbours_are_asked(removed: list[str], master: int | None) -> None:
    nginx = Notes(master=master)
    assert neighbours_serving(nginx, record(removed=removed)) == []  # type: ignore[arg-type]
    assert nginx.asked == []


@pytest.mark.parametrize(("count", "expected"), [(50, 50), (51, 26), (100, 50), (1000, 50)])
def test_of_many_neighbours_some_are_asked(count: int, expected: int) -> None:
    sites = {f"site-{number:04}.example": entry("x") for number in range(count)}
    asked = neighbours_serving(Notes(), record(removed=[C], sites=sites))  # type: ignore[arg-type]
    assert len(asked) == expected
    assert asked[0] == "site-0000.example"


@pytest.mark.parametrize(
    ("before", "after", "changed", "expected"),
    [
        (["/"], ["/"], [A], False),
        (["/"], ["/", "/admin/"], [A], True),
        (["/", "/admin/"], ["/"], [A], False),
        (None, ["/"], [A], True),
        (["/"], ["/", "/admin/"], [], False),
    ],
)
def test_a_path_that_asks_for_a_password_now(
    before: list[str] | None, after: list[str], changed: list[str], expected: bool
) -> None:
    base = None if before is None else record(1, sites={A: entry(A, closed=before)})
    assert newly_closed(record(changed=changed, sites={A: entry(A, closed=after)}), base) is expected
