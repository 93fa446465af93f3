"""The environment of a run. Of the caller's variables only those of a list are passed on.

The reason: ansible-runner writes the whole environment into a file.
"""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from vsa.ansible.config import Config

__all__ = ("scrubbed", "with_short_tmpdir")

_PASSED = frozenset(
    """
    HOME USER LOGNAME LANG LANGUAGE TZ SHELL TMPDIR
    SSH_AUTH_SOCK SSH_AGENT_PID SSH_CLIENT SSH_CONNECTION SUDO_USER SUDO_UID KRB5CCNAME
    XDG_RUNTIME_DIR XDG_CACHE_HOME XDG_STATE_HOME
    ANSIBLE_VAULT_PASSWORD_FILE ANSIBLE_VAULT_IDENTITY_LIST ANSIBLE_VAULT_IDENTITY
    ANSIBLE_PRIVATE_KEY_FILE ANSIBLE_REMOTE_USER ANSIBLE_REMOTE_PORT ANSIBLE_REMOTE_TEMP ANSIBLE_FORKS ANSIBLE_TIMEOUT
    ANSIBLE_BECOME ANSIBLE_BECOME_METHOD ANSIBLE_BECOME_USER ANSIBLE_BECOME_PASSWORD_FILE
    ANSIBLE_CONNECTION_PASSWORD_FILE
    ANSIBLE_SSH_ARGS ANSIBLE_SSH_COMMON_ARGS ANSIBLE_SSH_EXTRA_ARGS ANSIBLE_SSH_EXECUTABLE ANSIBLE_SSH_RETRIES
    ANSIBLE_SSH_CONTROL_PATH ANSIBLE_SSH_CONTROL_PATH_DIR
    ANSIBLE_INVENTORY_ENABLED ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED
    VSA_LOKI_URL VSA_LOKI_AUTH_FILE VSA_LOKI_CA_BUNDLE
    """.split()
)

# ansible-runner replaces a larger result by {} and does not say so. No list of ours is as large as this.
_MAX_EVENT_RES = str(1 << 40)

_AUDIT = "flowbiz.vsa.audit"

# Files beside the hosts of an inventory folder that are no inventory: the host keys, and examples.
_NO_INVENTORY = (r"^known_hosts$", r"[.]example$")

# Ansible refuses to start under a locale that is not UTF-8 (LC_ALL=C of a script), or that this machine does not have.
_UTF_8 = {"LC_ALL": "C.UTF-8"}

# The path of a socket has 107 characters at most (unix(7)). Ansible makes one below TMPDIR, and does not start without.
_LONGEST_TMPDIR = 107 - len("/pymp-12345678/listener-12345678")


def scrubbed(caller: Mapping[str, str], *, root: Path, private: Path, config: Config) -> dict[str, str]:
    """Return the environment of a run: the caller's variables that are on the list, then our own.

    * ``root``: the collections path that our own core came from.
    * ``private``: the directory of the run.
    * ``config``: the ``ansible.cfg`` in force. If it has no path, Ansible looks for one itself.
    """
    env = {key: value for key, value in caller.items() if key in _PASSED or key.startswith("LC_")}
    if config.path is not None:
        env["ANSIBLE_CONFIG"] = str(config.path)
    others = (
        caller.get("ANSIBLE_COLLECTIONS_PATH") or f"{Path.home()}/.ansible/collections:/usr/share/ansible/collections"
    )
    paths = [str(root), *(path for path in others.split(":") if path and path != str(root))]
    # Our interpreter's bin directory comes first, so that the ansible-playbook of this installation runs.
    path = [str(Path(sys.executable).parent), caller.get("PATH") or os.defpath]
    if not _is_utf8(env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or ""):
        env |= _UTF_8
    return env | {
        "PATH": os.pathsep.join(path),
        "ANSIBLE_COLLECTIONS_PATH": ":".join(paths),
        # ansible-runner switches host key checking off if the variable is not set.
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_PIPELINING": "True",
        # The variable replaces the setting in ansible.cfg, so the callbacks of ansible.cfg are repeated here.
        "ANSIBLE_CALLBACKS_ENABLED": ",".join(dict.fromkeys([*config.callbacks, _AUDIT])),
        # The same here: the variable replaces the patterns of ansible.cfg.
        "ANSIBLE_INVENTORY_IGNORE_REGEX": ",".join(
            dict.fromkeys([*config.ignored, *_listed(caller.get("ANSIBLE_INVENTORY_IGNORE_REGEX")), *_NO_INVENTORY])
        ),
        "ANSIBLE_LOCAL_TEMP": str(private / "tmp"),
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_NOCOWS": "True",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "False",
        "MAX_EVENT_RES": _MAX_EVENT_RES,
    }


def with_short_tmpdir(environment: Mapping[str, str], *, private: Path) -> dict[str, str]:
    """Return the environment, with a link in ``private`` instead of a ``TMPDIR`` too long for a socket in it."""
    place = environment.get("TMPDIR", "")
    if len(os.fsencode(place)) <= _LONGEST_TMPDIR:
        return dict(environment)
    link = private / "tmpdir"
    link.symlink_to(Path(place).absolute())
    return {**environment, "TMPDIR": str(link)}


def _listed(text: str | None) -> list[str]:
    return [entry for entry in (text or "").split(",") if entry]


def _is_utf8(name: str) -> bool:
    """Say whether this machine has a locale, and the locale is UTF-8. Python itself makes UTF-8 of no locale at all."""
    if not name:
        return True
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, name)
        return locale.nl_langinfo(locale.CODESET).upper() == "UTF-8"
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
