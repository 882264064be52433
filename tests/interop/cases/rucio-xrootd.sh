# Both seed flows from Rucio's rule to the replica, with a real XRootD in place of a storage element, as the destination and
# as the source: delegated identity, where tokens carry storage scopes, and groups, where they carry the user's.
. "$INTEROP/lib.sh"
need curl python3 xrootd
. "$INTEROP/rucio.sh"

# flow ACCOUNT STORAGE-TOKEN RUCIO-TOKEN: a file there and another back.
flow() {
    rucio_login
    rse XRD "$XRD1_URL"
    rse OURS "$SE2_URL"
    for pair in OURS/distances/XRD XRD/distances/OURS; do rucio '20[01]' "/rses/$pair" '{"distance": 1}'; done
    rucio 201 /accounts/root/scopes/example '{}'
    replica to-xrootd OURS "$SE2_URL" 1048576 "$2"
    replica from-xrootd XRD "$XRD1_URL" 3000000 "$2"

    rule to-xrootd XRD "$1" "${3:-$RUCIO}"
    expect_status 200 "the replica at XRootD" --oauth2-bearer "$2" "$XRD1_URL/wlcg/example/to-xrootd"
    same_bytes "to XRootD" to-xrootd body
    rule from-xrootd OURS "$1" "${3:-$RUCIO}"
    expect_status 200 "the replica at Carnet's storage element" --oauth2-bearer "$2" "$SE2_URL/wlcg/example/from-xrootd"
    same_bytes "from XRootD" from-xrootd body
}

# A: Rucio and FTS act for themselves.
serve
. "$INTEROP/xrootd.sh"
xrootd_serve xrd1
flow root "$(token --scope storage.read:/ --scope storage.modify:/)" ""
stop_all
rm -rf lab xrd1

# B: Rucio and FTS act for alice, and the storage elements look at her groups.
serve --topology flow-b
XROOTD_GROUPS=yes xrootd_serve xrd1
of_alice() {
    "$CARNET" token get --dir "$CARNET_DIR" --client user-agent --user "$1" --scope openid --scope wlcg.groups "${@:2}"
}
flow alice "$(of_alice alice)" "$(of_alice alice --audience "$RUCIO_URL")"
expect_status 403 "who is in no group" --oauth2-bearer "$(of_alice bob)" "$XRD1_URL/wlcg/example/from-xrootd"
finish
