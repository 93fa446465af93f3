"""The logs of a stack in slices: each line once, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.follow import StackFollowRequest, follow_logs
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare

from stackhost import FakeEngine, StackHost, fake_compose, make_container

SECRET = "correct-horse-battery"


class Logs(FakeEngine):
    """An engine whose containers have logs, by their ids. Their lines are of 2026, long ago."""

    def __init__(self) -> None:
        super().__init__()
        self.logged: dict[str, list[str]] = {}
        self.places: Mapping[str, tuple[int, int]] = {}

    def logs(self, name: str, *, tail: int = 100, since: float | None = None) -> str:
        del since
        return "".join(f"{line}\n" for line in self.logged[name][-tail:])

    def lines_since(self, container: str, since: int) -> list[str]:
        assert (container in self.logged, since > 0) == (True, True)
        return []

    def followed(self, places: Mapping[str, tuple[int, int]], *, seconds: float, most: int) -> dict[str, list[str]]:
        assert (seconds, most > 0) == (5, True)
        self.places = places
        return {container: self.logged[container] for container in places}


def line(second: int, text: str) -> str:
    return f"2026-01-01T00:00:{second:02}.5Z {text}"


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    host = StackHost(tmp_path)
    host.engine = Logs()
    host.engine.folder = str(host.folder())
    env = {"APP_DOMAIN": "app.example.com", "APP_SECRET": SECRET}
    prepare(
        StackUpRequest("app", host.files, env, own=True),
        check=False,
        diff=False,
        paths=host.paths,
        engine=host.engine,  # type: ignore[arg-type]
        compose=fake_compose,
    )
    host.engine.running = [
        make_container("app", "web", project="acme-app"),
        make_container("app", "db", project="acme-app"),
    ]
    host.engine.logged = {"app-web": [line(1, "one"), line(2, "two")], "app-db": []}
    return host


def read(host: StackHost, cursor: str = "", **more: object) -> tuple[list[str], str]:
    """Return the next lines, each after its service, and the cursor."""
    request = StackFollowRequest("app", 5, cursor, **more)  # type: ignore[arg-type]
    found = follow_logs(request, paths=host.paths, engine=host.engine).data  # type: ignore[arg-type]
    shown = [f"{log['service']} {text[23:]}" for log in found["logs"] for text in log["lines"]]
    return shown, found["cursor"]


def logged(host: StackHost) -> dict[str, list[str]]:
    assert isinstance(host.engine, Logs)
    return host.engine.logged


def test_each_line_is_shown_once(host: StackHost) -> None:
    first, cursor = read(host, tail=1)
    assert first == ["web two"]
    # The engine gives what is newer than the cursor: nothing of before.
    logged(host)["app-web"] = [line(30, "three"), line(30, f"the {SECRET}")]
    logged(host)["app-db"] = [line(30, "ready")]
    second, cursor = read(host, cursor)
    assert second == ["web three", "web the ***", "db ready"]
    logged(host)["app-web"] += [line(31, "five")]
    third, cursor = read(host, cursor)
    assert third == ["web five"]
    fourth, again = read(host, cursor)
    assert (fourth, again) == ([], cursor)


def test_a_container_that_was_made_anew_begins_at_its_beginning(host: StackHost) -> None:
    _lines, cursor = read(host)
    host.engine.running = [make_container("app", "web", project="acme-app")]
    host.engine.running.append(make_container("new", "web", project="acme-app"))
    logged(host).update({"app-web": [], "new-web": [line(40, "born")]})
    assert read(host, cursor)[0] == ["web born"]
    assert isinstance(host.engine, Logs)
    assert host.engine.places["new-web"] == (0, 0)


def test_a_slice_that_ends_before_it_came_to_the_known_lines(host: StackHost) -> None:
    """As the engine may be slow: what was seen is not read again as new."""
    logged(host)["app-web"] = [line(30, "one"), line(30, "two")]
    _lines, cursor = read(host, '{"app-web": [0, 0], "app-db": [0, 0]}')
    whole = logged(host)["app-web"]
    logged(host)["app-web"] = whole[:1]
    assert read(host, cursor) == ([], cursor)
    logged(host)["app-web"] = [*whole, line(31, "three")]
    assert read(host, cursor)[0] == ["web three"]


def test_one_service(host: StackHost) -> None:
    assert read(host, service="web")[0] == ["web one", "web two"]
    with pytest.raises(RefusedError, match="no such container") as refused:
        read(host, service="cache")
    assert refused.value.there_are == ["db", "web"]
    # A service that is being recreated has no container for a moment.
    assert read(host, "{}", service="cache")[0] == []


@pytest.mark.parametrize(("seconds", "tail"), [(0, 1), (61, 1), (5, -1), (5, 10_001)])
def test_numbers_have_bounds(host: StackHost, seconds: int, tail: int) -> None:
    with pytest.raises(RefusedError, match="not a number of seconds or lines"):
        follow_logs(StackFollowRequest("app", seconds, tail=tail), paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
