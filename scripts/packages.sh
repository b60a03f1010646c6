#!/bin/sh
# The one list of Debian packages. run: what `make run` needs; test: what `make test` needs besides.
#   scripts/packages.sh run|test    installs what is missing; does nothing, and needs no network, when all is there
set -eu
RUN="build-essential libwebsockets-dev libwebsockets-evlib-uv libuv1-dev libhiredis-dev libcjson-dev libssl-dev libsqlite3-dev libcurl4-openssl-dev
redis-server ca-certificates"
TEST="libcmocka-dev clang libclang-rt-14-dev clang-tidy nginx chromium fonts-noto-cjk curl openssl sqlite3 postgresql procps"
case "${1:-}" in
run) want="$RUN" ;;
test) want="$RUN $TEST" ;;
*) echo "usage: $0 run|test" >&2; exit 2 ;;
esac
missing=""
for p in $want; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $p"
done
# npm only where there is none: the packaged one conflicts with other builds of Node
command -v npm >/dev/null 2>&1 || missing="$missing nodejs npm"
[ -n "$missing" ] || exit 0
SUDO=""
[ "$(id -u)" = 0 ] || { command -v sudo >/dev/null 2>&1 && SUDO=sudo || { echo "zhangban: run as root once, or install:$missing" >&2; exit 1; }; }
echo "zhangban: installing$missing"
# packages must not start services of their own: ours are private instances
hold=/usr/sbin/policy-rc.d
made=0
if [ ! -e $hold ]; then
	printf '#!/bin/sh\nexit 101\n' | $SUDO tee $hold >/dev/null
	$SUDO chmod 755 $hold
	made=1
fi
status=0
$SUDO env DEBIAN_FRONTEND=noninteractive apt-get update -q || status=$?
# shellcheck disable=SC2086
[ $status != 0 ] || $SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing || status=$?
[ $made = 0 ] || $SUDO rm -f $hold
exit $status
