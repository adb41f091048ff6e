#!/usr/bin/env bash
# Runs a command on a machine that stands still again and again: all of its processes are stopped for
# two to four seconds, and go on for as long. No test may mind.
#
#     scripts/with_pauses.sh .venv/bin/python -m pytest tests/process tests/pages
#
# Whatever the command starts in sessions of its own (training jobs, browsers) goes on meanwhile.
set -uo pipefail
case "${1:---help}" in -*) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;; esac

setsid "$@" &
group=$!
trap 'kill -CONT -- -"$group"; kill -TERM -- -"$group"' INT TERM
while sleep $((2 + RANDOM % 3)) && kill -STOP -- -"$group" 2> /dev/null; do
    sleep $((2 + RANDOM % 3))
    kill -CONT -- -"$group" 2> /dev/null
done
wait "$group"
