"""The transaction without a host: kills, concurrency, refusals and rollbacks as tables over a fake NGINX and engine."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    NotRolledBackError,
    RefusedError,
    RolledBackError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import MAIN, manifest_file, site_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import AUTH_CONTAINER, CONTAINER
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.staging import NginxRefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change, Desired
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import documents
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import generations as store_generations
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import manifests as store_manifests
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.generations import Record
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import Host, read_host

from hosttree import RUN, HostTree, provide

A, B, NEW, OTHER = "a.example", "b.example", "new.example", "other.example"
ACME = "flowbiz_ext_acme"
BASE, NUMBER = 2, 3
STEPS = ("stage", "test", "finish", "journal", "effects", "switch", "reload", "prove", "keep", "manifests", "close")
# The site that the tests add: in a tenant's network that does not exist yet, with a container that has to join it.
CHANGE = provide(NEW, "web-new:3000", tenant="acme")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostTree]:
    """A host with two sites, generation 2. All sites have a certificate."""
    host = HostTree(tmp_path)
    host.engine.run_container("web-new", "its-own")
    with host.certificates(A, B, NEW, OTHER):
        host.apply(provide(A, "web-a:3000"))
        host.apply(provide(B, "web-b:3000", aliases=["www.b.example"]))
        yield host


def served(host: HostTree) -> int:
    return int(host.state.read()["served"])


def is_live(host: HostTree, domain: str) -> bool:
    return host.file(site_file(domain)).exists()


def assert_whole(host: HostTree) -> None:
    """The live generation is served and is as it was written, nothing is under way, and the manifests agree."""
    live = host.generations.live_number()
    state = host.state.read()
    assert (state["served"], state["next"]) == (live, live)
    assert host.generations.journal() is None
    record = host.generations.record(live)
    assert record is not None
    assert host.generations.verify(live, record.files) == []
    assert max(int(path.name) for path in host.paths.generations.iterdir()) == live
    assert {domain: host.file(manifest_file(domain)).read_text() for domain in record.sites} == host.manifests()
    assert set(state["networks"]) - {"its-own"} == set(record.networks)
    assert set(state["containers"][CONTAINER]["networks"]) == set(record.networks)
    joined = ACME in state["containers"]["web-new"]["networks"]
    assert joined == (NEW in record.sites)


# -- kills -----------------------------------------------------------------------------------------------------------

# The step, then (current, next, served), whether there is a journal, and whether the next run finishes the commit.
KILLS = [
    ("stage", (BASE, BASE, BASE), False, False),
    ("test", (BASE, BASE, BASE), False, False),
    ("finish", (BASE, BASE, BASE), False, False),
    ("journal", (BASE, BASE, BASE), False, False),
    ("effects", (BASE, BASE, BASE), True, False),
    ("switch", (BASE, BASE, BASE), True, False),
    ("reload", (BASE, NUMBER, BASE), True, True),
    ("prove", (BASE, NUMBER, NUMBER), True, True),
    ("keep", (BASE, NUMBER, NUMBER), True, True),
    ("manifests", (NUMBER, NUMBER, NUMBER), True, True),
    ("close", (NUMBER, NUMBER, NUMBER), True, True),
]


def test_the_table_has_every_step(host: HostTree) -> None:
    seen: list[str] = []
    host.proxy(seen.append).apply(host.request(CHANGE))
    assert tuple(seen) == STEPS == tuple(row[0] for row in KILLS)


@pytest.mark.parametrize(("step", "numbers", "journal", "finished"), KILLS, ids=STEPS)
def test_what_a_kill_leaves_and_what_the_next_run_makes_of_it(
    host: HostTree, step: str, numbers: tuple[int, int, int], journal: bool, finished: bool
) -> None:
    host.kill(step, CHANGE)
    assert (host.generations.live_number(), host.state.read()["next"], served(host)) == numbers
    assert (host.generations.journal() is not None) is journal
    host.proxy().apply(host.request(provide(OTHER)))
    assert_whole(host)
    assert is_live(host, OTHER)
    assert is_live(host, NEW) is finished


@pytest.mark.parametrize("step", STEPS)
def test_after_a_kill_the_same_run_again_converges(host: HostTree, step: str) -> None:
    host.kill(step, CHANGE)
    host.proxy().apply(host.request(CHANGE))
    assert_whole(host)
    assert is_live(host, NEW)
    assert host.proxy().apply(host.request(CHANGE))[1] is None


@pytest.mark.parametrize("step", STEPS)
def test_nginx_that_restarts_after_a_kill_serves_what_was_proven(host: HostTree, step: str) -> None:
    host.kill(step, CHANGE)
    host.nginx.restart()
    proven = step in ("manifests", "close")
    assert served(host) == (NUMBER if proven else BASE)
    host.proxy().apply(host.request(provide(OTHER)))
    assert_whole(host)
    assert is_live(host, NEW) is proven


@pytest.mark.parametrize("step", STEPS)
def test_a_removal_that_is_killed_is_whole_or_not_there(host: HostTree, step: str) -> None:
    host.kill(step, Change(B, absent=True))
    host.proxy().apply(host.request(provide(OTHER)))
    assert_whole(host)
    assert is_live(host, B) is (STEPS.index(step) <= STEPS.index("switch"))


@pytest.mark.parametrize("step", STEPS)
def test_two_kills_in_a_row(host: HostTree, step: str) -> None:
    """The run that repairs is killed as well, at each step; the third one ends well."""
    host.kill("keep", CHANGE)
    host.kill(step, provide(OTHER))
    host.proxy().apply(host.request(provide(OTHER)))
    assert_whole(host)
    assert is_live(host, NEW)
    assert is_live(host, OTHER)


def test_a_killed_change_that_cannot_be_proven_is_rolled_back_by_the_next_run(host: HostTree) -> None:
    host.kill("prove", CHANGE)
    with host.state.change() as state:
        state["dead"] = [NEW]
    host.proxy().apply(host.request(provide(OTHER)))
    assert_whole(host)
    assert not is_live(host, NEW)


# What may have happened to the site's container and to the proxy between a kill and the next run.
MEANWHILE: dict[str, Callable[[HostTree], None]] = {
    "nothing": lambda host: None,
    "missing": lambda host: host.engine.remove("web-new"),
    "on another network": lambda host: host.engine.run_container("web-new", "elsewhere"),
    "renamed": lambda host: host.engine.rename("web-new", "web-old"),
    "stopped": lambda host: host.engine.stop("web-new"),
    "by Compose on the network": lambda host: host.engine.run_container("web-new", ACME),
    "without the proxy": lambda host: host.engine.run_container(CONTAINER, "flowbiz_ext"),
}
# The changes of the engine in the step `effects`: make the network if it is new, connect the proxy and the container.
EFFECTS = ("effects", 1, 2, 3)


BLOCKS = [("there", at, happens) for at in (*EFFECTS, "switch", "keep") if at != 3 for happens in MEANWHILE]
BLOCKS += [("new", at, happens) for at in EFFECTS for happens in ("nothing", "renamed", "by Compose on the network")]


@pytest.mark.parametrize(("network", "at", "happens"), BLOCKS)
def test_whatever_happens_to_a_container_after_a_kill_the_host_is_not_blocked(
    host: HostTree, network: str, at: str | int, happens: str
) -> None:
    if network == "there":
        host.engine.run_container("neighbour", ACME)
    die_at = at if isinstance(at, int) else 0
    host.kill("close" if die_at else str(at), CHANGE, die_at=die_at)
    MEANWHILE[happens](host)
    host.proxy().apply(host.request(provide(OTHER)))
    live, state = host.generations.live_number(), host.state.read()
    assert (state["served"], state["next"]) == (live, live)
    assert host.generations.journal() is None
    assert is_live(host, OTHER)
    if not is_live(host, NEW):
        by_vsa = [name for name, found in state["containers"].items() if found["networks"].get(ACME)]
        assert by_vsa in ([], ["web-old"]), "VSA takes back its own connections, of a container that it can find"
    if happens == "by Compose on the network":
        assert state["containers"]["web-new"]["networks"] == {ACME: False}, "who connected it himself keeps that"


@pytest.mark.parametrize("call", ["disconnect", "remove_network"])
def test_an_undo_that_somebody_else_did_meanwhile_is_done(
    host: HostTree, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The engine refuses, because between the question and the undo somebody did the same."""
    host.kill("switch", CHANGE)
    real = getattr(type(host.engine), call)

    def twice(self: object, *words: str) -> None:
        real(self, *words)
        real(self, *words)
        if call == "remove_network":
            raise RolledBackError("Docker would not: network is gone")

    monkeypatch.setattr(type(host.engine), call, twice)
    host.proxy().apply(host.request(provide(OTHER)))
    assert_whole(host)


