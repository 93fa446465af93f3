#!/usr/bin/env bash
# Build the Galaxy artifact, unpack it in the folders that ansible-test expects, and run `ansible-test sanity` on it. Everything that
# ansible-test keeps (virtual environments, pip's cache) goes to build/sanity, and not to the user's home. Arguments go to ansible-test.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD work=$PWD/build/sanity
readonly limit=${SANITY_TIMEOUT:-900}
export PATH="$root/.venv/bin:$PATH"
collection=$work/ansible_collections/flowbiz/vsa

# ansible-test fetches a get-pip script from its own server. The standard library can install pip without that server.
seed_pip() {
    local requirements version
    requirements=$(python -c 'import pathlib, ansible_test; print(pathlib.Path(ansible_test.__path__[0], "_internal/python_requirements.py"))')
    version=$(grep -oP "^\s*pip='\K[0-9.]+" "$requirements") || { echo "sanity: which pip does this ansible-test want? ($requirements)" >&2; return 1; }
    mkdir -p "$HOME/.ansible/test/cache"
    printf 'import ensurepip\n\nensurepip.bootstrap()\n' >"$HOME/.ansible/test/cache/get_pip_${version//./_}.py"
}

# ansible-test drops the environment, so the settings of the package index have to be in a file.
hand_over_pip_settings() {
    mkdir -p "$HOME/.config/pip"
    {
        echo "[global]"
        env | sed -nE 's/^PIP_([A-Z_]+)=(.+)$/\L\1\E = \2/p' | sed -E ':a; s/^([a-z-]+)_([a-z_]+ = )/\1-\2/; ta'
        if [ -z "${PIP_CERT:-}" ] && [ -n "${SSL_CERT_FILE:-}" ]; then echo "cert = $SSL_CERT_FILE"; fi
    } >"$HOME/.config/pip/pip.conf"
}

mkdir -p "$work"
artifacts=$(mktemp -d "$work/artifact.XXXXXX")
trap 'rm -rf "$artifacts"' EXIT
ansible-galaxy collection build --output-path "$artifacts" >/dev/null
rm -rf "$work/ansible_collections"
mkdir -p "$collection"
tar -xzf "$artifacts"/flowbiz-vsa-*.tar.gz -C "$collection"

user_home=${HOME:-/root}
[ -f "${HOME:-/nonexistent}/.config/pip/pip.conf" ] && user_pip_conf=$HOME/.config/pip/pip.conf || user_pip_conf=
export HOME=$work/home LC_ALL=C.UTF-8
seed_pip
hand_over_pip_settings
if [ -n "$user_pip_conf" ]; then cat "$user_pip_conf" >>"$HOME/.config/pip/pip.conf"; fi

# The copy gets its own repository: the repository of the checkout ignores build/, and ansible-test would see no file there.
cd "$collection"
git init --quiet
echo "sanity: $(find . -type f | wc -l) files of the artifact, at most $limit s"
timeout "$limit" ansible-test sanity --color no --python "$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" "$@"

# Modules must compile and import on the oldest Python of a managed host too. They are tested with 3.10 and 3.11 if this machine has them.
for version in 3.10 3.11; do
    for python in "$(command -v "python$version" || true)" "${PYENV_ROOT:-$user_home/.pyenv}/versions/$version".*/bin/python3; do
        if [ -x "$python" ] && "$python" -c '' 2>/dev/null; then
            # First in PATH, because ansible-test looks there, and a shim of pyenv that comes first may not run.
            PATH="$(dirname "$python"):$PATH" timeout "$limit" "$root/.venv/bin/ansible-test" sanity --color no \
                --test compile --test import --target-python "$version@$python"
            continue 2
        fi
    done
    echo "sanity: skipped for Python $version: there is none on this machine"
done
