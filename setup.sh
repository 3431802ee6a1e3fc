#!/bin/sh
# setup.sh - from a fresh clone to answers. Each step does only what is left to do.
#
#   sh setup.sh run [SUITE] [OPTIONS]   install, build, measure (default suite: quick), draw figures
#   sh setup.sh test [MESON OPTIONS]    install, build, run all tests
#   sh setup.sh build [MESON OPTIONS]   install, build
#   sh setup.sh packages                print the Debian packages that are needed
#
# Environment: CC, CXX (compilers), MIDL_BUILD (build folder, default build).
set -eu
cd "$(dirname "$0")"
build=${MIDL_BUILD:-build}

# What midl needs, and what makes it complete: OpenBLAS, oneDNN and BLIS (yardsticks), PAPI and valgrind
# (counters), gnuplot (figures), cmocka (tests).
packages="gcc g++ libc6-dev meson ninja-build pkg-config git
libsqlite3-dev libinih-dev libcjson-dev zlib1g-dev libarchive-dev libmatio-dev libbenchmark-dev
libopenblas-dev libdnnl-dev libblis-openmp-dev libpapi-dev valgrind gnuplot-nox libcmocka-dev"

usage() {
    sed -n '2,9s/^# \{0,1\}//p' setup.sh
    exit "$1"
}

fail() {
    echo "setup.sh: $1" >&2
    exit 3
}

missing_packages() {
    for package in $packages; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' ||
            echo "$package"
    done
}

install_packages() {
    if ! command -v apt-get >/dev/null 2>&1; then
        for tool in meson ninja pkg-config git; do
            command -v $tool >/dev/null 2>&1 && continue
            echo "setup.sh: no apt-get here and no $tool; install what corresponds to these Debian packages:" >&2
            echo "$packages" >&2
            exit 3
        done
        return 0
    fi
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || fail "packages are missing and this is not root: apt-get install $missing"
        as_root=sudo
    fi
    echo "setup.sh: installing $missing"
    log=$(mktemp)
    # The package lists of a fresh machine are empty or old.
    if ! { $as_root apt-get update -q &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q --no-install-recommends $missing; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        fail "apt-get could not install the packages; the end of its output stands above"
    fi
    rm -f "$log"
}

build_midl() {
    if [ ! -f "$build/build.ninja" ]; then
        meson setup "$build" "$@"
    elif [ $# -gt 0 ]; then
        meson configure "$build" "$@"
    fi
    ninja -C "$build"
}

run_suite() {
    suite=quick
    case ${1:--} in
    -*) ;;
    *)
        suite=$1
        shift
        ;;
    esac
    build_midl
    "$build/harness/midl" sweep "$suite" --db results/midl.db "$@"
    "$build/harness/midl" plot --db results/midl.db --out figures
    echo "setup.sh: measured into results/midl.db, figures in figures/"
}

[ $# -ge 1 ] || usage 2
command=$1
shift
case $command in
run)
    install_packages
    run_suite "$@"
    ;;
test)
    install_packages
    build_midl "$@"
    meson test -C "$build" --print-errorlogs
    ;;
build)
    install_packages
    build_midl "$@"
    ;;
packages) echo $packages ;;
-h | --help | help) usage 0 ;;
*)
    echo "setup.sh: unknown command '$command'" >&2
    usage 2 >&2
    ;;
esac
