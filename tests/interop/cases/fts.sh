# Carnet's FTS drives a real XRootD: XRootD to XRootD, Carnet to XRootD, XRootD to Carnet, with tokens that FTS exchanges at
# Carnet's issuer for rights at both storage elements; sizes and checksums compared by FTS and by us.
. "$INTEROP/lib.sh"
need curl python3
serve
. "$INTEROP/xrootd.sh"
xrootd_serve xrd1
xrootd_serve xrd2

TOKEN=$(token --scope storage.read:/ --scope storage.modify:/)
SUBMIT=$(token --scope fts:submit-transfer --audience "$FTS_URL")
ME=(--oauth2-bearer "$TOKEN")
C=$SE1_URL/wlcg
X=$XRD1_URL/wlcg
Y=$XRD2_URL/wlcg

LARGE=${CARNET_INTEROP_LARGE:-1073741824}
sizes=(0 1 1048576 "$LARGE")
mkdir files
for size in "${sizes[@]}"; do
    random_file "files/$size" "$size"
    expect_status 201 "$size bytes for Carnet" "${ME[@]}" -T "files/$size" "$C/from/$size"
    expect_status 200 "$size bytes for XRootD" "${ME[@]}" -T "files/$size" "$X/from/$size"
done
# A pull into a collection that is not there is refused by XRootD.
expect_status 201 "where to at XRootD" "${ME[@]}" -X MKCOL "$X/to/"
expect_status 201 "where to at the other XRootD" "${ME[@]}" -X MKCOL "$Y/to/"

field() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2], ""))' "$1" "$2"; }

# submit FROM TO: a job with a file of each size; its id in $JOB.
submit() {
    python3 - "$1" "$2" "${sizes[@]}" >job.json <<'PYTHON'
import json, sys
source, destination, *sizes = sys.argv[1:]
files = [{"sources": [f"{source}/{size}"], "destinations": [f"{destination}-{size}"], "filesize": int(size)} for size in sizes]
print(json.dumps({"files": files, "params": {"verify_checksum": "both", "overwrite": False}}))
PYTHON
    expect_status 200 "submit $1 to $2" --oauth2-bearer "$SUBMIT" -H 'Content-Type: application/json' -d @job.json "$FTS_URL/jobs"
    JOB=$(field body job_id)
}

# ends STATE WHAT: the job comes to an end, and this is it.
ends() {
    local left=$((LIMIT * 2)) state=
    while ((left-- > 0)); do
        curl -sS -m 20 --oauth2-bearer "$SUBMIT" "$FTS_URL/jobs/$JOB?files=file_state,reason,source_surl,dest_surl" >job.out || true
        state=$(field job.out job_state) || true
        case $state in FINISHED | FAILED | FINISHEDDIRTY | CANCELED) break ;; esac
        sleep 0.5
    done
    rows=$((rows + 1))
    [[ $state == "$1" ]] || { cp job.out row.out; failed "$2: the job ended as $state, wanted $1"; }
}

sum_of() {
    curl -sS -m "$LIMIT" "${ME[@]}" -I -H 'Want-Digest: adler32' "$1" | tr -d '\r' | sed -n 's/^digest: adler32=//Ip'
}

while read -r what from to; do
    submit "$from" "$to"
    ends FINISHED "$what"
    for size in "${sizes[@]}"; do
        equal "$what: adler32 of $size bytes" "$(adler32 "files/$size")" "$(sum_of "$to-$size")"
    done
done <<END
XRootD-to-XRootD $X/from $Y/to/from-xrootd
Carnet-to-XRootD $C/from $Y/to/from-carnet
XRootD-to-Carnet $X/from $C/to/from-xrootd
END

# Refused: what is not there, and a destination that exists.
submit "$X/nothing" "$Y/to/nothing"
ends FAILED "from what is not there"
submit "$X/from" "$Y/to/from-xrootd"
ends FAILED "onto files that are there"

# Who is not known to the issuer submits nothing; a token without the right to submit neither.
expect_status 403 "a submission with another service's token" --oauth2-bearer "$(token --scope fts:submit-transfer --audience "$SE1_URL")" \
    -H 'Content-Type: application/json' -d @job.json "$FTS_URL/jobs"
finish
