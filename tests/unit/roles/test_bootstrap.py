"""Constants that the role repeats, because YAML and shell cannot ask the core, and the data of the platforms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import data_disk as core_disk
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.networks import EDGE, ula_subnet
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings, parse_settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.bootstrap import data_disk, engine, listing
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

ROLE = Path(__file__).resolve().parents[3] / "roles/bootstrap"
DEFAULTS: dict[str, Any] = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
VARS: dict[str, Any] = yaml.safe_load((ROLE / "vars/main.yml").read_text())
META: dict[str, Any] = yaml.safe_load((ROLE / "meta/main.yml").read_text())["galaxy_info"]
LOOK: dict[str, Any] = yaml.safe_load((ROLE / "tasks/look.yml").read_text())[0]["flowbiz.vsa.bootstrap_info"]

CODENAMES = {"debian-12": "bookworm", "debian-13": "trixie", "ubuntu-22.04": "jammy", "ubuntu-24.04": "noble"}


def platform_data(platform: str) -> dict[str, Any]:
    """Return what set_vars.yml loads for a platform."""
    name, version = platform.split("-")
    data: dict[str, Any] = {}
    for path in (ROLE / f"vars/{name.capitalize()}.yml", ROLE / f"vars/{name.capitalize()}_{version}.yml"):
        if path.exists():
            data |= yaml.safe_load(path.read_text())
    return data


def test_every_setting_can_be_said() -> None:
    names = set(Settings().as_dict())
    assert set(LOOK["settings"]) == names - {"ca_bundle"}
    for name in names:
        assert DEFAULTS[f"bootstrap_{name}"] is None, "what is not said stays as the host has it"
    for name, value in LOOK["settings"].items():
        assert value == f"{{{{ bootstrap_{name} }}}}"


def test_every_switch_is_a_concern() -> None:
    switches = {name for name in DEFAULTS if re.fullmatch("bootstrap_[a-z]+_enabled", name)}
    handed = {value.strip("{} ") for value in LOOK["concerns"].values()}
    # Without Python no module runs, and the firewall has a module of its own, which looks for itself.
    assert handed == switches - {"bootstrap_python_enabled", "bootstrap_firewall_enabled"}
    assert set(LOOK["concerns"]) == set(listing.Concerns.__dataclass_fields__)


def test_the_places_on_the_host_are_the_modules() -> None:
    assert VARS["__bootstrap_daemon_json"] == f"/{engine._DAEMON_JSON}"
    assert VARS["__bootstrap_daemon_old"] == str(engine._kept_file(Paths()))
    assert VARS["__bootstrap_vsa_yml"] == str(Paths().vsa_yml)
    assert VARS["__bootstrap_data_disk_record"] == str(Paths().state / data_disk._RECORD)
    assert VARS["__bootstrap_containerd_root"] == core_disk._CONTAINERD_FOLDER
    place = VARS["__bootstrap_ca_bundle"]
    assert place == listing._CA_BUNDLE
    assert parse_settings({"ca_bundle": place}).ca_bundle == place


def test_the_directories_are_those_of_the_layout() -> None:
    made = {entry["path"] for entry in VARS["__bootstrap_directories"]}
    layout = Paths()
    assert {str(path) for path in (layout.sites, layout.certs, layout.dns, layout.state)} <= made
    assert {str(layout.vsa_yml.parent), str(layout.proxy.parent)} <= made


def test_the_edge_network_is_the_cores() -> None:
    assert VARS["__bootstrap_network"] == EDGE
    assert DEFAULTS["bootstrap_network_ipv6_subnet"] == ula_subnet(EDGE)


def test_the_platforms_are_the_same_for_the_script_and_for_galaxy() -> None:
    assert set(VARS["__bootstrap_platforms"]) == set(CODENAMES)
    told = {version for platform in META["platforms"] for version in platform["versions"]}
    assert told == set(CODENAMES.values())


@pytest.mark.parametrize("platform", CODENAMES)
def test_every_supported_platform_has_data(platform: str) -> None:
    data = platform_data(platform)
    assert data["__bootstrap_distro_compose_package"] in data["__bootstrap_distro_packages"]
    assert {"python3-docker", "python3-yaml"} <= set(data["__bootstrap_packages"])


@pytest.mark.parametrize("platform", CODENAMES)
def test_python_itself_is_a_package_of_the_platform(platform: str) -> None:
    script = (ROLE / "files/python.sh").read_text()
    [installed] = re.findall(r"--no-install-recommends ([a-z0-9 -]+) 2>&1", script)
    assert set(installed.split()) <= set(platform_data(platform)["__bootstrap_packages"])


@pytest.mark.parametrize("path", sorted((ROLE / "vars").glob("*.yml")), ids=lambda path: path.name)
def test_the_role_decides_nothing(path: Path) -> None:
    data = yaml.safe_load(path.read_text())
    templates = {name for name, value in data.items() if "{{" in str(value)}
    # These give names to answers of the module and of python.sh.
    assert templates <= {
        "__bootstrap_found",
        "__bootstrap_last_words",
        "__bootstrap_answers",
        "__bootstrap_platform",
    }
