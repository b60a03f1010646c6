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
if [ -x bin/zhangban ]; then
	sh scripts/sample-conf.sh | cmp -s - zhangban.conf || { echo "zhangban.conf is not what the table of options says: make docs"; bad=1; }
	bin/zhangban openapi | node scripts/api-md.mjs | cmp -s - docs/API.md || { echo "docs/API.md is not what the method table says: make docs"; bad=1; }
fi
out=$(git ls-files '*package-lock.json' | xargs grep -lE '"resolved": *"http' 2>/dev/null || true)
[ -z "$out" ] || { echo "download addresses in lock files: $out"; bad=1; }
# Each feature the change log names has a black-box test whose name begins with its number (in a run of numbers, if it shows several).
shown=$(grep -ohE "(test|it)\\('([FD][0-9]+ )+" tests/black/*.test.mjs | grep -oE 'F[0-9]{3}' | sort -u)
for f in $(grep -oE 'F[0-9]{3}' CHANGELOG.md | sort -u); do
	echo "$shown" | grep -q "^$f$" || { echo "CHANGELOG.md names $f, and no test in tests/black begins with it"; bad=1; }
done
out=$(git ls-files '*.c' '*.h' '*.mjs' '*.js' '*.html' | xargs wc -l | awk '$1>800 && $2!="total"{print $2}')
[ -z "$out" ] || { echo "over 800 lines: $out"; bad=1; }
[ $bad = 0 ] && echo "lint: ok"
exit $bad
