"""The fast reading of an inventory says what Ansible says, or says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from vsa.ansible.config import Config
from vsa.ansible.inventory import chosen_inventory, one_host, read_groups, refuse_unknown_names, select
from vsa.core import UsageError

FLEET = """
all:
  vars: {secret: !vault "x", other: !unsafe "{{ x }}"}
  children:
    infomaniak:
      hosts: {vps-01: {ansible_host: 203.0.113.7}, vps-02: }
    kamatera:
      hosts:
        vps-03:
    europe:
      children:
        infomaniak:
    agents:
      hosts: {vps-02: , vps-03: }
  hosts: {alone: }
hub:
  hosts:
    vps-01:
"""
LIMITS = [
    None, "vps-01", "infomaniak", "europe", "all", "*", "vps-*", "vps-0?", "all:!vps-01", "agents,&infomaniak",
    "agents:&infomaniak", "!vps-02", "vps-01,vps-03", "vps-01:vps-03", "hub,kamatera,!vps-03", "ungrouped", "nobody",
    "all,!all", "europe:hub",
]  # fmt: skip


def ansible_says(path: Path, limit: str | None) -> set[str]:
    manager = InventoryManager(loader=DataLoader(), sources=[str(path)])
    manager.subset(limit)
    return {host.name for host in manager.get_hosts("all")}


@pytest.mark.parametrize("limit", LIMITS)
def test_the_hosts_are_ansibles(tmp_path: Path, limit: str | None) -> None:
    path = tmp_path / "hosts.yml"
    path.write_text(FLEET)
    groups = read_groups(str(path))
    assert groups is not None
    assert set(select(groups, limit) or ()) == ansible_says(path, limit)


def test_a_directory_is_read_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {vps-01: {}}}\n")
    (tmp_path / "more.yml").write_text("web: {hosts: {vps-02: {}}}\n")
    (tmp_path / "README.md").write_text("not an inventory")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("x: 1\n")
    groups = read_groups(str(tmp_path))
    assert groups == {"all": ("vps-01", "vps-02"), "web": ("vps-02",), "ungrouped": ("vps-01",)}
    assert set(groups["all"]) == ansible_says(tmp_path, None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("hosts.yml", "plugin: community.docker.docker_containers\n"),
        ("hosts.ini", "[web]\nvps-01 ansible_host=203.0.113.7\n"),
        ("hosts.yml", "all: {hosts: {'vps-[01:03]': {}}}\n"),
        ("hosts.yml", "all: [vps-01]\n"),
        ("hosts.yml", "all: {hosts: {vps-01: {}\n"),
        ("hosts.yml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n"),
        ("hosts.yml", ""),
    ],
)
def test_what_is_not_plain_is_left_to_ansible(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert read_groups(str(tmp_path / name)) is None
    assert read_groups(str(tmp_path)) is None


def test_a_program_is_left_to_ansible(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yml"
    path.write_text("all: {hosts: {vps-01: {}}}\n")
    path.chmod(0o755)
    assert read_groups(str(path)) is None


@pytest.mark.parametrize("limit", ["vps[0:1]", "~vps.*", "vps-[01:02]"])
def test_a_pattern_that_is_more_is_left_to_ansible(limit: str) -> None:
    assert select({"all": ("vps-01",)}, limit) is None


def test_a_list_of_hosts_is_one() -> None:
    assert read_groups("vps-01, vps-02,") == {"all": ("vps-01", "vps-02")}
    assert read_groups(None) is None


@pytest.mark.parametrize(
    ("hosts", "limit", "single", "message"),
    [
        ((), None, False, "the inventory has no hosts"),
        ((), "x", False, "no host of the inventory matches"),
        (("a", "b"), None, True, "this verb acts on one host, and there are several"),
    ],
)
def test_the_wrong_number_of_hosts(hosts: tuple[str, ...], limit: str | None, single: bool, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        one_host(hosts, limit=limit, single=single)
    assert caught.value.there_are == list(hosts)


@pytest.mark.parametrize(("hosts", "single"), [(("a",), True), (("a", "b"), False), (None, True)])
def test_the_right_number_of_hosts(hosts: tuple[str, ...] | None, single: bool) -> None:
    one_host(hosts, limit=None, single=single)


GROUPS = {"all": ("vps-01", "vps-02", "db-01"), "web": ("vps-01", "vps-02"), "empty": (), "ungrouped": ("db-01",)}


@pytest.mark.parametrize(
    "limit", [None, "vps-01", "vps-01,db-01", "web:!vps-02", "vps-*", "all", "empty", "vps[0:9]", "web,&vps-01"]
)
def test_every_part_of_a_limit_is_known(limit: str | None) -> None:
    refuse_unknown_names(GROUPS, limit)


@pytest.mark.parametrize(
    ("limit", "part", "expected"),
    [
        ("vps-01,vps-9", "vps-9", "did you mean vps-02 or vps-01"),
        ("vps-1", "vps-1", "did you mean vps-01 or vps-02"),
        ("web:!vps-2", "vps-2", "did you mean vps-02 or vps-01"),
        ("web,&infomaniak", "infomaniak", "a host or a group"),
        ("vps-01,gone-*", "gone-*", "a host or a group"),
    ],
)
def test_finding_15_an_unknown_part_of_a_limit_is_refused(limit: str, part: str, expected: str) -> None:
    with pytest.raises(UsageError, match="no host of the inventory matches") as caught:
        refuse_unknown_names(GROUPS, limit)
    assert part in caught.value.message
    assert (caught.value.field, caught.value.value, caught.value.expected) == ("--limit", limit, expected)
    assert caught.value.there_are == ["vps-01", "vps-02", "db-01", "web", "empty"]


class TestChosen:
    """-i, VSA_INVENTORY, this machine where bootstrap was, ansible.cfg's inventory; else an error."""

    @pytest.fixture
    def here(self, tmp_path: Path) -> Path:
        for name in ("flag.yml", "named.yml", "config.yml"):
            (tmp_path / name).write_text("all: {hosts: {vps-01: {}}}\n")
        return tmp_path

    @pytest.mark.parametrize(
        ("flag", "named", "bootstrapped", "config", "expected"),
        [
            ("flag.yml", "named.yml", True, "config.yml", ("flag.yml", False)),
            (None, "named.yml", True, "config.yml", ("named.yml", False)),
            (None, None, True, "config.yml", (None, True)),
            (None, None, False, "config.yml", ("config.yml", False)),
            ("vps-01,", None, False, None, ("vps-01,", False)),
        ],
    )
    def test_the_order(self, here: Path, flag, named, bootstrapped, config, expected) -> None:
        caller = {"VSA_INVENTORY": named} if named else {}
        settings = here / ("flag.yml" if bootstrapped else "nothing")
        given = Config(here / "ansible.cfg", inventory=config and str(here / config))
        path, local = chosen_inventory(flag, caller, given, here=here, host_settings=settings)
        wanted = expected[0] if expected[0] is None or "," in expected[0] else str(here / expected[0])
        assert (path, local) == (wanted, expected[1])

    @pytest.mark.parametrize(("flag", "named"), [("gone.yml", None), (None, "gone.yml"), (None, None)])
    def test_none_is_an_error(self, here: Path, flag: str | None, named: str | None) -> None:
        caller = {"VSA_INVENTORY": named} if named else {}
        with pytest.raises(UsageError):
            chosen_inventory(flag, caller, Config(), here=here, host_settings=here / "nothing")
