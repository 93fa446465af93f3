"""Record what ``nginx -t`` says of broken generations: one file per case, in a directory named by NGINX's own version.

    python tests/unit/plugins/module_utils/_core/proxy/transcripts/record.py [IMAGE]

Run it again when the image of the proxy changes; then read the difference, and adapt the table in test_plan.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[4] / "support"), str(HERE.parents[5] / "collections")]

from making import generation_files, make_renderer, make_site  # noqa: E402  found only now

GENERATION = 7
SHOP = "sites/shop.example.com.conf"
# A place inside each server block.
MARK = "    access_log /var/log/nginx/shop.example.com.access.log vsa if=$vsa_logged;\n"

# Each case: the file, what is replaced in it (the first occurrence), and by what.
CASES: dict[str, tuple[str, str | None, str | None]] = {
    "no-main-file": ("nginx.conf", None, None),
    "unknown-directive": (SHOP, MARK, f"{MARK}    proxy_past http://x;\n"),
    "arguments": (SHOP, MARK, f"{MARK}    client_max_body_size;\n"),
    "value": (SHOP, MARK, f"{MARK}    client_max_body_size lots;\n"),
    "context": (SHOP, MARK, f"{MARK}    worker_processes 2;\n"),
    "end-of-file": (SHOP, "location / {", "location / "),
    "brace": (SHOP, MARK, f"{MARK}}}}}\n"),
    "duplicate-location": (SHOP, MARK, f"{MARK}    location / {{ return 404; }}\n"),
    "duplicate-upstream": (SHOP, "upstream ", "upstream blog.example.com_web-1_3000 { server 127.0.0.1; }\nupstream "),
    "host-not-found": (SHOP, " resolve max_fails=0;", ";"),
    "no-such-include": (SHOP, MARK, f"{MARK}    include /etc/nginx/nothing.conf;\n"),
    "no-such-log-directory": (SHOP, MARK, "    access_log /nowhere/x.log vsa;\n"),
    "unknown-variable": (SHOP, MARK, f"{MARK}    add_header X-A $nothing;\n"),
    "zone-size": (SHOP, "upstream ", "upstream x { zone vsa_upstreams 128k; }\nupstream "),
    "warning-first": (SHOP, "listen 443 ssl;", "listen 443 ssl http2;\n    nonsense on;"),
    "main-directive": ("nginx.conf", "sendfile on;", "sendfile maybe;"),
    "main-end-of-file": ("nginx.conf", "sites/*.conf;\n}", "sites/*.conf;"),
    "empty-main": ("nginx.conf", None, ""),
}


# NGINX says it in one form to its error log, and in another to stderr where that log is a file. Debian's build logs to
# stderr by default, nginx.org's to a file; -e makes either of the other.
LOGS = {"": "stderr", "-log-file": "/tmp/error.log"}


def files_of(case: str, files: dict[str, str]) -> dict[str, str]:
    """Return the files of a generation with a case's change made."""
    name, old, new = CASES[case]
    if new is None:
        return {file: text for file, text in files.items() if file != name}
    if old is None:
        return {**files, name: new}
    assert old in files[name], (case, old)
    return {**files, name: files[name].replace(old, new, 1)}


def record(image: str) -> None:
    """Write every transcript anew."""
    docker = ["docker", "run", "--rm", "--network", "none", "--label", "vsa.rig=1"]
    said = subprocess.run([*docker, image, "nginx", "-v"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"nginx/(\S+)", said)
    assert found, said
    files = generation_files([make_site("shop.example.com"), make_site("blog.example.com")], make_renderer())
    for suffix, log in LOGS.items():
        target = HERE / f"nginx-{found[1]}{suffix}"
        target.mkdir(exist_ok=True)
        for case in CASES:
            with tempfile.TemporaryDirectory() as place:
                tree = Path(place, "generations", str(GENERATION))
                for folder in ("sites", "manifests"):
                    (tree / folder).mkdir(parents=True)
                for name, text in files_of(case, files).items():
                    (tree / name).write_text(text.replace("@GENERATION@", str(GENERATION)), encoding="utf-8")
                main = f"/etc/nginx/vsa/generations/{GENERATION}/nginx.conf"
                argv = [*docker, "-v", f"{place}:/etc/nginx/vsa:ro", image, "nginx", "-e", log, "-t", "-q", "-c", main]
                done = subprocess.run(argv, capture_output=True, text=True)
            assert done.returncode == 1, (case, done)
            (target / f"{case}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
            print(f"{case}{suffix}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    record(sys.argv[1] if len(sys.argv) > 1 else "nginx:1.30.7")
