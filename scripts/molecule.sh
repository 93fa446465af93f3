#!/usr/bin/env bash
# Run the Molecule scenarios one after the other (or those named), each with its own create and destroy; a failed one is destroyed too.
set -euo pipefail
cd "$(dirname "$0")/.."

scenarios=("$@")
if [ ${#scenarios[@]} -eq 0 ]; then
    mapfile -t scenarios < <(find molecule -mindepth 2 -maxdepth 2 -name molecule.yml -printf '%h\n' | xargs -rn1 basename | sort)
fi
[ ${#scenarios[@]} -gt 0 ] || { echo "molecule: no scenario found below molecule/" >&2; exit 2; }

export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$PWD/collections" ANSIBLE_CONFIG="$PWD/ansible.cfg"
passed=0 failed=()
for scenario in "${scenarios[@]}"; do
    echo "molecule: $scenario"
    if molecule test --scenario-name "$scenario" --destroy always </dev/null; then passed=$((passed + 1)); else failed+=("$scenario"); fi
done
echo "molecule: $passed passed, ${#failed[@]} failed${failed:+: ${failed[*]}}"
[ ${#failed[@]} -eq 0 ]
