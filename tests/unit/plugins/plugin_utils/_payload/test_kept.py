# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The payloads that a controller keeps: what is restored, what is not, and that Ansible takes what is restored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._payload.kept import Payloads, identity

ROOT = Path(__file__).resolve().parents[5]
SITE = "ansible_collections.flowbiz.vsa.plugins.modules.site_info-ZIP_DEFLATED-none"
CERT = "ansible_collections.flowbiz.vsa.plugins.modules.cert-ZIP_DEFLATED-none"
OTHERS = (
    "ansible.modules.ping-ZIP_DEFLATED-none",
    "ansible_collections.flowbiz.vsa.plugins.modules.site-ZIP_DEFLATED-coverage",
    f"{SITE}.lock",
    f"{SITE}-part",
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The directory of a run in which Ansible built payloads."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in (SITE, CERT, *OTHERS):
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "cache/vsa/payloads"


def restored(home: Path, folder: Path, *, version: str = "one", noun: str = "site") -> dict[str, bytes]:
    Payloads(home, version).restore(folder, noun=noun)
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_a_payload_of_a_run_is_there_in_the_next_run_of_its_noun(home: Path, run: Path, tmp_path: Path) -> None:
    Payloads(home, "one").keep(run)
    assert restored(home, tmp_path / "site") == {SITE: SITE.encode()}
    assert restored(home, tmp_path / "cert", noun="cert") == {CERT: CERT.encode()}
    assert {path.name for path in (home / "one").iterdir()} == {SITE, CERT}


@pytest.mark.parametrize("module", ["stack", "stack_backup", "vhost", "site"])
def test_a_stack_restores_what_its_role_runs(home: Path, run: Path, tmp_path: Path, module: str) -> None:
    """A module that is built anew takes half a second of each run."""
    name = f"ansible_collections.flowbiz.vsa.plugins.modules.{module}-ZIP_DEFLATED-none"
    (run / name).write_bytes(b"payload")
    Payloads(home, "one").keep(run)
    assert restored(home, tmp_path / "stack", noun="stack") == {name: b"payload"}


def test_another_version_of_the_code_has_other_payloads(home: Path, run: Path, tmp_path: Path) -> None:
    Payloads(home, "one").keep(run)
    assert restored(home, tmp_path / "next", version="two") == {}


def test_a_payload_that_is_kept_is_not_written_again(home: Path, run: Path, tmp_path: Path) -> None:
    Payloads(home, "one").keep(run)
    before = (home / "one" / SITE).stat().st_ino
    Payloads(home, "one").keep(run)
    assert (home / "one" / SITE).stat().st_ino == before


@pytest.mark.parametrize("length", [0, 10, 40])
def test_a_file_that_is_not_whole_is_left_out(home: Path, run: Path, tmp_path: Path, length: int) -> None:
    Payloads(home, "one").keep(run)
    os.truncate(home / "one" / SITE, length)
    assert restored(home, tmp_path / "next") == {}


def test_a_payload_under_the_name_of_another_is_left_out(home: Path, run: Path, tmp_path: Path) -> None:
    Payloads(home, "one").keep(run)
    (home / "one" / CERT).rename(home / "one" / SITE)
    assert restored(home, tmp_path / "next") == {}


@pytest.mark.parametrize("mode", [0o770, 0o701, 0o755])
def test_a_directory_that_others_can_enter_is_not_used(home: Path, run: Path, tmp_path: Path, mode: int) -> None:
    Payloads(home, "one").keep(run)
    (home / "one").chmod(mode)
    assert restored(home, tmp_path / "next") == {}
    (home / "one").chmod(0o700)
    home.chmod(mode)
    Payloads(home, "two").keep(run)
    assert not (home / "two").exists()


def test_a_link_is_not_followed(home: Path, run: Path, tmp_path: Path) -> None:
    Payloads(home, "one").keep(run)
    (home / "two").symlink_to(home / "one")
    assert restored(home, tmp_path / "next", version="two") == {}
    (home / "one" / CERT).unlink()
    (home / "one" / CERT).symlink_to(home / "one" / SITE)
    assert restored(home, tmp_path / "cert", noun="cert") == {}


def test_the_payloads_of_old_versions_go(home: Path, run: Path) -> None:
    for number in range(6):
        Payloads(home, str(number)).keep(run)
        os.utime(home / str(number), (number, number))
    Payloads(home, "6").keep(run)
    assert sorted(path.name for path in home.iterdir()) == ["3", "4", "5", "6"]


def test_an_edit_of_any_source_is_another_version(tmp_path: Path) -> None:
    below = tmp_path / "code/room"
    below.mkdir(parents=True)
    (below / "a.py").write_text("1\n")
    single = tmp_path / "runtime.yml"
    single.write_text("a\n")
    sources = [tmp_path / "code", single]
    seen = [identity(sources)]
    # The same size and the same time of the last change: an edit that wants to be overlooked.
    times = (below / "a.py").stat()
    (below / "a.py").write_text("2\n")
    os.utime(below / "a.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    seen.append(identity(sources))
    (below / "b.py").write_text("")
    seen.append(identity(sources))
    (below / "b.py").unlink()
    single.write_text("b\n")
    seen.append(identity(sources))
    assert None not in seen
    assert len(set(seen)) == 4
    assert identity(sources) == seen[-1]


def test_with_sources_of_others_or_without_a_file_nothing_is_kept(tmp_path: Path) -> None:
    assert identity(None) is None
    assert identity([tmp_path / "missing"]) is None


PLAY = """
- name: Look
  hosts: "{{ lookup('flowbiz.vsa.hosts', 'vhost.list') }}"
  gather_facts: false
  tasks:
    - name: Look
      flowbiz.vsa.vhost_info:
      ignore_errors: true
"""


def test_ansible_builds_a_payload_in_the_first_run_alone(tmp_path: Path) -> None:
    play, hosts = tmp_path / "play.yml", tmp_path / "hosts.json"
    play.write_text(PLAY, encoding="utf-8")
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts.write_text(json.dumps({"all": {"hosts": {"here": here}}}), encoding="utf-8")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "VSA_", "XDG_"))}
    env = kept | {
        "HOME": str(tmp_path),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "ANSIBLE_DEBUG": "1",
        "ANSIBLE_NOCOLOR": "1",
    }
    argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(hosts), str(play)]
    said = []
    for _number in range(2):
        done = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
        said.append(done.stdout + done.stderr)
    assert "ANSIBALLZ: Creating module" in said[0]
    assert "ANSIBALLZ: Creating module" not in said[1]
    assert "ANSIBALLZ: using cached module" in said[1]
