#!/usr/bin/env python3
"""The test rig: real hosts and real services on a Docker engine, for tests, Molecule and the demo.

Importable as ``rig`` (with ``tests/rig`` on the path), and a command: ``python tests/rig/rig.py --help``.
Needs Python ≥ 3.12 and nothing else; as root on a fresh Debian machine it installs the engine itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from vsa_rig._shell import RigError, cache_dir, docker, say
from vsa_rig.beside import address_of, run_beside
from vsa_rig.cleanup import down, scopes
from vsa_rig.doors import ROOT, command, playbook, proxy_host, run_web, settings, vsa
from vsa_rig.engine import engine_up
from vsa_rig.https import Answer, https_get
from vsa_rig.images import IMAGES, images, standin_of
from vsa_rig.loki import Loki, loki, loki_binary
from vsa_rig.network import network, scope, scoped
from vsa_rig.services import Services, services
from vsa_rig.vps import Vps, ssh_key

__all__ = [
    "IMAGES",
    "ROOT",
    "Answer",
    "Loki",
    "RigError",
    "Services",
    "Vps",
    "address_of",
    "cache_dir",
    "command",
    "docker",
    "down",
    "engine_up",
    "https_get",
    "images",
    "loki",
    "loki_binary",
    "network",
    "playbook",
    "proxy_host",
    "run_beside",
    "run_web",
    "say",
    "scope",
    "scoped",
    "scopes",
    "services",
    "settings",
    "ssh_key",
    "standin_of",
    "vsa",
]


def _images(words: argparse.Namespace) -> None:
    images(*words.name)
    for name in words.name or IMAGES:
        really = standin_of(name) if name in IMAGES else ""
        if really:
            say(f"  · {name} is a stand-in: {really}")
    if not words.name:
        # The first build compiles for minutes. If the build fails, the tests that need these programs are skipped.
        for what, make in (("Loki", loki_binary), ("PocketBase", lambda: images("vsa-rig-pocketbase:1"))):
            try:
                make()
            except RigError as problem:
                say(f"  · no {what}, its tests will be skipped: {problem}")


def _create(words: argparse.Namespace) -> None:
    made = []
    for word in words.name:
        name, _, debian = word.partition(":")
        made.append(Vps.create(name, debian or words.debian, fresh=not words.keep))
    if words.ssh_config:
        words.ssh_config.write_text("\n".join(vps.ssh_config(user=words.user) for vps in made))
    print(json.dumps({vps.name: vps.inventory_vars(user=words.user) for vps in made}, indent=2))


def _inventory(words: argparse.Namespace) -> None:
    hosts = {name: Vps.get(name).inventory_vars(user=words.user) for name in words.name}
    print(json.dumps({"all": {"hosts": hosts}}, indent=2))


def _destroy(words: argparse.Namespace) -> None:
    for name in words.name:
        down_one = Vps(name, "", "", "")
        down_one.destroy()


def _services(_: argparse.Namespace) -> None:
    found = services()
    print(json.dumps({"pebble_url": found.pebble_url, "dns_ip": found.dns_ip, "ca_bundle": found.ca_bundle}, indent=2))


def _settings(words: argparse.Namespace) -> None:
    print(json.dumps(settings(Vps.get(words.name)), indent=2))


def _load(words: argparse.Namespace) -> None:
    Vps.get(words.name).load_images(*words.image)


def _web(words: argparse.Namespace) -> None:
    for container in words.container:
        run_web(Vps.get(words.name), container, network=words.network)


def _dns(words: argparse.Namespace) -> None:
    Vps.get(words.name).add_dns(*words.domain)


def _ssh(words: argparse.Namespace) -> None:
    import os

    vps = Vps.get(words.name)
    config = cache_dir("vps", vps.name) / "ssh_config"
    config.write_text(vps.ssh_config(user=words.user))
    os.execvp("ssh", ["ssh", "-F", str(config), vps.name, *words.command])


def _down(words: argparse.Namespace) -> None:
    down(everything=words.scope is None, scope=words.scope or "", all=words.all)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rig.py", description="Real hosts and services for tests, on a Docker engine."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)

    up = verbs.add_parser("up", help="install and start a Docker engine if none answers")
    up.set_defaults(call=lambda _: None)

    build = verbs.add_parser("images", help="build or pull missing images (without a name: all of them)")
    build.add_argument("name", nargs="*")
    build.set_defaults(call=_images)

    create = verbs.add_parser("create", help="boot VPSes and print their connection variables as JSON")
    create.add_argument("name", nargs="+", help="NAME, or NAME:VERSION of Debian")
    create.add_argument("--ssh-config", type=Path, metavar="FILE", help="write an ssh_config with all of them")
    create.add_argument("--debian", default="13", choices=("12", "13"))
    create.add_argument("--user", default="root", choices=("root", "ops"))
    create.add_argument("--keep", action="store_true", help="keep a VPS of that name that already runs")
    create.set_defaults(call=_create)

    inventory = verbs.add_parser("inventory", help="print an inventory of running VPSes")
    inventory.add_argument("name", nargs="+")
    inventory.add_argument("--user", default="root", choices=("root", "ops"))
    inventory.set_defaults(call=_inventory)

    destroy = verbs.add_parser("destroy", help="remove VPSes with their disks")
    destroy.add_argument("name", nargs="+")
    destroy.set_defaults(call=_destroy)

    bootstrap = verbs.add_parser("settings", help="print the variables of flowbiz.vsa.bootstrap for a VPS, as JSON")
    bootstrap.add_argument("name")
    bootstrap.set_defaults(call=_settings)

    load = verbs.add_parser("load", help="copy images into the engine of a VPS")
    load.add_argument("name")
    load.add_argument("image", nargs="+")
    load.set_defaults(call=_load)

    web = verbs.add_parser("web", help="start demonstration backends in the engine of a VPS")
    web.add_argument("--network", default="flowbiz_ext")
    web.add_argument("name")
    web.add_argument("container", nargs="+")
    web.set_defaults(call=_web)

    dns = verbs.add_parser("dns", help="let domains below .test resolve to a VPS")
    dns.add_argument("name")
    dns.add_argument("domain", nargs="+")
    dns.set_defaults(call=_dns)

    ssh = verbs.add_parser("ssh", help="open a shell, or run a command, on a VPS")
    ssh.add_argument("--user", default="root", choices=("root", "ops"))
    ssh.add_argument("name")
    ssh.add_argument("command", nargs="*")
    ssh.set_defaults(call=_ssh)

    around = verbs.add_parser("services", help="start the ACME server and DNS, and print their addresses")
    around.set_defaults(call=_services)

    end = verbs.add_parser("down", help="remove every container, network and volume of the rig")
    end.add_argument("--scope", help="remove only what was made under this VSA_RIG_SCOPE")
    end.add_argument("--all", action="store_true", help="remove the images, archives and keys too")
    end.set_defaults(call=_down)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    words = _parser().parse_args(argv)
    try:
        if words.verb not in ("down", "destroy", "ssh", "inventory"):
            engine_up()
        words.call(words)
    except RigError as problem:
        say(f"✘ {problem}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    sys.exit(main())
