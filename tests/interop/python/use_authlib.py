"""Authlib: an OAuth session for each grant, with the client's three ways to say who it is."""

import urllib.parse

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from joserfc.jwk import ECKey, RSAKey

from issuer import ALICE, ANY, CLIENT, ISSUER, REDIRECT, SE1, Person, claims, metadata

meta = metadata()
TOKEN = meta["token_endpoint"]


def refused(error, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except OAuthError as problem:
        assert problem.error == error, problem
        return
    raise AssertionError(f"not refused with {error}")


# --- client credentials
def registered(**metadata_of_client):
    """A client that alice registers (RFC 7591)."""
    with OAuth2Session(*CLIENT, scope="openid") as session:
        session.fetch_token(TOKEN, username="alice", password="alice-password", grant_type="password")
        answer = session.post(meta["registration_endpoint"], json={"client_name": "authlib"} | metadata_of_client)
    assert answer.status_code == 201, (answer.status_code, answer.text)
    return answer.json()


def own_token(session):
    """A token for the client itself."""
    answer = session.fetch_token(TOKEN, grant_type="client_credentials", audience=SE1)
    assert "refresh_token" not in answer and "id_token" not in answer, sorted(answer)
    assert claims(answer["access_token"])["aud"] == SE1
    return answer


with OAuth2Session(*CLIENT, scope="storage.read:/") as session:
    assert own_token(session)["scope"] == "storage.read:/"
    page = session.get(SE1 + "/wlcg/hello.txt")
    assert page.status_code == 200 and page.text == "Hello from se1.\n", page.status_code
with OAuth2Session(*CLIENT, token_endpoint_auth_method="client_secret_post", scope="storage.read:/") as session:
    refused("invalid_client", session.fetch_token, TOKEN, grant_type="client_credentials")
OWN = {"grant_types": ["client_credentials"], "scope": "compute.read compute.create"}
poster = registered(token_endpoint_auth_method="client_secret_post", **OWN)
with OAuth2Session(
    poster["client_id"], poster["client_secret"], token_endpoint_auth_method="client_secret_post", scope="compute.read"
) as session:
    assert own_token(session)["scope"] == "compute.read"

# A client that signs its assertions with its secret (OpenID Connect Core §9).
signer = registered(token_endpoint_auth_method="client_secret_jwt", **OWN)
for secret, good in ((signer["client_secret"], True), ("another secret of some length for HS256", False)):
    session = OAuth2Session(signer["client_id"], secret, token_endpoint_auth_method="client_secret_jwt", scope="compute.read")
    session.register_client_auth_method(ClientSecretJWT(TOKEN))
    with session:
        if good:
            assert claims(own_token(session)["access_token"])["sub"] == signer["client_id"]
        else:
            refused("invalid_client", session.fetch_token, TOKEN, grant_type="client_credentials")

# A client that signs its assertions with a key of its own (RFC 7523).
for kind, size, alg in ((RSAKey, 2048, "RS256"), (ECKey, "P-256", "ES256")):
    key = kind.generate_key(size, {"kid": "k1"})
    signer = registered(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [key.as_dict(private=False)]}, **OWN)
    for signing_key, good in ((key, True), (kind.generate_key(size, {"kid": "k1"}), False)):
        session = OAuth2Session(
            signer["client_id"], signing_key, token_endpoint_auth_method="private_key_jwt", scope="compute.read"
        )
        session.register_client_auth_method(PrivateKeyJWT(TOKEN, alg=alg))
        with session:
            if good:
                assert claims(own_token(session)["access_token"])["sub"] == signer["client_id"]
            else:
                refused("invalid_client", session.fetch_token, TOKEN, grant_type="client_credentials")
with OAuth2Session(CLIENT[0], "wrong", scope="storage.read:/") as session:
    try:
        session.fetch_token(TOKEN, grant_type="client_credentials")
    except OAuthError as problem:
        assert problem.error in ("invalid_client", "unauthorized"), problem
    else:
        raise AssertionError("a wrong secret is not refused")
with OAuth2Session(*CLIENT, scope="storage.read:/ unknown") as session:
    refused("invalid_scope", session.fetch_token, TOKEN, grant_type="client_credentials")

