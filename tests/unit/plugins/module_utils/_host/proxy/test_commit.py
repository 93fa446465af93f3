"""The second half of the transaction, without a host: every reason for a rollback, and what a rollback leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    NOTHING_CHANGED,
    InternalError,
    NotRolledBackError,
    RefusedError,
    RolledBackError,
    VsaError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import site_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy import proving
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.commit import Commit
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import CONTAINER
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.staging import NginxRefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change, Outcome, Request

from hosttree import RUN, HostTree, provide

A, B, NEW = "a.example", "b.example", "new.example"
BASE = 2
CHANGE = provide(NEW, "web-new:3000", tenant="acme")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostTree]:
    """A host with two sites, generation 2. All sites have a certificate."""
    host = HostTree(tmp_path)
    host.engine.run_container("web-new", "its-own")
    with host.certificates(A, B, NEW):
        host.apply(provide(A, "web-a:3000"))
        host.apply(provide(B, "web-b:3000", aliases=["www.b.example"]))
        yield host


def commit(host: HostTree, request: Request, on_step: Callable[[str], None] = lambda step: None) -> Outcome:
    outcome = host.proxy(on_step).apply(request)[1]
    assert outcome is not None
    return outcome


def state(host: HostTree, **values: Any) -> None:
    """Set values of the fakes' state."""
    with host.state.change() as known:
        known.update(values)


def remains(host: HostTree) -> dict[str, Any]:
    """Return all that a rollback has to bring back: files, containers, networks, and what is served."""
    places = (host.paths.nginx, host.paths.sites, host.paths.logs)
    files = {str(path): path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()}
    known = host.state.read()
    kept = {key: known[key] for key in ("containers", "networks", "next", "served")}
    own = {name: content for name, content in files.items() if not name.endswith(("/.lock", "/last.json"))}
    return {**own, **kept, "current": str(host.paths.current.readlink())}


# -- rollbacks -------------------------------------------------------------------------------------------------------


def with_zone(host: HostTree, key: str) -> None:
    text = host.templates["nginx.conf.j2"]
    start = text.index("limit_req_status 429;")
    line = f"limit_req_zone {key} zone=trap:1m rate=1r/s;\n    "
    host.templates["nginx.conf.j2"] = text[:start] + line + text[start:]


def trap(host: HostTree) -> None:
    """The key of a zone changes: the test passes, the reload does not."""
    templates = dict(host.templates)
    with_zone(host, "$binary_remote_addr")
    host.apply(sync=True)
    host.templates = templates
    with_zone(host, "$host")


def clash(host: HostTree) -> None:
    """Each site alone is fine, both together are not; only the changed one is tested before the reload."""
    upstream = "upstream clash {\n    server 127.0.0.1:9;\n}\n"
    host.templates["site.conf.j2"] += f'{{% if site.domain in ("{A}", "{NEW}") %}}\n{upstream}{{% endif %}}\n'
    host.apply(sync=True)


FAILURES: dict[str, tuple[Callable[[HostTree], None], dict[str, Any], str]] = {
    "reload refused": (trap, {}, "while previously it used"),
    "clash": (clash, {}, 'duplicate upstream "clash"'),
    "site does not answer": (lambda host: state(host, dead=[NEW]), {}, "new.example does not answer on TLS"),
    "path is open": (
        lambda host: state(host, open=[[NEW, "/"]]),
        {"auth": ["/"]},
        "new.example/ answers 200",
    ),
    "network refused": (lambda host: state(host, broken=["ensure_network"]), {}, "Docker would not ensure_network"),
    "connection refused": (lambda host: state(host, broken=["connect"]), {}, "Docker would not connect"),
}


