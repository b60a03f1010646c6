#!/bin/sh
# `make run`: the demo on real input. Your own configuration: ZHANGBAN_CONF=/path/zhangban.conf make run (no demo then).
set -eu
if [ -z "${ZHANGBAN_CONF:-}" ] && [ -z "${ZHANGBAN_DEMO:-}" ]; then
	ZHANGBAN_DEMO=true
	export ZHANGBAN_DEMO
fi
exec bin/zhangban serve
