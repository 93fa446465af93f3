"""Why there is no access to a host, in the words of the SSH client and of sudo."""

from __future__ import annotations

import pytest

from vsa.ansible.access import connection_obstacle, python_obstacle, sudo_obstacle, vault_obstacle


@pytest.mark.parametrize(
    ("message", "way_out"),
    [
        ("Host key verification failed.", "accept the key"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "compare the host's key"),
        ("admin@vps-01: Permission denied (publickey,password).", "ansible_ssh_private_key_file"),
        ("ssh: Could not resolve hostname vps-01: Name or service not known", "ansible_host"),
        ("ssh: connect to host 192.0.2.1 port 22: Connection refused", "ansible_port"),
        ("ssh: connect to host 192.0.2.1 port 22: No route to host", "whether the host runs"),
    ],
)
def test_no_connection(message: str, way_out: str) -> None:
    obstacle = connection_obstacle(message)
    assert obstacle is not None
    assert way_out in obstacle.way_out


@pytest.mark.parametrize("message", ["", "Shared connection to vps-01 closed.", "Broken pipe", "Permission denied"])
def test_a_connection_that_was_lost_is_no_obstacle(message: str) -> None:
    assert connection_obstacle(message) is None


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Missing sudo password", True),
        ("Incorrect sudo password", True),
        ("ops is not in the sudoers file.", True),
        ("no running container is named web-1", False),
    ],
)
def test_no_root(message: str, found: bool) -> None:
    assert (sudo_obstacle(message) is not None) is found


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Attempt to use undecryptable variable: Attempting to decrypt but no vault secrets found.", True),
        ("Decryption failed (no vault secrets were found that could decrypt) on /i/host_vars/a.yml", True),
        ("no running container is named vault-1", False),
    ],
)
def test_a_vaulted_value(message: str, found: bool) -> None:
    assert (vault_obstacle(message) is not None) is found


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("/bin/sh: 1: /usr/bin/python3: not found", True),
        ("/bin/sh: line 1: /usr/bin/python3: No such file or directory", True),
        ("The module interpreter '/usr/bin/python3' was not found.", True),
        ("no running container is named python3", False),
    ],
)
def test_no_python(message: str, found: bool) -> None:
    assert (python_obstacle(message) is not None) is found