@pytest.mark.parametrize(("damage", "fields", "message"), FAILURES.values(), ids=list(FAILURES))
def test_a_change_that_fails_is_rolled_back(
    host: HostTree, damage: Callable[[HostTree], None], fields: dict[str, Any], message: str
) -> None:
    damage(host)
    before, base = remains(host), host.generations.live_number()
    change = provide(NEW, "web-new:3000", tenant="acme", **fields)
    with pytest.raises(RolledBackError) as caught:
        commit(host, host.request(change, answering=(NEW,)))
    assert message in caught.value.message
    after = remains(host)
    made = host.paths.htpasswd / NEW  # an empty password file stays: nothing points to it
    assert made.exists() is bool(fields)
    assert after == before
    if not message.startswith("Docker"):
        assert caught.value.state == f"rolled back: generation {base} is live"
        assert (caught.value.field, caught.value.value) == ("generation", base + 1)


def test_finding_6_a_site_that_answered_before_must_answer(host: HostTree) -> None:
    state(host, deaf=["web-b"])
    before, base = remains(host), host.generations.live_number()
    with pytest.raises(RolledBackError, match=r"https://a\.example/ answers 502, and it answered before") as caught:
        commit(host, host.request(provide(A, "web-b:3000"), answering=(A,)))
    assert caught.value.state == f"rolled back: generation {base} is live"
    assert remains(host) == before


def test_finding_6_a_site_that_did_not_answer_before_may_stay_so(host: HostTree) -> None:
    state(host, deaf=["web-a", "web-new"])
    outcome = commit(host, host.request(provide(A, "web-new:3000"), provide(NEW, "web-new:3000"), answering=(A, NEW)))
    assert (outcome.proven, outcome.answers) == (True, {})


def test_finding_6_a_site_is_asked_under_its_former_domain(host: HostTree) -> None:
    state(host, deaf=["web-new"])
    changes = (Change(A, absent=True), provide(NEW, "web-new:3000"))
    with pytest.raises(RolledBackError, match=r"https://new\.example/ answers 502, and it answered before"):
        commit(host, host.request(*changes, answering=(NEW,), formerly={NEW: A}))


def test_finding_6_watched_sites_are_told_and_kept(host: HostTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "_WATCH_SECONDS", 0)
    state(host, deaf=["web-new"])
    changes = (provide(A, "web-new:3000"), provide(B, "web-a:3000"), provide(NEW, "web-new:3000"))
    outcome = commit(host, host.request(*changes, watch=True))
    assert outcome.silent == [A], "a new site did not answer before"
    assert f"{A} answered before the change and does not now" in outcome.notes
    # Back to where it answered, and away again by a rollback of the whole host.
    host.apply(provide(A, "web-a:3000"))
    _prepared, back = host.proxy().rollback(outcome.number, RUN)
    assert back is not None
    assert back.silent == [A]


def test_a_value_that_nginx_refuses_at_the_reload_is_named_with_its_line(host: HostTree) -> None:
    """Templates and settings did not change, so nothing was tested before; NGINX took nothing of it."""
    host.templates["site.conf.j2"] += "{% if site.timeout %}\nno_such_directive on;\n{% endif %}\n"
    commit(host, host.request(provide(A, "web-a:3001")))
    before, served = remains(host), host.state.read()["served"]
    with pytest.raises(NginxRefusedError) as caught:
        commit(host, host.request(provide(NEW, "web-new:3000", tenant="acme", timeout="7s")))
    assert caught.value.message == f'NGINX refuses {NEW}: unknown directive "no_such_directive"'
    assert str(caught.value.value).startswith(f"{site_file(NEW)}:")
    assert caught.value.state == NOTHING_CHANGED
    assert (remains(host), host.state.read()["served"]) == (before, served)
    assert commit(host, host.request(CHANGE)).proven


def test_a_killed_change_that_nginx_refuses_stops_no_later_run(host: HostTree) -> None:
    host.templates["site.conf.j2"] += "{% if site.timeout %}\nno_such_directive on;\n{% endif %}\n"
    commit(host, host.request(provide(A, "web-a:3001")))
    host.kill("reload", provide(NEW, "web-new:3000", timeout="7s"))
    assert commit(host, host.request(provide(B, "web-b:3001"))).proven
    assert not host.file(site_file(NEW)).exists()


