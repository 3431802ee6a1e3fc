#!/bin/sh
# builds.sh [NAME...] - options of meson that nobody varies by hand, each configured, built and tried: the forms
# of the library, link-time optimisation, debug, and none of the optional libraries. Builds in
# build-NAME, from what CC and CXX say. Each also installs below a folder of its own and builds
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

short="kernels memory install.sh commands.sh counts.sh"
for name in "${@:-all}"; do
    case $name in
    static) try static "$short" -Ddefault_library=static ;;
    shared) try shared "$short" -Ddefault_library=shared ;;
    lto) try lto "$short threads measure oracle" -Db_lto=true ;;
    debug) try debug "$short verify" -Dbuildtype=debug ;;
    bare) try bare "$short measure measure_failed sweep.sh eval.sh resume.sh" -Dauto_features=disabled -Dtests=enabled ;;
    all) sh tests/builds.sh static shared lto debug bare ;;
    *)
        echo "builds.sh: no build '$name': static, shared, lto, debug or bare" >&2
        exit 2
        ;;
    esac
done
