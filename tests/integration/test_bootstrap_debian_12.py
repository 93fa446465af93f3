"""Bootstrap of Debian 12, which has no package of Compose v2: refusals, a run without the engine, Docker's repository.

One host in the order of its life, as the user ops with sudo. Docker's own repository is out of a test's reach, so the
rig serves a signed stand-in of the same layout, made of Debian 13's packages.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import rig
from bootstrapping import bootstrap, daemon_json, json_of, watched

pytestmark = [pytest.mark.rig, pytest.mark.timeout(600)]

#: An address on which nothing listens: what "out of reach" looks like on every machine, this one's own network apart.
NOWHERE = {"bootstrap_docker_repository": "http://127.0.0.1:9/linux"}


@pytest.fixture(scope="module")
def host() -> Iterator[rig.Vps]:
    vps = rig.Vps.create(rig.scoped("bootstrap-12"), "12")
    yield vps
    vps.destroy()


@pytest.fixture(scope="module")
def repository() -> Iterator[dict[str, object]]:
    """The variable that names the stand-in for Docker's repository."""
    image, name = "vsa-rig-docker-repository:1", rig.scoped("docker-repository")
    rig.images(image)
    rig.run_beside(name, image)
    yield {"bootstrap_docker_repository": f"http://{rig.address_of(name)}/linux"}
    rig.docker("rm", "--force", name)


def installed(vps: rig.Vps) -> set[str]:
    """The packages that are fully installed. A removed package keeps its configuration and its line in dpkg's list."""
    rows = vps.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n"]).stdout.splitlines()
    return {row.split()[1] for row in rows if row.startswith("ii")}


def test_without_a_source_of_compose_the_host_is_refused_and_stays_as_it_is(host: rig.Vps) -> None:
    outcome = bootstrap(host, user="ops", variables=NOWHERE)
    assert outcome.code == 2
    first, *lines = outcome.message.splitlines()
    assert first == "refused: Debian 12 has no Compose ≥ 2.18, and Docker's repository is out of reach", outcome.text
    said = {line[:11].strip(): line[11:] for line in lines}
    assert said["field"] == "bootstrap_docker_source = auto"
    assert said["there are"].startswith("docker-compose 1.29")
    assert said["it said"].startswith("http://127.0.0.1:9/linux/debian/gpg: ")
    assert "nothing was changed, but Python was installed" in outcome.message
    for way_out in ("Debian 13", "bootstrap_docker_repository=", "bootstrap_engine_enabled=false"):
        assert way_out in outcome.message
    assert outcome.changed == ("Python | Look at the host, and install Python if it is missing",)
    assert host.run("ls -d /etc/vsa /etc/docker /srv/platform", check=False).stdout == ""
    assert not {"docker.io", "docker-compose", "python3-docker"} & installed(host)


@pytest.mark.long
def test_the_distributions_own_compose_is_refused(host: rig.Vps) -> None:
    outcome = bootstrap(host, user="ops", variables={"bootstrap_docker_source": "distro"})
    assert outcome.code == 2
    assert outcome.message.startswith("refused: Debian 12 has no Compose ≥ 2.18\n"), outcome.text
    assert "bootstrap_docker_source=docker" in outcome.message
    assert outcome.changed == ()


def test_all_but_the_engine_can_be_done(host: rig.Vps) -> None:
    outcome = bootstrap(host, user="ops", variables={"bootstrap_engine_enabled": False})
    assert outcome.code == 0, outcome.text
    assert {task.split(" | ")[0] for task in outcome.changed} == {"Packages", "Directories", "Settings"}
    said = host.run("/usr/bin/python3 -c 'import docker, yaml; print(docker.__version__)'").stdout
    assert int(said.split(".")[0]) >= 5
    assert host.run("ls -d /etc/docker", check=False).stdout == ""
    assert bootstrap(host, user="ops", variables={"bootstrap_engine_enabled": False}).changed == ()


def test_an_engine_that_is_there_is_not_replaced_unasked(host: rig.Vps, repository: dict[str, object]) -> None:
    host.run("apt-get install -y -q --no-install-recommends docker.io")
    outcome = bootstrap(host, user="ops", variables=repository)
    assert outcome.code == 2
    assert outcome.message.startswith("refused: an engine of the other kind is installed"), outcome.text
    assert "docker.io 20.10" in outcome.message
    assert outcome.changed == ()


@pytest.mark.long
def test_an_old_engine_is_configured_where_it_is_the_operators_own(host: rig.Vps) -> None:
    outcome = bootstrap(host, user="ops", variables={"bootstrap_engine_enabled": False})
    assert outcome.code == 0, outcome.text
    assert {task.split(" | ")[0] for task in outcome.changed} == {"Daemon", "Network", "Firewall"}
    assert daemon_json(host)["ip6tables"] is True
    assert json_of(host, "docker info --format '{{json .}}'")["LiveRestoreEnabled"] is True
    # Docker 20.10 cannot check a file beforehand: the restart fails, and the rollback is the same.
    options = {"bootstrap_engine_enabled": False, "bootstrap_daemon_options": {"no-such-key": 1}}
    broken = bootstrap(host, user="ops", variables=options)
    assert broken.message.startswith("rolled back: the engine does not come up"), broken.text
    assert "no-such-key" in broken.message
    assert bootstrap(host, user="ops", variables={"bootstrap_engine_enabled": False}).changed == ()


@pytest.mark.long
def test_dockers_own_repository_replaces_it_when_asked(host: rig.Vps, repository: dict[str, object]) -> None:
    outcome = bootstrap(host, user="ops", variables={**repository, "bootstrap_docker_source": "docker"})
    assert outcome.code == 0, outcome.text
    assert {"docker-ce", "docker-compose-plugin"} <= installed(host)
    assert "docker.io" not in installed(host)
    source = host.run("cat /etc/apt/sources.list.d/docker.sources").stdout
    assert "Signed-By: /etc/apt/keyrings/docker.asc" in source
    assert f"URIs: {repository['bootstrap_docker_repository']}/debian" in source
    major, minor = host.run("docker compose version --short").stdout.lstrip("v").split(".")[:2]
    assert (int(major), int(minor)) >= (2, 18)
    assert json_of(host, "docker network inspect flowbiz_ext")[0]["EnableIPv6"] is True


@pytest.mark.long
def test_from_then_on_the_source_need_not_be_said(host: rig.Vps) -> None:
    before = watched(host)
    # The repository is not added again either: apt knows it.
    outcome = bootstrap(host, user="ops", variables=NOWHERE)
    assert outcome.code == 0, outcome.text
    assert outcome.changed == ()
    assert watched(host) == before


@pytest.mark.long
def test_an_engine_from_docker_is_not_replaced_by_the_distributions(host: rig.Vps) -> None:
    outcome = bootstrap(host, user="ops", variables={"bootstrap_docker_source": "distro"})
    assert outcome.code == 2
    assert outcome.message.startswith("refused: an engine of the other kind is installed"), outcome.text
    assert "bootstrap_docker_source=auto, which keeps it" in outcome.message