# -- the host is read once -------------------------------------------------------------------------------------------

_opened: list[str] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _opened is not None:
        _opened.append(str(arguments[0]))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are opened during a test, in order; an audit hook sees each of them."""
    global _hooked  # noqa: PLW0603  a hook cannot be removed again, so there is one
    if not _hooked:
        sys.addaudithook(_note)
        _hooked = True
    seen: list[str] = []
    monkeypatch.setattr(sys.modules[__name__], "_opened", seen)
    return seen


_hooked = False


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The YAML texts and the records that are parsed during a test."""
    seen: list[str] = []
    load_yaml, load_record, parse = yaml.load, Record.load, store_manifests.parse

    def noted(text: str, Loader: type) -> Any:  # noqa: N803  PyYAML's own name
        seen.append(text)
        return load_yaml(text, Loader=Loader)

    def noted_record(data: Any) -> Record | None:
        seen.append("generation.json")
        return load_record(data)

    def noted_parse(data: Any, **where: str) -> Any:
        seen.append(f"manifest of {data['domain']}")
        return parse(data, **where)

    monkeypatch.setattr(yaml, "load", noted)
    monkeypatch.setattr(Record, "load", noted_record)
    monkeypatch.setattr(store_manifests, "parse", noted_parse)
    return seen


@pytest.mark.parametrize("handed_over", [False, True], ids=["read under the lock", "read before the lock"])
@pytest.mark.parametrize("sync", [False, True], ids=["one site", "sync"])
def test_a_run_that_changes_nothing_reads_and_parses_each_file_once(
    host: HostTree, opened: list[str], parsed: list[str], handed_over: bool, sync: bool
) -> None:
    host.settings("ca: letsencrypt\n")
    changes = () if sync else (provide(A, "web-a:3000"),)
    store_generations._records.clear()
    opened.clear()
    parsed.clear()
    known = read_host(host.paths) if handed_over else None
    _prepared, outcome = host.proxy().apply(host.request(*changes, sync=sync), known)
    assert outcome is None
    fakes = str(host.root / "fakes.json")
    files = [name for name in opened if name.startswith(str(host.root)) and name != fakes]
    twice = {name for name in files if files.count(name) > 1}
    assert not twice
    assert str(host.paths.vsa_yml) in files, "the hook sees nothing"
    assert str(host.live / "generation.json") in files
    expected = ["generation.json", "ca: letsencrypt\n"]
    if not sync:
        expected += [host.manifests()[A], f"manifest of {A}"]
    assert sorted(parsed) == sorted(expected)


