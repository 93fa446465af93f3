"""The reloader beside NGINX: after every fault, a renewed certificate is loaded and logs are rotated."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

import rig

LIB = "/srv/platform/reverse-proxy"
STATE = "/var/lib/vsa/stacks/platform/reverse-proxy"
# Brackets, because otherwise the shell that searches would find itself.
_TITLE = "tr '\\0' ' ' <$p/cmdline 2>/dev/null"
PROCESSES = f"for p in /proc/[0-9]*; do {_TITLE} | grep -q [n]ginx-reloader && echo ${{p#/proc/}}; done"


def inside(vps: rig.Vps, script: str) -> str:
    return str(vps.run(["docker", "exec", "vsa-nginx", "sh", "-c", script], check=False).stdout.strip())


def workers(vps: rig.Vps) -> str:
    """Return the worker that answers; after a reload another worker answers."""
    return inside(vps, "curl -s --max-time 2 --unix-socket /run/vsa-status.sock http://v/generation")


def wait_for(what: Callable[[], bool], seconds: float, why: str) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.5)


def serving(vps: rig.Vps) -> None:
    """Wait until NGINX serves and the reloader has done its first round."""
    wait_for(lambda: bool(workers(vps)) and bool(inside(vps, "cat /run/vsa/reloader")), 90, "NGINX does not serve")


def renewed(vps: rig.Vps) -> None:
    """Write the flag file, as Certbot's deploy hook does."""
    vps.run("docker exec vsa-certbot /bin/sh /opt/vsa/certbot-deployed.sh")


def kill_nginx(vps: rig.Vps) -> None:
    vps.run("kill -9 $(docker inspect -f '{{.State.Pid}}' vsa-nginx)")


def kill_reloader(vps: rig.Vps) -> None:
    inside(vps, f"kill -9 $({PROCESSES})")


def recreate(vps: rig.Vps) -> None:
    # With the file that VSA starts, so that the next test finds the container that `stack up` would make.
    files = f"--project-directory {LIB} --env-file {STATE}/.env -f {STATE}/compose.yml"
    vps.run(f"docker compose -p reverse-proxy {files} up -d --force-recreate --no-deps nginx")


def restart_engine(vps: rig.Vps) -> None:
    vps.run("systemctl restart docker")


def crash_for_a_while(vps: rig.Vps) -> None:
    """Let NGINX fail to start a few times. A sidecar that shares NGINX's namespace did not survive this."""
    vps.run(f"mv {LIB}/data/nginx/current {LIB}/data/nginx/away")
    kill_nginx(vps)
    time.sleep(4)
    vps.run(f"mv {LIB}/data/nginx/away {LIB}/data/nginx/current")


@pytest.mark.parametrize(
    "mishap",
    [
        lambda vps: None,
        kill_nginx,
        kill_reloader,
        recreate,
        restart_engine,
        crash_for_a_while,
        pytest.param(lambda vps: vps.power_cut(), marks=pytest.mark.long),
    ],
    ids=["none", "kill-nginx", "kill-reloader", "recreate", "restart-engine", "crash-loop", "power-cut"],
)
def test_a_renewal_is_loaded_after(proxy_vps: rig.Vps, mishap: Callable[[rig.Vps], None]) -> None:
    mishap(proxy_vps)
    wait_for(lambda: proxy_vps.run("docker info", check=False).returncode == 0, 90, "the engine does not answer")
    serving(proxy_vps)
    # Two requested reloads are a minute apart: this test must not wait because of an earlier test's reload.
    inside(proxy_vps, f"kill -9 $({PROCESSES})")
    serving(proxy_vps)
    before = workers(proxy_vps)
    wait_for(lambda: proxy_vps.run("docker exec vsa-certbot true", check=False).returncode == 0, 60, "certbot is down")
    renewed(proxy_vps)
    wait_for(lambda: workers(proxy_vps) not in ("", before), 20, "the renewed certificate was not loaded")


