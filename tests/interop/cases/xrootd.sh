# XRootD 5.5.3 with its third-party copy and SciTokens plugins, trusting Carnet's issuer, as the other side of copies, pull and
# push, Carnet to XRootD and XRootD to Carnet: sizes, checksums, refusals on both sides.
. "$INTEROP/lib.sh"
need curl python3
serve
. "$INTEROP/xrootd.sh"
xrootd_serve xrd1

# XRootD 5.5.3 may read a destination only with storage.read, so the token has both.
TOKEN=$(token --scope storage.read:/ --scope storage.modify:/)
READ=$(token --scope storage.read:/)
OTHER=$(token --scope storage.read:/ --scope storage.modify:/ --audience https://other.example)
ME=(--oauth2-bearer "$TOKEN")
C=$SE1_URL/wlcg
X=$XRD1_URL/wlcg

expect_status 200 "XRootD takes a token of Carnet's issuer: PUT" "${ME[@]}" -T "$INTEROP/lib.sh" "$X/mine"
expect_status 200 "GET" "${ME[@]}" "$X/mine"
same_bytes "PUT and GET" "$INTEROP/lib.sh" body
expect_status 403 "no token" "$X/mine"
expect_status 403 "another audience" --oauth2-bearer "$OTHER" "$X/mine"

# copy DIRECTION FROM TO: a third-party copy by the side that is named, with the terminal line.
copy() {
    local how=$1 from=$2 to=$3 status active header
    if [[ $how == pull ]]; then active=$to header="Source: $from"; else active=$from header="Destination: $to"; fi
    if [[ $active == "$X"* ]]; then status=201; else status=202; fi
    expect_status "$status" "$how $from $to" "${ME[@]}" -X COPY -H "$header" \
        -H "TransferHeaderAuthorization: Bearer $TOKEN" "$active"
    body '^success: Created'
}

sum_of() {
    curl -sS -m "$LIMIT" "${ME[@]}" -I -H 'Want-Digest: adler32' "$1" | tr -d '\r' | sed -n 's/^digest: adler32=//Ip'
}

LARGE=${CARNET_INTEROP_LARGE:-1073741824}
sizes=(0 1 1048576 "$LARGE")
mkdir files
for size in "${sizes[@]}"; do
    random_file "files/$size" "$size"
    expect_status 201 "$size bytes for Carnet" "${ME[@]}" -T "files/$size" "$C/from/$size"
    expect_status 200 "$size bytes for XRootD" "${ME[@]}" -T "files/$size" "$X/from/$size"
done
expect_status 201 "where to at XRootD" "${ME[@]}" -X MKCOL "$X/to/"

for size in "${sizes[@]}"; do
    sum=$(adler32 "files/$size")
    for how in pull push; do
        copy "$how" "$C/from/$size" "$X/to/$how-$size"
        equal "adler32 of $size bytes after $how to XRootD" "$sum" "$(sum_of "$X/to/$how-$size")"
        copy "$how" "$X/from/$size" "$C/to/$how-$size"
        equal "adler32 of $size bytes after $how to Carnet" "$sum" "$(sum_of "$C/to/$how-$size")"
    done
done
same_bytes "the file of 1 MiB in XRootD's folder, pulled" files/1048576 xrd1/data/wlcg/to/pull-1048576
same_bytes "the large file in XRootD's folder, pushed" "files/$LARGE" "xrd1/data/wlcg/to/push-$LARGE"
expect_status 200 "the large file at Carnet" "${ME[@]}" "$C/to/pull-$LARGE"
same_bytes "the large file at Carnet" "files/$LARGE" body
: >body

# Several streams.
expect_status 202 "pull in four streams by Carnet" "${ME[@]}" -X COPY -H 'X-Number-Of-Streams: 4' -H "Source: $X/from/$LARGE" \
    -H "TransferHeaderAuthorization: Bearer $TOKEN" "$C/to/streams"
body '^success: Created'
equal "adler32 after four streams" "$(adler32 "files/$LARGE")" "$(sum_of "$C/to/streams")"
expect_status 201 "pull in four streams by XRootD" "${ME[@]}" -X COPY -H 'X-Number-Of-Streams: 4' -H "Source: $C/from/$LARGE" \
    -H "TransferHeaderAuthorization: Bearer $TOKEN" "$X/to/streams"
body '^success: Created'
equal "adler32 after four streams" "$(adler32 "files/$LARGE")" "$(sum_of "$X/to/streams")"

# Refusals: the side that is asked, and the side behind it.
for wrong in "$OTHER" "$READ" not.a.token; do
    kind=$([[ $wrong == "$READ" ]] && echo "a token that only reads" || echo "a wrong token")
    expect_status "$([[ $wrong == "$READ" ]] && echo 403 || echo 401)" "Carnet is asked with $kind" --oauth2-bearer "$wrong" -X COPY \
        -H "Source: $X/from/1" -H "TransferHeaderAuthorization: Bearer $TOKEN" "$C/to/refused"
    expect_status 401 "XRootD is asked with $kind" --oauth2-bearer "$wrong" -X COPY \
        -H "Source: $C/from/1" -H "TransferHeaderAuthorization: Bearer $TOKEN" "$X/to/refused-$RANDOM"
    expect_status 202 "XRootD as the destination of Carnet's push with $kind" "${ME[@]}" -X COPY -H "Destination: $X/to/behind" \
        -H "TransferHeaderAuthorization: Bearer $wrong" "$C/from/1"
    body '^failure: .*403'
    expect_status 201 "Carnet as the destination of XRootD's push with $kind" "${ME[@]}" -X COPY -H "Destination: $C/to/behind" \
        -H "TransferHeaderAuthorization: Bearer $wrong" "$X/from/1"
    body '^failure: .*40[13]'
done
for wrong in "$OTHER" not.a.token; do
    expect_status 202 "XRootD as the source of Carnet's pull with a wrong token" "${ME[@]}" -X COPY -H "Source: $X/from/1" \
        -H "TransferHeaderAuthorization: Bearer $wrong" "$C/to/behind"
    body '^failure: .*403'
    expect_status 201 "Carnet as the source of XRootD's pull with a wrong token" "${ME[@]}" -X COPY -H "Source: $C/from/1" \
        -H "TransferHeaderAuthorization: Bearer $wrong" "$X/to/behind-$RANDOM"
    body '^failure: .*401'
done
expect_status 404 "nothing is left of it" "${ME[@]}" "$C/to/behind"
expect_status 404 "nothing is left of it" "${ME[@]}" "$C/to/refused"
finish
