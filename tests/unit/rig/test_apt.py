"""Package sources of another release, from those of the machine."""

from __future__ import annotations

import pytest

from vsa_rig import apt
from vsa_rig._shell import RigError

DEBIAN = [
    ("http://mirror.example/debian", "bookworm"),
    ("http://second.example/debian", "bookworm"),
    ("http://mirror.example/debian", "bookworm-updates"),
    ("http://mirror.example/debian-security", "bookworm-security"),
    ("https://vendor.example/apt", "stable"),
]


@pytest.mark.parametrize(
    ("suite", "targets", "expected"),
    [
        (
            "trixie",
            DEBIAN,
            (
                "deb http://mirror.example/debian trixie main\n"
                "deb http://mirror.example/debian trixie-updates main\n"
                "deb http://mirror.example/debian-security trixie-security main\n"
            ),
        ),
        ("forky", DEBIAN, "deb http://mirror.example/debian forky main\n"),
        (
            "trixie",
            DEBIAN[:1],
            "deb http://mirror.example/debian trixie main\ndeb http://mirror.example/debian trixie-updates main\n",
        ),
    ],
)
def test_the_machines_mirror_is_used(suite, targets, expected):
    assert apt.sources_for(suite, targets, codename="bookworm") == expected


def test_a_machine_without_a_debian_mirror_is_refused():
    with pytest.raises(RigError, match="needs a Debian machine"):
        apt.sources_for("trixie", DEBIAN[-1:], codename="bookworm")


def test_pip_is_configured_as_on_the_machine(monkeypatch, tmp_path):
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/pip.conf").write_text("[global]\nindex-url = https://file.example/simple\nproxy = http://p:1\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "https://environment.example/simple")
    lines = apt.pip_config().splitlines()
    assert "index-url = https://environment.example/simple" in lines
    assert "proxy = http://p:1" in lines
    assert "cert = /rig/ca.crt" in lines


def test_npm_is_configured_as_on_the_machine_without_its_credentials(monkeypatch, tmp_path):
    lines = "audit = false\nregistry = https://mirror.example/npm\n//mirror.example/:_authToken=a-secret\n"
    (tmp_path / ".npmrc").write_text(lines)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("npm_config_registry", raising=False)
    assert apt.npm_config() == "cafile=/rig/ca.crt\nregistry=https://mirror.example/npm\n"
