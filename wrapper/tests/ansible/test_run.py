"""Every verb as a value: words in, a Run out."""

from __future__ import annotations

import pytest

from vsa.ansible.run import Run, Where
from vsa.core import UsageError
from vsa.verbs import auth, bootstrap, cert, site, stack, vhost

HERE = Where(local=True)
ROOT = {"path": "/", "container": "web-1", "port": 3000}
API = {"path": "/api/", "container": "api-1", "port": 8000}


def run(playbook: str, **extravars: object) -> Run:
    return Run(playbook=f"flowbiz.vsa.{playbook}", extravars=extravars, local=True)


CASES = [
    (bootstrap.bootstrap(HERE), run("bootstrap")),
    (
        bootstrap.bootstrap(HERE, docker_source="docker", ca="staging", email="ops@example.com", unset=("ca_bundle",)),
        run(
            "bootstrap",
            bootstrap_docker_source="docker",
            bootstrap_ca="staging",
            bootstrap_email="ops@example.com",
            bootstrap_unset=("ca_bundle",),
        ),
    ),
    (
        bootstrap.bootstrap(HERE, ca_bundle="/etc/ssl/own.pem", loki_url="https://loki.example.com"),
        run("bootstrap", bootstrap_ca_bundle="/etc/ssl/own.pem", bootstrap_loki_url="https://loki.example.com"),
    ),
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
            strict_dns=True, unset=["aliases"],
        ),
        run(
            "site.provision", site_domain="a.example.com", site_tenant="acme", site_profile="sse",
            site_email="a@example.com", site_ca="selfsigned", site_strict_dns=True, site_unset=("aliases",),
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
    (vhost.sync(HERE), run("vhost.sync", vhost_invalid_fails=False)),
    (vhost.list_vhosts(HERE), run("vhost.list")),
    (vhost.show(HERE, domain="a.example.com"), run("vhost.show", vhost_domain="a.example.com")),
    (vhost.history(HERE), run("vhost.history")),
    (vhost.rollback(HERE), run("vhost.rollback")),
    (vhost.rollback(HERE, generation=41), run("vhost.rollback", vhost_to=41)),
    (stack.up(HERE, name="reverse-proxy"), run("stack.up", stack_name="reverse-proxy")),
    (
        stack.up(HERE, name="hello", env={"HELLO_DOMAIN": "a.example.com"}),
        run("stack.up", stack_name="hello", stack_env={"HELLO_DOMAIN": "a.example.com"}),
    ),
    (stack.down(HERE, name="reverse-proxy"), run("stack.down", stack_name="reverse-proxy")),
    (stack.list_stacks(HERE), run("stack.list")),
    (stack.ps(HERE), run("stack.ps")),
    (stack.ps(HERE, name="reverse-proxy"), run("stack.ps", stack_name="reverse-proxy")),
    (
        stack.logs(HERE, name="reverse-proxy", service="nginx", lines=50),
        run("stack.logs", stack_name="reverse-proxy", stack_service="nginx", stack_tail=50),
    ),
    (
        auth.add(HERE, domain="a.example.com", user="alice", password_file="/dev/shm/x"),
        run("auth.add", auth_domain="a.example.com", auth_user="alice", auth_password_file="/dev/shm/x"),
    ),
    (
        auth.remove(HERE, domain="a.example.com", route="/x/"),
        run("auth.remove", auth_domain="a.example.com", auth_route="/x/"),
    ),
    (auth.list_users(HERE), run("auth.list")),
    (cert.issue(HERE, domain="a.example.com"), run("cert.issue", cert_domain="a.example.com")),
    (
        cert.issue(HERE, domain="a.example.com", ca="staging", email="a@example.com", force=True),
        run(
            "cert.issue", cert_domain="a.example.com", cert_ca="staging", cert_email="a@example.com", cert_force=True
        ),
    ),
    (cert.renew(HERE), run("cert.renew")),
    (cert.revoke(HERE, domain="a.example.com"), run("cert.revoke", cert_domain="a.example.com")),
    (cert.install_cron(HERE), run("cert.install_cron")),
    (cert.status(HERE), run("cert.status")),
    (cert.status(HERE, domain="a.example.com"), run("cert.status", cert_domain="a.example.com")),
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


def test_a_run_has_all_that_was_said_of_where() -> None:
    where = Where(inventory="/i/hosts.yml", limit="vps-01", check=True, diff=True, verbosity=2)
    assert where.verb("site.list", domain=None) == Run(
        playbook="flowbiz.vsa.site.list", inventory="/i/hosts.yml", limit="vps-01", check=True, diff=True, verbosity=2
    )


def test_a_relative_bundle_is_a_file_of_the_workstation(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    made = bootstrap.bootstrap(HERE, ca_bundle="own.pem")
    assert made.extravars == {"bootstrap_ca_bundle": str(tmp_path / "own.pem")}