def test_a_host_that_changed_since_it_was_read_is_read_again(host: HostTree) -> None:
    known = read_host(host.paths)
    host.apply(provide(OTHER))
    host.proxy().apply(host.request(CHANGE), known)
    assert_whole(host)
    assert is_live(host, OTHER)
    assert is_live(host, NEW)


@pytest.mark.parametrize("edit", ["manifest", "settings"])
def test_an_edit_by_hand_since_the_host_was_read_is_seen(host: HostTree, edit: str) -> None:
    known = read_host(host.paths)
    if edit == "settings":
        host.settings("ca: staging\n")
    else:
        host.manifest(A, host.manifests()[A].replace("web-a", "web-x"))
    prepared, outcome = host.proxy().apply(host.request(sync=True), known)
    assert outcome is not None
    assert A in prepared.plan.sites_changed


# -- concurrency -----------------------------------------------------------------------------------------------------


def test_runs_at_the_same_time_end_well(host: HostTree) -> None:
    """Each has read the host before any of them had the lock."""
    domains = [f"site-{number}.example" for number in range(4)]
    with host.certificates(*domains):
        known = [read_host(host.paths) for _domain in domains]

        def run(domain: str, known: Host) -> int:
            return host.proxy().apply(host.request(provide(domain)), known)[0].number

        with ThreadPoolExecutor() as pool:
            numbers = list(pool.map(run, domains, known))
    assert sorted(numbers) == [3, 4, 5, 6]
    assert_whole(host)
    assert [is_live(host, domain) for domain in (A, B, *domains)] == [True] * 6


