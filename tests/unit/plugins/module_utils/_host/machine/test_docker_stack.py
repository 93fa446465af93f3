"""What the verbs of stacks read of the engine's answers, and what they ask it to do."""

from __future__ import annotations

import io
import socket
import struct
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.removal import Volume
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_stack import StackEngine

# As Docker 26.1.5 lists them.
LABELS = {"com.docker.compose.project": "acme-shop", "com.docker.compose.volume": "data"}
LISTED = [
    {"Name": "acme-shop_data", "Labels": LABELS},
    {"Name": "0" * 64, "Labels": {"com.docker.volume.anonymous": ""}},
    {"Name": "common", "Labels": None},
]
SIZES = (4096, -1, None)


class APIError(Exception):
    explanation = "no"

    def __init__(self, status_code: int) -> None:
        super().__init__("no")
        self.status_code = status_code


class NotFoundError(APIError):
    pass


class Errors:
    NotFound = NotFoundError
    APIError = APIError
    DockerException = RuntimeError


class Api:
    """The calls of the Docker SDK; ``answers`` are the status codes for the removal of volumes."""

    timeout = 60

    def __init__(self, **answers: int) -> None:
        self.answers = answers
        self.asked: list[object] = []
        self.archives: dict[str, bytes] = {}

    def volumes(self) -> dict[str, Any]:
        return {"Volumes": LISTED}

    def _url(self, path: str) -> str:
        return path

    def _get(self, url: str, *, params: dict[str, str]) -> object:
        self.asked.append((url, params, self.timeout))
        return None

    def _result(self, _answer: object, _as_json: bool) -> dict[str, Any]:
        sizes = ({"UsageData": {"Size": size}} if size is not None else {} for size in SIZES)
        return {"Volumes": [{**entry, **size} for entry, size in zip(LISTED, sizes, strict=True)]}

    def create_host_config(self, **options: Any) -> dict[str, Any]:
        return options

    def create_container(self, image: str, argv: list[str], **options: Any) -> dict[str, str]:
        self.asked.append((image, argv, options["host_config"], options["labels"]))
        return {"Id": "made"}

    def get_archive(self, container: str, path: str) -> tuple[list[bytes], dict[str, Any]]:
        assert container == "made"
        archive = self.archives.get(path)
        if archive is None:
            raise NotFoundError(404)
        return [archive[:100], archive[100:]], {}

    def remove_container(self, identity: str, **options: Any) -> None:
        self.asked.append(("removed", identity, options))

    def stop(self, identity: str) -> None:
        self.asked.append(("stopped", identity, self.timeout))
        if identity in self.answers:
            raise NotFoundError(404)

    def remove_volume(self, name: str) -> None:
        status = self.answers.get(name, 204)
        if status == 404:
            raise NotFoundError(status)
        if status != 204:
            raise APIError(status)


def engine(api: Api) -> StackEngine:
    made = StackEngine.__new__(StackEngine)
    made._api = api  # type: ignore[assignment]
    made._errors = Errors  # type: ignore[assignment]
    return made


@pytest.mark.parametrize(("measured", "size"), [(True, 4096), (False, None)])
def test_the_volumes_and_their_sizes(measured: bool, size: int | None) -> None:
    api = Api()
    assert engine(api).kept_volumes(measured=measured) == [
        Volume("acme-shop_data", "acme-shop", size=size),
        Volume("0" * 64, anonymous=True),
        Volume("common"),
    ]
    assert api.asked == ([("/system/df", {"type": "volume"}, 300)] if measured else [])


@pytest.mark.parametrize(("status", "gone"), [(204, True), (404, True), (409, False)])
def test_a_volume_that_is_mounted_stays(status: int, gone: bool) -> None:
    assert engine(Api(data=status)).remove_volume("data") is gone


def test_another_error_of_the_engine() -> None:
    with pytest.raises(RolledBackError, match="Docker would not remove the volume data"):
        engine(Api(data=500)).remove_volume("data")


@pytest.mark.parametrize("answers", [{}, {"web": 404}])
def test_a_container_with_a_long_grace_period_is_waited_for(answers: dict[str, int]) -> None:
    api = Api(**answers)
    engine(api).stop("web")
    assert api.asked == [("stopped", "web", 900)]


