# shellcheck shell=sh
# shellcheck disable=SC2154  # the two variables named below are put in front of this text
# Looks at a host that may have no Python yet, and installs Python. POSIX sh; the collection's one `raw` task runs this
# text (tasks/python.yml) and puts two assignments in front of it:
#   vsa_install    1: install what is missing; empty: only look
#   vsa_platforms  the supported platforms, "debian-13 ubuntu-24.04 …"; on any other platform nothing is installed
# The answers are lines "vsa-<key>: <value>":
#   platform  <id> <version> of /etc/os-release
#   python    present | installed | missing <what>; "missing" only if nothing was to be installed. A platform that is
#             not supported gets no such line.
# Everything else on stdout comes from apt. The exit code is 0, or the code of apt-get or dpkg.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 PATH="$PATH:/usr/sbin:/sbin"

say() { printf 'vsa-%s: %s\n' "$1" "$2"; }

ID=unknown VERSION_ID=unknown
# shellcheck disable=SC1091  # the file is on the host
if [ -r /etc/os-release ]; then . /etc/os-release; fi
say platform "$ID $VERSION_ID"
case " $vsa_platforms " in
    *" $ID-$VERSION_ID "*) ;;
    *) exit 0 ;;
esac

lacks=
# The distribution's own Python: apt's library and the other libraries are packages for that one.
if ! /usr/bin/python3 -c 'import apt' 2>/dev/null; then lacks="$lacks python3 python3-apt"; fi
# Without package lists (a fresh image) apt cannot even say what it would install.
set -- /var/lib/apt/lists/*_Packages*
if [ ! -e "$1" ]; then lacks="$lacks package-lists"; fi
# An installation that was cut off leaves packages that are not configured. apt refuses everything until they are.
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
