# Apache with mod_auth_openidc as the experiment's web application: it sends people to the issuer to log in and to agree,
# shows who they are and in which groups, reads files for them at a storage element; and as a resource server that takes
# tokens, once by the issuer's keys and once by asking the issuer. The issuer goes by the book, or is like INDIGO IAM.
. "$INTEROP/lib.sh"
. "$INTEROP/people.sh"
PATH=$PATH:/usr/sbin
need apache2 openssl curl python3
modules=/usr/lib/apache2/modules
[[ -e $modules/mod_auth_openidc.so ]] || { echo "libapache2-mod-auth-openidc is not installed: run tests/interop/install"; exit 1; }

# info PATH: a member of the JSON in ./body.
info() {
    python3 -c '
import functools, json, sys
print(functools.reduce(lambda at, name: at.get(name, {}), sys.argv[1].split("/"), json.load(open("body"))))' "$1" 2>/dev/null || true
}
# visit STATUS WHAT WHO CURL-ARGUMENT…: like expect_status, in the browser of a person who follows every redirect.
visit() { expect_status "$1" "$2" -b "$3.cookies" -c "$3.cookies" -L "${@:4}"; }
# sign_in WHO PASSWORD ADDRESS: from the application to the issuer and back.
sign_in() {
    visit 200 "$1 is sent to the login page" "$1" "$3"
    body 'Log in to wlcg'
    visit 200 "$1 logs in" "$1" "$IAM_URL/login" --data-urlencode "username=$1" --data-urlencode "password=$2"
    body 'Approve access for Experiment portal'
    body 'wlcg.groups'
    visit 200 "$1 agrees" "$1" "$IAM_URL/authorize" -d user_oauth_approval=true -d remember=until-revoked -d authorize=Authorize
}

