#!/bin/sh
# `make test`: what CI asks for, in the order that fails fastest. Prints how long each part took, and one closing line.
set -eu
J=$(nproc)
passed=0
part() { # name, command...
	name=$1; shift
	start=$(date +%s)
	echo "==== $name"
	if ! "$@"; then
		echo "==== $name: FAILED"
		echo "$passed passed, 1 failed"
		exit 1
	fi
	passed=$((passed + 1))
	echo "==== $name: ok, $(($(date +%s) - start)) s"
}
export CI=${CI:-true}
part build make -s -j"$J" all
part layers make -s layers
part headers make -s headers
part lint make -s lint
part clang make -s -j"$J" clang
part analyze make -s -j"$J" analyze
part tidy make -s -j"$J" tidy
part postgresql sh scripts/migrations-pg.sh
part unit make -s -j"$J" FLAVOUR=asan unit
part fuzz make -s -j"$J" fuzz-replay
part black make -s -j"$J" FLAVOUR=asan black
part web make -s web
echo "$passed passed, 0 failed"
