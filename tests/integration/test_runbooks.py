"""The runbooks `provision` and `restore`, and a how-to: each command of the page, block by block, on real hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import rig
from runbook import Runbook

DOMAIN = "runbook.vsa.test"
ASK = f"docker exec vsa-nginx curl -sk --resolve {DOMAIN}:443:127.0.0.1 https://{DOMAIN}/"


@pytest.fixture
def app(proxy_vps: rig.Vps) -> Iterator[str]:
    """A container for the site, whose name and domain are those of the runbook's values."""
    proxy_vps.add_dns(DOMAIN)
    rig.run_web(proxy_vps, "runbook-web")
    yield "runbook-web"
    proxy_vps.run("docker rm --force runbook-web", check=False)


def test_every_block_of_provision_runs(proxy_vps: rig.Vps, app: str) -> None:
    book = Runbook("runbooks/provision.md", proxy_vps, host=proxy_vps.name, domain=DOMAIN, container=app, port="3000")
    printed = {heading: book.run(heading) for heading in book.headings()}
    assert next(iter(printed)).startswith("1. ")
    assert list(printed)[-1] == "Way back"
    assert "would change" in printed["5. Preview"]
    assert "changed in" in printed["6. Provision"]
    assert printed["7. Prove"].splitlines()[-1] == "200"
    assert "unchanged in" in printed["8. Do it again"]
    assert DOMAIN not in rig.vsa("site", "list", vps=proxy_vps).stdout


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_block_of_your_own_stack_runs(proxy_vps: rig.Vps, tmp_path: Path) -> None:
    domain = "own.vsa.test"
    proxy_vps.add_dns(domain)
    values = {"host": proxy_vps.name, "domain": domain, "stacks": str(tmp_path)}
    book = Runbook("howto/your-own-stack.md", proxy_vps, **values)
    try:
        printed = {heading: book.run(heading) for heading in book.headings()}
    finally:
        proxy_vps.run("docker rm -f acme-shop-web-1; rm -rf /srv/acme/shop /var/lib/vsa/stacks/acme/shop", check=False)
    assert "healthy" in printed["3. Bring it up"]
    assert printed["4. Give it a site"].splitlines()[-1] == "200"
    assert "2 secret(s) made on the host" in printed["5. Add a secret"]
    assert printed["6. Ask for a password"].splitlines()[-1] == "401"
    assert (tmp_path / "shop-admin").stat().st_mode & 0o777 == 0o600
    assert "unchanged in" in printed["7. Do it again"]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_block_of_restore_runs(proxy_vps: rig.Vps, app: str) -> None:
    rig.vsa(*f"site provision --domain {DOMAIN} --container {app} --port 3000".split(), vps=proxy_vps)
    rig.vsa("auth", "add", "--domain", DOMAIN, "--user", "ops", "--password-stdin", vps=proxy_vps, input="let me in\n")
    certificate = (
        f"echo | openssl s_client -connect 127.0.0.1:443 -servername {DOMAIN} 2>/dev/null | openssl x509 -fingerprint"
    )
    before = proxy_vps.run(f"{ASK} -u 'ops:let me in'; {certificate} -noout").stdout
    assert '"app": "runbook-web"' in before

    old = Runbook("runbooks/restore.md", proxy_vps)
    first, *others = old.headings()
    assert int(old.run(first)) >= 1
    backup = proxy_vps.run("base64 -w0 /root/vsa-backup.tar && rm /root/vsa-backup.tar").stdout

    new = rig.Vps.create(rig.scoped("restored"), "13")
    try:
        book = Runbook("runbooks/restore.md", new, host=new.name)
        for heading in others:
            if heading.startswith("2. "):
                # the images of this rig are not in any registry
                rig.playbook("flowbiz.vsa.bootstrap", new, extra=rig.settings(new))
                new.load_images("nginx:1.30.7", "certbot/certbot:v5.5.0", "vsa-demo-web:1")
            if heading.startswith("4. "):
                rig.run_web(new, app)
                new.run("base64 -d >/root/vsa-backup.tar", input=backup)
            book.run(heading)
        new.run("command -v openssl >/dev/null || apt-get install -y -qq openssl")
        assert (
            new.run(f"{ASK} -u 'ops:let me in'; {certificate} -noout").stdout.splitlines()[-1]
            == before.splitlines()[-1]
        )
        assert '"app": "runbook-web"' in new.run(f"{ASK} -u 'ops:let me in'").stdout
        assert "401" in new.run(f"{ASK} -o /dev/null -w '%{{http_code}}'").stdout
    finally:
        new.destroy()
        rig.vsa("site", "unprovision", "--domain", DOMAIN, "--keep-container", "--yes", vps=proxy_vps, check=False)
