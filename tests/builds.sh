#!/bin/sh
# builds.sh [NAME...] - options of meson that nobody varies by hand, each configured, built and tried: the static
# library alone with link-time optimisation, the shared one alone for debugging, and none of the optional
# libraries. Builds in build-NAME, from what CC and CXX say. Each also installs below a folder of its own and builds
# somebody else's program against that (test install.sh).
set -eu
cd "$(dirname "$0")/.."

# try NAME TESTS MESON-OPTIONS...
try() {
    folder=build-$1
    tests=$2
    shift 2
    echo "== $folder: $*"
    [ -f "$folder/build.ninja" ] || meson setup "$folder" -Dwerror=true "$@" >/dev/null
    # shellcheck disable=SC2086
    meson test -C "$folder" --print-errorlogs $tests # builds what these need
}

# Flags that change numbers are refused before anything is built, wherever they stand.
refused() {
    words="$1"
    shift
    folder=$(mktemp -d)
    if env "$@" meson setup "$folder" >"$folder.log" 2>&1 || ! grep -q -e "ERROR.*$words" "$folder.log"; then
        tail -n 5 "$folder.log"
        echo "builds.sh: $*: not refused with '$words'" >&2
        exit 1
    fi
    rm -rf "$folder" "$folder.log"
}

flags() {
    refused -Ofast CFLAGS="-Ofast -march=native"
    refused -ffinite-math-only CXXFLAGS=-ffinite-math-only
    refused -ffast-math LDFLAGS="-Wl,-O1 -ffast-math"
    refused -ffast-math CC="${CC:-gcc} -ffast-math"
    refused -ffp-contract=fast CFLAGS="-O2 -ffp-contract=fast"
    # Known by what it does, not by its name.
    printf '%s\n' -ffinite-math-only >build-flags.txt
    refused "change what numbers" CFLAGS="@$PWD/build-flags.txt"
    rm build-flags.txt
}

short="kernels memory install.sh commands.sh counts.sh"
for name in "${@:-all}"; do
    case $name in
    static) try static "kernels oracle install.sh commands.sh counts.sh" -Ddefault_library=static -Db_lto=true ;;
    shared) try shared "$short verify" -Ddefault_library=shared -Dbuildtype=debug ;;
    bare) try bare "$short measure measure_failed sweep.sh eval.sh resume.sh" -Dauto_features=disabled -Dtests=enabled ;;
    native) CFLAGS="-O3 -march=native" try native "kernels sets.sh oracle" ;;
    flags) flags ;;
    all) sh tests/builds.sh flags static shared bare native ;;
    *)
        echo "builds.sh: no build '$name': static, shared, bare, native or flags" >&2
        exit 2
        ;;
    esac
done
