#!/usr/bin/env bash
# Resolve pyproject.toml into requirements/*.lock, with hashes, for every platform, and without the addresses of indexes. `UPGRADE=1` takes newer versions.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=${UV:-.venv/bin/uv}

python=3.12

lock() { # lock NAME WHAT ARGUMENT…: the same for requirements/NAME.lock
    lock_file "requirements/$1.lock" "${@:2}"
}

lock_file() { # lock_file FILE WHAT ARGUMENT…: keep the versions that FILE has now, unless UPGRADE is set
    local file=$1 what=$2 draft
    shift 2
    draft=$(mktemp)
    if [ -f "$file" ] && [ -z "${UPGRADE:-}" ]; then cp "$file" "$draft"; fi
    "$uv" pip compile --quiet --universal --python-version "$python" --generate-hashes --no-emit-index-url --no-header "$@" -o "$draft" >/dev/null
    {
        echo "# Made by \`make lock\`; do not edit. $what"
        sed '/^#/d' "$draft"
    } >"$file"
    rm -f "$draft"
    echo "$file: $(grep -c '==' "$file") packages"
}

lock dev "What \`make setup\` puts into .venv." pyproject.toml --extra collections --extra documents --extra dev
lock runtime "What an installed \`vsa\` needs, with the collections it uses." pyproject.toml --extra collections
echo uv | lock uv "The installer itself, for machines without it." -
# The image has this Python.
python=3.13
lock_file stacks/dashboard/app/requirements.txt "What the image of the stack dashboard needs." stacks/dashboard/app/requirements.in
