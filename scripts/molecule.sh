#!/usr/bin/env bash
# Run all Molecule scenarios, or the named ones, one after the other. Each scenario creates its hosts and destroys them, also after a failure.
# The scenarios that name the host vsa-molecule-sites share that host: the first of them makes it, and the script removes it after the last.
set -euo pipefail
cd "$(dirname "$0")/.."

scenarios=("$@")
if [ ${#scenarios[@]} -eq 0 ]; then
    mapfile -t scenarios < <(find molecule -mindepth 2 -maxdepth 2 -name molecule.yml -printf '%h\n' | xargs -rn1 basename | sort)
fi
[ ${#scenarios[@]} -gt 0 ] || { echo "molecule: no scenario found below molecule/" >&2; exit 2; }

export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$PWD/collections" ANSIBLE_CONFIG="$PWD/ansible.cfg"
made=
remove_shared() {
    [ -z "$made" ] || python tests/rig/rig.py down --scope molecule-sites
    made=
}
trap remove_shared EXIT
passed=0 failed=()
for scenario in "${scenarios[@]}"; do
    keep=
    if grep -qs 'name: vsa-molecule-sites' "molecule/$scenario/molecule.yml"; then
        keep=1
        if [ -z "$made" ]; then
            made=1
            python tests/rig/rig.py down --scope molecule-sites # a run that was killed may have left the host
        fi
    fi
    echo "molecule: $scenario"
    started=$SECONDS
    if VSA_MOLECULE_KEEP=$keep molecule test --scenario-name "$scenario" --destroy always </dev/null; then
        passed=$((passed + 1))
    else
        failed+=("$scenario")
    fi
    echo "molecule: $scenario took $((SECONDS - started)) s"
done
remove_shared
echo "molecule: $passed passed, ${#failed[@]} failed${failed:+: ${failed[*]}}"
[ ${#failed[@]} -eq 0 ]
