"""The rig's images: named by a hash of their inputs, built once, and kept.

Where Docker Hub can be reached the genuine images are pulled. Where it cannot, a stand-in is built from Debian's
packages and given the genuine name and tag, so that every Compose file runs unmodified; it says in the label
``vsa.rig.standin``, and in the output, what it really is.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from . import apt, engine
from ._shell import LABEL, RigError, cache_dir, docker, lock, run, step
from .golang import go_binary

__all__ = ["IMAGES", "Image", "content_hash", "images", "remove_images", "standin_of"]

_HERE = Path(__file__).resolve().parent.parent / "images"
_CACHED = "vsa-rig-cache"

#: How many versions of one image are kept.
_KEPT = 3

#: Documentation and translations: nobody reads them in a rig, and every VPS would load them.
_LEFT_OUT = (
    *("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"),
    "/usr/lib/x86_64-linux-gnu/gconv/*",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Image:
    """How one image is built.

    ``tag`` is the full name; ``parent`` another image of the rig (None: a release of Debian made by mmdebstrap);
    ``context`` the directory below ``images/``; ``args`` build arguments; ``genuine`` whether Docker Hub has it under
    this very name; ``really`` what the stand-in is made of; ``pip`` and ``npm`` whether the build asks the index of
    Python's or Node's packages; ``go`` the program that is built of the Go module in the context, and how long that
    takes in words; ``on_demand`` whether it is built only when a test asks for it.
    """

    tag: str
    parent: str | None = None
    suite: str = ""
    context: str = ""
    args: Mapping[str, str] = dataclasses.field(default_factory=dict)
    genuine: bool = False
    really: str = ""
    pip: bool = False
    npm: bool = False
    on_demand: bool = False
    go: tuple[str, str] = ("", "")


_OBSERVABILITY = tuple(
    Image(
        tag,
        parent="vsa-rig-base:forky",
        context="observability",
        args={"ENTRY": entry},
        genuine=True,
        really=f"{really} from Debian testing",
        on_demand=True,
    )
    for tag, entry, really in (
        ("balabit/syslog-ng:4.12.0", "syslog-ng", "syslog-ng"),
        ("prom/prometheus:v3.15.0", "prometheus", "Prometheus 3.5"),
        ("prom/alertmanager:v0.34.1", "alertmanager", "Alertmanager 0.33"),
        ("prom/node-exporter:v1.12.1", "node_exporter", "node-exporter 1.11"),
    )
)

# Loki is a real one; Grafana and cAdvisor cannot be had.
_STANDINS = (
    Image(
        "grafana/loki:3.7.8",
        parent="vsa-rig-base:trixie",
        context="loki-3",
        really="Loki 2.2.1 (Apache-2.0) from its Go modules",
        go=("loki", "Loki 2.2.1 (Apache-2.0) is built once from its Go modules: about three minutes"),
        on_demand=True,
    ),
    Image(
        "grafana/grafana:13.2.3",
        parent="vsa-rig-python:forky",
        context="placeholder",
        args={"PORT": "3000"},
        really="a placeholder: nothing of Grafana (AGPL) is run",
        on_demand=True,
    ),
    Image(
        "ghcr.io/google/cadvisor:v0.60.6",
        parent="vsa-rig-python:forky",
        context="placeholder",
        args={"PORT": "8080"},
        really="a placeholder: nothing of cAdvisor is run",
        on_demand=True,
    ),
)

_ALL = (
    Image("vsa-rig-base:trixie", suite="trixie"),
    Image("vsa-rig-base:bookworm", suite="bookworm"),
    Image("vsa-rig-base:forky", suite="forky"),
    Image("vsa-rig-python:forky", parent="vsa-rig-base:forky", context="python"),
    Image("vsa-rig-vps:13", parent="vsa-rig-base:trixie", context="vps"),
    Image("vsa-rig-vps:12", parent="vsa-rig-base:bookworm", context="vps"),
    Image("vsa-rig-pebble:1", parent="vsa-rig-base:trixie", context="pebble"),
    Image(
        "vsa-rig-docker-repository:1",
        parent="vsa-rig-base:trixie",
        context="docker-repository",
        really="Docker's package repository, made of Debian 13's packages",
    ),
    Image(
        "vsa-rig-pocketbase:1",
        parent="vsa-rig-base:trixie",
        context="pocketbase",
        go=("pocketbase", "PocketBase (MIT) is built once from its Go modules: about two minutes"),
    ),
    Image(
        "vsa-rig-stores:1",
        parent="vsa-rig-base:forky",
        context="stores",
        really="rest-server (BSD) from Debian testing, and the S3 server of rclone (MIT) from its Go module",
        go=("rclone", "rclone (MIT) is built once from its Go module: about a minute"),
        on_demand=True,
    ),
    Image("vsa-rig-backends:1", parent="vsa-rig-base:trixie", context="backends"),
    Image(
        "restic/restic:0.19.1",
        parent="vsa-rig-base:forky",
        context="restic",
        genuine=True,
        really="restic from Debian testing",
    ),
    Image(
        "postgres:17",
        parent="vsa-rig-base:trixie",
        context="postgres",
        genuine=True,
        really="PostgreSQL 17 from Debian 13, with an entry point of the rig",
    ),
    Image(
        "vsa-rig-apps:1",
        parent="postgres:17",
        context="apps",
        really="PostgreSQL 17 with pgvector, Valkey and Squid from Debian 13",
        on_demand=True,
    ),
    Image("vsa-rig-standin:1", parent="vsa-rig-python:forky", context="standin", on_demand=True),
    Image(
        "vsa-rig-litellm:1",
        parent="vsa-rig-python:forky",
        context="litellm",
        args={"LITELLM": "1.108.7"},
        pip=True,
        on_demand=True,
    ),
    Image(
        "vsa-rig-llama:1",
        parent="vsa-rig-base:forky",
        context="llama",
        args={"SMOLLM2": "0.1.2"},
        pip=True,
        on_demand=True,
    ),
    Image(
        "vsa-rig-n8n:1", parent="vsa-rig-base:forky", context="n8n", args={"N8N": "2.41.1"}, npm=True, on_demand=True
    ),
    Image("vsa-rig-n8n-runner:1", parent="vsa-rig-n8n:1", context="n8n-runner", on_demand=True),
    Image(
        "python:3.13.9-slim-trixie",
        parent="vsa-rig-base:trixie",
        context="python-slim",
        genuine=True,
        really="Python 3.13 and pip from Debian 13",
        pip=True,
        on_demand=True,
    ),
    Image(
        "node:24.11.1-trixie-slim",
        parent="vsa-rig-base:trixie",
        context="node-slim",
        args={"NPM": "11.6.2"},
        genuine=True,
        really="Node 20 from Debian 13, and npm 11",
        npm=True,
        on_demand=True,
    ),
    Image(
        "vsa-rig-browser:1",
        parent="node:24.11.1-trixie-slim",
        context="browser",
        args={"AXE": "4.14.1"},
        on_demand=True,
    ),
    Image("vsa-demo-web:1", parent="vsa-rig-python:forky", context="demo-web"),
    Image(
        "nginx:1.30.7",
        parent="vsa-rig-base:forky",
        context="nginx",
        genuine=True,
        really="NGINX 1.30.6 and njs from Debian testing",
    ),
    Image(
        "certbot/certbot:v5.5.0",
        parent="vsa-rig-python:forky",
        context="certbot",
        args={"CERTBOT": "5.5.0"},
        genuine=True,
        really="certbot 5.5.0 from the Python package index, on Debian testing",
        pip=True,
    ),
    Image(
        "certbot/dns-rfc2136:v5.5.0",
        parent="certbot/certbot:v5.5.0",
        context="certbot-dns",
        args={"PLUGIN": "certbot-dns-rfc2136==5.5.0"},
        genuine=True,
        really="certbot and certbot-dns-rfc2136 5.5.0 from the Python package index, on Debian testing",
        pip=True,
    ),
    *_OBSERVABILITY,
    *_STANDINS,
)

#: Every image of the rig by its full name.
IMAGES: Mapping[str, Image] = {image.tag: image for image in _ALL}


def content_hash(parts: Iterable[tuple[str, bytes]]) -> str:
    """Sixteen hexadecimal digits that change when any (name, content) pair does; their order does not matter."""
    digest = hashlib.sha256()
    for name, data in sorted(parts):
        for piece in (name.encode(), data):
            digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.hexdigest()[:16]


def images(*names: str) -> None:
    """Make sure that the named images exist as their files describe them; parents come first.

    Without names all but those that a compiler is needed for, and those that are built on demand.
    """
    for name in names or [name for name, image in IMAGES.items() if not image.go[0] and not image.on_demand]:
        _ensure(_named(name))


def standin_of(name: str) -> str:
    """What the stand-in of this name really is; an empty string for the genuine image."""
    done = docker("image", "inspect", "--format", '{{index .Config.Labels "vsa.rig.standin"}}', name, check=False)
    return "" if done.returncode else done.stdout.strip()


def remove_images() -> None:
    """Remove every image that the rig built, and the archives made of them."""
    listed = docker("image", "ls", "--no-trunc", "--quiet", "--filter", f"label={LABEL}").stdout.split()
    if listed:
        docker("image", "rm", "--force", *dict.fromkeys(listed), check=False)
    for archive in cache_dir("archives").iterdir():
        archive.unlink()


def _named(name: str) -> Image:
    image = IMAGES.get(name) or IMAGES.get(f"{name}:1")
    if image is None:
        raise RigError(f"the rig has no image {name}; there are {', '.join(IMAGES)}")
    return image


@functools.cache
def _ensure(image: Image) -> str:
    """Make ``image`` if it is not there; returns its content hash. Looked at once per process."""
    if image.genuine and engine.hub_reachable():
        return _pull(image)
    parent = _ensure(IMAGES[image.parent]) if image.parent else ""
    wanted = content_hash(_inputs(image, parent))
    with lock(f"image-{_flat(image.tag)}"):
        _make(image, wanted)
    return wanted


def _make(image: Image, wanted: str) -> None:
    cache = f"{_CACHED}/{_flat(image.tag)}"
    cached = f"{cache}:{wanted}"
    if _label(image.tag, "vsa.rig.hash") == wanted:
        return
    if _label(cached, "vsa.rig.hash") == wanted:
        docker("image", "tag", cached, image.tag)
        return
    what = f" (stand-in: {image.really})" if image.really else ""
    with step(f"image {image.tag}{what}"):
        log = cache_dir("log") / f"image-{_flat(image.tag)}.log"
        log.unlink(missing_ok=True)
        labels = {"vsa.rig": "1", "vsa.rig.hash": wanted}
        if image.really:
            labels["vsa.rig.standin"] = image.really
        if image.parent is None:
            _import_base(image, cached, labels, log)
        else:
            _build(image, cached, labels, log)
        docker("image", "tag", cached, image.tag)
    # Newest first; a few old ones make it cheap to go back and forth between branches.
    for old in docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", cache).stdout.split()[_KEPT:]:
        docker("image", "rm", old, check=False)


def _flat(tag: str) -> str:
    return tag.replace("/", "-").replace(":", "-")


def _pull(image: Image) -> str:
    present = docker("image", "inspect", "--format", "{{.Id}}", image.tag, check=False)
    if present.returncode or standin_of(image.tag):
        with step(f"image {image.tag} (genuine, from Docker Hub)"):
            docker("pull", "--quiet", image.tag)
    return docker("image", "inspect", "--format", "{{.Id}}", image.tag).stdout.strip()


def _label(tag: str, name: str) -> str:
    done = docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{name}"}}}}', tag, check=False)
    return "" if done.returncode else done.stdout.strip()


def _inputs(image: Image, parent: str) -> list[tuple[str, bytes]]:
    """Return everything on which the content of the image depends, as (name, content)."""
    parts = [
        ("tag", image.tag.encode()),
        ("parent", parent.encode()),
        ("args", repr(sorted(image.args.items())).encode()),
    ]
    if image.parent is None:
        parts += [("sources", _sources(image.suite).encode()), ("left out", repr(_LEFT_OUT).encode())]
    else:
        folder = _HERE / image.context
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                mode = b"x" if os.access(path, os.X_OK) else b"-"
                parts.append((f"file {path.relative_to(folder)}", mode + path.read_bytes()))
    return parts


@functools.cache
def _sources(suite: str) -> str:
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return apt.sources_for(suite, apt.machine_targets(), codename=release.get("VERSION_CODENAME", "").strip('"'))


def _import_base(image: Image, tag: str, labels: Mapping[str, str], log: Path) -> None:
    archive = cache_dir("tmp") / f"{image.suite}-{os.getpid()}.tar"
    argv = ["mmdebstrap", "--variant=minbase", "--include=ca-certificates"]
    # On an outdated mirror the index of Debian testing may have expired. This is accepted in the rig only.
    argv += ['--aptopt=Acquire::Check-Valid-Until "false"']
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    try:
        run([*argv, image.suite, str(archive), "-"], input=_sources(image.suite), log=log)
        changes = [f"--change=LABEL {key}={_quoted(value)}" for key, value in labels.items()]
        docker("import", *changes, '--change=CMD ["/bin/sh"]', str(archive), tag)
    finally:
        archive.unlink(missing_ok=True)


def _quoted(value: str) -> str:
    return '"' + value.replace('"', "'") + '"'


def _build(image: Image, tag: str, labels: Mapping[str, str], log: Path) -> None:
    """``docker build``, its context put together in memory: the image's files, and for pip what the machine trusts."""
    buffer = io.BytesIO()
    # The engine recognises an archive by a GNU header; owner and times would only spoil its layer cache.
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as context:
        context.add(_HERE / image.context, arcname=".", filter=_plain)
        if image.pip or image.npm:
            _add(context, ".rig/ca.crt", apt.ca_bundle())
        if image.pip:
            _add(context, ".rig/pip.conf", apt.pip_config().encode())
        if image.npm:
            _add(context, ".rig/npmrc", apt.npm_config().encode())
        if image.go[0]:
            _add(context, f".rig/{image.go[0]}", _go(image).read_bytes(), mode=0o755)
    argv = ["docker", "build", "--network", "host", "--force-rm", "--tag", tag]
    argv += [f"--build-arg=PARENT={image.parent}", *(f"--build-arg={key}={value}" for key, value in image.args.items())]
    argv += [f"--label={key}={value}" for key, value in labels.items()]
    run([*argv, "-"], input=buffer.getvalue(), log=log)
    # The leftovers of earlier stages are as large as the image, and useless.
    docker("image", "prune", "--force", "--filter", f"label={LABEL}", check=False)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = 0
    return member


def _go(image: Image) -> Path:
    if image.go[0] == "loki":
        from .loki import loki_binary  # imported here: that file imports this one

        return loki_binary()
    folder, (name, words) = _HERE / image.context, image.go
    key = content_hash((path.name, path.read_bytes()) for path in folder.iterdir() if path.name != "Dockerfile")
    return go_binary(name, folder=folder, key=key, package=".", words=words)


def _add(archive: tarfile.TarFile, name: str, data: bytes, *, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)
    member.mode = mode
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
