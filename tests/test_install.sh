#!/bin/sh
# test_install.sh MIDL BUILD PROGRAM.c both|shared|static - installs into a folder of its own, then builds and
# runs another program against libmidl through pkg-config, in each form that this build has, and the
# installed `midl` from elsewhere.
set -eu
build=$2
program=$3
forms=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
    echo "test_install.sh: $1" >&2
    exit 1
}

if ! command -v meson >/dev/null; then
    echo "skipped: no meson in PATH"
    exit 77
fi
meson install -C "$build" --no-rebuild --quiet --destdir "$folder" >/dev/null
PKG_CONFIG_PATH=$(dirname "$(find "$folder" -name midl.pc)")
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR="$folder"
library=$(dirname "$(find "$folder" -name 'libmidl.*' | head -n 1)")

# runs FORM PROGRAM: it prints the layer's output.
runs() {
    answer=$(LD_LIBRARY_PATH="$library" "$2") || fail "$1: it does not run"
    [ "$answer" = "2 5" ] || fail "$1: y = $answer, expected 2 5"
}

# Through pkg-config, whatever there is.
${CC:-cc} -std=c11 -Wall -Werror "$program" -o "$folder/user" $(pkg-config --cflags --libs midl)
runs pkg-config "$folder/user"

# Only the interface is visible.
if [ "$forms" != static ]; then
    nm -D "$folder/user" | grep -q ' U midl_run' || fail "shared: pkg-config took the static library"
    if nm -D --defined-only "$library/libmidl.so" | awk '{print $3}' | grep -v '^midl_' | grep .; then
        fail "the symbols above are visible in libmidl.so and not part of its interface"
    fi
fi

# The static library alone, by its file; what it calls stays shared, so what only OpenBLAS's own static
# form needs (gfortran) stays out.
if [ "$forms" != shared ]; then
    unset PKG_CONFIG_SYSROOT_DIR
    static=$(pkg-config --static --libs midl | tr ' ' '\n' | grep -v -e '^-L' -e '^-lmidl$' -e '^-lgfortran$' | tr '\n' ' ')
    ${CC:-cc} -std=c11 "$program" -I"$(dirname "$(find "$folder" -name midl.h)")" -o "$folder/static" \
        "$library/libmidl.a" $static -lm
    runs static "$folder/static"
fi

# It reads the suites that were installed with it, not those of the source that it was built from.
suites=$(dirname "$(find "$folder" -name quick.suite)")
cp "$suites/quick.suite" "$suites/only-here.suite"
cd "$folder"
unset MIDL_SHARE
LD_LIBRARY_PATH="$library" "$(find "$folder" -name midl -type f -path '*bin*')" list suites >listed
grep -q '^quick ' listed || fail "the installed midl does not find its suites"
grep -q '^only-here ' listed || fail "the installed midl reads other suites than those installed with it"
