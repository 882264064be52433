# gfal2: stat, ls, mkdir, rm, sum, rename, upload, download, and third-party copies in its three modes, with tokens.
. "$INTEROP/lib.sh"
need gfal-copy gfal-stat gfal-ls gfal-mkdir gfal-rm gfal-sum gfal-rename curl
serve

# The scripts want the system's python, where gfal2 is.
export GFAL_PYTHONBIN=/usr/bin/python3
BEARER_TOKEN=$(token --scope storage.read:/ --scope storage.modify:/)
export BEARER_TOKEN
READ=$(token --scope storage.read:/)
S=${SE1_URL/https:/davs:}/wlcg
D=${SE2_URL/https:/davs:}/wlcg
random_file one 1
random_file large 3000000
: >empty
SUM=$(adler32 large)

ok "stat of a file" gfal-stat "$S/hello.txt"
says 'Size: 16' "its size" gfal-stat "$S/hello.txt"
says '^  File:.*wlcg' "stat of a collection" gfal-stat "$S/"
says 'hello.txt' "ls" gfal-ls "$S/"
says '^-.* 16 .*hello.txt' "ls -l" gfal-ls -l "$S/"
refuse "stat of what is not there" gfal-stat "$S/nothing"

ok "mkdir" gfal-mkdir "$S/made"
ok "mkdir -p" gfal-mkdir -p "$S/made/a/b/c"
ok "upload" gfal-copy "file://$PWD/large" "$S/made/large"
ok "upload of an empty file" gfal-copy "file://$PWD/empty" "$S/made/empty"
ok "upload of a byte" gfal-copy "file://$PWD/one" "$S/made/one"
refuse "upload onto a file" gfal-copy "file://$PWD/one" "$S/made/large"
ok "upload onto a file, -f" gfal-copy -f "file://$PWD/large" "$S/made/large"
ok "upload with its parents and checksum" gfal-copy -p -K ADLER32 "file://$PWD/large" "$S/deep/er/large"
ok "download" gfal-copy -f "$S/made/large" "file://$PWD/large.back"
same_bytes "upload and download" large large.back
ok "download of an empty file" gfal-copy -f "$S/made/empty" "file://$PWD/empty.back"
same_bytes "empty file" empty empty.back
ok "download with checksum" gfal-copy -f -K ADLER32 "$S/made/large" "file://$PWD/large.back"
says " $SUM\$" "sum" gfal-sum "$S/made/large" ADLER32
says " 00000001\$" "sum of an empty file" gfal-sum "$S/made/empty" ADLER32
ok "rename" gfal-rename "$S/made/one" "$S/made/uno"
refuse "the old name" gfal-stat "$S/made/one"
ok "the new name" gfal-stat "$S/made/uno"

for mode in pull push streamed; do
    for file in large empty uno; do
        ok "$mode, $file" gfal-copy --copy-mode "$mode" "$S/made/$file" "$D/$mode-$file"
    done
    says " $SUM\$" "sum after $mode" gfal-sum "$D/$mode-large" ADLER32
    says " 00000001\$" "sum of an empty file after $mode" gfal-sum "$D/$mode-empty" ADLER32
    refuse "$mode onto a file" gfal-copy --copy-mode "$mode" "$S/made/uno" "$D/$mode-large"
    ok "$mode onto a file, -f" gfal-copy -f --copy-mode "$mode" "$S/made/uno" "$D/$mode-large"
    ok "$mode with checksum and parents" gfal-copy -p -K ADLER32 --copy-mode "$mode" "$S/made/large" "$D/new/$mode/large"
    ok "$mode, only the copy" gfal-copy --just-copy --copy-mode "$mode" "$S/made/large" "$D/just-$mode"
    refuse "$mode of what is not there" gfal-copy --copy-mode "$mode" "$S/nothing" "$D/nothing"
    refuse "nothing is left of it" gfal-stat "$D/nothing"
done
refuse "a wrong checksum" gfal-copy -K ADLER32:12345678 "$S/made/large" "$D/wrong"

ok "rm" gfal-rm "$S/made/uno"
refuse "what was removed" gfal-stat "$S/made/uno"
refuse "rm of a collection with members" gfal-rm "$S/made"
ok "rm -r" gfal-rm -r "$S/made"
refuse "the collection" gfal-stat "$S/made"

refuse "stat without a token" env -u BEARER_TOKEN gfal-stat "$S/hello.txt"
refuse "upload with a token that only reads" env BEARER_TOKEN="$READ" gfal-copy "file://$PWD/one" "$S/mine"
refuse "copy with a token that only reads" env BEARER_TOKEN="$READ" gfal-copy "$S/hello.txt" "$D/mine"
ok "stat by group" env BEARER_TOKEN="$(token --user alice --scope wlcg.groups)" gfal-stat "$S/hello.txt"
finish
