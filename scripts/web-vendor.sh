#!/bin/sh
# The pages' only foreign code: the JSON build of the centrifuge client, unmodified, from the locked npm package into
# web/vendor/ (not in git). Does nothing, and needs no network, when both are up to date.
set -eu
cd "$(dirname "$0")/../web"
mark=node_modules/.package-lock.json
from=node_modules/centrifuge/dist/centrifuge.js
to=vendor/centrifuge.js
if [ ! -f "$mark" ] || [ ! -f "$from" ] || [ package-lock.json -nt "$mark" ]; then
	npm ci --ignore-scripts --no-audit --no-fund
	touch "$mark"
fi
if ! cmp -s "$from" "$to"; then
	mkdir -p vendor
	cp "$from" "$to.new"
	mv "$to.new" "$to"
	echo "  vendor web/$to"
fi
