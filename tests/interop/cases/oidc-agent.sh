# oidc-agent: registers itself, gets its first token by device flow, later ones by refresh with scope and audience;
# at an issuer by the book, and at one like INDIGO IAM today and in June 2021.
. "$INTEROP/lib.sh"
. "$INTEROP/people.sh"
need oidc-agent oidc-gen oidc-token oidc-add curl python3

export TMPDIR=$PWD OIDC_CONFIG_DIR=$PWD/agent OIDC_SOCK=$PWD/agent.sock

# gen NAME OPTION…: a new account; what the tool prints goes to ./NAME.out.
gen() {
    local name=$1
    shift
    timeout "$LIMIT" oidc-gen --pw-cmd='echo pw' --iss="$IAM_URL/" --cp="$CARNET_DIR/ca.pem" --prompt=none --confirm-yes \
        --no-url-call "$@" "$name" >"$name.out" 2>&1 </dev/null
}

# by_device NAME OPTION…: the same by device flow, with alice at the pages.
by_device() {
    local pid code='' left=$((LIMIT * 10))
    gen "$@" --flow=device &
    pid=$!
    while [[ -z $code ]] && ((left-- > 0)) && kill -0 "$pid" 2>/dev/null; do
        sleep 0.1
        code=$(sed -nE 's/.*code: *([A-Za-z0-9_-]+).*/\1/p' "$1.out" | head -n 1)
    done
    approve_device alice "$code" || kill "$pid"
    wait "$pid" || { cat "$1.out"; return 1; }
}

# has MEMBER WANTED WHAT: a claim of the token in $TOKEN, as JSON.
has() {
    equal "$3" "$2" "$(claims "$TOKEN" | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin).get(sys.argv[1])))' "$1")"
}

# has_scope WANTED WHAT: the scope of the token in $TOKEN, as a set: IAM has an order of its own.
has_scope() {
    equal "$2" "$1" "$(claims "$TOKEN" | python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)["scope"].split()))')"
}

# ask OPTION…: a token of the agent goes to $TOKEN.
ask() {
    rows=$((rows + 1))
    TOKEN=$(timeout "$LIMIT" oidc-token "$@" 2>row.out </dev/null) || { failed "oidc-token $*"; TOKEN='..'; }
}

