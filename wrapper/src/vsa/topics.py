"""What ``vsa help TOPIC`` explains besides verbs. ``docs/reference/cli.md`` is made of the same tables."""

from __future__ import annotations

from vsa.core import (
    EXIT_DUE,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_NOT_ROLLED_BACK,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_ROLLED_BACK,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
)

__all__ = ("ENVIRONMENT", "EXIT_CODES", "TOPICS")

EXIT_CODES = {
    EXIT_OK: "done, changed or not",
    EXIT_INTERNAL: "a fault of VSA itself; the message says how to report it",
    EXIT_USAGE: "the command line or the inventory is wrong; no host was changed",
    EXIT_REFUSED: "refused: the input does not fit the host; nothing was changed",
    EXIT_ROLLED_BACK: "failed, and rolled back: the host is as before",
    EXIT_UNREACHABLE: "a host could not be reached, or refused access",
    EXIT_NOT_ROLLED_BACK: "failed, and not rolled back; the message says what is half done and how to repair it",
    EXIT_DUE: "something is due, down or not valid; some verbs need --exit-code for it",
    EXIT_INTERRUPTED: "interrupted by a signal",
}
"""What each exit code means. Of several hosts the worst counts: 130, 1, 6, 4, 5, 3, 2, 7, 0."""

ENVIRONMENT = {
    "VSA_INVENTORY": "the inventory, if -i is not given",
    "VSA_LOKI_URL": "the Loki that gets the audit trail",
    "VSA_LOKI_AUTH_FILE": "a file of mode 0600 with user:password, or a bearer token, for Loki",
    "VSA_LOKI_CA_BUNDLE": "a PEM file with further CAs to trust for Loki",
    "ANSIBLE_CONFIG": "the ansible.cfg to use",
    "ANSIBLE_REMOTE_USER": "the login user, if the inventory names none",
    "ANSIBLE_PRIVATE_KEY_FILE": "the SSH key, if the inventory names none",
    "ANSIBLE_CONNECTION_PASSWORD_FILE": "a file of mode 0600 with the SSH password",
    "ANSIBLE_BECOME_PASSWORD_FILE": "a file of mode 0600 with the sudo password; -K asks for the password instead",
    "ANSIBLE_VAULT_PASSWORD_FILE": "a file, or a program that prints it, with the vault password",
    "ANSIBLE_VAULT_IDENTITY_LIST": "the same for several vaults: name@file",
    "ANSIBLE_SSH_ARGS": "the options of ssh",
    "ANSIBLE_FORKS": "the number of hosts at a time",
    "ANSIBLE_TIMEOUT": "the seconds in which a host has to accept the connection",
    "XDG_STATE_HOME": "where the audit trail of this user lies (~/.local/state)",
    "XDG_CACHE_HOME": "where the names for completion and the payloads of modules lie (~/.cache)",
    "NO_COLOR": "any value: no colours",
}
"""The variables of the environment that change what ``vsa`` does. Others do not reach Ansible."""

TOPICS = {
    "exit-codes": ("Exit codes", {str(code): meaning for code, meaning in EXIT_CODES.items()}),
    "environment": ("Environment", ENVIRONMENT),
}
"""By the name that is typed: a title, and a table."""
