# The issuer's pages for people in Chromium, 390 px wide: login, here and at the home institute; acceptable use policy, new,
# lapsed and changed; consent, device, errors. Pictures of all of them are kept in target/interop, for an issuer by the book
# and for one like INDIGO IAM.
. "$INTEROP/lib.sh"
need chromium chromedriver python3 openssl
PICTURES=$INTEROP/../../target/interop
export POLICY='Use the grid for the work of the experiment, and tell us when something looks wrong.'
export ADMIN_SECRET=pages
LIMIT=$((LIMIT * 5))

# spki URL: the digest of a server's public key.
spki() {
    openssl s_client -connect "${1#https://}" -servername localhost </dev/null 2>/dev/null |
        openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
}

for COMPAT in strict iam-1.12 iam-1.7; do
    export COMPAT
    stop_all
    rm -rf lab profile
    serve --set "actors.iam.issuer.aup={text='$POLICY',validity_days=30}" --set "actors.iam.issuer.admin_secret='$ADMIN_SECRET'" --set "actors.iam.issuer.compat=\"$COMPAT\""

    PORT=$(free_port)
    chromedriver --port="$PORT" >driver.out 2>&1 &
    servers+=("$!")
    for ((left = LIMIT * 10; left > 0; left--)); do curl -s -o /dev/null "http://127.0.0.1:$PORT/status" && break || sleep 0.1; done

    # The browser takes these keys as known; the system's certificate authorities stay as they are.
    SPKI=$(spki "$IAM_URL"),$(spki "$INSTITUTE_URL")

    says 'Chromium .*: 23 pages$' "the pages as $COMPAT" python3 "$INTEROP/browser/pages.py" "http://127.0.0.1:$PORT" "$SPKI" "$PICTURES/$COMPAT"
    rows=$((rows + 1))
    [[ -s $PICTURES/$COMPAT/consent.png ]] || failed "a picture of the consent page as $COMPAT"
done
finish
