"""The machine's own package sources, translated to the Debian releases that the rig builds from.

No file of the project names a mirror: the rig uses the package sources of this machine.
"""

from __future__ import annotations

import configparser
import functools
import os
from collections.abc import Iterable
from pathlib import Path

from ._shell import RigError, run

__all__ = ["ca_bundle", "machine_targets", "npm_config", "pip_config", "sources_for"]

_CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")

#: Releases that have no -updates and -security of their own.
_ROLLING = frozenset({"forky", "sid", "testing", "unstable"})


@functools.cache
def machine_targets() -> list[tuple[str, str]]:
    """Return (mirror URI, release) of every package index that apt knows on this machine, in apt's order."""
    done = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"])
    rows = (line.split() for line in done.stdout.splitlines())
    return [(row[0].rstrip("/"), row[1]) for row in rows if len(row) == 3 and row[2] == "main"]


def sources_for(suite: str, targets: Iterable[tuple[str, str]], *, codename: str) -> str:
    """Return the text of a ``sources.list`` for ``suite``, from the mirrors that ``targets`` names for ``codename``.

    ``codename`` is the release that this machine runs, such as ``bookworm``. Raises RigError if there is no mirror.
    """
    archive = security = None
    for uri, release in targets:
        if release == codename:
            archive = archive or uri
        elif release in (f"{codename}-security", f"{codename}/updates"):
            security = security or uri
    if archive is None:
        raise RigError(
            f"apt on this machine has no source for Debian {codename}, from which the rig would take its mirror;"
            " the rig needs a Debian machine"
        )
    lines = [f"deb {archive} {suite} main"]
    if suite not in _ROLLING:
        lines.append(f"deb {archive} {suite}-updates main")
        if security is not None:
            lines.append(f"deb {security} {suite}-security main")
    return "\n".join(lines) + "\n"


def ca_bundle() -> bytes:
    """Return the certificates that this machine trusts (PEM): a private CA may have signed a mirror's certificate."""
    for name in (os.environ.get("SSL_CERT_FILE"), *_CA_BUNDLES):
        if name and Path(name).is_file():
            return Path(name).read_bytes()
    raise RigError("no CA bundle on this machine: apt-get install ca-certificates")


def pip_config() -> str:
    """A ``pip.conf`` with this machine's package index and with the certificate bundle that is copied to /rig."""
    merged = configparser.RawConfigParser()
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    merged.read(["/etc/pip.conf", config_home / "pip" / "pip.conf", Path.home() / ".pip" / "pip.conf"])
    wanted = {"cert": "/rig/ca.crt"}
    for key in ("index-url", "extra-index-url", "trusted-host", "proxy"):
        value = os.environ.get("PIP_" + key.upper().replace("-", "_")) or merged.get("global", key, fallback="")
        if value:
            wanted[key] = value
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in wanted.items())


def npm_config() -> str:
    """An ``npmrc`` with this machine's registry and with the certificate bundle that is copied to /rig."""
    registry = os.environ.get("npm_config_registry", "")  # noqa: SIM112 (npm reads this name)
    for path in (Path("/etc/npmrc"), Path.home() / ".npmrc"):
        for line in path.read_text().splitlines() if path.is_file() else ():
            name, equals, value = line.partition("=")
            # Nothing else of the file: the others may be credentials.
            if equals and name.strip() == "registry":
                registry = value.strip()
    return "cafile=/rig/ca.crt\n" + (f"registry={registry}\n" if registry else "")
