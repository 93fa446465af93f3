"""What a host of the rig needs before `vsa stack up dashboard`, and how nothing of the hub is left afterwards."""

from __future__ import annotations

import rig

__all__ = ("DASHBOARD", "DATABASE", "prepare_for_hub", "remove_hub")

DASHBOARD, DATABASE = "hub-dashboard-dashboard-1", "hub-dashboard-db-1"
_IMAGES = ("postgres:17", "python:3.13.9-slim-trixie", "node:24.11.1-trixie-slim")


def prepare_for_hub(vps: rig.Vps) -> None:
    """Load what the hub's image is built of, and start the reader of Docker."""
    vps.load_images(*_IMAGES)
    vps.run(["docker", "tag", "postgres:17", "postgres:17.6"])
    rig.vsa("stack", "up", "docker-api", vps=vps)


def remove_hub(vps: rig.Vps) -> None:
    """Remove the hub with its data, and the reader of Docker."""
    vps.run(f"docker rm -f {DASHBOARD} {DATABASE} vsa-docker-list vsa-docker-inspect", check=False)
    vps.run("docker volume rm hub-dashboard_db", check=False)
    vps.run("docker network rm hub-dashboard_inside vsa_loki vsa_docker_list vsa_docker_inspect", check=False)
    stacks = ("hub", "platform/docker-api")
    vps.run(" ".join(["rm -rf", *(f"/srv/{name} /var/lib/vsa/stacks/{name}" for name in stacks)]), check=False)
