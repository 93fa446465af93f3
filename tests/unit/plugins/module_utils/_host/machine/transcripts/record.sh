#!/bin/sh
# Record how an engine describes containers of every kind that a preflight meets: sh record.sh IMAGE > docker-VERSION.json
# (any image with /bin/sleep and /bin/true; where to run it: a host with the engine whose version the file is to be named by).
set -eu
image=$1
names="vsa-record-running vsa-record-exited vsa-record-created vsa-record-host vsa-record-shared"
label="vsa.rig=1"

forget() {
    # shellcheck disable=SC2086
    docker rm -f $names >/dev/null 2>&1 || true
    docker network rm vsa-record-ext vsa-record-other >/dev/null 2>&1 || true
}
trap forget EXIT
forget

docker network create --label $label vsa-record-ext >/dev/null
docker network create --label $label vsa-record-other >/dev/null
docker run -d --label $label --name vsa-record-running --entrypoint sleep --network vsa-record-ext --network-alias web \
    -p 127.0.0.1:18765:3000 -p 18766:5353/udp --expose 9000 --health-cmd true --health-interval 1s "$image" 60 >/dev/null
docker network connect --alias other-name vsa-record-other vsa-record-running
docker run -d --label $label --name vsa-record-exited --entrypoint true --no-healthcheck --network vsa-record-ext "$image" >/dev/null
docker create --label $label --name vsa-record-created --entrypoint true --no-healthcheck -p 18767:80 "$image" >/dev/null
docker run -d --label $label --name vsa-record-host --entrypoint sleep --no-healthcheck --network host "$image" 60 >/dev/null
docker run -d --label $label --name vsa-record-shared --entrypoint sleep --no-healthcheck \
    --network container:vsa-record-running "$image" 60 >/dev/null
sleep 3
# shellcheck disable=SC2086
docker inspect $names
