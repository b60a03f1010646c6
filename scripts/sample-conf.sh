#!/bin/sh
# zhangban.conf on standard output: every option with its meaning and its default, commented out (make docs).
set -eu
cat <<'T'
# zhangban: every option, its meaning and its default. Copy this file, set what differs, and name it: ZHANGBAN_CONF=FILE zhangban serve
# Unknown names and values out of bounds refuse to start and say which line. Secrets are given as paths of files.
T
env -i bin/zhangban check-config | sed -e 's/^# /\n# /' -e '/^[a-z]/s/^/#/'
