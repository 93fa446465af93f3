"""The first half of the transaction, without a host: what is written, what is tested, and who is to blame."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import InternalError, RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import LIST, MAIN, Plan, site_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import CONTAINER, ConfigTest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.staging import NginxRefusedError, Staging
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change, Desired

from hosttree import RUN, HostTree, provide

A, B, NEW = "a.example", "b.example", "new.example"


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    """A host with two sites, generation 2."""
    host = HostTree(tmp_path)
    host.apply(provide(A, "web-a:3000"))
    host.apply(provide(B, "web-b:3000"))
    return host


@pytest.fixture
def tested(host: HostTree, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The files that each test of NGINX has read."""
    seen: list[list[str]] = []
    test = host.nginx.test

    def noted(generation: int, *, main: str = MAIN) -> ConfigTest:
        seen.append(sorted(host.nginx._files(generation, main)))
        return test(generation, main=main)

    monkeypatch.setattr(host.nginx, "test", noted)
    return seen


def stage(
    host: HostTree,
    planned: tuple[Plan, Desired],
    *,
    on_step: Callable[[str], None] = lambda step: None,
    **options: Any,
) -> int:
    staging = Staging(host.paths, host.nginx, host.generations, on_step)
    plan, desired = planned
    return staging.stage(plan, desired.sites, run=RUN, answering=[], **options)


def add(host: HostTree, directive: str, *domains: str) -> None:
    """Let the template add a directive to some sites."""
    names = ", ".join(f'"{domain}"' for domain in domains)
    host.templates["site.conf.j2"] += f"{{% if site.domain in ({names},) %}}\n{directive}\n{{% endif %}}\n"


def test_a_staged_generation_is_finished_and_not_live(host: HostTree) -> None:
    planned = host.desired(provide(NEW, "web-1:3000"))
    number = stage(host, planned)
    record = host.generations.record(number)
    assert record is not None
    assert (number, host.generations.live_number()) == (3, 2)
    assert (record.base, record.changed, record.removed, record.whole) == (2, [NEW], [], True)
    assert (record.audit_id, record.actor, record.verb) == (RUN.audit_id, "tester@here", RUN.verb)
    assert datetime.datetime.fromisoformat(record.time).utcoffset() == datetime.timedelta()
    assert host.generations.verify(number, record.files) == []
    assert set(record.files) == {LIST, *planned[0].files}
    assert record.sites[NEW]["last_change"] == {
        "generation": 3,
        "time": record.time,
        "audit_id": RUN.audit_id,
        "actor": "tester@here",
        "verb": RUN.verb,
    }
    assert record.sites[A]["last_change"]["generation"] == 1, "who changed the others last is taken over"


def test_a_removal_says_what_was_removed(host: HostTree) -> None:
    record = host.generations.record(stage(host, host.desired(Change(B, absent=True))))
    assert record is not None
    assert (record.changed, record.removed) == ([], [B])


# -- what NGINX tests ------------------------------------------------------------------------------------------------


def test_nothing_is_tested_apart_if_only_values_of_sites_change(host: HostTree, tested: list[list[str]]) -> None:
    """Templates and settings are those that NGINX took before, and the reload reads all before it takes any."""
    record = host.generations.record(stage(host, host.desired(provide(NEW)), whole=False))
    assert tested == []
    assert record is not None
    assert (record.whole, record.logs) == (False, [f"{NEW}.access.log"])


def test_only_the_changed_sites_are_tested_if_nginx_runs(host: HostTree, tested: list[list[str]]) -> None:
    add(host, "# new", NEW)
    record = host.generations.record(stage(host, host.desired(provide(NEW)), whole=False))
    assert tested == [["probe.conf", site_file(NEW)]]
    assert record is not None
    assert record.whole is False
    assert not (host.generations.directory(record.number) / "probe.conf").exists()


WHOLE: dict[str, Callable[[HostTree], None]] = {
    "NGINX does not run": lambda host: host.engine.stop(CONTAINER),
    "the main file changes": lambda host: host.templates.update(
        {"nginx.conf.j2": "# new\n" + host.templates["nginx.conf.j2"]}
    ),
}


