#!/bin/sh
# test_build_id.sh - by what a saved calibration knows its build: the machine code of the kernels,
# not their comments. Arguments: midl (unused), the tool object_hash, the folder of generated headers.
set -u
tool=$2 headers=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# hash_of NAME: of masked.c as it lies in the folder, compiled as the build does.
hash_of() {
    ${CC:-cc} -std=gnu11 -O2 -g -DNDEBUG -DMIDL_ISA=generic -I"$MIDL_SHARE/kernels" -I"$headers" \
        -c "$folder/masked.c" -o "$folder/masked.o" || exit 1
    "$tool" "$folder/hash.inc" generic "$folder/masked.o" || exit 1
    cat "$folder/hash.inc"
}

file=$MIDL_SHARE/kernels/masked.c
cp "$file" "$folder/masked.c"
before=$(hash_of) || exit 1
{
    echo "/* A comment"
    echo " * of two lines. */"
    cat "$file"
    echo "// and one more"
} >"$folder/masked.c"
commented=$(hash_of) || exit 1
{
    cat "$file"
    echo "int more_code(int x); int more_code(int x) { return 3 * x + 1; }"
} >"$folder/masked.c"
changed=$(hash_of) || exit 1

status=0
case $before in *0x0*')}'*) echo "no hash: $before" && status=1 ;; esac
[ "$commented" = "$before" ] || {
    echo "a comment changes the hash: $before, then $commented"
    status=1
}
[ "$changed" != "$before" ] || {
    echo "other code has the same hash: $before"
    status=1
}
exit $status
