"""A site that the asked host never had: which other host has it."""

from __future__ import annotations

import json

import pytest

from vsa.ansible.report import HostResult, Report
from vsa.command.elsewhere import with_site


@pytest.mark.parametrize(
    ("domain", "found"),
    [("a.example", ["vps-02"]), ("www.a.example", ["vps-02"]), ("b.example", ["vps-02", "vps-03"]), ("c.example", [])],
)
def test_hosts_with_a_site(domain: str, found: list[str]) -> None:
    a, b = {"domain": "a.example", "aliases": ["www.a.example"]}, {"domain": "b.example"}
    sites = {"vps-01": None, "vps-02": [a, b], "vps-03": [b], "vps-04": ["rubbish"]}
    report = Report(hosts={name: HostResult(payload={"sites": listed}) for name, listed in sites.items()})
    assert with_site(report, domain) == found


UNPROVISION = ("site", "unprovision", "--domain", "never.example.com", "-y")


def test_finding_8_the_host_where_it_lives_is_named(vsa, collections) -> None:
    listing = collections / "ansible_collections/flowbiz/vsa/playbooks/site/list.yml"
    text = listing.read_text()
    listing.write_text(text.replace("probe_behave | default('same')", "'has.never.example.com'"))
    try:
        done = vsa(*UNPROVISION, "-i", "two.yml", "--limit", "vps-01")
        document = json.loads(vsa(*UNPROVISION, "-i", "two.yml", "--limit", "vps-01", "--json").stdout)
    finally:
        listing.write_text(text)
    assert done.returncode == 0, done.stderr
    assert (
        "never.example.com is on vps-02: vsa site unprovision --domain never.example.com --limit vps-02\n"
        in done.stdout
    )
    assert document["hosts"]["vps-01"]["elsewhere"] == ["vps-02"]
    assert list(document["hosts"]) == ["vps-01"]


def test_the_only_host_is_not_asked_again(vsa) -> None:
    done = vsa(*UNPROVISION, "-i", "one.yml")
    assert done.returncode == 0
    assert "it was never on this host" in done.stdout
    assert " is on " not in done.stdout
