"""The hosts after bootstrap: Debian 13 has everything, Debian 12 has everything but the engine."""

import json

import pytest
import yaml


@pytest.fixture
def has_engine(host):
    return host.file("/etc/debian_version").content_string.startswith("13")


def test_the_modules_libraries_can_be_imported(host):
    libraries = "apt, cryptography, dns.resolver, docker, idna, jinja2, requests, ruamel.yaml, yaml"
    version = host.check_output(f"/usr/bin/python3 -c 'import {libraries}; print(docker.__version__)'")
    assert int(version.split(".")[0]) >= 5


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/srv/platform", 0o755),
        ("/etc/vsa", 0o755),
        ("/etc/vsa/sites", 0o755),
        ("/var/lib/vsa", 0o700),
        ("/var/log/vsa", 0o750),
    ],
)
def test_the_directories_are_roots(host, path, mode):
    folder = host.file(path)
    assert folder.is_directory
    assert (folder.user, folder.group, folder.mode) == ("root", "root", mode)


def test_the_settings_say_what_was_said(host):
    said = yaml.safe_load(host.file("/etc/vsa/vsa.yml").content_string)
    assert said == {"schema": 1, "ca": "selfsigned", "email": "ops@demo.test"}


def test_the_engine_runs_with_our_configuration_and_network(host, has_engine):
    if not has_engine:
        assert not host.exists("dockerd")
        assert not host.file("/etc/docker/daemon.json").exists
        return
    assert host.service("docker").is_running
    assert host.service("docker").is_enabled
    configuration = json.loads(host.file("/etc/docker/daemon.json").content_string)
    assert configuration["live-restore"] is True
    [network] = json.loads(host.check_output("docker network inspect flowbiz_ext"))
    assert network["EnableIPv6"] is True
