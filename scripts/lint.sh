#!/usr/bin/env bash
# Run every linter to its end, then give one verdict: a contributor sees all findings at once.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$PWD/collections"
failed=()

run() { # run NAME COMMAND…
    local name=$1 started=$SECONDS
    shift
    if "$@"; then echo "lint: $name ok ($((SECONDS - started)) s)"; else failed+=("$name"); echo "lint: $name FAILED" >&2; fi
}

run "ruff check" ruff check --quiet .
run "ruff format" ruff format --check --quiet .
run "mypy" mypy
run "yamllint" yamllint --strict .
# Offline: the links below collections/ are the collection, so nothing has to be fetched from Galaxy.
run "ansible-lint" ansible-lint --offline --strict -q --nocolor
run "changelog" antsibull-changelog lint
# What Galaxy and the documentation site make of the documentation of modules and roles.
run "collection docs" antsibull-docs lint-collection-docs --plugin-docs .
mapfile -t scripts < <(git ls-files -co --exclude-standard '*.sh' .ci/run)
for script in "${scripts[@]}"; do run "syntax of $script" bash -n "$script" >/dev/null; done
if command -v shellcheck >/dev/null; then
    run "shellcheck" shellcheck --severity=warning "${scripts[@]}"
else
    echo "lint: skipped: shellcheck is not installed (apt-get install shellcheck)"
fi

if [ ${#failed[@]} -gt 0 ]; then
    echo "lint: failed: ${failed[*]}" >&2
    exit 1
fi