def test_the_first_generation_of_a_host_is_rolled_back_to_none(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    state(host, dead=[NEW])
    with host.certificates(NEW), pytest.raises(RolledBackError) as caught:
        commit(host, host.request(provide(NEW)))
    assert caught.value.state == "rolled back: no generation is live"
    assert host.generations.live_number() == 0
    assert list(host.paths.generations.iterdir()) == []


def test_a_removal_that_hurts_a_neighbour_is_rolled_back(host: HostTree) -> None:
    before = remains(host)

    def on_step(step: str) -> None:
        if step == "prove":
            state(host, dead=[A])

    with pytest.raises(RolledBackError, match=r"a\.example does not answer"):
        commit(host, host.request(Change(B, absent=True)), on_step)
    assert remains(host) == before


def test_a_neighbour_that_did_not_answer_before_is_no_reason(host: HostTree) -> None:
    state(host, dead=[A])
    outcome = commit(host, host.request(Change(B, absent=True)))
    assert (outcome.proven, outcome.neighbours) == (True, [])
    assert outcome.notes == [f"{B} is refused now"]


@pytest.mark.parametrize("step", ["journal", "effects", "switch", "reload", "prove"])
def test_an_exception_at_a_step_is_rolled_back(host: HostTree, step: str) -> None:
    """Whatever it is: Ctrl-C is none of ours, and what was live is live again."""
    before = remains(host)

    def interrupt(name: str) -> None:
        if name == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        commit(host, host.request(CHANGE), interrupt)
    if step == "journal":
        # Nothing is under way yet: the generation is staged, and the next run sweeps it away.
        host.proxy().recover()
    assert remains(host) == before


def test_an_interrupt_after_the_proof_leaves_the_rest_to_the_next_run(host: HostTree) -> None:
    def interrupt(name: str) -> None:
        if name == "manifests":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        commit(host, host.request(CHANGE), interrupt)
    assert host.generations.journal() is not None
    host.proxy().recover()
    assert host.generations.journal() is None
    assert host.file(site_file(NEW)).exists()
    assert NEW in host.manifests()


@pytest.mark.parametrize("broken", ["disconnect", "remove_network"])
def test_a_rollback_that_fails_says_so_and_the_next_run_goes_on(host: HostTree, broken: str) -> None:
    before = remains(host)
    state(host, dead=[NEW], broken=[broken])
    with pytest.raises(NotRolledBackError) as caught:
        commit(host, host.request(CHANGE))
    reason = "new.example does not answer on TLS"
    assert caught.value.message.startswith(f"{reason}; and the rollback to generation 2 failed: Docker would not")
    assert caught.value.hint == Hint("vhost.sync")
    assert "current points to generation 2" in caught.value.state
    state(host, broken=[])
    host.proxy().recover()
    assert remains(host) == before


def test_a_reload_that_nginx_does_not_survive_waits_for_its_start(host: HostTree) -> None:
    def on_step(step: str) -> None:
        if step == "reload":
            host.engine.stop(CONTAINER)

    with pytest.raises(RefusedError, match="NGINX went away"):
        commit(host, host.request(CHANGE), on_step)
    assert host.generations.live_number() == BASE
    host.nginx.restart()
    assert host.state.read()["served"] == BASE


# -- NGINX that does not run, and containers of before ---------------------------------------------------------------


def test_without_nginx_the_generation_waits_for_its_start(host: HostTree) -> None:
    host.engine.stop(CONTAINER)
    outcome = commit(host, host.request(CHANGE))
    assert not outcome.proven
    assert outcome.notes == ["NGINX is not running: the generation was tested apart and is live at its next start"]
    assert (host.generations.live_number(), host.state.read()["served"]) == (3, BASE)
    host.nginx.restart()
    assert host.state.read()["served"] == 3


@pytest.mark.parametrize("clashes", [True, False])
def test_nginx_that_stops_meanwhile_starts_with_a_whole_test(host: HostTree, clashes: bool) -> None:
    """It cannot read the rest any more, so all of it is tested before it may start with it."""
    clash(host)
    base = host.generations.live_number()

    def on_step(step: str) -> None:
        if step == "journal":
            host.engine.stop(CONTAINER)

    with host.certificates("other.example"):
        if clashes:
            with pytest.raises(RolledBackError, match=f"NGINX refuses generation {base + 1}"):
                commit(host, host.request(CHANGE), on_step)
        else:
            assert not commit(host, host.request(provide("other.example")), on_step).proven
    assert host.generations.live_number() == (base if clashes else base + 1)


def test_nginx_that_starts_meanwhile_is_proven(host: HostTree) -> None:
    host.engine.stop(CONTAINER)
    test = host.nginx.test

    def start(generation: int, *, main: str = "nginx.conf") -> Any:
        result = test(generation, main=main)
        state(host, next=BASE, containers={**host.state.read()["containers"], CONTAINER: running})
        return result

    running = {**host.state.read()["containers"][CONTAINER], "running": True}
    host.nginx.test = start  # type: ignore[method-assign]
    assert commit(host, host.request(CHANGE)).proven
    assert host.state.read()["served"] == 3


def test_a_container_from_before_reads_current(host: HostTree) -> None:
    """It has no link of its own, so ``current`` changes before the reload; a failure changes it back."""
    state(host, old=True)
    assert commit(host, host.request(CHANGE)).proven
    assert (host.generations.live_number(), host.state.read()["served"]) == (3, 3)
    state(host, dead=[A])
    with pytest.raises(RolledBackError):
        commit(host, host.request(provide(A, "web-a:4000")))
    assert (host.generations.live_number(), host.state.read()["served"]) == (3, 3)


# -- what a commit writes --------------------------------------------------------------------------------------------


def test_a_commit_writes_the_manifests_of_the_changed_sites_only(host: HostTree) -> None:
    host.manifest(A, "# edited by hand\n")
    host.paths.unprovision.mkdir(parents=True)
    journals = [host.paths.unprovision / f"{domain}.json" for domain in (A, NEW)]
    for path in journals:
        path.write_text("{}")
    commit(host, host.request(CHANGE))
    assert host.manifests()[A] == "# edited by hand\n"
    assert host.manifests()[NEW] == host.file(f"manifests/{NEW}.yml").read_text()
    assert [path.exists() for path in journals] == [True, False], "a site that is live is not half removed"
    commit(host, host.request(Change(NEW, absent=True)))
    assert NEW not in host.manifests()


def test_without_the_record_of_the_base_all_manifests_are_written(host: HostTree) -> None:
    host.break_open("generation.json", None)
    host.manifest(A, "# edited by hand\n")
    commit(host, host.request(CHANGE))
    assert host.manifests()[A] == host.file(f"manifests/{A}.yml").read_text()


def test_a_site_without_a_certificate_is_not_proven_if_another_one_changes(host: HostTree) -> None:
    (host.paths.letsencrypt / "live" / A / "privkey.pem").unlink()
    host.templates["site.conf.j2"] += "# new\n"
    outcome = commit(host, host.request(CHANGE))
    assert outcome.proven
    assert [note for note in outcome.notes if note.startswith(f"{A} is not proven: ")]


def test_the_override_has_the_tenants_networks(host: HostTree) -> None:
    commit(host, host.request(CHANGE))
    override = yaml.safe_load(host.paths.override.read_text())
    assert override["networks"] == {"flowbiz_ext_acme": {"external": True}}
    commit(host, host.request(Change(NEW, absent=True)))
    assert host.paths.override.read_text().endswith("\nservices: {}\n")


def test_a_generation_that_was_never_finished_is_an_internal_error(host: HostTree) -> None:
    commit_only = Commit(host.paths, host.engine, host.nginx, host.generations, lambda step: None)
    with pytest.raises(InternalError, match="generation 9 was never finished"):
        commit_only.run(9)
    assert issubclass(InternalError, VsaError)
