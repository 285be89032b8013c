#!/bin/sh
# Install bubblewrap from the system's packages if that needs no input; otherwise print what to do. Never fails: grading
# reports in one line if no isolation is available.
command -v bwrap >/dev/null && exit 0
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null; then
    install="apt-get install --yes --quiet bubblewrap"
    update="apt-get update --quiet"
elif command -v dnf >/dev/null; then
    install="dnf install --assumeyes --quiet bubblewrap"
    update="true"
elif command -v pacman >/dev/null; then
    install="pacman --sync --noconfirm bubblewrap"
    update="true"
else
    echo "note: bubblewrap is missing and no known package manager was found; install it to grade code that you do not trust"
    exit 0
fi
echo "installing bubblewrap: $as_root $install"
{ $as_root $update && $as_root $install; } >/dev/null 2>&1 || echo "note: that did not work; please run: sudo $install"
exit 0
