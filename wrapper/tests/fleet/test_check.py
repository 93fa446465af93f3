"""A wrong inventory is refused with file, line and value before Ansible starts, and a foreign one never."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vsa.core import UsageError
from vsa.fleet.check import fits, problems, refuse_wrong_inventory, schema
from vsa.fleet.read import read_fleet
from vsa.fleet.variables import FORMS, variables_model

REPO = Path(__file__).parents[3]
EXAMPLE = REPO / "inventories/example"


def options() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(REPO.glob("roles/*/meta/argument_specs.yml")):
        for spec in yaml.safe_load(path.read_text())["argument_specs"].values():
            found |= spec.get("options") or {}
    return found


MODEL = variables_model(options())
PUBLISHED = json.loads((REPO / "docs/reference/inventory.schema.json").read_text())


def written(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return str(folder)


def refused(inventory: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        refuse_wrong_inventory(inventory)
    assert caught.value.exit_code == 2
    return caught.value


HOSTS = "all:\n  hosts:\n    vps-01:\n      ansible_host: 203.0.113.7\n"


@pytest.mark.parametrize(
    ("files", "place", "field", "value"),
    [
        ({"hosts.yml": HOSTS + "      ansible_port: 99999\n"}, "hosts.yml:5", "ansible_port", "99999"),
        ({"hosts.yml": HOSTS + "      ansible_host: 'a b'\n"}, "hosts.yml:", "ansible_host", "a b"),
        ({"hosts.yml": HOSTS, "group_vars/all.yml": "---\n# x\nvsa_ipv6: maybe\n"}, "all.yml:3", "vsa_ipv6", "maybe"),
        (
            {"hosts.yml": HOSTS, "group_vars/all/a.yml": "bootstrap_docker_source: distor\n"},
            "all/a.yml:1",
            "bootstrap_docker_source",
            "distor",
        ),
        (
            {"hosts.yml": HOSTS, "host_vars/vps-01.yml": "bootstrap_ca: letsencrpyt\n"},
            "vps-01.yml:1",
            "bootstrap_ca",
            "letsencrpyt",
        ),
        (
            {"hosts.yml": HOSTS, "host_vars/vps-01.yml": "vsa_inbound: [22/tcp, 80]\n"},
            "vps-01.yml:1",
            "vsa_inbound",
            '["22/tcp", 80]',
        ),
        (
            {"hosts.yml": HOSTS, "host_vars/vps-01.yml": "vsa_sites: [shop.example.com]\n"},
            "vps-01.yml:1",
            "vsa_sites",
            '["shop.example.com"]',
        ),
        (
            {"hosts.yml": HOSTS, "host_vars/vps-01.yml": "bootstrap_daemon_address_pools: [{base: 10.0.0.0/8}]\n"},
            "vps-01.yml:1",
            "bootstrap_daemon_address_pools",
            '[{"base": "10.0.0.0/8"}]',
        ),
        (
            {"hosts.yml": HOSTS + "  vars:\n    bootstrap_email: [ops@example.com]\n"},
            "hosts.yml:6",
            "bootstrap_email",
            '["ops@example.com"]',
        ),
        (
            {"hosts.yml": "hub:\n  hosts:\n    vps-01:\n    vps-02:\n"},
            "hosts.yml:4",
            "group hub",
            "vps-01, vps-02",
        ),
        (
            {"a.yml": "hub:\n  hosts:\n    vps-01:\n", "b.yml": "hub:\n  hosts:\n    vps-02:\n"},
            "b.yml:3",
            "group hub",
            "vps-01, vps-02",
        ),
        (
            {"hosts.yml": HOSTS + "    vps-02:\n      ansible_host: 203.0.113.7\n"},
            "hosts.yml:6",
            "ansible_host",
            "203.0.113.7 port 22",
        ),
        (
            {
                "hosts.yml": HOSTS + "    vps-02:\n      ansible_host: 203.0.113.8\n",
                "host_vars/vps-02.yml": "ansible_host: 203.0.113.7\nansible_port: '22'\n",
            },
            "vps-02.yml:1",
            "ansible_host",
            "203.0.113.7 port 22",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, files: dict[str, str], place: str, field: str, value: str
) -> None:
    error = refused(written(tmp_path, files))
    assert place in error.message
    assert (error.field, error.value) == (field, value)
    assert error.expected
    assert error.state == "nothing was changed"


@pytest.mark.parametrize(
    "files",
    [
        {"hosts.yml": HOSTS + "      ansible_port: '2222'\n      vsa_ipv6: 'yes'\n"},
        {"hosts.yml": HOSTS + "      ansible_port: '{{ my_port }}'\n      bootstrap_ca: '{{ my_ca }}'\n"},
        {"hosts.yml": HOSTS, "host_vars/vps-01.yml": "bootstrap_email: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  38\n"},
        {"hosts.yml": HOSTS, "host_vars/vps-01.yml": "$ANSIBLE_VAULT;1.1;AES256\n38\n"},
        {"hosts.yml": HOSTS, "group_vars/all.sops.yml": "bootstrap_ca: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n"},
        {"hosts.yml": HOSTS, "group_vars/all.yml": "bootstrap_email: null\nsite_alias: a.example,b.example\n"},
        {"hosts.yml": HOSTS, "group_vars/all.yml": "other_port: maybe\nsome_list: {a: 1}\n"},
        {"hosts.yml": HOSTS, "group_vars/all.yml.example": "vsa_ipv6: maybe\n"},
        {"hosts.yml": HOSTS + "    vps-02:\n      ansible_host: 203.0.113.7\n      ansible_port: 2222\n"},
        {"hosts.yml": "all:\n  hosts:\n    a: {ansible_connection: local}\n    b: {ansible_connection: local}\n"},
        {
            "hosts.yml": "all:\n  hosts:\n    a: {ansible_host: 10.0.0.5, ansible_ssh_common_args: -J one}\n"
            "    b: {ansible_host: 10.0.0.5, ansible_ssh_common_args: -J two}\n"
        },
        {"hosts.ini": "[hub]\na ansible_host=203.0.113.7\nb ansible_host=203.0.113.7\n"},
        {"openstack.yml": "plugin: openstack.cloud.openstack\nhosts: {vsa_ipv6: maybe}\n"},
        {"hosts.yml": "hub: {hosts: {'vps-[01:10]': }}\n"},
        {"hosts.yml": "all: {hosts: {vps-01: {}\n"},
        {"hosts.yml": HOSTS, "known_hosts": "vps-01 ssh-ed25519 AAAA\n"},
    ],
)
def test_what_ansible_would_take_is_never_refused(tmp_path: Path, files: dict[str, str]) -> None:
    refuse_wrong_inventory(written(tmp_path, files))


@pytest.mark.parametrize("inventory", [None, "vps-01,vps-02,"])
def test_what_is_no_file_is_not_checked(inventory: str | None) -> None:
    refuse_wrong_inventory(inventory)


def test_a_secret_is_not_in_the_error(tmp_path: Path) -> None:
    files = {"hosts.yml": HOSTS, "group_vars/all.yml": "bootstrap_alert_url: {hidden: s3cret}\n"}
    error = refused(written(tmp_path, files))
    assert "s3cret" not in json.dumps(error.as_result())
    assert error.field == "bootstrap_alert_url"


def test_the_example_is_right() -> None:
    fleet = read_fleet(str(EXAMPLE))
    assert fleet is not None
    assert fleet.groups is not None
    assert list(problems(fleet)) == []


VALUES = [
    None, True, False, 0, 1, 2, -1, 22, 99999, 1.5, "", "a", "yes", "No", "TRUE", "maybe", "3", "-4", "3.5", "{{ x }}",
    "{% if x %}", "ENC[AES256_GCM,data:x]", "auto", "docker", "letsencrypt", "letsencrpyt", "ops@example.com", "a@b@c",
    "https://acme.example/dir", "22/tcp", "22/icmp", "-oX", "a b",
    "203.0.113.7", "vps-01.example.com", "-x.example.com",
    [], ["a"], [1], [True], [[]], [{}], ["22/tcp"], ["22/tcp", 80], [{"base": "10.0.0.0/8", "size": 24}],
    [{"base": "10.0.0.0/8"}], [{"base": "10.0.0.0/8", "size": 24, "more": 1}], {}, {"a": 1}, {"a": None},
    {"a": {"b": 1}}, {"a.example": {"routes": []}},
]  # fmt: skip


def by_pydantic(name: str, value: Any) -> bool:
    try:
        MODEL.model_validate({name: value})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(schema()))
def test_the_table_says_what_pydantic_says(name: str) -> None:
    """And what the published JSON Schema says, as far as that can: it does not know the forms of the core."""
    published = jsonschema.Draft202012Validator(PUBLISHED["properties"][name])
    for value in VALUES:
        found = fits(value, schema()[name])
        assert found == by_pydantic(name, value), f"{name} = {value!r}: the table says {found}"
        if name not in FORMS:
            told = published.is_valid(value)
            assert found == told, f"{name} = {value!r}: the published schema says {told}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([0.5, -2.25]) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(schema().keys() - FORMS.keys())), JSON)
def test_any_value_gets_the_verdict_of_pydantic(name: str, value: Any) -> None:
    assert fits(value, schema()[name]) == by_pydantic(name, value)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(PUBLISHED)
    assert set(PUBLISHED["properties"]) == set(schema())
    assert {"vsa_provider", "vsa_sites", "bootstrap_email", "ansible_host"} <= set(schema())


def test_the_check_of_200_hosts_takes_less_than_50_ms(tmp_path: Path) -> None:
    """In seconds of the CPU, with what the check itself imports; the YAML parser is needed by every verb anyway."""
    shutil.copytree(EXAMPLE, tmp_path / "fleet")
    lines = ["all:", "  children:"]
    for group, first in (("infomaniak", 0), ("kamatera", 100)):
        lines += [f"    {group}:", "      hosts:"]
        for number in range(first, first + 100):
            lines += [
                f"        vps-{number:03}:",
                f"          ansible_host: 203.0.{number // 100}.{number % 100}",
                f"          vsa_hostname: vps-{number:03}.example.com",
            ]
    lines += ["    agents:", "      hosts:", *(f"        vps-{number:03}:" for number in range(200))]
    (tmp_path / "fleet/hosts.yml").write_text("\n".join(lines) + "\n")
    for number in range(40):
        (tmp_path / f"fleet/host_vars/vps-{number:03}.yml").write_text(
            "bootstrap_data_disk: /dev/disk/by-id/virtio-1\n"
        )
    program = """
import sys, time
import yaml
import vsa.command.perform
from vsa.ansible.inventory import read_groups
read_groups(sys.argv[1])
began = time.process_time()
from vsa.fleet.check import refuse_wrong_inventory
refuse_wrong_inventory(sys.argv[1])
print(time.process_time() - began)
"""
    words = [sys.executable, "-c", program, str(tmp_path / "fleet")]
    taken = [float(subprocess.run(words, capture_output=True, text=True, check=True).stdout) for _ in range(3)]
    assert min(taken) < 0.05, taken
