"""Bootstrap of a fresh Debian 13 host, in the order of a host's life: bare, made ready, changed, broken, repaired.

All tests of this file share one host, and each leaves it working.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.networks import ula_subnet
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import parse_settings

import rig
from bootstrapping import Outcome, bootstrap, cut_off_daemon_change, daemon_json, json_of, watched
from loopdisk import LoopDisk

pytestmark = [pytest.mark.rig, pytest.mark.timeout(600)]

LOOK = "Python | Look at the host, and install Python if it is missing"
DIRECTORIES = {
    "/srv/platform": "root root 755",
    "/etc/vsa": "root root 755",
    "/etc/vsa/sites": "root root 755",
    "/var/lib/vsa": "root root 700",
    "/var/log/vsa": "root root 750",
}


@pytest.fixture(scope="module")
def bare() -> Iterator[rig.Vps]:
    """A host on which nothing is installed."""
    vps = rig.Vps.create(rig.scoped("bootstrap-13"), "13")
    yield vps
    vps.destroy()


@pytest.fixture(scope="module")
def first(bare: rig.Vps) -> Outcome:
    """The output of the first real run, as root over SSH."""
    return bootstrap(bare, variables={"bootstrap_email": "ops@example.com"})


@pytest.fixture(scope="module")
def host(bare: rig.Vps, first: Outcome) -> rig.Vps:
    """The host after that run."""
    assert first.code == 0, first.text
    return bare


def engine_started(vps: rig.Vps) -> str:
    return vps.run("systemctl show --property=ActiveEnterTimestampMonotonic docker.service").stdout


# A bare host ----------------------------------------------------------------------------------------------------------


def test_a_check_of_a_bare_host_says_what_would_happen_and_changes_nothing(bare: rig.Vps) -> None:
    assert bare.run("command -v python3 docker", check=False).stdout == "", "this host is not bare"
    before = watched(bare)
    outcome = bootstrap(bare, check=True)
    assert outcome.code == 0, outcome.text
    assert outcome.changed == (LOOK, "Python | Say what a real run would do")
    assert outcome.said[-1].startswith("would change: this host lacks python3, python3-apt, package-lists")
    assert watched(bare) == before


def test_a_host_without_python_is_refused_where_it_is_not_to_be_installed(bare: rig.Vps) -> None:
    outcome = bootstrap(bare, variables={"bootstrap_python_enabled": False})
    assert outcome.code == 2
    assert outcome.message.startswith("refused: this host lacks python3"), outcome.text
    assert outcome.changed == ()


def test_an_unsupported_platform_is_refused_before_anything_is_installed(bare: rig.Vps) -> None:
    before = bare.run("cat /etc/os-release").stdout
    bare.put("/etc/os-release", 'ID=fedora\nVERSION_ID="43"\nVERSION_CODENAME=""\n')
    try:
        outcome = bootstrap(bare)
    finally:
        bare.put("/etc/os-release", before)
    assert outcome.code == 2
    assert outcome.message.startswith("refused: fedora 43 is not supported"), outcome.text
    assert "debian-13" in outcome.message
    assert bare.run("command -v python3", check=False).stdout == ""


def test_what_apt_says_reaches_the_operator(bare: rig.Vps) -> None:
    bare.run("mkdir /tmp/kept && mv /etc/apt/sources.list* /tmp/kept")
    bare.put("/etc/apt/sources.list", "deb http://127.0.0.1:9/debian trixie main\n")
    try:
        outcome = bootstrap(bare)
    finally:
        bare.run("rm -rf /etc/apt/sources.list* && mv /tmp/kept/* /etc/apt && rmdir /tmp/kept")
    assert outcome.code == 2
    assert outcome.message.startswith("Python could not be installed on this host: exit 100"), outcome.text
    assert "\nit said    E: " in outcome.message


# The first run --------------------------------------------------------------------------------------------------------


def test_the_first_run_says_what_it_changed(first: Outcome) -> None:
    assert first.code == 0, first.text
    concerns = [task.split(" | ")[0] for task in first.changed]
    assert list(dict.fromkeys(concerns)) == [
        "Python",
        "Packages",
        "Engine",
        "Daemon",
        "Network",
        "Directories",
        "Settings",
        "Firewall",
    ]


def test_the_modules_libraries_are_there(host: rig.Vps) -> None:
    said = host.run(
        "/usr/bin/python3 -c 'import apt, cryptography, docker, jinja2, requests, yaml; print(docker.__version__)'"
    )
    assert int(said.stdout.split(".")[0]) >= 5


@pytest.mark.long
def test_issue_14_item_12_a_host_of_before_is_told_to_bootstrap_which_repairs_it(host: rig.Vps) -> None:
    """Without python3-idna the Docker SDK is there and cannot be imported, so a verb that asks Docker is refused."""
    packages = "python3-dnspython python3-idna python3-ruamel.yaml"
    host.run(f"dpkg -r --force-depends {packages}")
    refused = json.loads(rig.vsa("stack", "list", "--json", vps=host, check=False).stdout)
    error = refused["hosts"][host.name]["error"]
    assert (refused["exit_code"], error["message"]) == (3, "the library idna is missing on this host")
    assert (error["state"], error["try"]) == ("nothing was changed", "vsa bootstrap")
    shown = json.loads(rig.vsa("status", "--json", vps=host).stdout)
    causes = {finding["name"]: finding for finding in shown["hosts"][host.name]["findings"]}
    assert "engine-silent" not in causes
    assert causes["library-missing"]["remedy"] == "vsa bootstrap"
    assert bootstrap(host, check=True).code == 0
    outcome = bootstrap(host)
    assert outcome.code == 0, outcome.text
    assert outcome.changed == ("Packages | Install what the collection's modules import",)
    assert rig.vsa("stack", "list", vps=host, check=False).returncode == 0


def test_engine_and_compose_run_and_come_back_after_a_boot(host: rig.Vps) -> None:
    assert json_of(host, "docker version --format '{{json .}}'")["Server"]["Version"]
    major, minor = host.run("docker compose version --short").stdout.lstrip("v").split(".")[:2]
    assert (int(major), int(minor)) >= (2, 18)
    assert host.run("systemctl is-enabled docker.service").stdout.strip() == "enabled"


def test_the_engine_runs_with_our_daemon_json(host: rig.Vps) -> None:
    info = json_of(host, "docker info --format '{{json .}}'")
    assert info["LiveRestoreEnabled"] is True
    assert info["LoggingDriver"] == "json-file"
    assert {"Base": "172.20.0.0/14", "Size": 24} in info["DefaultAddressPools"]
    written = daemon_json(host)
    assert written["log-opts"] == {
        "max-size": "10m",
        "max-file": "3",
        "tag": "{{.Name}}",
        "labels": "com.docker.compose.project,com.docker.compose.service",
    }
    # Debian 13 has Docker 26, which filters IPv6 only if both keys are set.
    assert written["ip6tables"] is True
    assert written["experimental"] is True
    assert host.run("test -e /etc/docker/daemon.json.vsa-old", check=False).returncode == 1


def test_the_edge_network_has_ipv6(host: rig.Vps) -> None:
    [network] = json_of(host, "docker network inspect flowbiz_ext")
    assert network["EnableIPv6"] is True
    subnets = [block["Subnet"] for block in network["IPAM"]["Config"]]
    assert ula_subnet("flowbiz_ext") in subnets
    assert any(subnet.startswith("172.2") for subnet in subnets)


def test_there_is_room_for_more_networks_than_docker_itself_has(host: rig.Vps) -> None:
    count = 32  # Docker's own pools have 31
    made = host.run(
        f"for n in $(seq {count}); do docker network create --ipv6 pool-$n >/dev/null && echo pool-$n; done",
        check=False,
    )
    host.run("docker network ls --quiet --filter name=pool- | xargs -r docker network rm")
    assert len(made.stdout.split()) == count, made.stderr


def test_the_directories_have_owners_and_modes(host: rig.Vps) -> None:
    for path, wanted in DIRECTORIES.items():
        assert host.run(["stat", "--format", "%U %G %a", path]).stdout.strip() == wanted, path


def test_the_settings_say_what_was_said(host: rig.Vps) -> None:
    said = yaml.safe_load(host.run("cat /etc/vsa/vsa.yml").stdout)
    assert said == {"schema": 1, "email": "ops@example.com"}
    assert parse_settings(said).email == "ops@example.com"


# Again ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["root", "ops"], ids=["as-root", "with-sudo"])
def test_a_second_run_changes_nothing(host: rig.Vps, user: str) -> None:
    before, started = watched(host), engine_started(host)
    outcome = bootstrap(host, user=user)
    assert outcome.code == 0, outcome.text
    assert outcome.changed == ()
    assert watched(host) == before
    assert engine_started(host) == started


def test_a_check_shows_the_difference_and_changes_nothing(host: rig.Vps) -> None:
    before, started = watched(host), engine_started(host)
    outcome = bootstrap(
        host, check=True, variables={"bootstrap_daemon_log_max_file": 5, "bootstrap_worker_shutdown_timeout": "3m"}
    )
    assert outcome.code == 0, outcome.text
    assert {task.split(" | ")[0] for task in outcome.changed} == {"Daemon", "Settings"}
    assert '\\"max-file\\": \\"5\\"' in outcome.diffs
    assert "worker_shutdown_timeout: 3m" in outcome.diffs
    assert watched(host) == before
    assert engine_started(host) == started


# Settings -------------------------------------------------------------------------------------------------------------


def test_what_is_not_said_stays_and_what_is_unset_goes(host: rig.Vps, tmp_path: Path) -> None:
    bundle = rig.services().ca_bundle
    path = tmp_path / "ca.pem"
    path.write_text(bundle)
    outcome = bootstrap(host, variables={"bootstrap_ca": "https://pebble:14000/dir", "bootstrap_ca_bundle": str(path)})
    assert outcome.code == 0, outcome.text
    said = yaml.safe_load(host.run("cat /etc/vsa/vsa.yml").stdout)
    assert said == {
        "schema": 1,
        "email": "ops@example.com",
        "ca": "https://pebble:14000/dir",
        "ca_bundle": "/etc/vsa/acme-ca.pem",
    }
    parse_settings(said)
    assert host.run("cat /etc/vsa/acme-ca.pem").stdout == bundle

    outcome = bootstrap(host, variables={"bootstrap_unset": "ca,ca_bundle"})
    assert outcome.code == 0, outcome.text
    assert yaml.safe_load(host.run("cat /etc/vsa/vsa.yml").stdout) == {"schema": 1, "email": "ops@example.com"}


def test_a_comment_lives_as_long_as_no_value_changes(host: rig.Vps) -> None:
    host.run("echo '# written by hand' >> /etc/vsa/vsa.yml")
    outcome = bootstrap(host, variables={"bootstrap_email": "ops@example.com"})
    assert outcome.changed == (), outcome.text
    assert "# written by hand" in host.run("cat /etc/vsa/vsa.yml").stdout


def test_a_wrong_setting_is_refused_before_anything_is_changed(host: rig.Vps) -> None:
    outcome = bootstrap(
        host,
        variables={
            "bootstrap_email": "nobody",
            "bootstrap_ca": "letsencrypt\n",
            "bootstrap_unset": ["schema"],
            "bootstrap_daemon_log_max_file": 9,
        },
    )
    assert outcome.code == 2
    assert outcome.message.startswith("refused: "), outcome.text
    for line in ("bootstrap_email = nobody", "bootstrap_ca = letsencrypt", "bootstrap_unset = schema"):
        assert f"field      {line}" in outcome.message
    assert outcome.message.endswith("nothing was changed")
    assert outcome.changed == ()


def test_a_ca_bundle_with_a_key_never_leaves_the_workstation(host: rig.Vps, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n")
    outcome = bootstrap(host, variables={"bootstrap_ca_bundle": str(path)})
    assert outcome.code == 2
    assert outcome.message.startswith("refused: the CA bundle"), outcome.text
    assert outcome.changed == ()


# A data disk; test_bootstrap_data_disk.py has the whole life of such a host -------------------------------------------


def test_a_disk_that_is_not_named_by_its_id_is_refused(host: rig.Vps) -> None:
    outcome = bootstrap(host, variables={"bootstrap_data_disk": "/dev/sdb"})
    assert outcome.message.startswith("refused: this does not name a disk by its id"), outcome.text
    assert outcome.changed == ()


def test_a_disk_with_anything_on_it_is_refused_with_what_was_found(host: rig.Vps) -> None:
    host.run("apt-get install -y -q --no-install-recommends e2fsprogs fdisk")
    disk = LoopDisk(host, "rig-used", size="16M")
    why = disk.attach()
    if why:
        pytest.skip(f"the kernel of this machine gives a VPS no loop device: {why}")
    # What is on the disk, made by the genuine programs, and what bootstrap must say.
    holdings = {
        f"mkfs.ext4 -q {disk.path}": "ext4 (file system)",
        f"printf 'label: gpt\n' | sfdisk --quiet --wipe always {disk.path}": "gpt (partition table)",
        f"mkswap {disk.path}": "swap (swap space)",
        f"printf x | dd of={disk.path} bs=1 seek=3000000 conv=notrunc": "data at byte 3000000",
    }
    try:
        for command, words in holdings.items():
            disk.clear()
            host.run(command)
            before = host.run(f"sha256sum {disk.path}").stdout
            outcome = bootstrap(host, variables={"bootstrap_data_disk": disk.path})
            assert outcome.code == 2
            assert words in outcome.message, outcome.text
            assert outcome.changed == ()
            assert host.run(f"sha256sum {disk.path}").stdout == before
    finally:
        disk.detach()


# The engine's configuration -------------------------------------------------------------------------------------------


def test_what_the_operator_wrote_stays_and_containers_live_on(host: rig.Vps) -> None:
    host.load_images("vsa-demo-web:1")
    host.run("docker run --detach --name lives-on --network flowbiz_ext vsa-demo-web:1")
    before = json_of(host, "docker inspect lives-on")[0]["State"]["StartedAt"]
    operators = {"labels": ["rack=7"], "log-driver": "local", "log-opts": {"max-size": "5m"}, "live-restore": False}
    kept = daemon_json(host)
    try:
        host.put("/etc/docker/daemon.json", json.dumps(operators))
        outcome = bootstrap(host)
        assert outcome.code == 0, outcome.text
        written = daemon_json(host)
        assert written["labels"] == ["rack=7"]
        assert written["log-driver"] == "local"
        assert written["log-opts"] == {"max-size": "5m"}
        assert written["live-restore"] is True
        assert json_of(host, "docker inspect lives-on")[0]["State"]["StartedAt"] == before
        assert bootstrap(host).changed == ()
    finally:
        host.put("/etc/docker/daemon.json", json.dumps(kept))
        host.run("docker rm --force lives-on; systemctl restart docker")


@pytest.mark.long
def test_log_options_reach_new_containers_and_older_ones_are_named(host: rig.Vps) -> None:
    host.load_images("vsa-demo-web:1")
    kept = daemon_json(host)
    labels = "--label com.docker.compose.project=blog --label com.docker.compose.service=web"
    try:
        host.put("/etc/docker/daemon.json", json.dumps({**kept, "log-opts": {"max-size": "10m", "max-file": "3"}}))
        # As often as systemd allows within a minute: the start by bootstrap must not be refused for that.
        host.run("systemctl reset-failed docker; systemctl restart docker; systemctl restart docker; sleep 2")
        host.run(f"docker run --detach --name older {labels} vsa-demo-web:1")
        preview = bootstrap(host, check=True)
        assert '\\"tag\\": \\"{{.Name}}\\"' in preview.diffs, preview.text
        warning = "warning: these containers keep their log options until they are recreated: older"
        assert preview.said[-1] == warning
        assert "tag" not in daemon_json(host)["log-opts"]

        outcome = bootstrap(host)
        assert outcome.code == 0, outcome.text
        assert daemon_json(host) == kept
        assert outcome.said[-1] == warning
        options = json_of(host, "docker inspect older")[0]["HostConfig"]["LogConfig"]["Config"]
        assert options == {"max-size": "10m", "max-file": "3"}, "the container is as it was"

        host.run(f"docker rm --force older; docker run --detach --name newer {labels} vsa-demo-web:1")
        again = bootstrap(host)
        assert (again.changed, again.said) == ((), ()), again.text
        host.run("docker exec newer sh -c 'echo said >/proc/1/fd/1'")
        log = host.run("cat \"$(docker inspect --format '{{.LogPath}}' newer)\"").stdout.splitlines()
        attributes = [json.loads(line)["attrs"] for line in log]
        assert attributes
        wanted = {"tag": "newer", "com.docker.compose.project": "blog", "com.docker.compose.service": "web"}
        assert all(found == wanted for found in attributes)
    finally:
        host.put("/etc/docker/daemon.json", json.dumps(kept))
        host.run("docker rm --force older newer; systemctl reset-failed docker; systemctl restart docker")


def test_what_passes_the_engines_check_and_does_not_start_is_rolled_back(host: rig.Vps) -> None:
    before = host.run("cat /etc/docker/daemon.json").stdout
    outcome = bootstrap(host, variables={"bootstrap_daemon_options": {"experimental": False}})
    assert outcome.code == 2
    assert outcome.message.startswith("rolled back: the engine does not come up"), outcome.text
    assert 'daemon.json = {"experimental": false}' in outcome.message
    assert "ip6tables rules are only available if experimental features are enabled" in outcome.message
    assert host.run("cat /etc/docker/daemon.json").stdout == before
    assert host.run("ls /etc/docker").stdout.split() == ["daemon.json"]
    assert host.run("docker network inspect flowbiz_ext", check=False).returncode == 0


def test_what_the_engines_check_refuses_is_never_written(host: rig.Vps) -> None:
    before, started = host.run("cat /etc/docker/daemon.json").stdout, engine_started(host)
    outcome = bootstrap(host, variables={"bootstrap_daemon_options": {"no-such-key": True}})
    assert outcome.code == 2
    assert outcome.message.startswith("refused: the new daemon.json is not valid"), outcome.text
    assert "no-such-key" in outcome.message
    assert host.run("cat /etc/docker/daemon.json").stdout == before
    assert host.run("ls /etc/docker").stdout.split() == ["daemon.json"]
    assert engine_started(host) == started


def test_a_daemon_json_that_is_not_json_is_named_and_left_alone(host: rig.Vps) -> None:
    before = host.run("cat /etc/docker/daemon.json").stdout
    host.put("/etc/docker/daemon.json", '{ "labels": ["a" }')
    try:
        outcome = bootstrap(host)
        assert outcome.code == 2
        assert outcome.message.startswith("refused: the daemon.json of this host is not JSON"), outcome.text
        assert "it said    line 1, column 18: " in outcome.message
        assert host.run("cat /etc/docker/daemon.json").stdout == '{ "labels": ["a" }'
    finally:
        host.put("/etc/docker/daemon.json", before)


def test_a_run_that_was_cut_off_is_made_good_by_the_next(host: rig.Vps) -> None:
    before = daemon_json(host)
    cut_off_daemon_change(host, {"experimental": False, "labels": ["left=behind"]})
    assert host.run("docker info", check=False).returncode != 0, "the engine was to be down"
    outcome = bootstrap(host)
    assert outcome.code == 0, outcome.text
    assert daemon_json(host) == before
    assert host.run("ls /etc/docker").stdout.split() == ["daemon.json"]
    assert bootstrap(host).changed == ()


def test_an_engine_that_does_not_start_is_told_with_its_own_words(host: rig.Vps) -> None:
    before = host.run("cat /etc/docker/daemon.json").stdout
    host.put("/etc/docker/daemon.json", '{"data-root": "/proc/nowhere"}')
    try:
        host.run("systemctl stop docker.socket docker.service")
        outcome = bootstrap(host)
        assert outcome.code == 2
        assert outcome.message.startswith("the Docker engine does not start"), outcome.text
        assert "/proc/nowhere" in outcome.message
    finally:
        host.put("/etc/docker/daemon.json", before)
        host.run("systemctl reset-failed docker.service docker.socket; systemctl restart docker")


def test_an_edge_network_without_ipv6_is_left_as_it_is(host: rig.Vps) -> None:
    host.run("docker network rm flowbiz_ext && docker network create flowbiz_ext")
    before = json_of(host, "docker network inspect flowbiz_ext")[0]["Id"]
    try:
        outcome = bootstrap(host)
        assert outcome.code == 0, outcome.text
        assert outcome.changed == ()
        assert outcome.said[-1].startswith("warning: network flowbiz_ext is there without IPv6")
        assert json_of(host, "docker network inspect flowbiz_ext")[0]["Id"] == before
    finally:
        host.run("docker network rm flowbiz_ext")
        assert bootstrap(host).code == 0