@pytest.mark.parametrize("before", WHOLE.values(), ids=list(WHOLE))
def test_all_is_tested(host: HostTree, tested: list[list[str]], before: Callable[[HostTree], None]) -> None:
    before(host)
    record = host.generations.record(stage(host, host.desired(provide(NEW)), whole=False))
    assert tested == [[MAIN, site_file(A), site_file(B), site_file(NEW)]]
    assert record is not None
    assert record.whole is True


def test_a_main_file_that_includes_the_sites_in_its_own_way_is_tested_whole(
    host: HostTree, tested: list[list[str]]
) -> None:
    host.templates["nginx.conf.j2"] = host.templates["nginx.conf.j2"].replace("/sites/*.conf;", "/sites/?*.conf;")
    host.apply(sync=True)
    tested.clear()
    record = host.generations.record(stage(host, host.desired(provide(NEW)), whole=False))
    assert [files[0] for files in tested] == [MAIN]
    assert record is not None
    assert record.whole is True


# -- refusals --------------------------------------------------------------------------------------------------------


def remains(host: HostTree) -> tuple[list[str], list[str]]:
    generations = sorted(path.name for path in host.paths.generations.iterdir())
    return generations, sorted(path.name for path in host.paths.logs.iterdir())


@pytest.mark.parametrize("whole", [True, False])
def test_the_site_and_the_line_are_named(host: HostTree, whole: bool) -> None:
    add(host, "no_such_directive on;", NEW)
    host.apply(sync=True)
    before = remains(host)
    with pytest.raises(NginxRefusedError) as caught:
        stage(host, host.desired(provide(NEW)), whole=whole)
    error = caught.value
    assert error.domain == NEW
    assert error.output == 'unknown directive "no_such_directive"'
    assert error.message == f'NGINX refuses {NEW}: unknown directive "no_such_directive"'
    file, _colon, line = str(error.value).rpartition(":")
    assert (error.field, file) == ("vhost", site_file(NEW))
    assert error.hint == Hint("vhost.show", {"domain": NEW})
    lines = host.desired(provide(NEW))[0].files[site_file(NEW)].splitlines()
    assert lines[int(line) - 1] == "no_such_directive on;"
    assert remains(host) == before


def test_the_culprit_is_found_if_nginx_names_no_file(host: HostTree, monkeypatch: pytest.MonkeyPatch) -> None:
    test = host.nginx.test

    def unnamed(generation: int, *, main: str = MAIN) -> ConfigTest:
        result = test(generation, main=main)
        return ConfigTest(result.good, result.output.partition(" in /")[0])

    monkeypatch.setattr(host.nginx, "test", unnamed)
    add(host, "no_such_directive on;", B)
    with pytest.raises(NginxRefusedError) as caught:
        stage(host, host.desired(sync=True))
    assert (caught.value.domain, caught.value.value) == (B, site_file(B))


def test_a_main_file_that_nginx_refuses_is_named(host: HostTree) -> None:
    host.templates["nginx.conf.j2"] += "no_such_directive on;\n"
    with pytest.raises(NginxRefusedError) as caught:
        stage(host, host.desired(sync=True))
    assert (caught.value.domain, caught.value.value, caught.value.hint) == (None, MAIN, None)
    assert caught.value.message.startswith("NGINX refuses the main file: unknown directive")


def test_an_emptied_file_is_noticed_whatever_nginx_says(host: HostTree) -> None:
    before = remains(host)

    def empty(step: str) -> None:
        if step == "test":
            [path] = (host.paths.nginx / "store" / NEW).glob("*.conf")
            path.chmod(0o644)
            path.write_text("")

    with pytest.raises(InternalError, match=f"not what was meant: {site_file(NEW)}"):
        stage(host, host.desired(provide(NEW)), on_step=empty)
    assert remains(host) == before


def test_what_refuses_meanwhile_leaves_nothing(host: HostTree) -> None:
    """NGINX makes the logs of new sites when it tests them."""
    before = remains(host)

    def refuse() -> None:
        (host.paths.logs / f"{NEW}.access.log").touch()
        (host.paths.logs / "error.log").touch()
        raise RefusedError("no certificate")

    with pytest.raises(RefusedError, match="no certificate"):
        stage(host, host.desired(provide(NEW)), meanwhile=refuse)
    assert remains(host) == (before[0], ["error.log", *before[1]])
