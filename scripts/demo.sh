#!/bin/sh
# `make demo`: the year 2018 in about a minute. Options go behind: sh scripts/demo.sh --seed 7 --seconds 30
set -eu
exec bin/zhangban demo "$@"
