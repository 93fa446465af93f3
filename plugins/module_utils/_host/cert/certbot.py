# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run certbot in its container, and keep what VSA knows about its lineages.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..._core.cert.attempts import Attempts, attempts_from, attempts_record
from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.shape import Maybe, Object
from ..machine.files import read_text, write_atomically
from ..machine.walk import walk
from ..store.documents import read_document
from ..store.layout import Paths
from .renewable import lineage_parts, lineage_problem

if TYPE_CHECKING:
    from ..machine.docker import Engine, ExecResult

__all__ = ("DEFAULT_VERSION", "SCRIPTS", "Certbot", "ask_for_reload")

CONTAINER = "vsa-certbot"
DEFAULT_VERSION = "v5.5.0"
DEFAULT_IMAGE = f"certbot/certbot:{DEFAULT_VERSION}"
NETWORK = "reverse-proxy_internal"
SCRIPTS = "/opt/vsa"

# The longest time of one run, in seconds: some CAs answer slowly, and certbot waits for another run of itself.
TIMEOUT = 660

_CERTBOT = ("/bin/sh", f"{SCRIPTS}/certbot.sh")
_ATTEMPTS = Object({"failures": int}, dict.fromkeys(("last", "retry_after", "error"), Maybe(str)))
_CREDENTIALS = "/etc/vsa/dns"
_DEPLOYED = f"/bin/sh {SCRIPTS}/certbot-deployed.sh"


def ask_for_reload(paths: Paths) -> None:
    """Ask the reloader to have NGINX load changed certificates; the reloader looks every two seconds."""
    write_atomically(paths.reload_flag, f"{time.time_ns()}\n", mode=0o640)


