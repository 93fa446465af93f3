# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""certbot in its container: asked for certificates, one at a time, with the state of before kept where it fails.

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

from ..._core.cert.status import Attempts, attempts_from, attempts_record
from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..machine.files import read_json, read_text, write_atomically
from ..store.layout import Paths

if TYPE_CHECKING:
    from ..machine.docker import Engine, ExecResult

__all__ = ("CONTAINER", "SCRIPTS", "TIMEOUT", "Certbot", "ask_for_reload")

CONTAINER = "vsa-certbot"
DEFAULT_IMAGE = "certbot/certbot:v5.5.0"
NETWORK = "reverse-proxy_internal"
SCRIPTS = "/opt/vsa"

# The most that one run may take, in seconds: CAs answer slowly at times, and certbot waits for another run of itself.
TIMEOUT = 660

_CERTBOT = ("/bin/sh", f"{SCRIPTS}/certbot.sh")
_CREDENTIALS = "/etc/vsa/dns"
_DEPLOYED = f"/bin/sh {SCRIPTS}/certbot-deployed.sh"


def ask_for_reload(paths: Paths) -> None:
    """Ask NGINX's reloader to load certificates that changed; it looks every two seconds."""
    write_atomically(paths.reload_flag, f"{time.time_ns()}\n", mode=0o640)


class Certbot:
    """The certbot of the reverse-proxy stack. The engine is reached when it is first needed."""

    def __init__(self, paths: Paths, *, engine: Engine | None = None) -> None:
        self._paths = paths
        self._given = engine

    @property
    def _engine(self) -> Engine:
        if self._given is None:
            from ..machine.docker import Engine  # whoever only reads what became of the tries needs none

            self._given = Engine(timeout=TIMEOUT)
        return self._given

    def trust(self, ca_bundle: str | None) -> bool:
        """Hand certbot the host's custom CA bundle, or take it away. Returns whether that changed anything."""
        target = self._paths.letsencrypt / "vsa-ca.pem"
        if ca_bundle is None:
            existed = target.exists()
            target.unlink(missing_ok=True)
            return existed
        text = read_text(Path(ca_bundle))
        if text is None:
            raise RefusedError(
                "the CA bundle of the host's settings is not there",
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
        """Ask ``server`` for a certificate over ``names``, the first of which names the lineage.

        ``fresh`` asks even where certbot would keep what there is, ``rehearse`` saves nothing, ``reload`` has NGINX
        load it. With ``dns`` that plugin answers the challenges, and the CA looks ``dns_wait`` seconds later.
        """
        argv = [*_CERTBOT, "certonly", "--non-interactive", "--agree-tos", "--no-eff-email"]
        if dns:
            argv += ["--authenticator", f"dns-{dns}", f"--dns-{dns}-credentials", f"{_CREDENTIALS}/{dns}.ini"]
            argv += [f"--dns-{dns}-propagation-seconds", str(dns_wait)] if dns_wait is not None else []
        else:
            argv += ["--webroot", "--webroot-path", "/var/www/acme"]
        argv += ["--cert-name", names[0], "--server", server, "--key-type", "ecdsa", "--renew-with-new-domains"]
        argv += ["--force-renewal"] if fresh and not rehearse else ["--keep-until-expiring"]
        argv += ["--email", email] if email else ["--register-unsafely-without-email"]
        # A rehearsal must not tell NGINX that there is something new.
        argv += ["--dry-run"] if rehearse else ["--deploy-hook", _DEPLOYED]
        for name in names:
            argv += ["--domain", name]
        return self._run(argv, {} if reload else {"VSA_NO_RELOAD": "1"})

    def renew(self, domain: str | None = None, *, force: bool = False, check: bool = False) -> ExecResult:
        """Renew what is due, as the CA or the share of the lifetime says: everything, or one lineage; all with force.

        With ``check`` nothing is saved: certbot's dry run, at the CA's staging side if it has one.
        """
        argv = [*_CERTBOT, "renew", "--non-interactive", "--no-random-sleep-on-renew", "--deploy-hook", _DEPLOYED]
        argv += ["--cert-name", domain] if domain else []
        argv += ["--force-renewal"] if force else []
        argv += ["--dry-run"] if check else []
        return self._run(argv, {})

    def revoke(self, certificate: str, *, key: str, server: str, reason: str) -> ExecResult:
        """Revoke the certificate in a file below certbot's state, by its own key; its lineage stays as it is."""
        argv = [*_CERTBOT, "revoke", "--non-interactive", "--no-delete-after-revoke", "--server", server]
        argv += ["--cert-path", f"/etc/letsencrypt/{certificate}", "--key-path", f"/etc/letsencrypt/{key}"]
        return self._run([*argv, "--reason", reason], {})

    def _run(self, argv: list[str], environment: dict[str, str]) -> ExecResult:
        found = self._engine.container(CONTAINER)
        if found is not None and found.running:
            return self._engine.exec(CONTAINER, argv, environment=environment)
        paths = self._paths
        scripts = paths.proxy / "bin"
        if not (scripts / "certbot.sh").is_file():
            raise RefusedError("this host has no certbot yet", hint=Hint("stack.up", {"name": "reverse-proxy"}))
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
            timeout=TIMEOUT,
        )

    # What became of earlier tries

    def _record(self, domain: str) -> Path:
        return self._paths.letsencrypt / "vsa-attempts" / f"{domain}.json"

    def attempts(self, domain: str) -> Attempts:
        """Return what is known of failed tries for a domain."""
        return attempts_from(read_json(self._record(domain)))

    def remember(self, domain: str, attempts: Attempts) -> None:
        """Write down failed tries; none removes the record."""
        record = self._record(domain)
        if not attempts.failures:
            record.unlink(missing_ok=True)
            return
        record.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomically(record, f"{json.dumps(attempts_record(attempts))}\n", mode=0o600)

    # Lineages that certbot itself could not take up

    def _parts(self, domain: str) -> tuple[Path, ...]:
        top = self._paths.letsencrypt
        return top / "renewal" / f"{domain}.conf", top / "live" / domain, top / "archive" / domain

    def usable(self, domain: str) -> bool:
        """Say whether certbot can go on with a lineage: it has all parts, links that lead on, or nothing at all."""
        conf, live, archive = self._parts(domain)
        parts = (conf.is_file(), live.is_dir(), archive.is_dir())
        if not any(parts):
            return True
        links = {name: live / f"{name}.pem" for name in ("cert", "chain", "fullchain", "privkey")}
        if not all(parts) or not all(link.is_symlink() and link.exists() for link in links.values()):
            return False
        # certbot reads the old certificate before it asks for another, and gives up where it is cut off.
        return all(b"-----END CERTIFICATE-----" in links[name].read_bytes() for name in ("cert", "chain"))

    @contextmanager
    def set_aside(self, domain: str) -> Iterator[None]:
        """Move a lineage that certbot cannot take up out of its way; put it back where the block fails.

        A backup that was restored as plain files serves well, but certbot refuses to renew it or to make another.
        """
        if self.usable(domain):
            yield
            return
        aside = self._paths.letsencrypt / "vsa-aside" / f"{domain}.{time.time_ns()}"
        aside.mkdir(mode=0o700, parents=True)
        moved: list[tuple[Path, Path]] = []
        try:
            for part in self._parts(domain):
                if part.exists():
                    os.rename(part, aside / f"{part.parent.name}")
                    moved.append((part, aside / f"{part.parent.name}"))
            yield
        except BaseException:
            for part, kept in reversed(moved):
                if not part.exists():
                    os.rename(kept, part)
            raise
