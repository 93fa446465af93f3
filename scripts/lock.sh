#!/usr/bin/env bash
# Resolve pyproject.toml into requirements/*.lock, with hashes, for every platform, and without the addresses of indexes. `UPGRADE=1` takes newer versions.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=${UV:-.venv/bin/uv}

lock() { # lock FILE WHAT ARGUMENT…: keep the versions that FILE has now, unless UPGRADE is set
    local file=requirements/$1.lock what=$2 draft
    shift 2
    draft=$(mktemp)
    if [ -f "$file" ] && [ -z "${UPGRADE:-}" ]; then cp "$file" "$draft"; fi
    "$uv" pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header "$@" -o "$draft" >/dev/null
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