# --- password, refresh, revocation, introspection
with OAuth2Session(*CLIENT, scope="openid profile offline_access storage.read:/") as session:
    answer = session.fetch_token(TOKEN, username="alice", password="alice-password", grant_type="password")
    assert claims(answer["access_token"])["sub"] == ALICE
    first = answer["access_token"]
    about = session.get(meta["userinfo_endpoint"]).json()
    assert about["sub"] == ALICE and about["name"] == "Alice Doe", about
    fresh = session.refresh_token(TOKEN, refresh_token=answer["refresh_token"])
    assert fresh["access_token"] != first and claims(fresh["access_token"])["sub"] == ALICE
    known = session.introspect_token(meta["introspection_endpoint"], token=fresh["access_token"]).json()
    assert known["active"] is True and known["sub"] == ALICE, known
    gone = session.revoke_token(meta["revocation_endpoint"], token=fresh["access_token"], token_type_hint="access_token")
    assert gone.status_code == 200, gone.status_code
    known = session.introspect_token(meta["introspection_endpoint"], token=fresh["access_token"]).json()
    assert known["active"] is False, known
with OAuth2Session(*CLIENT, scope="openid") as session:
    refused("invalid_grant", session.fetch_token, TOKEN, username="alice", password="no", grant_type="password")

# --- authorization code with PKCE
alice = Person("alice", "alice-password")


def code_session(scope="openid profile wlcg.groups offline_access"):
    return OAuth2Session(*CLIENT, scope=scope, redirect_uri=REDIRECT, code_challenge_method="S256")


with code_session() as session:
    verifier = generate_token(48)
    url, state = session.create_authorization_url(meta["authorization_endpoint"], code_verifier=verifier, nonce="n-1")
    back = alice.authorize(url)
    assert back.startswith(REDIRECT + "?"), back
    answer = session.fetch_token(TOKEN, authorization_response=back, state=state, code_verifier=verifier)
    assert claims(answer["id_token"])["nonce"] == "n-1" and claims(answer["id_token"])["aud"] == CLIENT[0]
    assert claims(answer["access_token"])["wlcg.groups"] == ["/wlcg", "/wlcg/xfers"]
    assert claims(answer["access_token"])["aud"] == ANY
    # Its code is good for once (RFC 6749 §4.1.2).
    refused("invalid_grant", session.fetch_token, TOKEN, authorization_response=back, state=state, code_verifier=verifier)
with code_session() as session:
    verifier = generate_token(48)
    url, state = session.create_authorization_url(meta["authorization_endpoint"], code_verifier=verifier)
    back = alice.authorize(url)
    other = generate_token(48)
    refused("invalid_grant", session.fetch_token, TOKEN, authorization_response=back, state=state, code_verifier=other)
with code_session() as session:
    url, state = session.create_authorization_url(meta["authorization_endpoint"], code_verifier=generate_token(48))
    back = alice.authorize(url, press="deny")
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)
    assert asked["error"] == ["access_denied"] and asked["state"] == [state], back

# --- device code: pending, then approved (RFC 8628 §3.5)
with OAuth2Session(*CLIENT) as session:
    device = requests.post(
        meta["device_authorization_endpoint"], auth=CLIENT, data={"client_id": CLIENT[0], "scope": "openid storage.read:/"}, timeout=60
    ).json()
    ask = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device["device_code"]}
    refused("authorization_pending", session.fetch_token, TOKEN, **ask)
    done = alice.connect(device["verification_uri_complete"] if "verification_uri_complete" in device else device["verification_uri"])
    assert "has been approved" in done.text, done.text
    answer = session.fetch_token(TOKEN, **ask)
    assert claims(answer["access_token"])["sub"] == ALICE and answer["scope"] == "openid storage.read:/", answer["scope"]

    device = requests.post(
        meta["device_authorization_endpoint"], auth=CLIENT, data={"client_id": CLIENT[0], "scope": "openid"}, timeout=60
    ).json()
    done = alice.connect(device["verification_uri_complete"], press="deny")
    assert "not been approved" in done.text, done.text
    refused("access_denied", session.fetch_token, TOKEN, grant_type=ask["grant_type"], device_code=device["device_code"])

# --- token exchange (RFC 8693)
with OAuth2Session(*CLIENT) as session:
    before = session.fetch_token(TOKEN, grant_type="client_credentials", scope="storage.read:/")
with OAuth2Session(*CLIENT) as session:
    answer = session.fetch_token(
        TOKEN,
        grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token=before["access_token"],
        subject_token_type="urn:ietf:params:oauth:token-type:access_token",
        scope="storage.read:/example",
        audience=SE1,
    )
    assert answer["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token", sorted(answer)
    assert claims(answer["access_token"])["aud"] == SE1 and answer["scope"] == "storage.read:/example"
print("Authlib, every grant")
