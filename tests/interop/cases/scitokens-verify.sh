# The SciTokens C++ library as Debian packages it, with which XRootD judges: its tools fetch discovery document and keys
# from the issuer by themselves, for RS256 and for ES256.
. "$INTEROP/lib.sh"
need scitokens-verify scitokens-list-access scitokens-test-access scitokens-create python3 openssl unshare

# The library trusts the certificate authorities of the system and nothing else. In a mount namespace of its own the
# served world's stands among them, and the system is left alone.
export XDG_CACHE_HOME=$PWD/cache
mounted() {
    unshare --mount --propagation private bash -c '
        mount --bind "$0" /etc/ssl/certs/ca-certificates.crt
        exec "$@"
    ' "$PWD/bundle.pem" "$@"
}
export -f mounted

# fetched: how often the library has asked the issuer for each document.
fetched() {
    python3 -c '
import json
count = {}
for line in open("lab/journal.jsonl"):
    exchange = json.loads(line)["event"].get("exchange")
    if exchange and exchange["from"] == "outside" and exchange["to"] == "iam":
        path = exchange["url"].split("/", 3)[3].lstrip("/")
        if exchange["method"] == "GET":
            count[path] = count.get(path, 0) + 1
print(*(f"{path}:{n}" for path, n in sorted(count.items())))'
}

# accepts / refuses WHAT TOOL ARGUMENT…
accepts() { says 'deserialization successful|Start of ACLs|Access test' "$1" bash -c 'mounted "$@"' mounted "${@:2}"; }
refuses() { refuse "$1" bash -c 'mounted "$@"' mounted "${@:2}"; }
# acls WHAT WANTED TOKEN AUDIENCE: what the library lets a token do.
acls() {
    accepts "$1" scitokens-list-access "$3" "$IAM_URL/" "$4"
    equal "$1" "$2" "$(sed -n 's/^ACL: //p' row.out | LC_ALL=C sort | paste -sd' ')"
}

# tampered TOKEN: the same with one bit of the payload changed.
tampered() {
    python3 -c '
import sys
head, payload, signature = sys.argv[1].split(".")
at = len(payload) // 2
print(head, payload[:at] + ("A" if payload[at] != "A" else "B") + payload[at + 1:], signature, sep=".")' "$1"
}

for ALGORITHM in RS256 ES256; do
    stop_all
    rm -rf lab cache
    serve --set "actors.iam.issuer.algorithm=\"$ALGORITHM\""
    cat /etc/ssl/certs/ca-certificates.crt "$CARNET_DIR/ca.pem" >bundle.pem

    CLIENT=$(token --scope storage.read:/ --scope storage.create:/new --audience "$SE1_URL")
    ANY=$(token --scope storage.read:/a)
    MODIFY=$(token --scope storage.modify:/m --audience "$SE1_URL" --audience "$SE2_URL")
    PERSON=$(token --user alice --scope storage.read:/ --scope wlcg.groups --audience "$SE1_URL")

    accepts "$ALGORITHM: a client's token" scitokens-verify "$CLIENT"
    accepts "$ALGORITHM: by the WLCG profile" scitokens-verify --profile wlcg "$CLIENT"
    accepts "$ALGORITHM: a person's token" scitokens-verify --profile wlcg "$PERSON"
    refuses "$ALGORITHM: changed payload" scitokens-verify "$(tampered "$CLIENT")"
    refuses "$ALGORITHM: no token" scitokens-verify garbage

    acls "$ALGORITHM: read and create" 'create:/new read:/ write:/new' "$CLIENT" "$SE1_URL"
    acls "$ALGORITHM: the audience of all" 'read:/a' "$ANY" "$SE1_URL"
    acls "$ALGORITHM: one audience of two" 'modify:/m write:/m' "$MODIFY" "$SE2_URL"
    refuses "$ALGORITHM: another audience" scitokens-list-access "$CLIENT" "$IAM_URL/" "$SE2_URL"
    refuses "$ALGORITHM: another issuer" scitokens-list-access "$CLIENT" "https://other.example/" "$SE1_URL"
    refuses "$ALGORITHM: issuer without its slash" scitokens-list-access "$CLIENT" "$IAM_URL" "$SE1_URL"
    accepts "$ALGORITHM: read below" scitokens-test-access "$CLIENT" "$IAM_URL/" "$SE1_URL" read /some/file
    accepts "$ALGORITHM: create below" scitokens-test-access "$CLIENT" "$IAM_URL/" "$SE1_URL" create /new/file
    refuses "$ALGORITHM: create beside" scitokens-test-access "$CLIENT" "$IAM_URL/" "$SE1_URL" create /other

    # The journal comes to its file a little later than the answers.
    for ((left = LIMIT * 10; left > 0; left--)); do [[ $(fetched) == *jwk* ]] && break || sleep 0.1; done
    equal "$ALGORITHM: discovery and keys were fetched once" '.well-known/openid-configuration:1 jwk:1' "$(fetched)"

    # Keys that are already known need no network, and no trust in a certificate authority.
    ok "$ALGORITHM: from the key cache alone" scitokens-verify "$CLIENT"
    refuse "$ALGORITHM: without cache and trust" env XDG_CACHE_HOME="$PWD/empty" scitokens-verify "$CLIENT"
done

# A token by the library itself, of the same issuer and key name but signed by somebody else.
openssl ecparam -genkey -name prime256v1 -noout -out other.key 2>/dev/null
openssl ec -in other.key -pubout -out other.pem 2>/dev/null
rows=$((rows + 1))
FORGED=$(scitokens-create --cred other.pem --key other.key --keyid "$(python3 -c '
import json, ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[1])
print(json.load(urllib.request.urlopen(sys.argv[2], context=context))["keys"][0]["kid"])' "$CARNET_DIR/ca.pem" "$IAM_URL/jwk")" \
    --issuer "$IAM_URL/" --profile wlcg --claim "aud=$SE1_URL" --claim scope=storage.read:/ 2>row.out) || failed "scitokens-create"
refuses "a forged token" scitokens-verify "$FORGED"
expect_status 401 "a forged token at the storage element" --oauth2-bearer "$FORGED" "$SE1_URL/wlcg/hello.txt"
finish
