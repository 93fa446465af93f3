"""A service has the hash of the files that it mounts, and of nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import File
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import BY_ITSELF, Reload
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.mounted import (
    LABEL,
    label_services,
    mounted_parts,
    read_again,
    refuse_reloads,
)

FOLDER = "/srv/acme/app"
FILES: dict[str, File] = {"conf.txt": "1", "dir/a.txt": "1", "dir/b.txt": "1", "directory": "1", "key": "1"}
CONFIG: dict[str, Any] = {
    "services": {
        "file": {"volumes": [{"type": "bind", "source": f"{FOLDER}/conf.txt", "target": "/c"}]},
        "dir": {"volumes": [{"type": "bind", "source": f"{FOLDER}/dir", "target": "/d"}], "labels": {"a": "b"}},
        "both": {
            "volumes": [
                {"type": "bind", "source": f"{FOLDER}/dir", "target": "/d"},
                {"type": "bind", "source": f"{FOLDER}/dir/b.txt", "target": "/start"},
            ]
        },
        "whole": {"volumes": [{"type": "bind", "source": FOLDER, "target": "/f"}]},
        "secret": {"secrets": [{"source": "key"}, {"source": "word"}]},
        "config": {"configs": [{"source": "inline"}]},
        "none": {"volumes": [{"type": "volume", "source": "conf.txt"}, {"type": "bind", "source": f"{FOLDER}/data"}]},
    },
    "secrets": {"key": {"file": f"{FOLDER}/key"}, "word": {"environment": "WORD"}},
    "configs": {"inline": {"content": "x"}},
}


def hashes(
    files: dict[str, File] = FILES, config: dict[str, Any] = CONFIG, reload: tuple[Reload, ...] = (), **variables: str
) -> dict[str, str]:
    """Return the labels that the services get."""
    parts = mounted_parts(config, files, variables, folder=FOLDER)
    labelled = label_services(copy.deepcopy(config), parts, reload=reload)
    labels = {name: entry.get("labels") or {} for name, entry in labelled["services"].items()}
    return {name: entry[LABEL] for name, entry in labels.items() if LABEL in entry}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


@pytest.mark.parametrize(
    ("name", "services"),
    [
        ("conf.txt", {"file", "whole"}),
        ("dir/a.txt", {"dir", "both", "whole"}),
        ("directory", {"whole"}),
        ("key", {"secret", "whole"}),
        ("dir/new.txt", {"dir", "both", "whole"}),
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


def test_the_label_stays_the_same_in_a_new_release() -> None:
    """Else the first `stack up` after an upgrade recreates every container."""
    assert hashes()["dir"] == "a6005a6867f87ecb5c3f04b0508246906c3e5dd59dcd6e30fa85d892b8742b25"


def test_the_label_is_added_unless_the_service_reads_its_files_again() -> None:
    config = copy.deepcopy(CONFIG)
    parts = mounted_parts(config, FILES, {}, folder=FOLDER)
    labelled = label_services(config, parts, reload=(Reload("file"),))["services"]
    assert set(labelled["dir"]["labels"]) == {"a", LABEL}
    assert "labels" not in labelled["file"]


def test_a_service_reads_one_mount_again_and_another_one_recreates_it() -> None:
    by_itself = (Reload("both", BY_ITSELF, "dir"),)
    before = hashes(reload=by_itself)
    assert "both" not in changed(before, hashes({**FILES, "dir/a.txt": "2"}, reload=by_itself))
    assert "both" in changed(before, hashes({**FILES, "dir/b.txt": "2"}, reload=by_itself))
    parts = mounted_parts(CONFIG, FILES, {}, folder=FOLDER)
    assert {(part.mount, part.name) for part in read_again(by_itself[0], parts)} == {
        ("dir", "dir/a.txt"),
        ("dir", "dir/b.txt"),
    }


def test_a_signal_for_a_directory() -> None:
    refuse_reloads(CONFIG, FILES, folder=FOLDER, reload=(Reload("dir"),), where="stack.yml/reload")
    one = (Reload("both", BY_ITSELF, "dir"),)
    refuse_reloads(CONFIG, FILES, folder=FOLDER, reload=one, where="stack.yml/reload")


def test_a_mount_that_the_service_has_not_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"both does not mount dir/a\.txt") as refused:
        refuse_reloads(CONFIG, FILES, folder=FOLDER, reload=(Reload("both", "HUP", "dir/a.txt"),), where="reload")
    assert refused.value.field == "reload/0/mount"
    assert list(refused.value.there_are) == ["dir", "dir/b.txt"]


@pytest.mark.parametrize(
    ("service", "message"),
    [("file", "the single file conf.txt"), ("both", "the single file dir/b.txt"), ("nobody", "no such service")],
)
def test_a_signal_that_could_tell_nothing_is_refused(service: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as refused:
        refuse_reloads(CONFIG, FILES, folder=FOLDER, reload=(Reload(service),), where="stack.yml/reload")
    assert refused.value.field == "stack.yml/reload/0/service"


def test_a_service_whose_profile_is_off_needs_no_signal() -> None:
    refuse_reloads(CONFIG, FILES, folder=FOLDER, reload=(Reload("off"),), where="stack.yml/reload", profiled={"off"})
