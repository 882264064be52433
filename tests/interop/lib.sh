# shellcheck shell=bash
# What the interoperability cases share. A case is run by `run` in a folder of its own, with CARNET and INTEROP set:
#
#     . "$INTEROP/lib.sh"
#     need gfal-stat
#     serve                                      # a served world: $IAM_URL, $FTS_URL, $SE1_URL, $SE2_URL … and $CARNET_DIR
#     TOKEN=$(token --scope storage.read:/)
#     ok     "stat of a file"      gfal-stat "$SE1_URL/wlcg/hello.txt"
#     refuse "stat without token"  env -u BEARER_TOKEN gfal-stat "$SE1_URL/wlcg/hello.txt"
#     expect_status 404 "GET of what is not there" "$SE1_URL/wlcg/no"
#     finish
#
# A row that fails says so with what the command printed; the case goes on and fails in the end.

set -euo pipefail

: "${CARNET:?is not set: cases are run by tests/interop/run}" "${INTEROP:?is not set}"

# Seconds that one command, and the start of one server, may take.
LIMIT=${CARNET_INTEROP_LIMIT:-120}

rows=0
broken=0
servers=()

# need COMMAND…: the case fails when a program is not installed.
need() {
    local command
    for command in "$@"; do
        command -v "$command" >/dev/null && continue
        echo "$command is not installed: run tests/interop/install"
        exit 1
    done
}

# free_port [N]: the first of N ports in a row that nobody listens on.
free_port() {
    python3 - "${1:-1}" <<'PYTHON'
import random, socket, sys
for _ in range(1000):
    first = random.randrange(20000, 32000)
    held = []
    try:
        for port in range(first, first + int(sys.argv[1])):
            one = socket.socket()
            held.append(one)
            one.bind(("127.0.0.1", port))
    except OSError:
        continue
    finally:
        for one in held:
            one.close()
    print(first)
    sys.exit()
sys.exit("no free ports")
PYTHON
}

# stop PID: ends a server that this case started, and waits until it is gone.
stop() {
    local pid=$1 left=100
    kill "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null && ((left-- > 0)); do sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

stop_all() {
    local pid
    for pid in "${servers[@]}"; do stop "$pid"; done
    servers=()
}
trap stop_all EXIT

# serve [OPTION…]: a served world in ./lab on free ports, its settings exported.
serve() {
    local attempt pid left
    for attempt in 1 2 3; do
        "$CARNET" serve --dir "$PWD/lab" --port "$(free_port 8)" "$@" >serve.out 2>serve.err &
        pid=$!
        left=$((LIMIT * 10))
        while ((left-- > 0)) && kill -0 "$pid" 2>/dev/null && [[ ! -e lab/ready ]]; do sleep 0.1; done
        if [[ -e lab/ready ]]; then
            servers+=("$pid")
            set -a
            # shellcheck disable=SC1091
            . lab/env.sh
            set +a
            return
        fi
        stop "$pid"
        grep -qi 'in use' serve.err || break
    done
    echo "the world did not come up (attempt $attempt):"
    cat serve.out serve.err
    exit 1
}

# token OPTION…: a token of client `trainee`.
token() {
    timeout "$LIMIT" "$CARNET" token get --dir "$CARNET_DIR" --client trainee "$@"
}

# Tokens are not printed.
redacted() {
    sed -E 's/eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+/(token)/g'
}

failed() {
    broken=$((broken + 1))
    echo "  row $rows failed: $1" | redacted
    sed 's/^/    /' row.out | redacted | head -60
}

# ok WHAT COMMAND…: succeeds.
ok() {
    local what=$1 code=0
    shift
    rows=$((rows + 1))
    timeout "$LIMIT" "$@" >row.out 2>&1 </dev/null || code=$?
    ((code == 0)) || { echo "exit code $code" >>row.out; failed "$what: $*"; }
}

# refuse WHAT COMMAND…: ends by itself, with a failure.
refuse() {
    local what=$1 code=0
    shift
    rows=$((rows + 1))
    timeout "$LIMIT" "$@" >row.out 2>&1 </dev/null || code=$?
    ((code != 0 && code != 124)) || { echo "exit code $code" >>row.out; failed "$what: $*"; }
}

# says PATTERN WHAT COMMAND…: succeeds and prints something that fits the extended regular expression.
says() {
    local pattern=$1 what=$2 code=0
    shift 2
    rows=$((rows + 1))
    timeout "$LIMIT" "$@" >row.out 2>&1 </dev/null || code=$?
    if ((code != 0)) || ! grep -Eq -- "$pattern" row.out; then
        echo "exit code $code, wanted: $pattern" >>row.out
        failed "$what: $*"
    fi
}

# expect_status STATUS WHAT CURL-ARGUMENT…: what curl is answered (the status may be a pattern); headers go to ./head, the body to ./body.
expect_status() {
    local status=$1 what=$2 got
    shift 2
    rows=$((rows + 1))
    : >head
    : >body
    got=$(timeout "$LIMIT" curl -sS -D head -o body -w '%{http_code}' "$@" 2>row.out </dev/null) || true
    # shellcheck disable=SC2053
    if [[ $got != $status ]]; then
        { echo "answered $got, wanted $status"; cat head; head -c 600 body; } >>row.out
        failed "$what: curl $*"
    fi
}

# header PATTERN / body PATTERN: what the last expect_status received.
header() {
    rows=$((rows + 1))
    grep -Eiq -- "$1" head || { cp head row.out; failed "a header like $1"; }
}
body() {
    rows=$((rows + 1))
    grep -Eq -- "$1" body || { head -c 2000 body >row.out; failed "a body like $1"; }
}

# same_bytes WHAT FILE FILE
same_bytes() {
    rows=$((rows + 1))
    cmp "$2" "$3" >row.out 2>&1 || failed "$1: $2 and $3 are the same"
}

# equal WHAT WANTED GOT
equal() {
    rows=$((rows + 1))
    [[ $2 == "$3" ]] || { printf 'wanted: %s\n   got: %s\n' "$2" "$3" >row.out; failed "$1"; }
}

# adler32 FILE: eight hexadecimal digits.
adler32() {
    python3 -c '
import sys, zlib
sum = 1
with open(sys.argv[1], "rb") as file:
    while block := file.read(1 << 22):
        sum = zlib.adler32(block, sum)
print(f"{sum:08x}")' "$1"
}

# random_file PATH BYTES
random_file() {
    head -c "$2" /dev/urandom >"$1"
}

# finish: the case's verdict.
finish() {
    echo "$((rows - broken)) of $rows rows hold"
    ((broken == 0))
}