def test_a_prepared_plan_goes_live(host: HostTree) -> None:
    prepared = host.proxy().prepare(host.request(CHANGE))
    assert (prepared.number, host.generations.live_number(), served(host)) == (NUMBER, BASE, BASE)
    outcome = host.proxy().commit(base=BASE, plan_hash=prepared.plan.hash)
    assert (outcome.number, outcome.proven) == (NUMBER, True)
    assert_whole(host)


@pytest.mark.parametrize("meanwhile", ["another site", "another plan", "a wrong base"])
def test_a_stale_plan_is_refused(host: HostTree, meanwhile: str) -> None:
    prepared = host.proxy().prepare(host.request(CHANGE))
    base, plan_hash = BASE, prepared.plan.hash
    if meanwhile == "another site":
        host.apply(provide(OTHER))
    elif meanwhile == "another plan":
        host.proxy().prepare(host.request(provide(OTHER)))
    else:
        base = 1
    with pytest.raises(RefusedError, match="the plan is stale"):
        host.proxy().commit(base=base, plan_hash=plan_hash)
    assert not is_live(host, NEW)


def test_a_generation_that_was_edited_after_its_test_is_refused(host: HostTree) -> None:
    prepared = host.proxy().prepare(host.request(CHANGE))
    edited = host.file(site_file(NEW), prepared.number)
    edited.chmod(0o644)
    edited.write_text("")
    with pytest.raises(RefusedError, match="was changed after its test"):
        host.proxy().commit(base=BASE, plan_hash=prepared.plan.hash)
    assert_whole(host)


# -- refusals: nothing changes ---------------------------------------------------------------------------------------


def directives(host: HostTree, text: str, *domains: str) -> None:
    """Let the template add a text to some sites."""
    names = " or ".join(f'site.domain == "{domain}"' for domain in domains)
    host.templates["site.conf.j2"] += f"{{% if {names} %}}\n{text}\n{{% endif %}}\n"


def no_certificate(host: HostTree) -> None:
    (host.paths.letsencrypt / "live" / NEW / "privkey.pem").unlink()


def no_auth_container(host: HostTree) -> None:
    with host.state.change() as state:
        del state["containers"][AUTH_CONTAINER]


REFUSALS: dict[str, tuple[Callable[[HostTree], None], Change, str, str]] = {
    "a value": (lambda host: None, provide(NEW, "web-1:0"), "routes/0/port", ""),
    "a name": (lambda host: None, provide(NEW, aliases=[A]), "aliases", "already belongs to the site a.example"),
    "certificate": (no_certificate, CHANGE, "certificate", "the certificate of new.example cannot be served"),
    "auth": (no_auth_container, provide(NEW, auth=["/"]), "auth", "which checks passwords"),
    "NGINX": (
        lambda host: directives(host, "no_such_directive on;", NEW),
        CHANGE,
        "vhost",
        'NGINX refuses new.example: unknown directive "no_such_directive"',
    ),
    "settings": (lambda host: host.settings("ca: nobody\n"), CHANGE, "vsa.yml/ca", ""),
}


def tree(host: HostTree) -> dict[str, bytes]:
    """Return every file that a transaction may touch, but for the lock and the number last tried."""
    paths = [*host.paths.nginx.rglob("*"), *host.paths.sites.rglob("*"), *host.paths.logs.rglob("*")]
    kept = [path for path in paths if path.is_file() and path.name not in (".lock", "last.json")]
    return {str(path): path.read_bytes() for path in kept}


