"""An engine whose certbot container issues certificates of a test CA, and leaves lineages as certbot does."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import ExecResult
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certs import Pair, make_pair

__all__ = ("CertbotEngine", "put_lineage")

FILES = ("cert", "chain", "fullchain", "privkey")


def put_lineage(
    paths: Paths, domain: str, pair: Pair, *, number: int = 1, server: str = "https://127.0.0.1:1/dir"
) -> Path:
    """Write a lineage as certbot does, with links from live to archive; returns its directory in live."""
    live, archive = paths.letsencrypt / "live" / domain, paths.letsencrypt / "archive" / domain
    renewal = paths.letsencrypt / "renewal"
    for directory in (live, archive, renewal):
        directory.mkdir(parents=True, exist_ok=True)
    named = "".join(f"{name} = /etc/letsencrypt/live/{domain}/{name}.pem\n" for name in FILES)
    (renewal / f"{domain}.conf").write_text(f"{named}server = {server}\n", encoding="utf-8")
    texts = {"cert": pair.pem, "chain": pair.chain.removeprefix(pair.pem), "fullchain": pair.chain}
    texts["privkey"] = pair.key_pem
    for name in FILES:
        (archive / f"{name}{number}.pem").write_text(texts[name], encoding="utf-8")
        link = live / f"{name}.pem"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../archive/{domain}/{name}{number}.pem")
    return live


class CertbotEngine:
    """Stands for the Docker engine.

    * ``calls``: the arguments of each run of certbot, and ``environments`` of each.
    * ``failures``: what certbot prints on standard error instead of its work, by subcommand (``certonly``, ``renew``,
      ``revoke``); ``dry-run`` stands for a rehearsal.
    * ``lifetime``: of the certificates that the CA issues.
    """

    def __init__(self, paths: Paths, ca: Pair) -> None:
        self._paths = paths
        self._ca = ca
        self.calls: list[list[str]] = []
        self.environments: list[Mapping[str, str]] = []
        self.failures: dict[str, str] = {}
        self.lifetime = datetime.timedelta(days=90)

    def container(self, name: str) -> Any:
        """Return the container info of certbot."""
        assert name == "vsa-certbot"
        return SimpleNamespace(running=True, image_id="sha256:0")

    def exec(self, name: str, argv: Sequence[str], *, environment: Mapping[str, str]) -> ExecResult:
        """Run certbot."""
        assert name == "vsa-certbot"
        words = list(argv)[2:]
        self.calls.append(words)
        self.environments.append(environment)
        kind = "dry-run" if "--dry-run" in words else words[0]
        if kind in self.failures:
            return ExecResult(code=1, stdout="", stderr=self.failures[kind])
        if kind == "certonly":
            domains = [words[at + 1] for at, word in enumerate(words) if word == "--domain"]
            self._issue(self._value(words, "--cert-name"), domains, self._value(words, "--server"))
        if kind == "renew":
            self._renew(words)
        return ExecResult(code=0, stdout="", stderr="")

    @staticmethod
    def _value(words: Sequence[str], flag: str) -> str:
        return words[words.index(flag) + 1]

    def _issue(self, domain: str, names: Sequence[str], server: str) -> None:
        now = datetime.datetime.now(datetime.UTC)
        start = now - datetime.timedelta(hours=1)
        pair = make_pair(names, issuer=self._ca, start=start, end=start + self.lifetime)
        archive = self._paths.letsencrypt / "archive" / domain
        number = len(list(archive.glob("cert*.pem"))) + 1
        put_lineage(self._paths, domain, pair, number=number, server=server)

    def _renew(self, words: Sequence[str]) -> None:
        chosen = self._value(words, "--cert-name") if "--cert-name" in words else None
        for conf in sorted((self._paths.letsencrypt / "renewal").glob("*.conf")):
            if chosen in (None, conf.stem):
                server = re.search(r"server = (.+)", conf.read_text(encoding="utf-8"))
                assert server
                self._issue(conf.stem, [conf.stem], server[1])
