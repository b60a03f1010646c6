#!/bin/sh
# Calls the house does not use (docs: style), found by name.
set -eu
bad=0
for fn in strcpy strcat sprintf strtok atoi alloca rand signal localtime gmtime strerror; do
	out=$(grep -rnE "(^|[^_a-zA-Z0-9.>])$fn *\(" base store push handlers gateway --include=*.c || true)
	[ -z "$out" ] || { echo "banned: $fn"; echo "$out"; bad=1; }
done
out=$(grep -rnE '(^|[^_a-zA-Z0-9])(malloc|calloc|realloc|free) *\(' base store push handlers gateway --include=*.c | grep -v '^base/mem.c' || true)
[ -z "$out" ] || { echo "allocation outside base/mem.c:"; echo "$out"; bad=1; }
[ $bad = 0 ] && echo "lint: ok"
exit $bad
