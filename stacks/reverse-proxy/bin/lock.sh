# shellcheck shell=sh
# Sourced by the other scripts: a lock with a timeout, which the flock of busybox does not have.

# wait_for_lock FD SECONDS: takes flock(2) on an open descriptor. Fails if another process still holds it after SECONDS.
wait_for_lock() {
    waited=0
    until flock -n "$1"; do
        [ "$waited" -lt "$2" ] || return 1
        waited=$((waited + 1))
        sleep 1
    done
}