def archive(change: Callable[[tarfile.TarInfo], None] = lambda _info: None, *, content: bytes = b"17\n") -> bytes:
    """Return the archive that the engine gives for one file."""
    info = tarfile.TarInfo("PG_VERSION")
    info.size = len(content)
    change(info)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as opened:
        opened.addfile(info, io.BytesIO(content) if info.isfile() else None)
    return made.getvalue()


def as_link(info: tarfile.TarInfo) -> None:
    info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/shadow", 0


def as_directory(info: tarfile.TarInfo) -> None:
    info.type, info.size = tarfile.DIRTYPE, 0


@pytest.mark.parametrize(
    ("found", "content"),
    [
        (archive(), b"17\n"),
        (archive(as_link), None),
        (archive(as_directory), None),
        (archive(content=b"1" * 5000), None),
        (archive(content=b"1" * (70 << 10)), None),
        (None, None),
    ],
    ids=["a file", "a link", "a directory", "a large file", "a larger file", "nothing"],
)
def test_a_file_in_a_volume_is_read_from_a_container_that_never_starts(
    found: bytes | None, content: bytes | None
) -> None:
    api = Api()
    if found is not None:
        api.archives["/vsa-volume/PG_VERSION"] = found
    expected = {} if content is None else {"PG_VERSION": content}
    assert engine(api).files_in_volume("data", ["PG_VERSION"], image="postgres:17") == expected
    assert api.asked == [
        ("postgres:17", ["never"], {"binds": ["data:/vsa-volume:ro"], "network_mode": "none"}, {"vsa.once": "1"}),
        ("removed", "made", {"force": True, "v": True}),
    ]