def noted(vps: rig.Vps) -> None:
    """Wait until the reloader has noted the last renewal. If it is killed before, its next round reloads once more."""
    flag = "/etc/letsencrypt/vsa-reload"
    ask = f"if [ ! -e {flag} ] || cmp -s /run/vsa/reload-seen {flag}; then echo noted; fi"
    wait_for(lambda: inside(vps, ask) == "noted", 40, "the renewal is not noted")


def test_the_hosts_lock_is_waited_for(proxy_vps: rig.Vps) -> None:
    noted(proxy_vps)
    inside(proxy_vps, f"kill -9 $({PROCESSES})")
    serving(proxy_vps)
    before = workers(proxy_vps)
    proxy_vps.run(f"nohup flock {LIB}/data/nginx/.lock sleep 8 >/dev/null 2>&1 &")
    time.sleep(1)
    renewed(proxy_vps)
    time.sleep(5)
    assert workers(proxy_vps) == before, "it reloaded in the middle of another change"
    wait_for(lambda: workers(proxy_vps) != before, 20, "it did not reload once the lock was free")


def test_logs_are_rotated_without_losing_a_line(proxy_vps: rig.Vps) -> None:
    log = f"{LIB}/logs/nginx/rotated.vsa.test.access.log"
    proxy_vps.run(f"rm -f {log}*; head -c 110000000 /dev/zero | tr '\\0' '\\n' > {log}; chown 101 {log}")
    # The reloader checks its file every minute, and when it starts.
    inside(proxy_vps, f"kill -9 $({PROCESSES})")
    try:
        wait_for(lambda: proxy_vps.run(f"test -e {log}", check=False).returncode != 0, 20, "it was not rotated")
        assert proxy_vps.run(f"stat -c %s {log}.*").stdout.strip() == "110000000"
        # Later the log is compressed, and the oldest logs beyond the limit are removed.
        names = " ".join(f"{log}.{1700000000 + number}" for number in range(20))
        proxy_vps.run(
            f"touch -d '2 hours ago' {log}.* && for f in {names}; do echo x > $f; touch -d '2 hours ago' $f; done"
        )
        inside(proxy_vps, f"kill -9 $({PROCESSES})")
        # The reloader renames what is listed here.
        listed = f"find {LIB}/logs/nginx -name 'rotated.vsa.test.access.log.*'"
        wait_for(lambda: len(proxy_vps.run(listed).stdout.split()) <= 14, 30, "old logs stay")
        kept = proxy_vps.run(listed).stdout.split()
        assert all(name.endswith(".gz") for name in kept)
        assert f"{log}.1700000000.gz" not in kept, "the oldest go first"
    finally:
        proxy_vps.run(f"rm -f {log}*")


def test_nginx_reopens_its_logs(proxy_vps: rig.Vps) -> None:
    """After a rotation, new lines are in the new file."""
    log = f"{LIB}/logs/nginx/error.log"
    proxy_vps.run(f"head -c 110000000 /dev/zero | tr '\\0' '\\n' >> {log}")
    inside(proxy_vps, f"kill -9 $({PROCESSES})")
    try:
        wait_for(
            lambda: int(proxy_vps.run(f"stat -c %s {log}", check=False).stdout or 1 << 40) < 1 << 20, 20, "not rotated"
        )
        assert proxy_vps.run(f"stat -c %u {log}").stdout.strip() == "101"
        pid = proxy_vps.run("docker inspect -f '{{.State.Pid}}' vsa-nginx").stdout.strip()
        assert proxy_vps.run(f"ls -l /proc/{pid}/fd | grep -c 'error.log$'", check=False).stdout.strip() != "0"
        assert "error.log.1" not in proxy_vps.run(f"ls -l /proc/{pid}/fd").stdout
        assert proxy_vps.run(f"ls -l /proc/{pid}/fd | grep -c 'background.log$'", check=False).stdout.strip() != "0"
    finally:
        proxy_vps.run(f"rm -f {log}.*")


def test_no_container_has_the_engines_socket(proxy_vps: rig.Vps) -> None:
    for container in ("vsa-nginx", "vsa-auth", "vsa-certbot"):
        mounts = proxy_vps.run(["docker", "inspect", "-f", "{{json .Mounts}}", container]).stdout
        assert "docker.sock" not in mounts