@pytest.mark.parametrize(("damage", "change", "field", "message"), REFUSALS.values(), ids=list(REFUSALS))
def test_what_is_refused_changes_nothing(
    host: HostTree, damage: Callable[[HostTree], None], change: Change, field: str, message: str
) -> None:
    damage(host)
    before, state = tree(host), host.state.read()
    with pytest.raises(RefusedError) as caught:
        host.proxy().apply(host.request(change))
    assert caught.value.field == field
    assert message in caught.value.message
    assert (tree(host), host.state.read()) == (before, state)


def test_a_sync_leaves_out_what_nginx_refuses(host: HostTree) -> None:
    directives(host, 'no_such_directive "{{ site.timeout }}";', A)
    host.templates["site.conf.j2"] = host.templates["site.conf.j2"].replace(f'"{A}" %', f'"{A}" and site.timeout %')
    host.apply(sync=True)
    host.manifest(A, host.manifests()[A] + "timeout: 7s\n")
    host.manifest(B, host.manifests()[B] + "timeout: 7s\n")
    prepared, outcome = host.proxy().apply(host.request(sync=True))
    assert outcome is not None
    assert prepared.desired.invalid == (A,)
    assert "NGINX refuses it" in prepared.desired.warnings[0]
    assert prepared.plan.sites_changed == (B,)
    with pytest.raises(NginxRefusedError) as caught:
        host.proxy().apply(host.request(provide(A, None, timeout="7s")))
    assert caught.value.domain == A
    assert str(caught.value.value).startswith(f"{site_file(A)}:")


# -- back to an earlier generation -----------------------------------------------------------------------------------


def test_a_rollback_brings_back_files_and_manifests(host: HostTree) -> None:
    before = host.manifests()
    host.apply(Change(B, absent=True))
    prepared, outcome = host.proxy().rollback(None, RUN)
    assert outcome is not None
    assert (outcome.number, prepared.plan.sites_changed) == (4, (B,))
    assert_whole(host)
    assert host.manifests() == before
    assert host.proxy().rollback(BASE, RUN)[1] is None, "the same files again change nothing"


def test_a_rollback_works_with_broken_settings_and_manifests(host: HostTree) -> None:
    host.apply(Change(B, absent=True))
    host.settings("ca: nobody\n")
    host.manifest(A, "domain: [")
    assert host.proxy().rollback(BASE, RUN)[1] is not None
    assert is_live(host, B)


def edit_earlier(host: HostTree) -> None:
    path = host.file(site_file(A), BASE)
    path.chmod(0o644)
    path.write_text("# by hand\n")


def remove_certificate(host: HostTree) -> None:
    (host.paths.letsencrypt / "live" / B / "fullchain.pem").unlink()


@pytest.mark.parametrize(
    ("damage", "to", "message"),
    [
        (lambda host: None, 9, "there is no such earlier generation"),
        (edit_earlier, BASE, "generation 2 was changed by hand since"),
        (remove_certificate, BASE, "generation 2 needs what is no longer there"),
    ],
    ids=["unknown", "edited", "certificate gone"],
)
def test_a_rollback_that_cannot_work_is_refused(
    host: HostTree, damage: Callable[[HostTree], None], to: int, message: str
) -> None:
    host.apply(Change(B, absent=True))
    damage(host)
    before = tree(host)
    with pytest.raises(RefusedError, match=message):
        host.proxy().rollback(to, RUN)
    assert tree(host) == before


def test_a_rollback_without_the_users_of_a_path_is_refused(host: HostTree) -> None:
    host.apply(provide(A, None, auth=["/admin/"]))
    host.apply(Change(A, absent=True))
    for path in (host.paths.htpasswd / A).iterdir():
        path.unlink()
    with pytest.raises(RefusedError) as caught:
        host.proxy().rollback(None, RUN)
    assert caught.value.details == [f"{A}: the users of /admin/ were removed"]


@pytest.mark.parametrize("there", [False, True])
def test_a_rollback_to_a_container_that_a_rolling_update_removed_is_refused(host: HostTree, there: bool) -> None:
    """The site would answer 502: the next version took the place of the container."""
    if there:
        host.engine.run_container("web-a", "flowbiz_ext")
    host.apply(provide(A, "web-a-2:3000"))
    before = host.generations.live_number()
    if there:
        assert host.proxy().rollback(None, RUN)[1] is not None
        return
    with pytest.raises(RefusedError, match="needs what is no longer there") as caught:
        host.proxy().rollback(None, RUN)
    assert caught.value.details == [f"{A}: the container web-a is gone; web-a-2 took its place"]
    assert host.generations.live_number() == before


