"""The files of a stack, and the archive in which they travel."""

from __future__ import annotations

import io
import tarfile

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack import files as module
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import (
    File,
    StackFile,
    as_file,
    content_of,
    file_path,
    mode_of,
    pack,
    text_of,
    unpack,
)

FILES: dict[str, File] = {
    "compose.yml": "services: {}\n",
    ".env": "A=1\n",
    "bin/run.sh": StackFile(b"exit 0\n", executable=True),
    "logo.png": StackFile(b"\x89PNG\xff"),
    "with space/ä.txt": "ä",
    "empty": "",
}


def test_an_archive_has_every_file_with_its_bytes_and_its_mode() -> None:
    assert unpack(pack(FILES)) == FILES


def test_the_same_files_give_the_same_archive() -> None:
    assert pack(FILES) == pack(dict(reversed(FILES.items())))
    assert pack(FILES) != pack({**FILES, "bin/run.sh": "exit 0\n"}), "the mode counts too"


@pytest.mark.parametrize(
    ("content", "executable", "file"),
    [
        (b"text", False, "text"),
        (b"text", True, StackFile(b"text", executable=True)),
        (b"\xff", False, StackFile(b"\xff")),
    ],
)
def test_plain_text_is_text(content: bytes, executable: bool, file: File) -> None:
    made = as_file(content, executable=executable)
    assert made == file
    assert content_of(made) == content
    assert mode_of(made) == (0o755 if executable else 0o644)


def test_a_text_for_a_reader() -> None:
    assert [text_of(None), text_of("a"), text_of(StackFile(b"b\xff"))] == ["", "a", "b\ufffd"]


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../up", "a/../b", "a//b", "./a", "a\nb", "a/" * 40 + "b", "x" * 256]
)
def test_a_path_that_leaves_the_folder_is_refused(path: str) -> None:
    with pytest.raises(RefusedError, match="not the path of a file"):
        file_path(path)


def archive(*entries: tarfile.TarInfo) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:") as made:
        for entry in entries:
            made.addfile(entry, io.BytesIO(bytes(entry.size)))
    return packed.getvalue()


def entry(name: str, *, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, "/etc/passwd"
    return made


@pytest.mark.parametrize(
    "made",
    [
        entry("link", kind=tarfile.SYMTYPE),
        entry("hard", kind=tarfile.LNKTYPE),
        entry("device", kind=tarfile.CHRTYPE),
        entry("../up"),
        entry("/etc/cron.d/x"),
        entry("large", size=11),
    ],
    ids=lambda made: made.name,
)
def test_an_archive_with_anything_else_is_refused(made: tarfile.TarInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES_OF_FILE", 10)
    with pytest.raises(RefusedError):
        unpack(archive(made))


def test_all_files_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    assert len(unpack(archive(entry("a", size=5), entry("b", size=5)))) == 2
    with pytest.raises(RefusedError, match="too much"):
        unpack(archive(entry("a", size=6), entry("b", size=5)))


def test_a_damaged_archive_is_refused() -> None:
    with pytest.raises(RefusedError, match="damaged"):
        unpack(b"no archive" * 100)
