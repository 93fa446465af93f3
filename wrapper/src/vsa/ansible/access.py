"""Why Ansible got no access to a host, and the ways out. Pure functions: a message in, an error out."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("Obstacle", "connection_obstacle", "python_obstacle", "sudo_obstacle", "vault_obstacle")


@dataclass(frozen=True)
class Obstacle:
    """A reason that Ansible or the SSH client of this machine gives, and what the operator can do.

    No module has started if one of these reasons is given, so nothing was changed.
    """

    signs: tuple[str, ...]
    way_out: str


_SUDO_WAYS = (
    "-K, which asks for the sudo password; or ANSIBLE_BECOME_PASSWORD_FILE; or ansible_become_password in a vaulted "
    "file; or a sudo rule without a password (NOPASSWD) for this user"
)

# The SSH client's own words (OpenSSH), as it prints them before a session exists.
_CONNECTION = (
    Obstacle(
        ("REMOTE HOST IDENTIFICATION HAS CHANGED", "Host key verification failed"),
        "compare the host's key with what the provider shows, then connect once by hand with ssh and accept the key",
    ),
    Obstacle(
        ("Permission denied (",),
        "ansible_user and ansible_ssh_private_key_file in the inventory, or ssh-add; then try with ssh by hand",
    ),
    Obstacle(("Could not resolve hostname",), "ansible_host in the inventory, with the address of the host"),
    Obstacle(
        ("Connection refused", "Connection timed out", "No route to host", "Network is unreachable"),
        "whether the host runs, and ansible_host and ansible_port in the inventory",
    ),
)

# The words of Ansible's become plugin and of sudo, before the module starts.
_SUDO = Obstacle(
    (
        "Missing sudo password",
        "Incorrect sudo password",
        "Duplicate become password prompt",
        "sudo: a password is required",
        "is not in the sudoers file",
        "is not allowed to execute",
        "waiting for privilege escalation prompt",
        "Missing become password",
    ),
    _SUDO_WAYS,
)

# The words of Ansible's vault. A value is decrypted on the workstation, before any host is asked.
_VAULT = Obstacle(
    ("no vault secrets found", "Decryption failed", "undecryptable variable", "vault secret"),
    "ANSIBLE_VAULT_PASSWORD_FILE, with the path of a file of mode 0600; or ANSIBLE_VAULT_IDENTITY_LIST",
)

# The words of the shell of a fresh host, and of Ansible.
_PYTHON = Obstacle(
    ("python3: not found", "python3: No such file", "python3' was not found", "interpreter was not found"),
    "vsa bootstrap, which installs Python",
)


def vault_obstacle(message: str) -> Obstacle | None:
    """Return the reason if Ansible could not decrypt a value of the inventory, None if that is not what failed."""
    return _VAULT if _says(_VAULT, message) else None


def python_obstacle(message: str) -> Obstacle | None:
    """Return the reason if the host has no Python, None if that is not what failed."""
    return _PYTHON if _says(_PYTHON, message) else None


def connection_obstacle(message: str) -> Obstacle | None:
    """Return why the SSH client got no connection, None if the connection was lost later or the reason is unknown."""
    return next((obstacle for obstacle in _CONNECTION if _says(obstacle, message)), None)


def sudo_obstacle(message: str) -> Obstacle | None:
    """Return the reason if Ansible could not become root on the host, None if that is not what failed."""
    return _SUDO if _says(_SUDO, message) else None


def _says(obstacle: Obstacle, message: str) -> bool:
    return any(sign in message for sign in obstacle.signs)
