#!/bin/sh
# The arrows of the house: gateway -> handlers -> push -> store -> base, never backwards; lws only in its two files.
set -eu
bad=0
deny() { # folder, pattern of folders it must not include
	out=$(grep -rnE "#include \"($2)/" "$1" --include=*.c --include=*.h || true)
	[ -z "$out" ] || { echo "$1 must not include $2:"; echo "$out"; bad=1; }
}
deny base 'store|push|handlers|gateway'
deny store 'push|handlers|gateway'
deny push 'handlers|gateway'
deny handlers 'gateway'
out=$(grep -rlE '#include <libwebsockets.h>' base store push handlers gateway | grep -vE '^gateway/(ws|http|lws_int)\.[ch]$' || true)
[ -z "$out" ] || { echo "libwebsockets outside gateway/ws.c, http.c: $out"; bad=1; }
out=$(grep -rlE '#include <(uv|hiredis/[a-z]*|sqlite3)\.h>' base handlers || true)
[ -z "$out" ] || { echo "uv, hiredis or sqlite in base or handlers: $out"; bad=1; }
out=$(grep -rnE '"[^"]*(SELECT .* FROM|INSERT INTO|UPDATE .* SET|DELETE FROM) ' base push handlers gateway --include=*.c || true)
[ -z "$out" ] || { echo "SQL outside store/:"; echo "$out"; bad=1; }
[ $bad = 0 ] && echo "layers: ok"
exit $bad