for COMPAT in strict iam-1.12 iam-1.7; do
    echo "as $COMPAT:"
    stop_all
    rm -rf lab web ./*.cookies
    serve --set "actors.iam.issuer.compat=\"$COMPAT\""
    PORT=$(free_port 2)
    APP=https://localhost:$PORT
    ASKING=https://localhost:$((PORT + 1))

    # The application registers itself (RFC 7591).
    expect_status 200 "discovery" "$IAM_URL/.well-known/openid-configuration"
    expect_status 201 "registration" "$(info registration_endpoint)" -H 'Content-Type: application/json' -d '{
        "client_name": "Experiment portal", "redirect_uris": ["'"$APP"'/callback"], "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_basic", "scope": "openid profile email offline_access wlcg.groups"}'
    CLIENT_ID=$(info client_id)
    CLIENT_SECRET=$(info client_secret)

    # --- its settings and pages
    mkdir -p web/pages web/logs
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout web/host.key -out web/host.csr 2>/dev/null
    openssl x509 -req -in web/host.csr -CA "$CARNET_DIR/ca.pem" -CAkey "$CARNET_DIR/authority.key" -days 2 \
        -set_serial "0x$(openssl rand -hex 8)" -extfile <(echo subjectAltName=DNS:localhost) -out web/host.pem 2>/dev/null
    mkdir web/pages/{members,protected,api}
    for page in index members/index protected/index; do
        cat >"web/pages/$page.shtml" <<'END'
<!doctype html><title>Portal</title>
<p>sub=<!--#echo var="OIDC_CLAIM_sub" -->
<p>iss=<!--#echo var="OIDC_CLAIM_iss" -->
<p>name=<!--#echo var="OIDC_CLAIM_name" -->
<p>email=<!--#echo var="OIDC_CLAIM_email" -->
<p>groups=<!--#echo var="OIDC_CLAIM_wlcg.groups" -->
END
    done
    echo 'the answer' >web/pages/api/answer
    {
        for module in mpm_event authn_core authz_core authz_user unixd mime dir include env headers socache_shmcb ssl proxy proxy_http auth_openidc; do
            [[ -e $modules/mod_$module.so ]] && echo "LoadModule ${module}_module $modules/mod_$module.so"
        done
        cat <<END
ServerRoot $PWD/web
ServerName localhost
PidFile $PWD/web/pid
DefaultRuntimeDir $PWD/web
User www-data
Group www-data
ErrorLog $PWD/web/logs/error
LogLevel warn auth_openidc:info
TypesConfig /dev/null
Listen 127.0.0.1:$PORT
Listen 127.0.0.1:$((PORT + 1))
SSLEngine on
SSLCertificateFile $PWD/web/host.pem
SSLCertificateKeyFile $PWD/web/host.key
DocumentRoot $PWD/web/pages
DirectoryIndex index.shtml
<Directory $PWD/web/pages>
    Options +Includes
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
</Directory>
OIDCCABundlePath $CARNET_DIR/ca.pem
OIDCCryptoPassphrase $(openssl rand -hex 16)

# Where people log in, and tokens are judged by the issuer's keys.
<VirtualHost 127.0.0.1:$PORT>
    SSLEngine on
    OIDCProviderMetadataURL $IAM_URL/.well-known/openid-configuration
    OIDCClientID $CLIENT_ID
    OIDCClientSecret $CLIENT_SECRET
    OIDCRedirectURI $APP/callback
    OIDCScope "openid profile email offline_access wlcg.groups"
    OIDCPKCEMethod S256
    OIDCInfoHook iat access_token access_token_expires id_token userinfo refresh_token session
    OIDCDefaultLoggedOutURL $APP/open
    OIDCOAuthVerifyJwksUri $IAM_URL/jwk
    OIDCOAuthRemoteUserClaim sub
    <Location />
        AuthType openid-connect
        Require valid-user
    </Location>
    <Location /members>
        Require claim wlcg.groups:/wlcg
    </Location>
    <Location /protected>
        Require claim wlcg.groups:/wlcg/test
    </Location>
    # What a person's groups may read at the storage element, with the person's token.
    SSLProxyEngine on
    SSLProxyCACertificateFile $CARNET_DIR/ca.pem
    <Location /files/>
        RequestHeader set Authorization "Bearer %{OIDC_access_token}e"
        ProxyPass $SE1_URL/wlcg/
    </Location>
    <Location /api>
        AuthType oauth20
        Require claim iss:$IAM_URL/
    </Location>
</VirtualHost>

# Where tokens are judged by asking the issuer (RFC 7662).
<VirtualHost 127.0.0.1:$((PORT + 1))>
    SSLEngine on
    OIDCOAuthIntrospectionEndpoint $IAM_URL/introspect
    OIDCOAuthClientID trainee
    OIDCOAuthClientSecret trainee-secret
    OIDCOAuthTokenIntrospectionInterval 0
    OIDCOAuthRemoteUserClaim sub
    <Location />
        AuthType oauth20
        Require claim sub:a1b98335-9649-4fb0-961d-5a49ce108d49
    </Location>
</VirtualHost>
END
    } >web/httpd.conf
    chmod -R a+rX web
    chmod a+r "$CARNET_DIR/ca.pem"
    apache2 -f "$PWD/web/httpd.conf" -t >web/check 2>&1 || { cat web/check; exit 1; }
    apache2 -f "$PWD/web/httpd.conf" -DFOREGROUND >web/out 2>&1 &
    servers+=("$!")
    for ((left = LIMIT * 10; left > 0; left--)); do
        curl -s -o /dev/null "$APP/" && break
        kill -0 "${servers[-1]}" 2>/dev/null || { cat web/out web/logs/error; exit 1; }
        sleep 0.1
    done

    # --- a person logs in
    expect_status 302 "the application sends people to the issuer" "$APP/"
    header "^location: $IAM_URL/authorize\?"
    header '^location: .*code_challenge_method=S256'
    sign_in alice alice-password "$APP/"
    body 'sub=a1b98335-9649-4fb0-961d-5a49ce108d49'
    body "iss=$IAM_URL/"
    body 'name=Alice Doe'
    body 'email=alice@example.org'
    body 'groups=/wlcg,/wlcg/xfers'
    visit 200 "a page for the group" alice "$APP/members/"
    visit 401 "a page for an optional group that nobody asked for" alice "$APP/protected/"
    visit 200 "a file of the storage element" alice "$APP/files/hello.txt"
    body '^Hello from se1\.$'

    # --- the session as the module sees it
    visit 200 "session" alice "$APP/callback?info=json"
    equal "userinfo: name" "Alice Doe" "$(info userinfo/name)"
    equal "userinfo: subject" a1b98335-9649-4fb0-961d-5a49ce108d49 "$(info userinfo/sub)"
    equal "ID token: audience" "$CLIENT_ID" "$(info id_token/aud)"
    equal "ID token: issuer" "$IAM_URL/" "$(info id_token/iss)"
    TOKEN=$(info access_token)
    visit 200 "refresh" alice -G "$APP/callback" --data-urlencode "refresh=$APP/" --data-urlencode "access_token=$TOKEN"
    visit 200 "session" alice "$APP/callback?info=json"
    rows=$((rows + 1))
    [[ $(info access_token) != "$TOKEN" ]] || failed "another access token after the refresh"
    visit 200 "the file with the new token" alice "$APP/files/hello.txt"
    body '^Hello from se1\.$'

    # --- others: no group, no consent, no way in
    sign_in mallory mallory-password "$APP/"
    body 'name=Mallory Moe'
    visit 401 "no page for the group" mallory "$APP/members/"
    visit 200 "bob is sent to the login page" bob "$APP/"
    visit 200 "bob logs in" bob "$IAM_URL/login" -d username=bob -d password=bob-password
    visit 200 "bob refuses" bob "$IAM_URL/authorize" -d user_oauth_approval=true -d deny=Deny
    # This version of the module takes a refusal that names its issuer (RFC 9207 §2) for a login begun elsewhere.
    body 'access_denied|SSO to this module'
    expect_status 400 "an answer that nobody asked for" "$APP/callback?code=made-up&state=made-up"

    # --- again: the consent is remembered, and the issuer knows the person
    visit 200 "logout of the application" alice -G "$APP/callback" --data-urlencode "logout=$APP/"
    body 'sub=a1b98335'
    expect_status 302 "without its cookie the application asks again" "$APP/"

    # --- tokens of programs, by the issuer's keys
    PROGRAM=$(token --scope storage.read:/)
    PERSON=$(token --user alice --scope openid)
    expect_status 401 "no token" "$APP/api/answer"
    header '^www-authenticate: Bearer'
    expect_status 401 "garbage" --oauth2-bearer garbage "$APP/api/answer"
    expect_status 200 "a program's token" --oauth2-bearer "$PROGRAM" "$APP/api/answer"
    body '^the answer$'
    expect_status 401 "a token that was cut" --oauth2-bearer "${PROGRAM%????????}" "$APP/api/answer"

    # --- tokens of people, by introspection
    expect_status 200 "a person's token" --oauth2-bearer "$PERSON" "$ASKING/api/answer"
    body '^the answer$'
    expect_status 401 "a program's token is not alice's" --oauth2-bearer "$PROGRAM" "$ASKING/api/answer"
    expect_status 200 "revocation" -u trainee:trainee-secret --data-urlencode "token=$PERSON" "$IAM_URL/revoke"
    expect_status 401 "a revoked token" --oauth2-bearer "$PERSON" "$ASKING/api/answer"
done
finish
