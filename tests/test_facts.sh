#!/bin/sh
# test_facts.sh MIDL - facts that `midl info` prints and runs store are the thing itself, or say why not.
set -u
export COLUMNS=400 # lines that are looked for are whole
midl=$1
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failures=0

complain() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# says PATTERN COMMAND...: its output has such a line.
says() {
    pattern=$1
    shift
    "$@" >"$folder/out" 2>&1
    grep -q -- "$pattern" "$folder/out" || complain "$*: no line matches '$pattern'"
}

# ---- The commit: of this source, not of a checkout that it happens to lie in.

if command -v git >/dev/null; then
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
    mkdir -p "$folder/other/unpacked" "$folder/alone"
    git -C "$folder/other" init -q
    git -C "$folder/other" commit -q --allow-empty -m first
    sh "$here/harness/commit.sh" "$folder/other" | grep -q '^[0-9a-f]\{12\}$' || complain "no commit of a checkout"
    sh "$here/harness/commit.sh" "$folder/other/unpacked" 2>/dev/null && complain "a folder below another checkout has its commit"
    GIT_CEILING_DIRECTORIES=$folder sh "$here/harness/commit.sh" "$folder/alone" 2>/dev/null && complain "a folder without git has a commit"
    for variable in GIT_DIR=$folder/other/.git "GIT_DIR=$folder/other/.git GIT_WORK_TREE=$folder/alone"; do
        # shellcheck disable=SC2086 # words
        env GIT_CEILING_DIRECTORIES="$folder" $variable sh "$here/harness/commit.sh" "$folder/alone" 2>/dev/null &&
            complain "$variable: a folder without git has the commit of another"
    done
    ln -s other "$folder/link"
    sh "$here/harness/commit.sh" "$folder/link" | grep -q '^[0-9a-f]\{12\}$' || complain "no commit of a checkout behind a link"
fi

# ---- valgrind: missing and unable to answer are two things; neither is a temporary folder that is missing.

if "$midl" info | grep -q 'callgrind .*works'; then # not in a sanitised build
    says 'callgrind .*works' env TMPDIR=/nonexistent "$midl" info # it needs none to answer
    mkdir "$folder/bin"
    printf '#!/bin/sh\nexit 5\n' >"$folder/bin/valgrind"
    chmod +x "$folder/bin/valgrind"
    says 'valgrind --version: exit status 5' env PATH="$folder/bin:$PATH" "$midl" info
    printf '#!/bin/sh\necho something else\n' >"$folder/bin/valgrind"
    says 'valgrind --version: no answer' env PATH="$folder/bin:$PATH" "$midl" info
    rm "$folder/bin/valgrind"
    says "valgrind isn't installed" env PATH="$folder/bin" "$midl" info
fi

# ---- Nothing that isn't known is stored as a number's text.

"$midl" sweep --n 16 --d 16 --active 0.5 --batch 1 --kernel simd --budget "20 ms" --counters none --quiet \
    --db "$folder/facts.db" >/dev/null 2>&1 || complain "the sweep failed"
if command -v sqlite3 >/dev/null; then
    bad=$(sqlite3 "$folder/facts.db" "SELECT name || ' = ' || value FROM environment WHERE value IN ('nan', '-nan', 'inf', '-inf', '')")
    [ -z "$bad" ] || complain "stored as facts: $bad"
fi

[ $failures -eq 0 ]
