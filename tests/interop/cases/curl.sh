# curl: every method and condition of the storage element, third-party copies, and every way to be refused.
. "$INTEROP/lib.sh"
need curl python3
serve --set 'actors.se1.storage.files={"/wlcg/hello.txt"={text="Hello from se1.\n"},"/wlcg/huge"="1 TiB"}'

TOKEN=$(token --scope storage.read:/ --scope storage.modify:/)
READ=$(token --scope storage.read:/)
CREATE=$(token --scope storage.read:/ --scope storage.create:/)
OTHER=$(token --scope storage.read:/ --scope storage.modify:/ --audience https://other.example)
OWN=$(token --scope storage.read:/ --audience "$SE1_URL")
BY_GROUP=$(token --user alice --scope wlcg.groups)
ME=(--oauth2-bearer "$TOKEN")
S=$SE1_URL/wlcg
D=$SE2_URL/wlcg

random_file small 1000
random_file large 5000000

# --- listing and reading
expect_status 200 "listing" "${ME[@]}" "$S/"
body hello.txt
expect_status 200 "GET" "${ME[@]}" "$S/hello.txt"
body '^Hello from se1\.$'
header '^accept-ranges: bytes'
header '^etag: "'
header '^last-modified: '
expect_status 200 "HEAD" "${ME[@]}" -I "$S/hello.txt"
header '^content-length: 16'
expect_status 404 "GET of what is not there" "${ME[@]}" "$S/nothing"
expect_status 200 "OPTIONS" -X OPTIONS "$S/"
header '^allow:.*PROPFIND'
header '^dav: .*1'
expect_status 207 "PROPFIND depth 0" "${ME[@]}" -X PROPFIND -H 'Depth: 0' "$S/hello.txt"
body '<[^>]*getcontentlength>16<'
expect_status 207 "PROPFIND depth 1" "${ME[@]}" -X PROPFIND -H 'Depth: 1' "$S/"
body /wlcg/hello.txt
expect_status 403 "PROPFIND depth infinity" "${ME[@]}" -X PROPFIND -H 'Depth: infinity' "$S/"

# --- writing
expect_status 201 "PUT" "${ME[@]}" -T small "$S/small"
expect_status 204 "PUT again" "${ME[@]}" -T small "$S/small"
expect_status 201 "PUT, 100-continue" "${ME[@]}" -T large -H 'Expect: 100-continue' "$S/large"
header '^HTTP/1.1 100|^HTTP/2 100|^HTTP/2 201|^HTTP/1.1 201'
expect_status 201 "PUT, chunked" "${ME[@]}" -T - -H 'Transfer-Encoding: chunked' "$S/empty"
expect_status 200 "GET of an empty file" "${ME[@]}" -H 'Want-Digest: adler32' "$S/empty"
header '^digest: adler32=00000001'
expect_status 201 "PUT makes missing collections" "${ME[@]}" -T small "$S/a/b/c/small"
expect_status 200 "GET what was put" "${ME[@]}" "$S/large"
same_bytes "PUT and GET" large body
expect_status 200 "adler32" "${ME[@]}" -I -H 'Want-Digest: adler32' "$S/large"
header "^digest: adler32=$(adler32 large)"
expect_status 412 "PUT, If-None-Match: *" "${ME[@]}" -T small -H 'If-None-Match: *' "$S/small"
expect_status 409 "PUT below a file" "${ME[@]}" -T small "$S/small/below"
expect_status 405 "PUT onto a collection" "${ME[@]}" -T small -X PUT "$S/a"

# --- ranges and conditions
expect_status 206 "range" "${ME[@]}" -r 10-19 "$S/small"
header '^content-range: bytes 10-19/1000'
head -c 20 small | tail -c 10 >part
same_bytes "the range" part body
expect_status 206 "suffix range" "${ME[@]}" -r -5 "$S/small"
header '^content-range: bytes 995-999/1000'
expect_status 206 "several ranges" "${ME[@]}" -r 0-1,10-11 "$S/small"
header '^content-type: multipart/byteranges'
expect_status 416 "range beyond the end" "${ME[@]}" -r 2000- "$S/small"
header '^content-range: bytes \*/1000'
expect_status 200 "for the ETag" "${ME[@]}" -I "$S/small"
ETAG=$(sed -n 's/^etag: *//Ip' head | tr -d '\r')
MODIFIED=$(sed -n 's/^last-modified: *//Ip' head | tr -d '\r')
expect_status 304 "If-None-Match" "${ME[@]}" -H "If-None-Match: $ETAG" "$S/small"
expect_status 304 "If-Modified-Since" "${ME[@]}" -H "If-Modified-Since: $MODIFIED" "$S/small"
expect_status 412 "If-Match" "${ME[@]}" -H 'If-Match: "other"' "$S/small"
expect_status 200 "If-Range of an older file" "${ME[@]}" -r 0-9 -H 'If-Range: "other"' "$S/small"
expect_status 206 "If-Range of this file" "${ME[@]}" -r 0-9 -H "If-Range: $ETAG" "$S/small"

# --- collections, moves, local copies
expect_status 201 "MKCOL" "${ME[@]}" -X MKCOL "$S/made"
expect_status 405 "MKCOL again" "${ME[@]}" -X MKCOL "$S/made"
expect_status 409 "MKCOL without its parent" "${ME[@]}" -X MKCOL "$S/no/where"
expect_status 201 "MOVE" "${ME[@]}" -X MOVE -H "Destination: $S/made/small" "$S/small"
expect_status 404 "the old name" "${ME[@]}" "$S/small"
expect_status 412 "MOVE, Overwrite: F" "${ME[@]}" -X MOVE -H 'Overwrite: F' -H "Destination: $S/made/small" "$S/a/b/c/small"
expect_status 204 "MOVE onto a file" "${ME[@]}" -X MOVE -H "Destination: $S/made/small" "$S/a/b/c/small"
expect_status 201 "local COPY" "${ME[@]}" -X COPY -H "Destination: $S/copy" "$S/made/small"
expect_status 200 "the local copy" "${ME[@]}" "$S/copy"
same_bytes "the local copy" small body
expect_status 409 "DELETE of a collection with members" "${ME[@]}" -X DELETE "$S/made"
expect_status 204 "DELETE" "${ME[@]}" -X DELETE "$S/made/small"
expect_status 404 "DELETE again" "${ME[@]}" -X DELETE "$S/made/small"
expect_status 204 "DELETE of an empty collection" "${ME[@]}" -X DELETE "$S/made"

# --- third-party copies
expect_status 202 "pull" "${ME[@]}" -X COPY -H "Source: $S/large" -H "TransferHeaderAuthorization: Bearer $TOKEN" "$D/pulled"
body '^success: Created'
expect_status 200 "what was pulled" "${ME[@]}" "$D/pulled"
same_bytes "pull" large body
expect_status 202 "push" "${ME[@]}" -X COPY -H "Destination: $D/pushed" -H "TransferHeaderAuthorization: Bearer $TOKEN" "$S/large"
body '^success: Created'
expect_status 200 "what was pushed" "${ME[@]}" "$D/pushed"
same_bytes "push" large body
expect_status 202 "pull in four streams" "${ME[@]}" -X COPY -H 'X-Number-Of-Streams: 4' -H "Source: $S/large" \
    -H "TransferHeaderAuthorization: Bearer $TOKEN" "$D/streams"
body '^success: Created'
expect_status 412 "pull, Overwrite: F" "${ME[@]}" -X COPY -H 'Overwrite: F' -H "Source: $S/large" \
    -H "TransferHeaderAuthorization: Bearer $TOKEN" "$D/pulled"
expect_status 202 "pull of what is not there" "${ME[@]}" -X COPY -H "Source: $S/nothing" \
    -H "TransferHeaderAuthorization: Bearer $TOKEN" "$D/none"
body '^failure: .*404'
expect_status 404 "nothing is left of it" "${ME[@]}" "$D/none"
expect_status 202 "pull without the source's token" "${ME[@]}" -X COPY -H "Source: $S/large" "$D/none"
body '^failure: .*401'
expect_status 202 "pull with a token the source refuses" "${ME[@]}" -X COPY -H "Source: $S/large" \
    -H "TransferHeaderAuthorization: Bearer $OTHER" "$D/none"
body '^failure: .*401'
expect_status 401 "pull without a token" -X COPY -H "Source: $S/large" -H "TransferHeaderAuthorization: Bearer $TOKEN" "$D/none"
expect_status 403 "pull with a token that only reads" --oauth2-bearer "$READ" -X COPY -H "Source: $S/large" \
    -H "TransferHeaderAuthorization: Bearer $TOKEN" "$D/none"

# The client of a copy leaves: the copy ends and nothing is visible of it.
timeout 2 curl -sSN "${ME[@]}" -X COPY -H "Source: $S/huge" -H "TransferHeaderAuthorization: Bearer $TOKEN" "$D/cancelled" >markers || true
equal "a marker came first" "Perf Marker" "$(head -n 1 markers)"
ok "the journal tells it" bash -c \
    'for ((left = 100; left > 0; left--)); do grep -Fq "went away: the copy is cancelled" "$CARNET_DIR/journal.jsonl" && exit; sleep 0.1; done; exit 1'
expect_status 404 "nothing is left when the client leaves" "${ME[@]}" "$D/cancelled"
expect_status 400 "COPY to nowhere" "${ME[@]}" -X COPY "$D/pulled"

# --- refusals
expect_status 401 "no token" "$S/hello.txt"
header '^www-authenticate: bearer'
expect_status 401 "not a token" --oauth2-bearer not.a.token "$S/hello.txt"
header '^www-authenticate: bearer.*error="invalid_token"'
expect_status 401 "a broken signature" --oauth2-bearer "${TOKEN%???}abc" "$S/hello.txt"
header 'error="invalid_token"'
expect_status 401 "another audience" --oauth2-bearer "$OTHER" "$S/hello.txt"
header 'error="invalid_token"'
expect_status 200 "its own audience" --oauth2-bearer "$OWN" "$S/hello.txt"
expect_status 401 "its neighbour's audience" --oauth2-bearer "$OWN" "$D/"
STRANGE=$("$CARNET" token mint --issuer "$IAM_URL/" --sub me --audience "$SE1_URL" --scope storage.read:/)
expect_status 401 "a key that the issuer does not have" --oauth2-bearer "$STRANGE" "$S/hello.txt"
EXPIRED=$("$CARNET" token mint --issuer "$IAM_URL/" --sub me --audience "$SE1_URL" --scope storage.read:/ --lifetime=-1h)
expect_status 401 "expired" --oauth2-bearer "$EXPIRED" "$S/hello.txt"
UNKNOWN=$("$CARNET" token mint --issuer https://unknown.example/ --sub me --audience "$SE1_URL" --scope storage.read:/)
expect_status 401 "an issuer it does not trust" --oauth2-bearer "$UNKNOWN" "$S/hello.txt"
expect_status 403 "PUT with storage.read" --oauth2-bearer "$READ" -T small "$S/mine"
header 'error="insufficient_scope"'
expect_status 201 "PUT with storage.create" --oauth2-bearer "$CREATE" -T small "$S/mine"
expect_status 403 "PUT again with storage.create" --oauth2-bearer "$CREATE" -T small "$S/mine"
expect_status 403 "DELETE with storage.create" --oauth2-bearer "$CREATE" -X DELETE "$S/mine"
expect_status 403 "outside of the storage area" "${ME[@]}" "$SE1_URL/elsewhere"
expect_status 200 "GET by group" --oauth2-bearer "$BY_GROUP" "$S/hello.txt"
expect_status 403 "the protected area by the default groups" --oauth2-bearer "$BY_GROUP" "$S/protected/"
expect_status 201 "PUT by group" --oauth2-bearer "$BY_GROUP" -T small "$S/by-group"
finish
