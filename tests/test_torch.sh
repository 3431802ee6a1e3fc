#!/bin/sh
# test_torch.sh MIDL - models of `midl train` in PyTorch and back, where PyTorch is installed
# (Debian: python3-torch).
set -eu
midl=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=
for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import torch' 2>/dev/null && python=$candidate && break
done
[ -n "$python" ] || { echo "skipped: no Python with PyTorch"; exit 77; }
mkdir "$folder/models"
"$midl" train teacher --method dense,midl --epochs 0.1 --db "$folder/t.db" --save "$folder/models/" --quiet
"$python" "$here/torch_model.py" "$midl" "$folder/models"
