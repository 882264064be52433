# The flow with delegated identity, from Rucio's rule to the replica, with a real XRootD in place of a storage element: as
# the destination and as the source.
. "$INTEROP/lib.sh"
need curl python3 xrootd

serve
. "$INTEROP/xrootd.sh"
xrootd_serve xrd1

TOKEN=$(token --scope storage.read:/ --scope storage.modify:/)
ME=(--oauth2-bearer "$TOKEN")
random_file mine 3000000
expect_status 200 "log in at Rucio" "$RUCIO_URL/auth/userpass" \
    -H 'X-Rucio-Account: root' -H 'X-Rucio-Username: root' -H 'X-Rucio-Password: root-password'
RUCIO=$(sed -n 's/^x-rucio-auth-token: *//Ip' head | tr -d '\r')


# rucio STATUS PATH JSON: a POST to Rucio, by its administrator.
rucio() {
    expect_status "$1" "POST $2" "$RUCIO_URL$2" -H "X-Rucio-Auth-Token: $RUCIO" -H 'Content-Type: application/json' -d "$3"
}

# XRootD becomes an RSE, as its administrator would make it one.
all='{"read": 1, "write": 1, "delete": 1}'
wide='{"read": 1, "write": 1, "delete": 1, "third_party_copy_read": 1, "third_party_copy_write": 1}'
rucio 201 /rses/XRD '{"deterministic": true}'
rucio 201 /rses/XRD/attr/oidc_support '{"value": true}'
rucio 201 /rses/XRD/attr/oidc_base_path '{"value": "/wlcg"}'
rucio 201 /rses/XRD/attr/lfn2pfn_algorithm '{"value": "identity"}'
rucio 201 /rses/XRD/attr/fts "{\"value\": \"$FTS_URL\"}"
rucio 201 /rses/XRD/protocols/davs "{\"hostname\": \"localhost\", \"port\": ${XRD1_URL##*:}, \"prefix\": \"/wlcg/\",
    \"impl\": \"rucio.rse.protocols.webdav.Default\", \"domains\": {\"lan\": $all, \"wan\": $wide}}"
for pair in SE1/distances/XRD XRD/distances/SE2; do rucio 201 "/rses/$pair" '{"distance": 1}'; done
rucio 201 /accounts/root/scopes/example '{}'

# replica NAME RSE URL BYTES: a file that a storage element has, known to Rucio.
replica() {
    random_file "$1" "$4"
    expect_status 20[01] "a file for $2" "${ME[@]}" -T "$1" "$3/wlcg/example/$1"
    rucio 201 /replicas "{\"rse\": \"$2\", \"files\": [{\"scope\": \"example\", \"name\": \"$1\", \"bytes\": $4, \"adler32\": \"$(adler32 "$1")\"}]}"
}

# rule NAME RSE: a rule for a replica, which becomes OK.
rule() {
    local id state='' left=$((LIMIT * 2))
    expect_status 201 "a rule for $1 at $2" "$RUCIO_URL/rules/" -H "X-Rucio-Auth-Token: $RUCIO" -H 'Content-Type: application/json' -d \
        "{\"dids\": [{\"scope\": \"example\", \"name\": \"$1\"}], \"account\": \"root\", \"copies\": 1, \"rse_expression\": \"$2\"}"
    id=$(python3 -c 'import json; print(json.load(open("body"))[0])')
    while ((left-- > 0)); do
        curl -sS -m 20 -H "X-Rucio-Auth-Token: $RUCIO" "$RUCIO_URL/rules/$id" >rule.out || true
        state=$(python3 -c 'import json; print(json.load(open("rule.out"))["state"])') || true
        [[ $state == REPLICATING ]] || break
        sleep 0.5
    done
    rows=$((rows + 1))
    [[ $state == OK ]] || { cp rule.out row.out; failed "the rule for $1 at $2 ended as $state"; }
}

replica to-xrootd SE1 "$SE1_URL" 1048576
replica from-xrootd XRD "$XRD1_URL" 3000000

rule to-xrootd XRD
expect_status 200 "the replica at XRootD" "${ME[@]}" "$XRD1_URL/wlcg/example/to-xrootd"
same_bytes "SE1 to XRootD" to-xrootd body

rule from-xrootd SE2
expect_status 200 "the replica at SE2" "${ME[@]}" "$SE2_URL/wlcg/example/from-xrootd"
same_bytes "XRootD to SE2" from-xrootd body
finish
