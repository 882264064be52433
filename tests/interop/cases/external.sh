# Scenarios with a real XRootD 5.5.3 in place of a storage element (`external`): both seed flows, with it as the destination, as
# the source, and as both, told apart from what only our own storage elements let be seen; and what is said when it is not there.
. "$INTEROP/lib.sh"
need curl python3 xrootd

# An authority that the servers trust, and an issuer at a known port: that of the runs.
PORT=$(free_port 8)
CARNET_DIR=$PWD/lab
IAM_URL=https://localhost:$PORT
ok "a run at real addresses makes the authority" "$CARNET" run delegated-identity -q --dir lab --port "$PORT"
export CARNET_DIR IAM_URL CURL_CA_BUNDLE=$CARNET_DIR/ca.pem
. "$INTEROP/xrootd.sh"
XROOTD_BASE=/ XROOTD_GROUPS=yes xrootd_serve xrd1
XROOTD_BASE=/ XROOTD_GROUPS=yes xrootd_serve xrd2

# play SCENARIO FILE NAME…: with XRootD in place of the actors that are named; every expectation that can be seen holds.
play() {
    local scenario=$1 file=$2 set=() name number=1 url
    shift 2
    for name in "$@"; do
        url=XRD${number}_URL
        set+=(--set "actors.$name.external=${!url}")
        number=$((number + 1))
    done
    rm -f journal.jsonl
    says "^ok .*$scenario: ([0-9]+) of \\1 expectations held" "$scenario with XRootD as $*" \
        "$CARNET" run "$scenario" -q --dir lab --port "$PORT" --journal journal.jsonl "${set[@]}" "${SIZE[@]}"
    [[ $scenario == group-based-two-tokens ]] || # it expects no judgement of a storage element
        says "[ ,]($1 is not|nor $1 is) ours" "what cannot be seen is said" grep 'not visible, ' journal.jsonl
    for name in "$@"; do
        equal "no judgement of $name is told" "" "$(grep '"judged"' journal.jsonl | grep -o "\"by\":\"$name\"" | head -1)"
    done
    number=1
    for name in "$@"; do
        ok "$name has the file" test -s "xrd$number/data$file"
        number=$((number + 1))
    done
}

for who in se2 se1 "se1 se2"; do
    SIZE=(--set 'actors.se1.storage.files."/example/file"=3 MiB')
    # shellcheck disable=SC2086
    play delegated-identity /example/file $who
    SIZE=(--set 'actors.se1.storage.files."/wlcg/file"=3 MiB')
    # shellcheck disable=SC2086
    play group-based /wlcg/file $who
    # shellcheck disable=SC2086
    play group-based-two-tokens /wlcg/file $who
done
# A token of its own for the destination that can only create: XRootD 5.5.3 wants storage.read for FTS's first look there.
SIZE=(--set 'actors.se1.storage.files."/example/file"=3 MiB')
play delegated-identity-two-tokens /example/file se1
code=0
"$CARNET" run delegated-identity-two-tokens -q --dir lab --port "$PORT" --journal journal.jsonl "${SIZE[@]}" \
    --set "actors.se2.external=$XRD1_URL" >two.out 2>&1 || code=$?
equal "XRootD refuses it, and that is a scenario that does not hold" 1 "$code"
ok "with the status and FTS's reason" grep -q '"entity":"fts.file".*"to":"FAILED".*403' journal.jsonl

same_bytes "the same file at both" xrd1/data/example/file xrd2/data/example/file

# Below a base path.
ok "a file below a base path" "$CARNET" run delegated-identity -q --dir lab --port "$PORT" "${SIZE[@]}" \
    --set "actors.se2.external=$XRD1_URL/data/area"
same_bytes "there" xrd1/data/data/area/example/file xrd2/data/example/file

# What is wrong is said, and not told as a scenario's failure.
fails() {
    local pattern=$1 what=$2 code=0
    shift 2
    rows=$((rows + 1))
    timeout "$LIMIT" "$CARNET" run delegated-identity -q --port "$PORT" "$@" >row.out 2>&1 || code=$?
    if ((code != 2)) || ! grep -Eq -- "$pattern" row.out; then
        echo "exit code $code, wanted 2 and: $pattern" >>row.out
        failed "$what"
    fi
}
fails 'se2, which is https://localhost:1, cannot take part: .*refused.*is it running' "nobody is there" \
    --dir lab --set actors.se2.external=https://localhost:1
fails 'give `--dir DIR`' "no authority to trust" --set "actors.se2.external=$XRD1_URL"
fails 'cannot take part: TLS with localhost failed.*`ca` file' "an authority nobody knows" --dir other --set "actors.se2.external=$XRD1_URL"
mkdir -p third
ok "its own authority, named" "$CARNET" run delegated-identity -q --dir lab --port "$PORT" --set "actors.se2.external=$XRD1_URL" \
    --set "actors.se2.ca=$CARNET_DIR/ca.pem"
fails 'cannot be read from .*nothing.pem' "an authority file that is not there" --dir lab --set "actors.se2.external=$XRD1_URL" \
    --set actors.se2.ca=nothing.pem
finish