def test_a_rollback_that_opens_a_path_says_so(host: HostTree) -> None:
    host.apply(provide(A, None, auth=["/admin/"]))
    prepared, _outcome = host.proxy().rollback(None, RUN)
    assert prepared.desired.warnings == (f"{A}/admin/ is no longer behind a password",)


def test_an_error_of_the_rollback_after_a_kill_stops_the_next_run(host: HostTree) -> None:
    """The next run cannot repair: it refuses, and the one after that repairs."""
    host.kill("prove", CHANGE)
    with host.state.change() as state:
        state["dead"], state["broken"] = [NEW], ["disconnect"]
    with pytest.raises(NotRolledBackError):
        host.proxy().apply(host.request(provide(OTHER)))
    assert host.generations.journal() is not None
    with host.state.change() as state:
        state["broken"] = []
    host.proxy().apply(host.request(provide(OTHER)))
    assert_whole(host)
    assert not is_live(host, NEW)


DAMAGE = {
    "not UTF-8": b"\xff\xfe\x00",
    "not JSON": b"{torn",
    "empty": b"",
    "a list": b"[]",
    "of other types": b'{"schema": 1, "number": "7", "sites": [], "base": [], "to": {}, "files": 1}',
    "deep": b"[" * 50_000,
}


@pytest.fixture
def _no_notes() -> Iterator[None]:
    documents.notes()
    yield
    documents.notes()


@pytest.mark.usefixtures("_no_notes")
@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("name", ["generation.json", "journal.json", "last.json"])
def test_a_damaged_file_of_ours_stops_no_change(host: HostTree, name: str, content: bytes) -> None:
    place = host.live / name if name == "generation.json" else host.paths.nginx / name
    place.unlink(missing_ok=True)
    place.write_bytes(content)
    read_host(host.paths)
    host.apply(CHANGE)
    assert_whole(host)
    assert [domain for domain in (A, B, NEW) if is_live(host, domain)] == [A, B, NEW]
    assert host.generations.record(host.generations.live_number()) is not None
    lines = documents.notes()
    assert [line for line in lines if str(place) in line and "was damaged" in line]
    if name != "last.json":
        assert place.with_name(f"{name}.damaged").read_bytes() == content


@pytest.mark.usefixtures("_no_notes")
@pytest.mark.parametrize("step", STEPS[4:])
def test_a_commit_whose_journal_is_damaged_is_finished_or_rolled_back(host: HostTree, step: str) -> None:
    """A kill, and then the journal is lost: what NGINX reads and what is live say what was under way."""
    host.kill(step, CHANGE)
    host.paths.journal.write_bytes(b"\xff{")
    host.apply(provide(OTHER, "web-a:3000"))
    assert_whole(host)
    assert is_live(host, NEW) == (step in STEPS[6:])
    assert is_live(host, OTHER)
    assert set(host.manifests()) == {A, B, OTHER, *([NEW] if step in STEPS[6:] else [])}


@pytest.mark.usefixtures("_no_notes")
def test_a_manifest_that_somebody_edited_stays_when_the_journal_is_damaged(host: HostTree) -> None:
    host.apply(provide(A, "web-a:3001"))
    host.manifest(A, "edited: by hand\n")
    host.paths.journal.write_bytes(b"\xff{")
    host.proxy().recover()
    assert host.manifests()[A] == "edited: by hand\n"


@pytest.mark.parametrize(("step", "words"), [("effects", "takes it back first"), ("reload", "finishes it first")])
def test_finding_12_a_check_says_that_a_change_was_cut_off_and_plans_for_after_its_repair(
    host: HostTree, step: str, words: str
) -> None:
    host.kill(step, CHANGE)
    request = host.request(sync=True)
    files = [path for place in (host.paths.nginx, host.paths.sites) for path in place.rglob("*")]
    plan, desired = host.proxy().plan(request)
    assert words in desired.warnings[0]
    assert "was cut off" in desired.warnings[0]
    assert files == [path for place in (host.paths.nginx, host.paths.sites) for path in place.rglob("*")]
    with host.certificates(A, B, NEW):
        done, _outcome = host.proxy().apply(request)
    assert (done.plan.changed, done.plan.changes) == (plan.changed, plan.changes)
    assert not any("was cut off" in note for note in host.proxy().plan(request)[1].warnings)


