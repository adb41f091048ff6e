#!/usr/bin/env bash
# Builds the image and tries it as strictly as compose.yaml runs it, and without any network: it must get
# healthy, judge a drawn photo, find nothing wrong with itself, and end when it is told to.
#
#   scripts/check_image.sh            # ENGINE=podman takes that instead; RUN_OPTIONS go to its `run` as well
set -euo pipefail
[ "$#" -eq 0 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2; }
cd "$(dirname "$0")/.."

read -ra engine <<< "${ENGINE:-docker}"
read -ra options <<< "${RUN_OPTIONS:-}"
options+=(--detach --read-only --tmpfs /tmp --network none --cap-drop ALL
    --security-opt no-new-privileges --memory 2g --pids-limit 512)

[ -n "${NO_BUILD:-}" ] || "${engine[@]}" build --tag maskwatch:0.1.0 .

check() { # name, port and path of its health, arguments of maskwatch
    local name=$1 health=$2 container
    shift 2
    container=$("${engine[@]}" run "${options[@]}" maskwatch:0.1.0 "$@")
    local ask="import urllib.request; urllib.request.urlopen('http://127.0.0.1:$health', timeout=4)"
    for ((second = 0; second < 60; second++)); do
        ! "${engine[@]}" exec "$container" python -c "$ask" 2> /dev/null || break
        sleep 1
    done
    "${engine[@]}" exec "$container" python -c "$ask"
    "${engine[@]}" exec "$container" maskwatch doctor
    "${engine[@]}" exec "$container" sh -c 'maskwatch predict "$(python -c \
        "import maskwatch.samples as s; print(s.FOLDER)")" | tail -n 1'
    "${engine[@]}" stop --time 20 "$container" > /dev/null
    local code
    code=$("${engine[@]}" inspect --format '{{.State.ExitCode}}' "$container")
    "${engine[@]}" rm "$container" > /dev/null
    [ "$code" -eq 0 ] || { echo "$name: ended with exit code $code" >&2; exit 1; }
    echo "$name: healthy, judges, ends"
}

check pages 8501/_stcore/health
check service 8000/ready serve
