"""The rules of the firewall as text, and what a kernel lacks of them."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.firewall import (
    JUMPS,
    METADATA,
    FirewallPolicy,
    Opening,
    is_docker_bridge,
    missing_rules,
    rules,
)


def saved(text: str, *, without: str = "") -> str:
    """Return what iptables-save would print after these rules were loaded."""
    lines = []
    for line in text.splitlines():
        if line.startswith("*"):
            lines.append(line)
            lines += [f"-A {chain} -j {own}" for table, chain, own in JUMPS if f"*{table}" == line]
        elif line != without:
            lines.append(line)
    return "\n".join(line for line in lines if line != without)


@pytest.mark.parametrize("family", [4, 6])
def test_the_built_in_policy(family: int) -> None:
    text = rules(FirewallPolicy(), family)
    for address in METADATA[family]:
        assert f"-A VSA-FROM -d {address} -j DROP" in text
    assert "-A VSA-FROM -m rpfilter --invert -j DROP" in text
    assert "-A VSA-TO-HOST -p tcp -m multiport --dports 80,443 -j RETURN" in text
    assert text.split("-A VSA-TO-HOST")[-1].startswith(" -j DROP")
    for bridge in ("br-+", "vsa-entry", "docker0"):
        assert f"-A VSA-FROM-OUTSIDE -o {bridge} -j DROP" in text
        assert f"-A VSA-INPUT -i {bridge} -g VSA-TO-HOST" in text
    assert text.count("COMMIT") == 3


@pytest.mark.parametrize("family", [4, 6])
def test_no_site_is_reached_by_an_address_that_needs_no_route(family: int) -> None:
    lines = rules(FirewallPolicy(), family).splitlines()
    for kind in ("LOCAL --limit-iface-in", "MULTICAST", *(["BROADCAST"] if family == 4 else [])):
        found = [line for line in lines if f"--dst-type {kind} " in line]
        assert ["-p tcp" in line for line in found] == [True, False]
        assert all(line.startswith("-A VSA-FROM ") and "--dports 80,443 -j DROP" in line for line in found)


def test_switches_open_again() -> None:
    text = rules(FirewallPolicy(metadata_closed=False, host_ports=None), 4)
    assert "addrtype" not in text
    assert "169.254.169.254" not in text
    assert "-A VSA-TO-HOST" not in text
    # Another host still reaches no unpublished port, and nobody forges a source address.
    assert "-A VSA-FROM-OUTSIDE -o br-+ -j DROP" in text
    assert "rpfilter" in text


def test_a_stack_opens_its_ports_for_its_own_bridges() -> None:
    ports = tuple(range(9000, 9020))
    text = rules(FirewallPolicy(openings=(Opening("br-0123456789ab", ports),)), 4)
    found = [line for line in text.splitlines() if "-i br-0123456789ab" in line]
    assert len(found) == 4  # tcp and udp; at most 15 ports in a rule
    assert all(f"{port}" in "".join(found) for port in ports)
    assert text.index(found[-1]) < text.index("-A VSA-TO-HOST -j DROP")


def test_bridges_of_others_are_left_alone() -> None:
    text = rules(FirewallPolicy(bridges=("mine",), foreign=("br-lan",)), 4)
    assert text.index("-A VSA-INPUT -i br-lan -j RETURN") < text.index("-A VSA-INPUT -i br-+ -g VSA-TO-HOST")
    assert text.index("-o br-lan -j RETURN") < text.index("-o br-+ -j DROP")
    assert "-A VSA-INPUT -i mine -g VSA-TO-HOST" in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [("br-0123456789ab", True), ("docker0", True), ("vsa-entry", True), ("br-lan", False), ("br-0123456789abc", False)],
)
def test_names_that_docker_gives(name: str, expected: bool) -> None:
    assert is_docker_bridge(name) is expected


def test_what_the_kernel_lacks() -> None:
    text = rules(FirewallPolicy(), 4)
    assert missing_rules(text, saved(text)) == []
    assert missing_rules(text, saved(text, without="-A FORWARD -j VSA-FORWARD")) == ["mangle FORWARD"]
    assert missing_rules(text, saved(text, without="-A VSA-TO-HOST -j DROP")) == ["mangle VSA-TO-HOST"]
    assert "raw PREROUTING" in missing_rules(text, "")