class Exec(Api):
    """A command in a container, on the other end of a real connection."""

    def __init__(self, program: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self.ours, self._theirs = socket.socketpair()
        self.codes: list[int | None] = [5]
        self.process = 7
        self._program = threading.Thread(target=self._run, args=(program,), daemon=True)

    def _run(self, program: Callable[[socket.socket], None]) -> None:
        with self._theirs:
            program(self._theirs)

    def exec_create(self, container: str, argv: list[str], *, stdin: bool) -> dict[str, str]:
        self.asked.append((container, argv, stdin))
        return {"Id": "e"}

    def exec_start(self, identity: str, *, socket: bool) -> object:
        assert (identity, socket) == ("e", True)
        self._program.start()
        return self.ours

    def exec_inspect(self, _identity: str) -> dict[str, int | None]:
        self._program.join()
        return {"ExitCode": self.codes.pop(0), "Pid": self.process}


def frame(stream: int, data: bytes) -> bytes:
    """Return a part of the output as the engine sends it."""
    return struct.pack(">BxxxL", stream, len(data)) + data


def echo(theirs: socket.socket) -> None:
    """Read everything to its end, and give it back; say so before and after."""
    theirs.sendall(frame(2, b"reading\n") + frame(1, b"> "))
    while data := theirs.recv(65536):
        theirs.sendall(frame(1, data))
    theirs.sendall(frame(2, b"done\n\xff"))


def test_a_command_reads_its_standard_input_while_it_writes() -> None:
    text = "x" * (1 << 20)  # more than the buffers of the connection
    api = Exec(echo)
    done = engine(api).exec_fed("c", ["cat"], stdin=text, most=2 << 20)
    assert (done.code, done.stdout, done.stderr, done.left_out) == (5, f"> {text}", "reading\ndone\n\ufffd", 0)
    assert api.asked == [("c", ["cat"], True)]


def test_a_command_without_standard_input() -> None:
    api = Exec(lambda theirs: theirs.sendall(frame(1, b"out")))
    assert engine(api).exec_fed("c", ["ls"], stdin=None, most=10).stdout == "out"
    assert api.asked == [("c", ["ls"], False)]


def test_a_command_that_does_not_read_its_standard_input() -> None:
    api = Exec(lambda theirs: theirs.sendall(frame(1, b"no")))
    done = engine(api).exec_fed("c", ["false"], stdin="x" * (1 << 20), most=10)
    assert (done.code, done.stdout) == (5, "no")


def test_a_command_that_the_engine_could_not_start() -> None:
    api = Exec(lambda theirs: theirs.sendall(frame(1, b"OCI runtime exec failed")))
    assert engine(api).exec_fed("c", ["ls"], stdin=None, most=99).ran
    api = Exec(lambda theirs: theirs.sendall(frame(1, b"OCI runtime exec failed")))
    api.process = 0
    done = engine(api).exec_fed("c", ["nope"], stdin=None, most=99)
    assert (done.ran, done.stdout) == (False, "OCI runtime exec failed")


def test_a_connection_that_is_reset_after_the_output_ends_the_output() -> None:
    api = Exec(lambda theirs: theirs.sendall(frame(1, b"no")))
    api.ours.sendall(b"never read")  # so the other end resets the connection when it closes it
    assert engine(api).exec_fed("c", ["false"], stdin=None, most=10).stdout == "no"


def test_an_exit_code_that_the_engine_does_not_know_yet_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    api = Exec(lambda theirs: None)
    api.codes = [None, None, 7]
    assert engine(api).exec_fed("c", ["ls"], stdin=None, most=10).code == 7
    assert len(waits) == 3
    api = Exec(lambda theirs: None)
    api.codes = [None] * 5
    with pytest.raises(RolledBackError, match="still runs"):
        engine(api).exec_fed("c", ["ls"], stdin=None, most=10)


def test_the_output_has_its_limit_and_the_rest_is_counted() -> None:
    api = Exec(lambda theirs: theirs.sendall(frame(1, b"abc") + frame(2, b"def") + frame(1, b"ghi")))
    done = engine(api).exec_fed("c", ["ls"], stdin=None, most=5)
    assert (done.stdout, done.stderr, done.left_out) == ("abc", "de", 4)


class Logs(Api):
    """Logs by container: parts as the engine sends them. After the last one a log goes on, unless it has ended."""

    def __init__(self, *, ended: bool = False, **parts: list[bytes]) -> None:
        super().__init__()
        self._parts = parts
        self._ended = ended
        self.going_on = threading.Event()

    def logs(self, container: str, **options: Any) -> Any:
        self.asked.append((container, options))
        if not options.get("stream"):
            return b"".join(self._parts[container])
        return self._stream(container)

    def _stream(self, container: str) -> Iterator[bytes]:
        yield from self._parts[container]
        if not self._ended:
            self.going_on.wait()


def test_a_followed_log_ends_soon_after_its_first_new_line() -> None:
    api = Logs(a=[b"1 old\n2 n", b"ew\x1b[2J\r\n3 half"], b=[b"1 known\n"])
    began = time.monotonic()
    found = engine(api).followed({"a": (7, 1), "b": (0, 1)}, seconds=60, most=1000)
    api.going_on.set()
    assert found == {"a": ["1 old", "2 new\\x1b[2J"], "b": ["1 known"]}
    assert time.monotonic() - began < 30
    common = {"timestamps": True, "stream": True, "follow": True}
    assert sorted(api.asked, key=str) == [("a", {**common, "since": 7}), ("b", {**common, "since": None})]


def test_a_followed_log_without_a_new_line_ends_in_time() -> None:
    api = Logs(a=[b"1 known\n"])
    assert engine(api).followed({"a": (7, 1)}, seconds=0.2, most=1000) == {"a": ["1 known"]}
    api.going_on.set()


def test_a_container_that_stopped_has_no_line_end() -> None:
    assert engine(Logs(ended=True, a=[b"1 last"])).followed({"a": (7, 0)}, seconds=9, most=1000) == {"a": ["1 last"]}


def test_a_slice_has_a_limit() -> None:
    api = Logs(a=[b"1 xxxxx\n"] * 3)
    assert engine(api).followed({"a": (7, 0)}, seconds=60, most=10) == {"a": ["1 xxxxx", "1 xxxxx"]}
    api.going_on.set()


def test_the_recent_lines_of_a_log() -> None:
    api = Logs(a=[b"1 one\n2 two"])
    assert engine(api).lines_since("a", 7) == ["1 one", "2 two"]
    assert api.asked == [("a", {"timestamps": True, "since": 7})]
