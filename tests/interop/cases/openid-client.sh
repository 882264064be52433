# openid-client, the OpenID Foundation's certified client library for Node: discovery, client credentials, device code,
# authorization code with PKCE, refresh, userinfo, introspection, revocation, registration.
. "$INTEROP/lib.sh"
need node
modules=${CARNET_INTEROP_NODE:-/opt/carnet-interop-node}/node_modules
[[ -d $modules/openid-client ]] || { echo "openid-client is not installed: run tests/interop/install"; exit 1; }
# Modules are looked for beside the program.
cp "$INTEROP/node/openid-client.mjs" "$INTEROP/node/person.mjs" .
ln -s "$modules" node_modules

for ALGORITHM in RS256 ES256; do
    stop_all
    rm -rf lab
    serve --set "actors.iam.issuer.algorithm=\"$ALGORITHM\""
    export ALGORITHM NODE_EXTRA_CA_CERTS="$CARNET_DIR/ca.pem"
    # Debian 12's Node has Web Cryptography behind this option.
    ok "$ALGORITHM: openid-client" node --experimental-global-webcrypto openid-client.mjs
done
finish
