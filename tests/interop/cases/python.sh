# Python's libraries: scitokens (enforcer and test), PyJWT with its key client, Authlib's OAuth sessions for every grant.
. "$INTEROP/lib.sh"
venv=${CARNET_INTEROP_VENV:-/opt/carnet-interop}
need "$venv/bin/python"

for ALGORITHM in RS256 ES256; do
    stop_all
    rm -rf lab
    serve --set "actors.iam.issuer.algorithm=\"$ALGORITHM\""
    export ALGORITHM
    # urllib, with which scitokens and PyJWT fetch, and requests read these.
    export SSL_CERT_FILE="$CARNET_DIR/ca.pem" REQUESTS_CA_BUNDLE="$CARNET_DIR/ca.pem"
    for LIBRARY in scitokens pyjwt authlib; do
        ok "$ALGORITHM: $LIBRARY" "$venv/bin/python" "$INTEROP/python/use_$LIBRARY.py"
    done
done
finish
