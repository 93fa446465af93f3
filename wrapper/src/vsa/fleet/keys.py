"""The host keys of a fleet: ``known_hosts`` beside the inventory, each key under the host's name in the inventory."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsa.core import EXIT_UNREACHABLE, VsaError

__all__ = (
    "FILE",
    "SSH_ARGUMENTS",
    "HostKey",
    "changed_key",
    "fingerprints",
    "recorded_keys",
    "scanned_keys",
    "uses_file",
    "with_keys",
    "without_keys",
)

FILE = "known_hosts"
"""The name of the file with the host keys, beside the inventory."""

SSH_ARGUMENTS = (
    "-o HostKeyAlias={{ inventory_hostname }}"
    """ -o 'UserKnownHostsFile="{{ inventory_dir }}/known_hosts"' -o GlobalKnownHostsFile=/dev/null"""
    " -o StrictHostKeyChecking=yes -o UpdateHostKeys=no"
)
"""The value of ``ansible_ssh_extra_args`` of a host whose key stands in the file, so that Ansible's own door checks the
key too. The key has the name of the host in the inventory, so the address may change."""

# The best first. The key of a certificate authority, or of a hardware token, is none of these.
_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
_BLOB = re.compile(r"[A-Za-z0-9+/]{32,2000}={0,2}")
_SENT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"
_NOT_KNOWN = "host key is known for"
_WAIT_SECONDS = 5
_LONGEST_OUTPUT = 64 * 1024


@dataclass(frozen=True)
class HostKey:
    """The public key of an SSH server: its kind (``ssh-ed25519``), and the key in base64."""

    kind: str
    blob: str

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint as OpenSSH writes it: ``SHA256:…``."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def recorded_keys(text: str, name: str) -> tuple[HostKey, ...]:
    """Return the keys that a ``known_hosts`` file has for a host."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and name in words[0].split(","):
            key = _key(words[1], words[2])
            found += [key] if key is not None else []
    return tuple(found)


def with_keys(text: str, name: str, keys: Sequence[HostKey]) -> str:
    """Return a ``known_hosts`` file in which a host has these keys and no others. All other lines stay."""
    rest = without_keys(text, name)
    if rest and not rest.endswith("\n"):
        rest += "\n"
    return rest + "".join(f"{name} {key.kind} {key.blob}\n" for key in keys)


def without_keys(text: str, name: str) -> str:
    """Return a ``known_hosts`` file without a host. A line with several names keeps the other names."""
    kept = []
    for line in text.splitlines(keepends=True):
        first, blank, rest = line.partition(" ")
        names = first.split(",")
        if line.startswith("#") or name not in names:
            kept.append(line)
        elif len(names) > 1:
            kept.append(",".join(other for other in names if other != name) + blank + rest)
    return "".join(kept)


def scanned_keys(address: str, port: int) -> tuple[HostKey, ...]:
    """Return the keys that an SSH server shows, Ed25519 first. Nothing proves yet that the server is the right one.

    Raises :class:`VsaError` with the exit code of a host that cannot be reached if no server answers.
    """
    # ssh-keyscan without -t asks for every kind it knows, which takes a connection each.
    words = ["ssh-keyscan", "-T", str(_WAIT_SECONDS), "-p", str(port), "-t", "ed25519,ecdsa,rsa", "--", address]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=4 * _WAIT_SECONDS,
            env={**os.environ, "LC_ALL": "C"},
        )
        output = done.stdout[:_LONGEST_OUTPUT].decode("ascii", errors="replace")
    except FileNotFoundError as error:
        raise VsaError("ssh-keyscan is missing on this machine", expected="the OpenSSH client") from error
    except subprocess.TimeoutExpired:
        output = ""
    found = []
    for line in output.splitlines():
        words = line.split()
        key = _key(words[1], words[2]) if len(words) >= 3 else None
        found += [key] if key is not None else []
    if not found:
        raise VsaError(
            "no SSH server shows its host key",
            field="address",
            value=f"{address} port {port}",
            expected="a VPS that runs, whose provider's firewall lets SSH through",
            exit_code=EXIT_UNREACHABLE,
        )
    return tuple(sorted(dict.fromkeys(found), key=lambda key: _KINDS.index(key.kind)))


def uses_file(arguments: object) -> bool:
    """Say whether the SSH arguments of a host lead to the file beside the inventory."""
    return isinstance(arguments, str) and "HostKeyAlias=" in arguments and f"/{FILE}" in arguments


def changed_key(error: Mapping[str, Any], *, host: str, folder: Path) -> dict[str, Any] | None:
    """Return the error of a host whose key is not the one in the fleet's file; None if that is not what failed.

    ``error`` is the error of a host that could not be reached, with the words of the SSH client as details.
    """
    lines = [*map(str, error.get("details") or ()), str(error.get("message"))]
    words = "\n".join(lines)
    try:
        recorded = recorded_keys((folder / FILE).read_text(encoding="utf-8"), host)
    except (OSError, UnicodeDecodeError):
        recorded = ()
    if _CHANGED in words and recorded:
        sent = next((found[0] for line in lines if (found := _SENT.search(line))), None)
        way = f"vsa vps add --id {host}" + (f" --host-key {sent}" if sent else "")
        return {
            **error,
            "message": "the host key has changed: another machine answers, or the VPS was made anew",
            "field": "host key",
            "value": sent or "(not shown)",
            "expected": " or ".join(key.fingerprint for key in recorded),
            "try": f"compare the key with what the provider shows, then {way}",
        }
    if _NOT_KNOWN in words and f"{host} and you have requested strict checking" in words:
        return {**error, "try": f"vsa vps add --id {host}, which shows the key and records it"}
    return None


def fingerprints(keys: Iterable[HostKey]) -> list[str]:
    """Return one line for each key, for a question or an error."""
    return [f"{key.fingerprint} ({key.kind})" for key in keys]


def _key(kind: str, blob: str) -> HostKey | None:
    """Return a key, or None if the words are no key of a known kind. The words may come from anybody."""
    if kind not in _KINDS or not _BLOB.fullmatch(blob):
        return None
    try:
        data = base64.b64decode(blob, validate=True)
    except binascii.Error:
        return None
    inner = kind.encode()
    return HostKey(kind, blob) if data.startswith(len(inner).to_bytes(4, "big") + inner) else None
