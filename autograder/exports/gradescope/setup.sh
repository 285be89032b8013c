#!/bin/sh
# Gradescope runs this once, as root, when the autograder is built: Python and its packages where every user may read
# them, the grader where none may.
set -eu
home="${AUTOGRADER_HOME:-/autograder}"
python="${AUTOGRADER_VENV:-/opt/dml}"
torch_index="${TORCH_INDEX:-}" # an index with builds of torch for the CPU alone makes the image some gigabytes smaller

chmod 700 "$home/source"
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --yes --quiet --no-install-recommends python3 python3-venv findutils libseccomp2
rm -rf /var/lib/apt/lists/*

python3 -m venv "$python"
pip() { "$python/bin/python" -m pip install --no-cache-dir --disable-pip-version-check --constraint "$home/source/constraints.txt" "$@"; }
if [ -n "$torch_index" ]; then
    pip --index-url "$torch_index" torch torchvision
fi
pip --requirement "$home/source/requirements.txt"
chmod -R a+rX "$python"