# -- two operators at one site -----------------------------------------------------------------------------------------


def notes_of_others(desired: Desired) -> list[str]:
    """Return the notes about changes by others. How many seconds ago they were depends on the machine."""
    notes = [note for note in desired.warnings if " changed " in note and " ago (" in note]
    return [re.sub(r" \d+ s ago ", " some s ago ", note) for note in notes]


def test_finding_17_two_operators_at_one_site_are_told_of_each_other(host: HostTree) -> None:
    ana = RunContext(RUN.audit_id, Actor("ana", controller="ci"), "site.provision")
    request = dataclasses.replace(host.request(provide(A, None, profile="sse")), run=ana)
    seen = f"tester@here changed {A} some s ago (site.provision, generation {NUMBER}, audit {RUN.audit_id})"
    # Ana's run has read the host and waits for the lock, while the tester's run changes another field of the site.
    before = read_host(host.paths)
    host.apply(provide(A, None, timeout="7s"))
    assert notes_of_others(host.proxy().plan(request)[1]) == [seen], "a check says so too"
    prepared, _outcome = host.proxy().apply(request, before)
    assert notes_of_others(prepared.desired) == [seen]
    assert "timeout: 7s" in host.manifests()[A], "what only one of them sets is kept"
    again = dataclasses.replace(host.request(provide(A, None, timeout="9s")), run=ana)
    assert notes_of_others(host.proxy().apply(again)[0].desired) == [], "the last change was her own"


def test_a_run_that_changes_nothing_or_another_site_says_nothing_of_others(host: HostTree) -> None:
    ana = RunContext(RUN.audit_id, Actor("ana", controller="ci"), "site.provision")
    for change in (provide(A, "web-a:3000"), provide(NEW, "web-new:3000")):
        plan = host.proxy().plan(dataclasses.replace(host.request(change), run=ana))
        assert notes_of_others(plan[1]) == []


# -- the key with which VSA visits sites -----------------------------------------------------------------------------


def open_to_all(host: HostTree) -> str:
    """Make the live generation one of an earlier release, whose key every user of the host could read."""
    live = host.generations.directory(host.generations.live_number())
    for name in (MAIN, "generation.json"):
        (live / name).chmod(0o444)
    return host.generations.read(host.generations.live_number()).marker


def test_issue_12_a_key_that_others_could_read_is_replaced_by_the_next_change(host: HostTree) -> None:
    """Who has the key visits a site without a line in the log, and past its limits. Closing the file came too late."""
    old = open_to_all(host)
    host.apply(CHANGE)
    live = host.generations.read(host.generations.live_number())
    assert live.marker not in ("", old)
    assert live.marker in live.files[MAIN]
    assert old not in live.files[MAIN]
    modes = {path.stat().st_mode & 0o777 for path in host.paths.generations.glob(f"*/{MAIN}")}
    assert modes == {0o400}
    kept = live.marker
    host.apply(provide(OTHER, "web-a:3000"))
    assert host.generations.read(host.generations.live_number()).marker == kept, "once is enough"


def test_issue_12_a_kill_before_the_new_key_is_live_leaves_the_next_run_to_make_one(host: HostTree) -> None:
    old = open_to_all(host)
    host.kill("switch", CHANGE)
    host.apply(CHANGE)
    assert host.generations.read(host.generations.live_number()).marker != old


def test_issue_12_a_rollback_does_not_bring_the_open_key_back(host: HostTree) -> None:
    old = open_to_all(host)
    host.apply(CHANGE)
    new = host.generations.read(host.generations.live_number()).marker
    with host.certificates(A, B):
        host.proxy().rollback(BASE, RUN)
    live = host.generations.read(host.generations.live_number())
    assert (live.marker, live.number) == (new, NUMBER + 1)
    assert new in live.files[MAIN]
    assert old not in live.files[MAIN]
