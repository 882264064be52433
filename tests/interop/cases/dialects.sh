# gfal2 and curl against the storage element in each dialect, copying from and to one that speaks the default.
. "$INTEROP/lib.sh"
need gfal-copy gfal-stat gfal-ls gfal-mkdir gfal-rm gfal-sum curl
export GFAL_PYTHONBIN=/usr/bin/python3
random_file large 3000000
: >empty
SUM=$(adler32 large)

for dialect in strict xrootd-5.5 xrootd-6 storm dcache; do
    serve --set "actors.se2.storage.dialect=$dialect"
    BEARER_TOKEN=$(token --scope storage.read:/ --scope storage.modify:/)
    export BEARER_TOKEN
    S=${SE1_URL/https:/davs:}/wlcg
    D=${SE2_URL/https:/davs:}/wlcg

    ok "$dialect: mkdir" gfal-mkdir -p "$D/made"
    for file in large empty; do
        ok "$dialect: upload, $file" gfal-copy "file://$PWD/$file" "$D/made/$file"
        ok "$dialect: download, $file" gfal-copy -f "$D/made/$file" "file://$PWD/back"
        same_bytes "$dialect: upload and download, $file" "$file" back
        for mode in pull push streamed; do
            ok "$dialect: $mode from it, $file" gfal-copy --copy-mode "$mode" "$D/made/$file" "$S/$mode-$file"
            ok "$dialect: $mode to it, $file" gfal-copy --copy-mode "$mode" "$S/$mode-$file" "$D/made/$mode-$file"
        done
    done
    says '-.* 3000000 .*large' "$dialect: ls -l" gfal-ls -l "$D/made"
    says 'Size: 3000000' "$dialect: stat" gfal-stat "$D/made/large"
    says " $SUM\$" "$dialect: sum" gfal-sum "$D/made/large" ADLER32
    ok "$dialect: copy with checksum, -f" gfal-copy -f -K ADLER32 "$S/pull-large" "$D/made/pull-large"
    refuse "$dialect: copy onto a file" gfal-copy "$S/pull-large" "$D/made/pull-large"
    refuse "$dialect: copy of what is not there" gfal-copy "$S/nothing" "$D/made/nothing"
    ok "$dialect: rm" gfal-rm "$D/made/large"
    refuse "$dialect: what was removed" gfal-stat "$D/made/large"
    ok "$dialect: rm -r" gfal-rm -r "$D/made"
    refuse "$dialect: no token" env -u BEARER_TOKEN gfal-stat "$D/"

    stop_all
    rm -rf lab
done
finish
