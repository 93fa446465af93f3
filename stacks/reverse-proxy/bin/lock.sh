# shellcheck shell=sh
# Read by the other scripts with `.`: a lock with a waiting time, which busybox' flock does not know.

# wait_for_lock FD SECONDS: takes flock(2) on an open descriptor; fails when it is still held after SECONDS.
wait_for_lock() {
    waited=0
    until flock -n "$1"; do
        [ "$waited" -lt "$2" ] || return 1
        waited=$((waited + 1))
        sleep 1
    done
}
