#!/usr/bin/env bash
# Run the Molecule scenarios, or the named ones. Without names, those that take longer than a few minutes are left out; --long runs these.
# Each scenario creates its hosts and destroys them, also after a failure.
# The scenarios that name the host vsa-molecule-sites share that host: the first of them makes it, and the script removes it after the last.
# They run one after the other, and the scenarios with hosts of their own run beside them: a scenario mostly waits for its host.
set -euo pipefail
cd "$(dirname "$0")/.."

# Their short siblings are tests/integration/test_stack*.py and test_observability.py.
long=(observability stacks)
scenarios=("$@")
if [ "$*" = --long ]; then scenarios=("${long[@]}"); fi
if [ ${#scenarios[@]} -eq 0 ]; then
    mapfile -t scenarios < <(find molecule -mindepth 2 -maxdepth 2 -name molecule.yml -printf '%h\n' | xargs -rn1 basename | sort |
        grep -Fxv -f <(printf '%s\n' "${long[@]}"))
    echo "molecule: left out, because they are long: ${long[*]}"
fi
[ ${#scenarios[@]} -gt 0 ] || { echo "molecule: no scenario found below molecule/" >&2; exit 2; }
sharing=() apart=()
for scenario in "${scenarios[@]}"; do
    if grep -qs 'name: vsa-molecule-sites' "molecule/$scenario/molecule.yml"; then sharing+=("$scenario"); else apart+=("$scenario"); fi
done

export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$PWD/collections" ANSIBLE_CONFIG="$PWD/ansible.cfg"
work=$(mktemp -d)
beside=
remove_shared() { [ ${#sharing[@]} -eq 0 ] || python tests/rig/rig.py down --scope molecule-sites; }
clean_up() {
    # The scenario that runs is a child of the job, which does not hand a signal down.
    if [ -n "$beside" ]; then
        pgrep -P "$beside" | xargs -r kill "$beside" 2>/dev/null || true
    fi
    remove_shared
    rm -rf "$work"
}
trap clean_up EXIT

run_each() { # run_each KEEP SCENARIO…: run scenarios one after the other, and note those that failed
    local scenario started keep=$1
    shift
    for scenario in "$@"; do
        echo "molecule: $scenario"
        started=$SECONDS
        VSA_MOLECULE_KEEP=$keep molecule test --scenario-name "$scenario" --destroy always </dev/null || echo "$scenario" >>"$work/failed"
        echo "molecule: $scenario took $((SECONDS - started)) s"
    done
}

touch "$work/failed"
remove_shared # a run that was killed may have left the host
run_each 1 "${sharing[@]}" >"$work/sharing.log" 2>&1 &
beside=$!
run_each "" "${apart[@]}"
wait "$beside" || echo "the scenarios that share a host" >>"$work/failed"
beside=
cat "$work/sharing.log"
mapfile -t failed <"$work/failed"
echo "molecule: $((${#scenarios[@]} - ${#failed[@]})) passed, ${#failed[@]} failed${failed:+: ${failed[*]}}"
[ ${#failed[@]} -eq 0 ]
