"""What looks like a slip is named, and what is merely foreign is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsa.fleet.read import read_fleet
from vsa.fleet.warnings import warnings


def said(folder: Path, hosts: str, **files: str) -> list[str]:
    (folder / "hosts.yml").write_text(hosts)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yml", ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    fleet = read_fleet(str(folder))
    assert fleet is not None
    return warnings(fleet)


PROVIDER = "vsa_provider: hetzner\n"


def test_a_host_of_no_provider(tmp_path: Path) -> None:
    found = said(tmp_path, "hetzner: {hosts: {a: }}\nlab: {hosts: {b: }}\n", group_vars__hetzner_yml=PROVIDER)
    assert found == ["b is in no provider's group (a group whose variables have vsa_provider)"]


@pytest.mark.parametrize(
    ("group", "meant"),
    [("infomaniac", "infomaniak"), ("kamatear", "kamatera"), ("huh", "hub"), ("agent", "agents"), ("legcy", "legacy")],
)
def test_a_group_with_a_slip(tmp_path: Path, group: str, meant: str) -> None:
    found = said(tmp_path, f"{group}: {{hosts: {{a: }}, vars: {{vsa_provider: x}}}}\n")
    assert found == [f"the group {group} is not known: did you mean {meant}"]


@pytest.mark.parametrize("group", ["web", "production", "databases", "hetzner", "lab", "dub_web"])
def test_a_group_of_others(tmp_path: Path, group: str) -> None:
    assert said(tmp_path, f"{group}: {{hosts: {{a: }}, vars: {{vsa_provider: x}}}}\n") == []


def test_files_of_a_group_with_a_slip(tmp_path: Path) -> None:
    found = said(
        tmp_path, f"kamatera: {{hosts: {{a: }}, vars: {{{PROVIDER.strip()}}}}}\n", group_vars__kamatara_yml="x: 1\n"
    )
    assert found == []
    found = said(tmp_path, f"x: {{hosts: {{a: }}, vars: {{{PROVIDER.strip()}}}}}\n", group_vars__kamatara_yml="x: 1\n")
    assert found == ["the group kamatara is not known: did you mean kamatera"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("vsa_site", "vsa_sites"),
        ("vsa_ipv", "vsa_ipv6"),
        ("bootstrap_emial", "bootstrap_email"),
        ("vsa-sites", "vsa_sites"),
    ],
)
def test_a_variable_with_a_slip(tmp_path: Path, name: str, meant: str) -> None:
    (line,) = said(tmp_path, f"a: {{hosts: {{b: }}, vars: {{vsa_provider: x, {name}: 1}}}}\n")
    assert line.startswith(f"the variable {name} in ")
    assert line.endswith(f"did you mean {meant}")


@pytest.mark.parametrize("name", ["ansible_user", "nginx_port", "my_own_value", "site", "x"])
def test_a_variable_of_others(tmp_path: Path, name: str) -> None:
    assert said(tmp_path, f"a: {{hosts: {{b: }}, vars: {{vsa_provider: x, {name}: 1}}}}\n") == []


def test_an_address_that_the_provider_does_not_route(tmp_path: Path) -> None:
    hosts = "a: {hosts: {b: {ansible_host: '2001:db8::1'}}, vars: {vsa_provider: x, vsa_ipv6: false}}\n"
    assert said(tmp_path, hosts) == ["b has an IPv6 address, and its vsa_ipv6 is false"]
