#!/bin/sh
# commit.sh FOLDER - the commit that FOLDER is a checkout of. Fails if it is none: an unpacked tarball
# may lie below a checkout of something else, whose commit is not ours.
set -eu
cd "$1"
unset $(git rev-parse --local-env-vars) # GIT_DIR of a hook, say, that builds this
[ "$(git rev-parse --show-toplevel)" = "$(pwd -P)" ]
exec git describe --always --dirty --abbrev=12 '--exclude=*'
