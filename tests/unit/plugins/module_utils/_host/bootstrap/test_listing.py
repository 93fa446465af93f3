"""The look at a host: real files in a folder, fakes for apt, systemd and the engine."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.bootstrap import (
    DaemonRequest,
    EngineRequest,
    Platform,
    Policy,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import as_module_result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.bootstrap import engine as engine_module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.bootstrap import listing as module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.bootstrap.engine import EdgeNetwork, ExistingEngine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.bootstrap.listing import (
    BootstrapRequest,
    Concerns,
    DirectoryRequest,
    look_at_host,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.systemd import UnitState
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

LIBRARIES = ("python3-docker", "python3-yaml")
ENGINE_PACKAGES = ("docker.io", "docker-compose")
ALL = Concerns(packages=True, engine=True, daemon=True, network=True, directories=True, settings=True)
REQUEST = BootstrapRequest(
    concerns=ALL,
    packages=LIBRARIES,
    engine=EngineRequest("auto", "https://x.example.com", ENGINE_PACKAGES, "docker-compose", ("docker-ce",)),
    daemon=DaemonRequest([], live_restore=True, log_max_size="10m", log_max_file=3, ipv6=True, options={}),
    directories=(DirectoryRequest("/etc/vsa", 0o755), DirectoryRequest("/var/lib/vsa", 0o700)),
)
VERSIONS = {"docker.io": "26.1.5", "docker-compose": "2.26.1", "python3-docker": "7.1.0", "python3-yaml": "6.0.2"}
RUNNING = UnitState(active=True, enabled=True)
BUNDLE = "-----BEGIN CERTIFICATE-----\n"


@dataclasses.dataclass
class Machine:
    """A host: its files below ``root``, and what its programs say."""

    root: Path
    installed: dict[str, str] = dataclasses.field(default_factory=dict)
    engine: ExistingEngine = dataclasses.field(default_factory=ExistingEngine)
    network: EdgeNetwork = dataclasses.field(default_factory=lambda: EdgeNetwork(needed=True))
    libraries: set[str] = dataclasses.field(default_factory=set)
    log_warning: str = ""

    def look(self, **changes: Any) -> dict[str, Any]:
        request = dataclasses.replace(REQUEST, **changes)
        return as_module_result(look_at_host(request, paths=Paths(str(self.root))))

    def found(self, **changes: Any) -> dict[str, Any]:
        found = self.look(**changes)["bootstrap"]
        assert found["refusal"] == ""
        return dict(found)

    def refusal(self, **changes: Any) -> str:
        found = self.look(**changes)["bootstrap"]
        assert set(found) == {"refusal"}
        return str(found["refusal"])

    def make_ready(self) -> None:
        """Let the host be as it is after a first run."""
        self.installed = dict(VERSIONS)
        self.libraries = {"docker", "yaml"}
        self.engine = ExistingEngine("26.1.5", RUNNING)
        self.network = EdgeNetwork(needed=True, known=True, exists=True)
        for wanted in REQUEST.directories:
            folder = self.root / wanted.path.lstrip("/")
            folder.mkdir(parents=True)
            folder.chmod(wanted.mode)
            if os.geteuid() == 0:
                os.chown(folder, 0, 0)
        (self.root / "etc/docker").mkdir()
        (self.root / "etc/docker/daemon.json").write_text(self.found()["daemon"]["text"])
        (self.root / "etc/vsa/vsa.yml").write_text(self.found()["settings"]["text"])
        (self.root / "etc/vsa/vsa.yml").chmod(0o640)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """A host with Python and nothing else."""
    machine = Machine(tmp_path)
    monkeypatch.setattr(module, "read_platform", lambda: Platform("debian", "13", "trixie", "amd64"))
    monkeypatch.setattr(module, "read_policy", lambda names: Policy(machine.installed, VERSIONS))
    monkeypatch.setattr(module, "read_engine", lambda paths: machine.engine)
    monkeypatch.setattr(module, "read_edge_network", lambda engine, ipv6, check: machine.network)
    monkeypatch.setattr(module, "read_log_warning", lambda engine, plan: machine.log_warning)
    monkeypatch.setattr(module, "can_import", lambda name: name in machine.libraries)
    monkeypatch.setattr(engine_module, "journal_of", lambda name, program: "why it failed\n")
    return machine


@pytest.fixture
def ready(fresh: Machine) -> Machine:
    """The same host after a first run."""
    fresh.make_ready()
    return fresh


def concerns(*names: str) -> Concerns:
    return Concerns(**dict.fromkeys(names, True))


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to root")


# A fresh host ---------------------------------------------------------------------------------------------------------


def test_a_fresh_host_lacks_everything(fresh: Machine) -> None:
    result = fresh.look()
    found = result["bootstrap"]
    assert result["changed"] is False
    assert "steps" not in result
    assert found["packages"] == list(LIBRARIES)
    assert found["platform"] == {"id": "debian", "version": "13", "codename": "trixie", "architecture": "amd64"}
    assert found["engine"] == {
        "version": "",
        "source": "distro",
        "missing": list(ENGINE_PACKAGES),
        "repository": "",
        "start": True,
        "words": "nothing",
    }
    assert json.loads(found["daemon"]["text"])["ip6tables"] is True
    assert found["directories"] == [{"path": "/etc/vsa", "mode": "0755"}, {"path": "/var/lib/vsa", "mode": "0700"}]
    assert found["settings"] == {"known": False, "change": False, "text": "", "bundle": False}


def test_a_check_starts_no_engine_that_is_not_installed(fresh: Machine) -> None:
    assert fresh.found(check=True)["engine"]["start"] is False
    fresh.engine = ExistingEngine("26.1.5", UnitState())
    assert fresh.found(check=True)["engine"]["start"] is True


def test_the_second_look_of_a_run_knows_the_settings_and_repeats_no_step(fresh: Machine) -> None:
    fresh.installed, fresh.libraries = dict(VERSIONS), {"docker", "yaml"}
    result = fresh.look(host_changed=True, settings={"email": "ops@example.com"})
    assert "steps" not in result
    assert result["bootstrap"]["settings"]["change"] is True
    assert result["bootstrap"]["settings"]["text"].endswith("schema: 1\nemail: ops@example.com\n")


# A host that is ready -------------------------------------------------------------------------------------------------


@root_only
def test_a_host_that_is_ready_lacks_nothing(ready: Machine) -> None:
    result = ready.look()
    found = result["bootstrap"]
    assert (found["packages"], found["engine"]["missing"], found["directories"]) == ([], [], [])
    assert (found["engine"]["start"], found["daemon"]["change"], found["settings"]["change"]) == (False, False, False)
    assert [step["name"] for step in result["steps"]] == [
        "packages",
        "engine",
        "daemon",
        "network",
        "directories",
        "settings",
    ]
    assert {(step["state"], step["text"]) for step in result["steps"]} == {("ok", "as it should be")}


@root_only
def test_what_differs_has_no_step(ready: Machine) -> None:
    (ready.root / "var/lib/vsa").chmod(0o755)
    ready.engine = ExistingEngine("26.1.5", UnitState(active=True))
    result = ready.look(settings={"ca": "staging"})
    assert [step["name"] for step in result["steps"]] == ["packages", "daemon", "network"]
    found = result["bootstrap"]
    assert found["engine"]["start"] is True
    assert found["directories"] == [{"path": "/var/lib/vsa", "mode": "0700"}]
    assert "ca: staging" in found["settings"]["text"]


def test_a_directory_of_another_owner_is_corrected(ready: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ready.root / "etc/vsa"
    real = Path.stat

    def stat(path: Path, **words: Any) -> os.stat_result:
        found = list(real(path, **words))
        if path == folder:
            found[4] = 1000  # st_uid
        return os.stat_result(found)

    monkeypatch.setattr(Path, "stat", stat)
    assert {"path": "/etc/vsa", "mode": "0755"} in ready.found()["directories"]


def test_an_engine_that_is_down_says_why(ready: Machine) -> None:
    ready.engine = ExistingEngine("26.1.5", UnitState(enabled=True))
    engine = ready.found()["engine"]
    assert (engine["start"], engine["words"]) == (True, "why it failed")


def test_an_unfinished_change_of_daemon_json_starts_the_engine_by_itself(ready: Machine) -> None:
    ready.engine = ExistingEngine("26.1.5", UnitState(enabled=True), unfinished=True)
    found = ready.found()
    assert found["engine"]["start"] is False
    assert (found["daemon"]["change"], found["daemon"]["unfinished"]) == (True, True)
    only_engine = dataclasses.replace(ALL, daemon=False)
    assert ready.found(concerns=only_engine)["engine"]["start"] is True


def test_containers_that_keep_their_log_options_are_told(ready: Machine) -> None:
    ready.log_warning = "warning: …"
    daemon = ready.found()["daemon"]
    assert (daemon["change"], daemon["warning"]) == (False, "warning: …")


def test_a_host_without_its_data_disk_is_refused_also_if_no_disk_is_named(ready: Machine) -> None:
    record = {"schema": 1, "disk": "/dev/disk/by-id/virtio-data", "uuid": "x", "phase": "ready"}
    (ready.root / "var/lib/vsa").mkdir(exist_ok=True)
    (ready.root / "var/lib/vsa/data-disk.json").write_text(json.dumps(record))
    assert ready.refusal().startswith("refused: the data disk is not attached, so Docker does not start")
    assert ready.found(concerns=Concerns())["data_disk"] == {"change": False}, "the look at the journal goes on"


# Concerns that are switched off ---------------------------------------------------------------------------------------


def test_a_look_without_concerns_finds_the_last_words_alone(fresh: Machine) -> None:
    fresh.engine = ExistingEngine("26.1.5", UnitState(enabled=True))
    found = fresh.found(concerns=Concerns())
    assert found["engine"]["words"] == "why it failed"
    assert (found["packages"], found["engine"]["missing"], found["engine"]["start"]) == ([], [], False)
    assert found["daemon"] == {"change": False, "warning": ""}
    assert found["network"] == {"needed": False, "known": False, "exists": False, "warning": ""}
    assert found["directories"] == []
    assert found["settings"] == {"known": True, "change": False, "text": "", "bundle": False}


def test_without_an_engine_there_is_no_daemon_json_and_no_network(fresh: Machine) -> None:
    off = dataclasses.replace(ALL, engine=False)
    found = fresh.found(concerns=off)
    assert found["daemon"] == {"change": False, "warning": ""}
    assert found["network"]["needed"] is False
    fresh.engine = ExistingEngine("20.10.24", RUNNING)
    found = fresh.found(concerns=off)
    assert found["daemon"]["change"] is True
    assert found["network"]["needed"] is True


# Refusals -------------------------------------------------------------------------------------------------------------


def test_all_wrong_settings_are_one_refusal(ready: Machine) -> None:
    said = {"email": "nobody", "ca": "letsencrypt\n", "loki_url": None}
    text = ready.refusal(settings=said, unset=("schema",), ca_bundle="ca.pem")
    lines = text.splitlines()
    assert lines[0] == "refused: this is not a setting of a host"
    assert [line for line in lines if line.startswith("field")] == [
        "field      bootstrap_email = nobody",
        "field      bootstrap_ca = letsencrypt\\n",
        "field      bootstrap_unset = schema",
        "field      bootstrap_ca_bundle = ca.pem",
    ]
    assert lines[-1] == "nothing was changed"
    off = dataclasses.replace(ALL, settings=False)
    assert ready.found(concerns=off, settings=said)["settings"]["change"] is False


def test_a_source_that_does_not_fit_is_refused_with_what_was_done(fresh: Machine) -> None:
    fresh.installed = {"docker-ce": "5:29.0.1"}
    engine = dataclasses.replace(REQUEST.engine, source="distro")
    text = fresh.refusal(engine=engine, python_installed=True)
    assert text.startswith("refused: an engine of the other kind is installed")
    assert "\nnothing was changed, but Python was installed\n" in text


def test_a_vsa_yml_that_is_not_valid_is_refused(ready: Machine) -> None:
    (ready.root / "etc/vsa/vsa.yml").write_text("schema: 1\nca: nobody\n")
    assert "field      vsa.yml/ca = nobody" in ready.refusal()
    assert "ca: staging" in ready.found(settings={"ca": "staging"})["settings"]["text"], "this run replaces it"


@pytest.mark.parametrize(
    ("libraries", "lacks"),
    [({"yaml"}, "python3-docker"), ({"docker"}, "python3-yaml"), (set(), "python3-yaml, python3-docker")],
)
def test_a_library_that_nobody_installs_is_refused(ready: Machine, libraries: set[str], lacks: str) -> None:
    ready.libraries = libraries
    off = dataclasses.replace(ALL, packages=False)
    lines = ready.refusal(concerns=off).splitlines()
    assert lines[0] == f"refused: this host lacks {lacks}"
    assert lines[1] == "field      bootstrap_packages_enabled = false"


def test_issue_14_item_12_a_package_that_is_there_and_is_not_imported_is_named(ready: Machine) -> None:
    ready.libraries = {"yaml"}
    text = ready.refusal()
    assert text.startswith("refused: this host has python3-docker, and its Python cannot import what is in there\n")
    assert "bootstrap_packages_enabled" not in text
    assert "apt-get install --reinstall python3-docker" in text


# The CA bundle --------------------------------------------------------------------------------------------------------


def test_a_bundle_that_is_no_bundle_is_refused(ready: Machine) -> None:
    text = ready.refusal(ca_bundle="/home/ops/key.pem", ca_bundle_text="")
    assert text.startswith("refused: the CA bundle is not a PEM file of certificates alone")
    assert "field      bootstrap_ca_bundle = /home/ops/key.pem" in text


def test_a_bundle_is_written_once(ready: Machine) -> None:
    bundle = {"ca_bundle": "/home/ops/ca.pem", "ca_bundle_text": BUNDLE}
    settings = ready.found(**bundle)["settings"]
    assert settings["bundle"] is True
    assert "ca_bundle: /etc/vsa/acme-ca.pem\n" in settings["text"]
    (ready.root / "etc/vsa/acme-ca.pem").write_text(BUNDLE)
    (ready.root / "etc/vsa/vsa.yml").write_text(settings["text"])
    (ready.root / "etc/vsa/vsa.yml").chmod(0o640)
    settings = ready.found(**bundle)["settings"]
    assert (settings["bundle"], settings["change"]) == (False, False)
    assert "ca_bundle" not in ready.found(unset=("ca_bundle",))["settings"]["text"]


# Imports --------------------------------------------------------------------------------------------------------------

BARE = f"""
import importlib, sys

for library in ("cryptography", "docker", "jinja2", "requests", "yaml"):
    sys.modules[library] = None
for name in ("_host.bootstrap.listing", "_module.adapter", "_module.bootstrap"):
    importlib.import_module("{module.__name__.partition("._host")[0]}." + name)
"""


def test_the_first_look_needs_no_library_that_a_fresh_host_lacks() -> None:
    done = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
