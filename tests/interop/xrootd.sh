# shellcheck shell=bash
# XRootD 5.5.3 as Debian packages it, with third-party copy and tokens, trusting the issuer of the served world:
#
#     xrootd_serve xrd1          $XRD1_URL; its files are below ./xrd1/data, its log is ./xrd1/log/xrd1/xrootd.log
#
# Scopes are relative to /wlcg, or to XROOTD_BASE. With XROOTD_GROUPS it goes by groups too: members of /wlcg may do
# everything in /wlcg.
#
# It does not run as root, so `run` must be root to become user xrootd and to give it a mount namespace of its own, where
# the certificate authority of the served world is in the system's bundle: the SciTokens library reads nothing else.

need xrootd openssl unshare

# xrootd_certificate NAME: NAME/host.pem and NAME/host.key for localhost, by the authority of the served world.
xrootd_certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=localhost" \
        -keyout "$1/host.key" -out "$1/host.csr" 2>/dev/null
    openssl x509 -req -in "$1/host.csr" -CA "$CARNET_DIR/ca.pem" -CAkey "$CARNET_DIR/authority.key" -days 2 \
        -set_serial "0x$(openssl rand -hex 8)" -extfile <(echo "subjectAltName=DNS:localhost") -out "$1/host.pem" 2>/dev/null
}

xrootd_settings() {
    local name=$1 port=$2
    cat >"$name/xrootd.cfg" <<END
set name = $name
all.sitename CARNET-INTEROP
all.export /
all.adminpath $PWD/$name/admin
all.pidpath $PWD/$name/run
oss.localroot $PWD/$name/data
xrd.port $port
xrd.network nodnr norpipa nocache
xrd.protocol XrdHttp:$port libXrdHttp.so
xrd.tls $PWD/$name/host.pem $PWD/$name/host.key
xrd.tlsca certdir $CARNET_DIR/certificates
http.header2cgi Authorization authz
http.exthandler xrdtpc libXrdHttpTPC.so
http.listingdeny no
http.desthttps yes
http.selfhttps2http no
xrootd.chksum max 2 adler32 md5 crc32c
ofs.authorize 1
ofs.authlib libXrdAccSciTokens.so config=$PWD/$name/scitokens.cfg
END
    # The storage area is /wlcg, as at the storage elements of the served world, unless another is asked for.
    cat >"$name/scitokens.cfg" <<END
[Global]
audience = https://wlcg.cern.ch/jwt/v1/any, https://localhost:$port

[Issuer carnet]
issuer = $IAM_URL/
base_path = ${XROOTD_BASE:-/wlcg}
END
    [[ -n ${XROOTD_GROUPS:-} ]] || return 0
    # Tokens without storage scopes are judged by their groups.
    sed -i 's/^ofs.authlib lib/ofs.authlib ++ lib/' "$name/xrootd.cfg"
    echo "acc.authdb $PWD/$name/authdb" >>"$name/xrootd.cfg"
    echo "g /wlcg /wlcg a" >"$name/authdb"
    sed -i '/^audience/a onmissing = passthrough' "$name/scitokens.cfg"
    echo "authorization_strategy = capability group" >>"$name/scitokens.cfg"
}

# xrootd_serve NAME: about one start in ten leaves a server that does not answer, so it is tried again.
xrootd_serve() {
    local name=$1 port pid left attempt
    for attempt in 1 2 3 4 5; do
        port=$(free_port)
        rm -rf "$name"
        mkdir -p "$name"/{admin,run,data/wlcg,log,cache}
        xrootd_certificate "$name"
        xrootd_settings "$name" "$port"
        cat /etc/ssl/certs/ca-certificates.crt "$CARNET_DIR/ca.pem" >"$name/bundle.pem"
        chown -R xrootd "$name"
        # shellcheck disable=SC2016
        unshare --mount --propagation private bash -c '
            mount --bind "$1/bundle.pem" /etc/ssl/certs/ca-certificates.crt
            export XDG_CACHE_HOME="$1/cache" X509_CERT_DIR="$2" HOME="$1"
            exec xrootd -R xrootd -n "$3" -c "$1/xrootd.cfg" -l "$1/log/xrootd.log"
        ' xrootd "$PWD/$name" "$CARNET_DIR/certificates" "$name" >"$name.out" 2>&1 &
        pid=$!
        for ((left = 200; left > 0; left--)); do
            kill -0 "$pid" 2>/dev/null || break
            if [[ $(curl -s -m 2 -o /dev/null -w '%{http_code}' "https://localhost:$port/wlcg/") == 403 ]]; then
                servers+=("$pid")
                declare -g "${name^^}_URL=https://localhost:$port" "${name^^}_PID=$pid"
                return
            fi
            sleep 0.1
        done
        stop "$pid"
    done
    echo "XRootD did not come up in $attempt attempts:"
    cat "$name.out"
    tail -n 40 "$name"/log/*/xrootd.log
    exit 1
}
