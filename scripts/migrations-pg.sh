#!/bin/sh
# Runs every migration on Debian's PostgreSQL (D4), after the substitutions store/migrate.c names, in a private cluster on a Unix
# socket that is gone afterwards. So the SQL stays portable although the first back end is SQLite.
set -eu
BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$BIN" ] || { echo "no PostgreSQL server here: apt-get install postgresql" >&2; exit 1; }
DIR=$(mktemp -d /tmp/zb-pg.XXXXXX)
AS=""
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
	chown postgres "$DIR"
	AS="runuser -u postgres --"
fi
end() {
	cd /
	$AS "$BIN/pg_ctl" -D "$DIR/data" -m immediate stop >/dev/null 2>&1 || true
	rm -rf "$DIR"
}
trap end EXIT INT TERM
$AS "$BIN/initdb" -D "$DIR/data" -A trust -U zhangban --locale=C.UTF-8 --encoding=UTF8 --no-sync >"$DIR/init.log" 2>&1 || { cat "$DIR/init.log"; exit 1; }
$AS "$BIN/pg_ctl" -D "$DIR/data" -w -o "-k $DIR -c listen_addresses= -c fsync=off" -l "$DIR/log" start >/dev/null 2>&1 || { cat "$DIR/log"; exit 1; }
n=0
for f in store/migrations/*.sql; do
	sed -e 's/^) STRICT;/);/' -e 's/ INTEGER/ BIGINT/g' -e 's/ BLOB/ BYTEA/g' "$f" |
		$AS "$BIN/psql" -h "$DIR" -U zhangban -d postgres -v ON_ERROR_STOP=1 -q -1 -f - || { echo "not portable: $f"; exit 1; }
	n=$((n + 1))
done
t=$($AS "$BIN/psql" -h "$DIR" -U zhangban -d postgres -Atc "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
echo "migrations on PostgreSQL: $n files, $t tables"
