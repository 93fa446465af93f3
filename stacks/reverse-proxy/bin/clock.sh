# shellcheck shell=sh
# Sourced by the other scripts: a clock that nobody can set.

# uptime_seconds: sets `seconds` to the seconds since the host's boot. Within one run this counts, not the time of day: after the
# clock was set back by a day, a loop that counts by the time of day does nothing for a day.
uptime_seconds() {
    seconds=0
    IFS=" ." read -r seconds _rest </proc/uptime
}

# age_of BEAT: sets `age` to the seconds since a loop wrote BEAT, which it took from uptime_seconds. A loop that still runs an
# earlier version of its script writes the time of day.
age_of() {
    uptime_seconds
    [ "$1" -lt 1000000000 ] || seconds=$(date +%s)
    age=$((seconds - $1))
    # A beat in the future is no sign of life.
    [ "$age" -ge 0 ] || age=999999999
}
