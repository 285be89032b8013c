#!/bin/sh
# Install the Debian packages that tests need beside Python. Never fails: a test whose program or data set is missing is
# skipped and says so.
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
missing=""
command -v bwrap >/dev/null || missing="$missing bubblewrap"
command -v chromium >/dev/null || missing="$missing chromium"
[ -d /usr/share/datasets/fashion-mnist ] || missing="$missing dataset-fashion-mnist"
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "note: missing$missing: the tests that need them are skipped"
    exit 0
fi
echo "installing$missing"
{ $as_root apt-get update --quiet && $as_root apt-get install --yes --quiet --no-install-recommends $missing; } >/dev/null 2>&1 ||
    echo "note: installing$missing did not work: the tests that need them are skipped"
exit 0
