"""A service has the hash of the files that it mounts, and of nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import File
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Reload
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.mounted import (
    LABEL,
    label_services,
    mounted_hashes,
    refuse_reloads,
)

FOLDER = "/srv/acme/app"
FILES: dict[str, File] = {"conf.txt": "1", "dir/a.txt": "1", "dir/b.txt": "1", "directory": "1", "key": "1"}
CONFIG: dict[str, Any] = {
    "services": {
        "file": {"volumes": [{"type": "bind", "source": f"{FOLDER}/conf.txt", "target": "/c"}]},
        "dir": {"volumes": [{"type": "bind", "source": f"{FOLDER}/dir", "target": "/d"}], "labels": {"a": "b"}},
        "whole": {"volumes": [{"type": "bind", "source": FOLDER, "target": "/f"}]},
        "secret": {"secrets": [{"source": "key"}, {"source": "word"}]},
        "config": {"configs": [{"source": "inline"}]},
        "none": {"volumes": [{"type": "volume", "source": "conf.txt"}, {"type": "bind", "source": f"{FOLDER}/data"}]},
    },
    "secrets": {"key": {"file": f"{FOLDER}/key"}, "word": {"environment": "WORD"}},
    "configs": {"inline": {"content": "x"}},
}


def hashes(files: dict[str, File] = FILES, config: dict[str, Any] = CONFIG, **variables: str) -> dict[str, str]:
    return mounted_hashes(config, files, variables, folder=FOLDER)


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


@pytest.mark.parametrize(
    ("name", "services"),
    [
        ("conf.txt", {"file", "whole"}),
        ("dir/a.txt", {"dir", "whole"}),
        ("directory", {"whole"}),
        ("key", {"secret", "whole"}),
        ("dir/new.txt", {"dir", "whole"}),
    ],
)
def test_a_changed_file_changes_the_services_that_mount_it(name: str, services: set[str]) -> None:
    assert changed(hashes(), hashes({**FILES, name: "2"})) == services


def test_a_changed_value_of_a_secret_and_an_inline_config() -> None:
    assert changed(hashes(WORD="a"), hashes(WORD="b")) == {"secret"}
    other = {**CONFIG, "configs": {"inline": {"content": "y"}}}
    assert changed(hashes(), hashes(config=other)) == {"config"}


def test_a_service_without_files_has_no_hash() -> None:
    assert "none" not in hashes()


def test_the_label_is_added_unless_a_signal_tells_the_service() -> None:
    config = {"services": {"dir": {"labels": {"a": "b"}}, "file": {}}}
    labelled = label_services(config, {"dir": "1", "file": "2"}, reload=(Reload("file"),))
    assert labelled == {"services": {"dir": {"labels": {"a": "b", LABEL: "1"}}, "file": {}}}


def test_a_signal_for_a_directory() -> None:
    refuse_reloads(CONFIG, FILES, folder=FOLDER, reload=(Reload("dir"),), where="stack.yml/reload")


@pytest.mark.parametrize(("service", "message"), [("file", "the single file conf.txt"), ("nobody", "no such service")])
def test_a_signal_that_could_tell_nothing_is_refused(service: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as refused:
        refuse_reloads(CONFIG, FILES, folder=FOLDER, reload=(Reload(service),), where="stack.yml/reload")
    assert refused.value.field == "stack.yml/reload/0/service"


def test_a_service_whose_profile_is_off_needs_no_signal() -> None:
    refuse_reloads(CONFIG, FILES, folder=FOLDER, reload=(Reload("off"),), where="stack.yml/reload", profiled={"off"})
