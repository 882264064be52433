# shellcheck shell=bash
# Carnet's Rucio by its REST interface, as the administrator and users of the real one speak to it. Files are of scope
# `example` and lie where their names say: /wlcg/example/NAME.

# rucio_login: the administrator's token in $RUCIO.
rucio_login() {
    expect_status 200 "log in at Rucio" "$RUCIO_URL/auth/userpass" \
        -H 'X-Rucio-Account: root' -H 'X-Rucio-Username: root' -H 'X-Rucio-Password: root-password'
    RUCIO=$(sed -n 's/^x-rucio-auth-token: *//Ip' head | tr -d '\r')
}

# rucio STATUS PATH JSON: a POST by the administrator.
rucio() {
    expect_status "$1" "POST $2" "$RUCIO_URL$2" -H "X-Rucio-Auth-Token: $RUCIO" -H 'Content-Type: application/json' -d "$3"
}

# rse NAME URL: a storage element becomes an RSE.
rse() {
    local all='{"read": 1, "write": 1, "delete": 1}'
    local wide='{"read": 1, "write": 1, "delete": 1, "third_party_copy_read": 1, "third_party_copy_write": 1}'
    rucio 201 "/rses/$1" '{"deterministic": true}'
    rucio 201 "/rses/$1/attr/oidc_support" '{"value": true}'
    rucio 201 "/rses/$1/attr/oidc_base_path" '{"value": "/wlcg"}'
    rucio 201 "/rses/$1/attr/lfn2pfn_algorithm" '{"value": "identity"}'
    rucio 201 "/rses/$1/attr/fts" "{\"value\": \"$FTS_URL\"}"
    rucio 201 "/rses/$1/protocols/davs" "{\"hostname\": \"localhost\", \"port\": ${2##*:}, \"prefix\": \"/wlcg/\",
        \"impl\": \"rucio.rse.protocols.webdav.Default\", \"domains\": {\"lan\": $all, \"wan\": $wide}}"
}

# replica NAME RSE URL BYTES TOKEN: a file that a storage element has, known to Rucio.
replica() {
    random_file "$1" "$4"
    expect_status '20[01]' "a file for $2" --oauth2-bearer "$5" -T "$1" "$3/wlcg/example/$1"
    rucio 201 /replicas "{\"rse\": \"$2\", \"files\": [{\"scope\": \"example\", \"name\": \"$1\", \"bytes\": $4, \"adler32\": \"$(adler32 "$1")\"}]}"
}

# rule NAME RSE ACCOUNT TOKEN: an account's rule for a replica, which becomes OK.
rule() {
    local id state='' left=$((LIMIT * 2))
    expect_status 201 "a rule for $1 at $2" "$RUCIO_URL/rules/" -H "X-Rucio-Auth-Token: $4" -H "X-Rucio-Account: $3" \
        -H 'Content-Type: application/json' -d \
        "{\"dids\": [{\"scope\": \"example\", \"name\": \"$1\"}], \"account\": \"$3\", \"copies\": 1, \"rse_expression\": \"$2\"}"
    id=$(python3 -c 'import json; print(json.load(open("body"))[0])') || return 0
    while ((left-- > 0)); do
        curl -sS -m 20 -H "X-Rucio-Auth-Token: $RUCIO" "$RUCIO_URL/rules/$id" >rule.out || true
        state=$(python3 -c 'import json; print(json.load(open("rule.out"))["state"])') || true
        [[ $state == REPLICATING ]] || break
        sleep 0.5
    done
    rows=$((rows + 1))
    [[ $state == OK ]] || { cp rule.out row.out; failed "the rule for $1 at $2 ended as $state"; }
}
