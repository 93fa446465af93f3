#!/bin/sh
# Runs in the container of NGINX, without a Docker socket: reloads NGINX when certbot has renewed a certificate and every six
# hours in any case, and rotates the logs. It takes the host's lock for both, so it never runs in the middle of a transaction.
# Times are in seconds, sizes in bytes; the settings come from the environment in compose.yml. The paths and numbers here are
# also in the engine (proxy/nginx.py and store/layout.py of plugins/module_utils/_host), and a test compares them.
set -u
. /opt/vsa/lock.sh
. /opt/vsa/clock.sh

lock=/etc/nginx/vsa/.lock
flag=/etc/letsencrypt/vsa-reload
logs=/var/log/nginx
run=/run/vsa
# Old workers that keep long connections cost memory: the oldest set is ended before a reload makes a fourth set.
most_sets=3

say() {
    echo "vsa-reloader: $*"
}

# under_lock FUNCTION: runs the function under the host's lock. If there is no lock file, no transaction has ever run.
under_lock() {
    [ -e "$lock" ] || { "$1"; return; }
    (
        wait_for_lock 9 600 || { say "another change has held the host's lock for 10 minutes"; exit 1; }
        "$1"
    ) 9<"$lock"
}

# Prints "START PID accepting|old" of each worker, oldest first. START counts clock ticks since boot (proc(5), field 22).
workers() {
    for process in /proc/[0-9]*; do
        title=
        IFS= read -r title 2>/dev/null <"$process/cmdline"
        case $title in
            "nginx: worker process is shutting down"*) kind=old ;;
            "nginx: worker process"*) kind=accepting ;;
            *) continue ;;
        esac
        stat=
        IFS= read -r stat 2>/dev/null <"$process/stat" || continue
        # The fields must be split into words.
        # shellcheck disable=SC2086
        set -- ${stat##*) }
        echo "${20} ${process#/proc/} $kind"
    done | sort -n
}

# Prints the pids of the old workers in all sets except the newest two. The workers of one reload start within a few ticks.
old_sets() {
    workers | awk -v leave=$((most_sets - 1)) '
        { if (NR == 1 || $1 - last > 5) sets++; last = $1; set[NR] = sets; pid[NR] = $2; kind[NR] = $3 }
        END { for (i = 1; i <= NR; i++) if (kind[i] == "old" && set[i] <= sets - leave) print pid[i] }'
}

accepting() {
    workers | awk '$3 == "accepting" { print $2 }'
}

reload() {
    for pid in $(old_sets); do
        say "ending the old worker $pid: three sets of workers are the most"
        kill -TERM "$pid" 2>/dev/null
    done
    before=$(accepting)
    kill -HUP 1
    tries=0
    while [ "$tries" -lt 30 ]; do
        after=$(accepting)
        fresh=$after
        for pid in $before; do
            for other in $after; do
                [ "$pid" != "$other" ] || fresh=
            done
        done
        if [ -n "$fresh" ]; then
            say "reloaded"
            return 0
        fi
        tries=$((tries + 1))
        sleep 1
    done
    say "the reload did not take: see error.log"
    return 1
}

# Prints the logs to rotate: with "all" in $1 every log that is not empty, otherwise the logs above the size limit.
due_logs() {
    find "$logs" -maxdepth 1 -type f -name '*.log' -exec stat -c '%s %n' {} + |
        awk -v all="$1" -v most="${VSA_LOG_MAX_BYTES:-104857600}" '$1 > 0 && (all == "all" || $1 > most) { print $2 }'
}

# Rename, then reopen: NGINX writes to the renamed file until it has opened the new one, so no line is lost.
rotate() {
    for file in $(due_logs "$which"); do
        number=$now
        # The clock may have been set back: an older log may have this number.
        while [ -e "$file.$number" ] || [ -e "$file.$number.gz" ]; do
            number=$((number + 1))
        done
        mv "$file" "$file.$number"
    done
    kill -USR1 1
    say "rotated the logs ($which)"
}

# Compresses rotated logs after an hour, when every program that follows a log has read it, and deletes those beyond the limits:
# the oldest beyond the number and the bytes of one log, then the oldest of the log that has the most bytes, until the total fits.
# So a noisy site loses its own history, and never that of a quiet one.
tidy() {
    find "$logs" -maxdepth 1 -type f -name '*.log.[0-9]*' ! -name '*.gz' -mmin +60 -exec nice gzip -q {} \;
    find "$logs" -maxdepth 1 -type f -name '*.log.[0-9]*' -exec stat -c '%s %n' {} + |
        awk '{ name = $2; sub(/\.gz$/, "", name); stamp = name; sub(/.*\.log\./, "", stamp)
               sub(/\.[0-9]+$/, "", name); print stamp, $1, name, $2 }' |
        sort -rn |
        awk -v keep="${VSA_LOG_KEEP:-14}" -v each="${VSA_LOG_SITE_BYTES:-536870912}" \
            -v most="${VSA_LOG_TOTAL_BYTES:-2147483648}" '
            { if (count[$3] >= keep || sum[$3] + $2 > each) { print $4; next }
              total += $2; sum[$3] += $2; n = ++count[$3]; size[$3, n] = $2; file[$3, n] = $4 }
            END { while (total > most) {
                      noisy = ""
                      for (name in sum) if (count[name] && (noisy == "" || sum[name] > sum[noisy])) noisy = name
                      if (noisy == "") exit
                      n = count[noisy]--
                      print file[noisy, n]; total -= size[noisy, n]; sum[noisy] -= size[noisy, n] } }' |
        while IFS= read -r file; do
            rm -f "$file"
        done
}

look_after_logs() {
    rotated=0
    IFS= read -r rotated 2>/dev/null <"$logs/.rotated" || echo "$now" >"$logs/.rotated"
    age=$((now - rotated))
    # A time in the future was written before the clock was set back.
    if [ "$rotated" != 0 ] && { [ "$age" -ge "${VSA_LOG_MAX_AGE:-86400}" ] || [ "$age" -lt 0 ]; }; then
        which=all
        under_lock rotate && echo "$now" >"$logs/.rotated"
    elif [ -n "$(due_logs big)" ]; then
        which=big
        under_lock rotate
    fi
    tidy
}

echo "$$" >"$run/reloader.started"
have=
IFS= read -r have 2>/dev/null <"$run/reload-seen"
uptime_seconds
# shellcheck disable=SC2154 # clock.sh sets seconds
last=$seconds
hooked=-60
looked=-60
say "watching for renewed certificates"
while :; do
    uptime_seconds
    echo "$seconds" >"$run/reloader"
    want=
    IFS= read -r want 2>/dev/null <"$flag"
    # At once, but at most once per minute: a run may renew hundreds of certificates.
    if [ "$want" != "$have" ] && [ $((seconds - hooked)) -ge 60 ]; then
        hooked=$seconds
        say "certificates were renewed"
        if under_lock reload; then
            have=$want
            last=$seconds
            echo "$have" >"$run/reload-seen"
        fi
    elif [ $((seconds - last)) -ge "${VSA_RELOAD_EVERY:-21600}" ]; then
        last=$seconds
        under_lock reload
    fi

    if [ $((seconds - looked)) -ge 60 ]; then
        looked=$seconds
        now=$(date +%s)
        # If one of its files has a new version, exit: the loop in nginx.sh starts the new one.
        [ -z "$(find "$0" /opt/vsa/lock.sh /opt/vsa/clock.sh -newer "$run/reloader.started")" ] || exit 0
        look_after_logs
    fi
    sleep 2
done
