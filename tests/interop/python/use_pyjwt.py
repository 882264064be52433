"""PyJWT: signing keys by PyJWKClient from the address that discovery names; access token and ID token."""

import time

import jwt

from issuer import ALGORITHM, ALICE, ANY, CLIENT, ISSUER, SE1, SE2, changed, metadata, token

keys = jwt.PyJWKClient(metadata()["jwks_uri"])
MUST = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]


def judge(text, audience, **options):
    key = keys.get_signing_key_from_jwt(text)
    options = {"algorithms": [ALGORITHM], "issuer": ISSUER, "options": {"require": MUST}} | options
    return jwt.decode(text, key, audience=audience, **options)


def refused(kind, text, audience, **options):
    try:
        judge(text, audience, **options)
    except kind:
        return
    raise AssertionError(f"not refused with {kind.__name__}")


answer = token(scope="storage.read:/")
text = answer["access_token"]
claims = judge(text, ANY)
assert claims["sub"] == CLIENT[0] and claims["scope"] == "storage.read:/", claims
assert answer["token_type"] == "Bearer" and claims["exp"] - claims["iat"] == 3600, answer["expires_in"]
assert claims["nbf"] <= claims["iat"] <= time.time() + 1, claims
assert jwt.get_unverified_header(text)["alg"] == ALGORITHM
refused(jwt.InvalidSignatureError, changed(text), ANY)
refused(jwt.InvalidAudienceError, text, SE1)
refused(jwt.InvalidIssuerError, text, ANY, issuer=ISSUER.rstrip("/"))
refused(jwt.InvalidAlgorithmError, text, ANY, algorithms=["HS256"])

both = token(scope="storage.read:/", audience=f"{SE1} {SE2}")["access_token"]
assert judge(both, SE1)["jti"] == judge(both, SE2)["jti"] != claims["jti"]
assert judge(both, SE1)["aud"] == [SE1, SE2]

# The ID token is for the client, and its at_hash fits when there is one (OpenID Connect Core §3.1.3.6).
person = token(grant_type="password", username="alice", password="alice-password", scope="openid profile email")
identity = judge(person["id_token"], CLIENT[0], options={"require": ["iss", "sub", "aud", "exp", "iat"]})
assert identity["sub"] == ALICE, identity
assert judge(person["access_token"], ANY)["sub"] == ALICE
refused(jwt.InvalidAudienceError, person["id_token"], ANY, options={"require": ["iss"]})

# A key that the issuer does not publish.
forged = jwt.encode(claims, "a secret that is long enough for it", algorithm="HS256", headers={"kid": "nobody"})
refused(jwt.PyJWKClientError, forged, ANY)
print("PyJWT, keys", ALGORITHM)
