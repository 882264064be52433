# shellcheck shell=bash
# What a person does with a browser, done with curl: log in at the issuer, agree with what a page asks. For cases that
# need somebody's consent and are about something else; the pages themselves are tested by cases/pages.sh.
#
#     . "$INTEROP/people.sh"
#     person alice alice-password          # logs in; cookies in ./alice.cookies
#     approve_device alice CODE            # types the code of a device and authorizes it

# browse WHO CURL-ARGUMENT…: one step in a person's session; the page goes to ./page.
browse() {
    local who=$1
    shift
    timeout "$LIMIT" curl -sS -b "$who.cookies" -c "$who.cookies" -o page -w '%{http_code} %{redirect_url}\n' "$@"
}

# person NAME PASSWORD
person() {
    local went
    browse "$1" "$IAM_URL/login" >row.out
    went=$(browse "$1" "$IAM_URL/login" --data-urlencode "username=$1" --data-urlencode "password=$2")
    [[ $went == "302 "* && $went != *error* ]] || { echo "$1 could not log in: $went"; exit 1; }
}

# approve_device WHO CODE: as the pages ask for it, with everything that stands on the page.
approve_device() {
    browse "$1" "$IAM_URL/device/verify" --data-urlencode "user_code=$2" >approve.out
    browse "$1" "$IAM_URL/device/approve" --data-urlencode "user_code=$2" -d user_oauth_approval=true -d remember=none -d authorize=Authorize >approve.out
    grep -q 'The device has been approved' page
}

# claims TOKEN: the claims of a token as JSON.
claims() {
    python3 -c '
import base64, sys
part = sys.argv[1].split(".")[1]
print(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode())' "$1"
}

# does WHAT FUNCTION…: succeeds; like ok, for what is not a program of its own.
does() {
    local what=$1 code=0
    shift
    rows=$((rows + 1))
    "$@" >row.out 2>&1 </dev/null || code=$?
    ((code == 0)) || { echo "exit code $code" >>row.out; failed "$what: $*"; }
}

# does_not WHAT FUNCTION…: ends with a failure.
does_not() {
    local what=$1
    shift
    rows=$((rows + 1))
    if "$@" >row.out 2>&1 </dev/null; then failed "$what: $*"; fi
}
