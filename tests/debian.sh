#!/bin/sh
# debian.sh - the README's two commands on another Debian release, from a bare system.
#
#   sh tests/debian.sh RELEASE [FOLDER]     RELEASE: bookworm, trixie, ...; FOLDER (new, default a temporary
#                                           one that is removed) receives the system
#
# Takes the commit that is checked out. Needs root, debootstrap and Debian's mirror ($MIDL_MIRROR, or
# debootstrap's default). Exit status 0: both commands passed; 3: the system could not be made; else the
# status of the command that failed.
set -eu
cd "$(dirname "$0")/.."
source=$PWD
release=${1:?usage: sh tests/debian.sh RELEASE [FOLDER]}
mounts="proc dev sys"

fail() {
    echo "debian.sh: $1" >&2
    exit 3
}

# Everything that was mounted is released first: removing the folder must not reach through it.
finish() {
    status=$?
    cd /
    for mount in shared $mounts; do
        ! mountpoint -q "$root/$mount" || umount -l "$root/$mount" || exit 3
    done
    [ -z "$temporary" ] || rm -rf --one-file-system "$temporary"
    exit $status
}

[ "$(id -u)" = 0 ] || fail "a bare system is made by root"
command -v debootstrap >/dev/null 2>&1 || fail "debootstrap is missing: apt-get install debootstrap"
temporary=
root=${2:-}
if [ -z "$root" ]; then
    temporary=$(mktemp -d)
    root=$temporary/root
fi
trap finish EXIT
trap 'exit 3' INT TERM HUP

log=$(mktemp)
echo "debian.sh: making a bare $release"
debootstrap --variant=minbase "$release" "$root" ${MIDL_MIRROR:-} >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    fail "debootstrap could not make $release"
}
rm -f "$log"
for mount in $mounts; do
    mount --bind "/$mount" "$root/$mount" || fail "cannot mount /$mount in $root"
done
cp /etc/resolv.conf /etc/hosts "$root/etc/"
git clone -q --no-local "$source" "$root/midl"
if [ -d "${MIDL_DATA:-}" ]; then
    mkdir -p "$root/shared"
    mount --bind "$MIDL_DATA" "$root/shared"
    export MIDL_DATA=/shared
fi

# in_root COMMAND: in a login of its own, so that nothing of this system's environment is needed.
in_root() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 ${MIDL_DATA:+MIDL_DATA="$MIDL_DATA"} \
        chroot "$root" sh -c "cd /midl && $1"
}

in_root 'sh setup.sh run quick --n 256,512 --budget "50 ms" --quiet'
in_root 'set -- figures/*.svg; [ -s "$1" ] && echo "debian.sh: $# figures"'
# The log of the tests is kept, whatever they say: build-RELEASE/meson-logs/testlog.txt.
tested=0
in_root 'sh setup.sh test -Dwerror=true' || tested=$?
mkdir -p "build-$release/meson-logs"
cp "$root/midl/build/meson-logs/testlog.txt" "build-$release/meson-logs/" || tested=1
exit $tested
