"""A command in a container of a stack: which container, what is returned, and what is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_stack import Done
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.execute import StackExecRequest, execute
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare

from stackhost import StackHost, fake_compose, make_container

SECRET = "correct-horse-battery"


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    host = StackHost(tmp_path)
    env = {"APP_DOMAIN": "app.example.com", "APP_SECRET": SECRET}
    prepare(
        StackUpRequest("app", host.files, env, own=True),
        check=False,
        diff=False,
        paths=host.paths,
        engine=host.engine,  # type: ignore[arg-type]
        compose=fake_compose,
    )
    host.engine.running = [make_container("app", "web", project="acme-app")]
    return host


def run(host: StackHost, *command: str, check: bool = False, **more: Any) -> Result:
    request = StackExecRequest("app", command, **more)
    return execute(request, check=check, paths=host.paths, engine=host.engine)  # type: ignore[arg-type]


def test_a_command_and_its_exit_code(host: StackHost) -> None:
    host.engine.done_in = Done(3, f"out {SECRET}\n", f"err {SECRET}\n", 7)
    result = run(host, "sh", "-c", "exit 3", stdin="hello")
    assert result.changed
    assert result.data == {
        "stack": "app",
        "service": "web",
        "container": "app-web",
        "command_exit_code": 3,
        "stdout": "out ***\n",
        "stderr": "err ***\n",
        "left_out_bytes": 7,
    }
    assert [step.text for step in result.steps] == ["app-web ran sh -c 'exit 3': exit code 3"]
    assert host.engine.done[-1] == "exec app-web ['sh', '-c', 'exit 3'] hello"


def test_a_program_that_the_container_does_not_have(host: StackHost) -> None:
    """The engine's own words are no output of the command, and no command has run."""
    host.engine.done_in = Done(127, f'exec: "nope": not found, {SECRET}', "", ran=False)
    with pytest.raises(RefusedError, match="app-web cannot run this command") as refused:
        run(host, "nope", SECRET)
    assert (refused.value.field, refused.value.value) == ("command", "nope ***")
    assert [str(line) for line in refused.value.details] == ['Docker says: exec: "nope": not found, ***']


def test_check_mode_runs_nothing(host: StackHost) -> None:
    before = list(host.engine.done)
    result = run(host, "rm", "-rf", "/data", check=True)
    assert [(step.state, step.text) for step in result.steps] == [("would_change", "app-web would run rm -rf /data")]
    assert host.engine.done == before


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["mysql", "--password", "hunter2"], "mysql --password '***'"),
        (["mysql", "--password=hunter 2"], "mysql '--password=***'"),
        (["env", "API_TOKEN=hunter2", "sh"], "env 'API_TOKEN=***' sh"),
        (["echo", SECRET], "echo ***"),
        (["printf", "\x1b[2J"], r"printf '\x1b[2J'"),
    ],
)
def test_what_is_recorded_has_no_secret(host: StackHost, command: list[str], shown: str) -> None:
    (step,) = run(host, *command).steps
    assert step.text == f"app-web ran {shown}: exit code 0"


def test_the_service_is_named_if_there_are_several(host: StackHost) -> None:
    host.engine.running += [
        make_container("app", "db", project="acme-app", status="exited"),
        make_container("app", "worker", project="acme-app"),
    ]
    with pytest.raises(RefusedError, match="app has several services") as refused:
        run(host, "ls")
    assert refused.value.there_are == ["db", "web", "worker"]
    assert run(host, "ls", service="worker").data["container"] == "app-worker"
    with pytest.raises(RefusedError, match="no container of this service") as refused:
        run(host, "ls", service="cache")
    assert refused.value.there_are == ["db", "web", "worker"]
    with pytest.raises(RefusedError, match="no container of app runs") as refused:
        run(host, "ls", service="db")
    assert refused.value.hint == Hint("stack.up", {"name": "app"})
    assert "app-db is exited" in refused.value.details


def test_a_replica_that_runs_is_chosen(host: StackHost) -> None:
    host.engine.running.insert(0, make_container("app-0", "web", project="acme-app", status="exited"))
    assert run(host, "ls").data["container"] == "app-web"


def test_nothing_to_run(host: StackHost) -> None:
    with pytest.raises(RefusedError, match="no command was given"):
        run(host)
    host.engine.running = []
    with pytest.raises(RefusedError, match="no container of app runs"):
        run(host, "ls")


def test_the_container_of_another_folder(host: StackHost) -> None:
    host.engine.folder = "/srv/beta/app"
    with pytest.raises(RefusedError, match="are not those of"):
        run(host, "ls")
