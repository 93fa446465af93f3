# shellcheck shell=sh
# shellcheck disable=SC2154  # the two variables named below are put in front of this text
# What can be asked and done on a host that may have no Python yet. POSIX sh; run by the collection's one `raw` task
# (tasks/python.yml), which puts two assignments in front:
#   vsa_install    1: install what is missing; empty: only look
#   vsa_platforms  the supported ones, "debian-13 ubuntu-24.04 …"; on any other nothing is installed
# Answers with lines "vsa-<key>: <value>":
#   platform  <id> <version> <codename> <architecture>   of os-release and dpkg
#   python    present | installed | missing <what>       `missing` only where nothing was to be installed
#   engine    <version> <state of the unit> | none
#   pending   daemon                                     a run was cut off between a new daemon.json and its proof
# Everything else on stdout is apt's. Exit: 0, or that of apt-get or dpkg.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 PATH="$PATH:/usr/sbin:/sbin"

say() { printf 'vsa-%s: %s\n' "$1" "$2"; }

ID=unknown VERSION_ID=unknown VERSION_CODENAME=unknown
# shellcheck disable=SC1091  # it lies on the host
if [ -r /etc/os-release ]; then . /etc/os-release; fi
say platform "$ID $VERSION_ID $VERSION_CODENAME $(dpkg --print-architecture 2>/dev/null || uname -m)"
case " $vsa_platforms " in
    *" $ID-$VERSION_ID "*) ;;
    *) exit 0 ;;
esac

# "Docker version 26.1.5+dfsg1, build a72d7cd"
if engine=$(dockerd --version 2>/dev/null); then
    engine=${engine#Docker version }
    say engine "${engine%%,*} $(systemctl is-active docker.service 2>/dev/null || true)"
else
    say engine none
fi
if [ -e /etc/docker/daemon.json.vsa-old ]; then say pending daemon; fi

lacks=
# The distribution's own Python: apt, docker and the other libraries are packages for that one.
if ! /usr/bin/python3 -c 'import apt' 2>/dev/null; then lacks="$lacks python3 python3-apt"; fi
# Without package lists (a fresh image) apt cannot even say what it would install.
set -- /var/lib/apt/lists/*_Packages*
if [ ! -e "$1" ]; then lacks="$lacks package-lists"; fi
# Left by an installation that was cut off; apt refuses everything until it is repaired.
if [ -n "$(dpkg --audit)" ]; then lacks="$lacks configured-packages"; fi

if [ -z "$lacks" ]; then say python present; exit 0; fi
if [ -z "$vsa_install" ]; then say python "missing$lacks"; exit 0; fi
case $lacks in *configured-packages*) dpkg --configure -a 2>&1 ;; esac
case $lacks in *python3* | *package-lists*) apt-get -q update 2>&1 ;; esac
case $lacks in
    *python3*)
        # A fresh server is often still busy with its first upgrade: wait for dpkg's lock.
        apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends python3 python3-apt 2>&1
        ;;
esac
case $lacks in
    *python3* | *configured-packages*) say python installed ;;
    *) say python present ;;
esac
