"""The verbs of ``vsa site`` as values: fields in, a Run out."""

from __future__ import annotations

import pytest

from vsa.ansible.run import Run, Where
from vsa.core import UsageError
from vsa.verbs import site

HERE = Where(local=True)
ROOT = {"path": "/", "container": "web-1", "port": 3000}
API = {"path": "/api/", "container": "api-1", "port": 8000}


def run(playbook: str, **extravars: object) -> Run:
    return Run(playbook=f"flowbiz.vsa.{playbook}", extravars=extravars, local=True)


CASES = [
    (
        site.provision(HERE, domain="shop.example.com", container="web-1", port=3000),
        run("site.provision", site_domain="shop.example.com", site_container="web-1", site_port=3000),
    ),
    (
        site.provision(HERE, domain="shop.example.com", routes=[ROOT, API], aliases=["www.shop.example.com"]),
        run(
            "site.provision",
            site_domain="shop.example.com",
            site_routes=(ROOT, API),
            site_aliases=("www.shop.example.com",),
        ),
    ),
    (
        site.provision(
            HERE, domain="a.example.com", tenant="acme", profile="sse", email="a@example.com", ca="selfsigned",
            dns_check=False, unset=["aliases"],
        ),
        run(
            "site.provision", site_domain="a.example.com", site_tenant="acme", site_profile="sse",
            site_email="a@example.com", site_ca="selfsigned", site_dns_check=False, site_unset=("aliases",),
        ),
    ),
    (
        site.provision(
            HERE, domain="a.example.com", routes=[ROOT, API], strip_prefix=["/api/"],
            settings=[("hsts", False), ("allow", ["10.0.0.0/8"])],
        ),
        run(
            "site.provision", site_domain="a.example.com", site_routes=(ROOT, API), site_strip_prefix=("/api/",),
            site_hsts=False, site_allow=("10.0.0.0/8",),
        ),
    ),
    (
        site.provision(HERE, domain="a.example.com", strip_prefix=["/api/"]),
        run("site.provision", site_domain="a.example.com", site_strip_prefix=("/api/",)),
    ),
    (site.provision(HERE, domain="a.example.com"), run("site.provision", site_domain="a.example.com")),
    (site.list_sites(HERE), run("site.list")),
    (site.show(HERE, domain="a.example.com"), run("site.show", site_domain="a.example.com")),
    (
        site.maintenance(HERE, domain="a.example.com", closed=True, allow=["10.0.0.0/8"]),
        run(
            "site.maintenance", site_domain="a.example.com", site_maintenance=True,
            site_maintenance_allow=("10.0.0.0/8",),
        ),
    ),
    (
        site.maintenance(HERE, domain="a.example.com", closed=False),
        run("site.maintenance", site_domain="a.example.com", site_maintenance=False),
    ),
    (site.apply(HERE), run("site.apply")),
    (site.apply(HERE, prune=True), run("site.apply", site_prune=True)),
    (site.export(HERE), run("site.export")),
]  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), CASES, ids=lambda case: case.playbook.removeprefix("flowbiz.vsa."))
def test_a_verb_is_this_run(made: Run, expected: Run) -> None:
    assert made == expected


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"routes": [ROOT], "container": "web-1"}, "--container"),
        ({"routes": [ROOT], "port": 80}, "--port"),
        ({"detect": True}, "--external-port"),
        ({"external_port": 8080}, "--external-port"),
        ({"detect": True, "external_port": 8080, "container": "web-1"}, "--detect"),
        ({"detect": True, "external_port": 8080, "routes": [ROOT]}, "--detect"),
        ({"ca": "staging", "unset": ["ca"]}, "--unset"),
        ({"aliases": ["b.example.com"], "unset": ["aliases"]}, "--unset"),
        ({"settings": [("hsts", False)], "unset": ["hsts"]}, "--unset"),
        ({"settings": [("hsts", False), ("hsts", True)]}, "--set"),
        ({"settings": [("profile", "llm")], "profile": "web"}, "--set"),
        ({"routes": [ROOT], "strip_prefix": ["/api/"]}, "--strip-prefix"),
        ({"container": "web-1", "strip_prefix": ["/"]}, "--strip-prefix"),
    ],
)
def test_words_that_contradict_each_other_are_a_usage_error(words: dict, field: str) -> None:
    with pytest.raises(UsageError) as caught:
        site.provision(HERE, domain="a.example.com", **words)
    assert (caught.value.field, caught.value.exit_code) == (field, 2)


def test_the_data_of_a_container_that_stays_cannot_go() -> None:
    with pytest.raises(UsageError, match="cannot go") as caught:
        site.unprovision(HERE, domain="a.example.com", purge=True, keep_container=True)
    assert caught.value.field == "--purge"


def test_a_site_that_is_not_ok_is_due() -> None:
    assert not site._due({"sites": [{"state": "ok"}], "causes": []})
    assert site._due({"sites": [{"state": "ok"}, {"state": "not checked"}]})
    assert site._due({"sites": [], "causes": [{"level": "down"}]})