class Certbot:
    """The certbot of the reverse-proxy stack. Connects to the Docker engine only for a run of certbot."""

    def __init__(self, paths: Paths, *, engine: Engine | None = None) -> None:
        self._paths = paths
        self._given = engine

    @property
    def _engine(self) -> Engine:
        if self._given is None:
            from ..machine.docker import Engine  # imported here: reading the record of attempts needs no engine

            self._given = Engine(timeout=TIMEOUT)
        return self._given

    def trust(self, ca_bundle: str | None) -> bool:
        """Copy the host's CA bundle to where certbot reads it; None removes the copy. Returns whether it changed."""
        target = self._paths.letsencrypt / "vsa-ca.pem"
        if ca_bundle is None:
            existed = target.exists()
            target.unlink(missing_ok=True)
            return existed
        text = read_text(Path(ca_bundle))
        if text is None:
            raise RefusedError(
                "the CA bundle named in the host's settings does not exist",
                field="ca_bundle",
                value=ca_bundle,
                hint=Hint("bootstrap"),
            )
        return write_atomically(target, text, mode=0o644)

    def issue(
        self,
        names: tuple[str, ...],
        *,
        server: str,
        email: str | None,
        fresh: bool = False,
        rehearse: bool = False,
        reload: bool = True,
        dns: str | None = None,
        dns_wait: int | None = None,
    ) -> ExecResult:
        """Ask the CA at ``server`` for a certificate over ``names``; the first name is that of the lineage.

        * ``fresh``: ask even if certbot would keep the present certificate.
        * ``rehearse``: a dry run that saves nothing.
        * ``reload``: have NGINX load the new certificate.
        * ``dns``: the plugin that answers the challenges by DNS. ``dns_wait``: how many seconds certbot waits before it
          lets the CA look.
        """
        argv = [*_CERTBOT, "certonly", "--non-interactive", "--agree-tos", "--no-eff-email"]
        if dns:
            argv += ["--authenticator", f"dns-{dns}", f"--dns-{dns}-credentials", f"{_CREDENTIALS}/{dns}.ini"]
            if dns_wait is not None:
                argv += [f"--dns-{dns}-propagation-seconds", str(dns_wait)]
        else:
            argv += ["--webroot", "--webroot-path", "/var/www/acme"]
        argv += ["--cert-name", names[0], "--server", server, "--key-type", "ecdsa", "--renew-with-new-domains"]
        argv += ["--force-renewal"] if fresh and not rehearse else ["--keep-until-expiring"]
        argv += ["--email", email] if email else ["--register-unsafely-without-email"]
        # The hook makes NGINX load the new certificate; a rehearsal has none.
        argv += ["--dry-run"] if rehearse else ["--deploy-hook", _DEPLOYED]
        for name in names:
            argv += ["--domain", name]
        return self._run(argv, {} if reload else {"VSA_NO_RELOAD": "1"})

    def renew(self, domain: str | None = None, *, force: bool = False) -> ExecResult:
        """Renew all lineages that are due, or one lineage; certbot decides what is due. ``force`` renews it anyway."""
        argv = [*_CERTBOT, "renew", "--non-interactive", "--no-random-sleep-on-renew", "--deploy-hook", _DEPLOYED]
        argv += ["--cert-name", domain] if domain else []
        argv += ["--force-renewal"] if force else []
        return self._run(argv, {})

    def revoke(self, certificate: str, *, key: str, server: str, reason: str) -> ExecResult:
        """Revoke the certificate in a file below /etc/letsencrypt with its own key. The lineage stays as it is."""
        argv = [*_CERTBOT, "revoke", "--non-interactive", "--no-delete-after-revoke", "--server", server]
        argv += ["--cert-path", f"/etc/letsencrypt/{certificate}", "--key-path", f"/etc/letsencrypt/{key}"]
        return self._run([*argv, "--reason", reason], {})

    def _run(self, argv: list[str], environment: dict[str, str]) -> ExecResult:
        """Run certbot in its container; in a temporary one if that container does not run."""
        found = self._engine.container(CONTAINER)
        if found is not None and found.running:
            return self._engine.exec(CONTAINER, argv, environment=environment)
        paths = self._paths
        scripts = paths.proxy / "bin"
        if not (scripts / "certbot.sh").is_file():
            raise RefusedError(
                "the reverse-proxy stack, which brings certbot, is not installed on this host",
                hint=Hint("stack.up", {"name": "reverse-proxy"}),
            )
        logs = paths.proxy / "logs/certbot"
        return self._engine.run_once(
            found.image_id if found else DEFAULT_IMAGE,
            argv[1:],
            entrypoint=argv[:1],
            environment=environment,
            network=NETWORK if self._engine.network(NETWORK) else "bridge",
            binds=[
                f"{scripts}:{SCRIPTS}:ro",
                f"{paths.letsencrypt}:/etc/letsencrypt:rw",
                f"{paths.acme}:/var/www/acme:rw",
                f"{logs}:/var/log/letsencrypt:rw",
                *([f"{paths.dns}:{_CREDENTIALS}:ro"] if paths.dns.is_dir() else ()),
            ],
            tmpfs={"/tmp": "", "/var/lib/letsencrypt": ""},  # noqa: S108  of a container of its own
            # As in the Compose file: keys go to the group of the workers, and a restored backup may have other owners.
            cap_add=("CHOWN", "DAC_OVERRIDE"),
            timeout=TIMEOUT,
        )

    # The record of failed attempts

    def _record(self, domain: str) -> Path:
        return self._paths.letsencrypt / "vsa-attempts" / f"{domain}.json"

    def attempts(self, domain: str) -> Attempts:
        """Return the failed attempts for a domain."""
        return attempts_from(read_document(self._record(domain), _ATTEMPTS))

    def remember(self, domain: str, attempts: Attempts) -> None:
        """Write the failed attempts for a domain; an empty value removes the record."""
        record = self._record(domain)
        top = self._paths.letsencrypt
        name = str(record.relative_to(top))
        # Certbot's container can write there, so no link is followed.
        with walk(top) as tree:
            if not attempts.failures:
                tree.unlink(name)
                return
            with tree.inside(str(record.parent.relative_to(top)), make=0o700):
                pass
            tree.write(name, f"{json.dumps(attempts_record(attempts))}\n".encode(), mode=0o600)

    # Lineages that certbot cannot use

    def usable(self, domain: str) -> bool:
        """Return whether certbot can use a lineage: all of its parts exist and its links have targets.

        A lineage without any part counts as usable: certbot then makes a new one.
        """
        return lineage_problem(self._paths, domain) is None

    @contextmanager
    def set_aside(self, domain: str) -> Iterator[None]:
        """Move a lineage that certbot cannot use out of its way; move it back if the block fails.

        NGINX serves a backup that was restored as plain files, but certbot refuses to renew it or to make another one.
        """
        if self.usable(domain):
            yield
            return
        aside = self._paths.letsencrypt / "vsa-aside" / f"{domain}.{time.time_ns()}"
        aside.mkdir(mode=0o700, parents=True)
        moved: list[tuple[Path, Path]] = []
        try:
            for part in lineage_parts(self._paths, domain):
                if part.exists():
                    kept = aside / part.parent.name
                    os.rename(part, kept)
                    moved.append((part, kept))
            yield
        except BaseException:
            for part, kept in reversed(moved):
                if not part.exists():
                    os.rename(kept, part)
            raise
