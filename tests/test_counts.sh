#!/bin/sh
# test_counts.sh MIDL QUERY - identical builds give identical counts: the same program in two folders
# whose names differ in length counts every event of every case alike. Skipped without callgrind.
set -u
export COLUMNS=400 # lines that are looked for are whole
midl=$1
query=$2
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
counts="SELECT group_concat(n || ' ' || batch || ' ' || kernel || ' ' || counter || ' ' || per_call, char(10))
    FROM (SELECT * FROM counters JOIN points USING (point_id) WHERE source = 'callgrind'
          ORDER BY n, batch, kernel, counter)"

# counted NAME: the counts of this program in the folder NAME
counted() {
    mkdir -p "$folder/$1" && cp "$midl" "$folder/$1/midl" || exit 99
    "$folder/$1/midl" sweep --n 128 --batch 1,4 --active 0.45 --kernel masked,lists-portable \
        --counters callgrind --target 50% --budget 10ms --quiet --db "$folder/$1/a.db" \
        >"$folder/out" 2>"$folder/err" || { cat "$folder/err" && exit 1; }
    "$query" "$folder/$1/a.db" "$counts" >"$folder/$1/counts" || exit 1
}

if ! "$midl" info | grep -q "callgrind *works"; then
    echo "no callgrind here: not compared"
    exit 77
fi
counted a
counted a_longer_name/with/folders/of/its/own
[ "$(grep -c l1d_misses "$folder/a/counts")" -eq 4 ] || { echo "FAULT: not every case was counted" && exit 1; }
cmp "$folder/a/counts" "$folder/a_longer_name/with/folders/of/its/own/counts" && exit 0
diff "$folder/a/counts" "$folder/a_longer_name/with/folders/of/its/own/counts"
exit 1