for COMPAT in strict iam-1.12 iam-1.7; do
    echo "as $COMPAT:"
    stop_all
    rm -rf lab agent agent.sock ./*.cookies ./*.out
    serve --set "actors.iam.issuer.compat=\"$COMPAT\""
    person alice alice-password
    mkdir "$OIDC_CONFIG_DIR"
    # The agent itself, which the tools find by its socket.
    oidc-agent --console --bind_address="$OIDC_SOCK" >agent.out 2>agent.err &
    servers+=("$!")
    for ((left = LIMIT * 10; left > 0; left--)); do [[ -S $OIDC_SOCK ]] && break || sleep 0.1; done

    # --- a client that registers itself
    does "oidc-gen: registration and device flow" by_device own --scope="openid profile offline_access wlcg.groups"
    says '^own$' "the account is there" oidc-add --loaded
    ask own
    has iss "\"$IAM_URL/\"" "its issuer"
    has sub '"a1b98335-9649-4fb0-961d-5a49ce108d49"' "its subject is alice"
    has wlcg.groups '["/wlcg", "/wlcg/xfers"]' "alice's default groups"
    expect_status 200 "userinfo with it" --oauth2-bearer "$TOKEN" "$IAM_URL/userinfo"
    body '"sub":"a1b98335'
    FIRST=$TOKEN
    ask own --force-new
    rows=$((rows + 1))
    [[ $TOKEN != "$FIRST" ]] || failed "a new token when one is asked for"
    ask own --scope=openid --aud="$SE1_URL"
    has aud "\"$SE1_URL\"" "audience asked for"
    has_scope 'openid' "scope asked for"
    has wlcg.groups null "no groups without their scope"

    # --- a client that the issuer's people registered
    does "oidc-gen: device flow of a known client" by_device known --client-id=trainee --client-secret=trainee-secret \
        --redirect-uri=http://localhost:8080/ --scope="openid profile offline_access wlcg.groups storage.read:/ storage.create:/"
    ask known --scope=storage.read:/ --aud="$SE1_URL"
    has aud "\"$SE1_URL\"" "one audience"
    has_scope 'storage.read:/' "one scope"
    expect_status 200 "read at the storage element" --oauth2-bearer "$TOKEN" "$SE1_URL/wlcg/hello.txt"
    expect_status 401 "another audience" --oauth2-bearer "$TOKEN" "$SE2_URL/wlcg/"
    ask known --scope="storage.read:/example storage.create:/new" --aud="$SE1_URL $SE2_URL"
    has aud "[\"$SE1_URL\", \"$SE2_URL\"]" "two audiences"
    has_scope 'storage.create:/new storage.read:/example' "narrower paths"
    expect_status 200 "read below the path" --oauth2-bearer "$TOKEN" "$SE1_URL/wlcg/example/file"
    expect_status 403 "read beside the path" --oauth2-bearer "$TOKEN" "$SE1_URL/wlcg/hello.txt"
    expect_status 201 "write below the path" --oauth2-bearer "$TOKEN" -T head "$SE2_URL/wlcg/new/file"
    # In June 2021 a refresh could ask for whatever the client may have (issuer page §2.12).
    if [[ $COMPAT != iam-1.7 ]]; then refuse "a scope that was not approved" oidc-token known --scope=compute.read; fi
    refuse "a scope beyond the client's" oidc-token known --scope=storage.read:/../etc
    ask known --scope=wlcg.groups:/wlcg/test
    has wlcg.groups '["/wlcg/test", "/wlcg", "/wlcg/xfers"]' "an optional group comes first when it is asked for"

    # --- the account again, from what the agent keeps on disk
    ok "unload" oidc-add --remove known
    ok "load" oidc-add --pw-cmd='echo pw' known
    ask known --scope=storage.read:/
    expect_status 200 "read with the account loaded again" --oauth2-bearer "$TOKEN" "$SE1_URL/wlcg/hello.txt"

    # --- other flows
    does "oidc-gen: password flow" gen pass --flow=password --op-username=alice --op-password=alice-password \
        --client-id=trainee --client-secret=trainee-secret --redirect-uri=http://localhost:8080/ --scope="openid offline_access storage.read:/"
    does_not "oidc-gen: wrong password" gen wrong --flow=password --op-username=alice --op-password=no \
        --client-id=trainee --client-secret=trainee-secret --redirect-uri=http://localhost:8080/ --scope="openid offline_access"
    ask pass
    has_scope 'offline_access openid storage.read:/' "scopes of the password flow"

    # --- the end: deleting an account
    oidc-gen --pw-cmd='echo pw' --print=own >own.json 2>row.out
    member() { python3 -c 'import json, sys; print(json.load(open("own.json"))[sys.argv[1]])' "$1"; }
    refresh=(-u "$(member client_id):$(member client_secret)" -d grant_type=refresh_token --data-urlencode "refresh_token=$(member refresh_token)")
    expect_status 200 "the account's refresh token" "${refresh[@]}" "$IAM_URL/token"
    ok "delete" oidc-gen --pw-cmd='echo pw' --confirm-yes --delete own
    # Where it can, it takes its registration back, client and all (and IAM's word for an unknown client is Q-33); else it
    # revokes the token, and IAM has 401 for that (Q-21).
    expect_status 401 "its refresh token is worth nothing" "${refresh[@]}" "$IAM_URL/token"
    body 'invalid_(client|token)|Bad credentials'
    refuse "no token of a deleted account" oidc-token own
done
finish
