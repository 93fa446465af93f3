#!/usr/bin/env bash
# Make .venv at the root from the hashed lock, with `vsa`, `ansible-playbook` and the test tools in it. The script may run twice, at the
# same time, and after an interruption: it writes the stamp last, and everything before that can be repeated.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly venv=.venv stamp=.venv/.vsa-setup min_minor=12 max_minor=14

say() { printf '%s\n' "setup: $*"; }
die() {
    printf '%s\n' "setup: $*" >&2
    exit 1
}

# Everything from which .venv is made: the lock, this script, the project's metadata, and its path (paths inside .venv are absolute).
fingerprint() {
    { cat requirements/dev.lock requirements/uv.lock scripts/setup.sh pyproject.toml galaxy.yml && pwd -P; } | sha256sum | cut -d' ' -f1
}

is_fresh() { [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ] && "$venv/bin/python" -c '' 2>/dev/null; }

apt_install() { # apt_install PACKAGE…: only on Debian or Ubuntu, and only as root
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then return 1; fi
    say "installing $* with apt"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1 || { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@" >/dev/null; }
}

fits() { # fits PYTHON: the controller supports its version
    "$1" -c "import sys; sys.exit(not (3, $min_minor) <= sys.version_info[:2] <= (3, $max_minor))" 2>/dev/null
}

# Print the newest suitable Python of PATH, of pyenv's versions, or of the distribution; nothing if there is none.
find_python() {
    local candidate minor
    for minor in $(seq $max_minor -1 $min_minor); do
        for candidate in "$(command -v "python3.$minor" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python3; do
            # A pyenv shim may exist for a version that does not run, hence the trial.
            if [ -x "$candidate" ] && fits "$candidate"; then
                "$candidate" -c 'import sys; print(sys.executable)'
                return
            fi
        done
    done
    candidate=$(command -v python3 || true)
    if [ -n "$candidate" ] && fits "$candidate"; then echo "$candidate"; fi
}

# Print uv of PATH, or install uv from PyPI into build/uv by its own hashed lock. pip verifies uv; uv does the rest a hundred times faster.
find_uv() {
    if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
        command -v uv
        return
    fi
    if ! build/uv/bin/uv --version >/dev/null 2>&1; then
        local python
        python=$(command -v python3) || die "python3 is missing: apt-get install python3-venv"
        rm -rf build/uv
        "$python" -m venv build/uv >/dev/null 2>&1 || {
            rm -rf build/uv
            { apt_install python3-venv && "$python" -m venv build/uv >/dev/null; } >&2 || die "this Python cannot make virtual environments: apt-get install python3-venv"
        }
        build/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock >&2 || die "uv could not be installed from the package index"
    fi
    echo "$PWD/build/uv/bin/uv"
}

# uv does not read pip's configuration. A machine that names its package index there means every installer.
adopt_pip_index() {
    local index
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
        index=${PIP_INDEX_URL:-$(python3 -m pip config get global.index-url 2>/dev/null || true)}
        if [ -n "$index" ]; then export UV_DEFAULT_INDEX=$index; fi
    fi
    if [ -z "${SSL_CERT_FILE:-}" ] && [ -n "${PIP_CERT:-}" ]; then export SSL_CERT_FILE=$PIP_CERT; fi
}

main() {
    if is_fresh; then
        say "$venv is up to date"
        return
    fi
    mkdir -p build
    exec 9>build/setup.lock
    flock 9 || die "cannot lock build/setup.lock"
    if is_fresh; then # another process made it while this one waited
        say "$venv is up to date"
        return
    fi
    command -v ssh >/dev/null || apt_install openssh-client || say "ssh is missing: Ansible will need it (package openssh-client)"
    adopt_pip_index
    python=$(find_python)
    if [ -z "$python" ] && command -v apt-cache >/dev/null && [ -n "$(apt-cache madison python3.13 2>/dev/null)" ]; then
        apt_install python3.13 python3.13-venv && python=$(find_python)
    fi
    uv=$(find_uv)
    if [ -z "$python" ]; then
        say "no Python ≥ 3.$min_minor on this machine; uv installs its own"
        "$uv" python install --quiet 3.13 || die "Python ≥ 3.$min_minor is needed (none was found in PATH, in pyenv, as Debian 13's python3.13, or from uv)"
        python=$("$uv" python find --managed-python 3.13)
    fi
    export UV_PYTHON_DOWNLOADS=never
    if ! "$venv/bin/python" -c "import sys; sys.exit(not (3, $min_minor) <= sys.version_info[:2])" 2>/dev/null || [ "$(cat $venv/.vsa-root 2>/dev/null || pwd -P)" != "$(pwd -P)" ]; then
        say "making $venv with $("$python" --version)"
        rm -rf "$venv"
        "$uv" venv --quiet --python "$python" "$venv"
    fi
    rm -f "$stamp"
    pwd -P >"$venv/.vsa-root"
    say "installing $(grep -c '==' requirements/dev.lock) locked packages"
    # ngxparse has the files of crossplane, so removing crossplane from an older .venv takes them from ngxparse too.
    if compgen -G "$venv/lib/python3.*/site-packages/crossplane-*.dist-info" >/dev/null; then
        "$uv" pip uninstall --quiet --python "$venv/bin/python" crossplane ngxparse
    fi
    "$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes requirements/dev.lock
    # Editable: two lines with paths (wrapper/src and collections), never a copy of the collection. hatchling comes from the lock.
    "$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
    fingerprint >"$stamp.new"
    mv "$stamp.new" "$stamp"
    say "done: $venv/bin/vsa, $venv/bin/ansible-playbook"
}

main
