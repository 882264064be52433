"""scitokens: deserialize with keys fetched from the issuer, and the enforcer's answers."""

import scitokens

from issuer import ALGORITHM, ALICE, ANY, ISSUER, SE1, SE2, changed, token

text = token(scope="storage.read:/data storage.create:/new", audience=SE1)["access_token"]
read = scitokens.SciToken.deserialize(text)
assert read["sub"] == "trainee" and read["iss"] == ISSUER and read["wlcg.ver"] == "1.0", dict(read.claims())
try:
    scitokens.SciToken.deserialize(changed(text))
except Exception as problem:
    assert "ignature" in type(problem).__name__ + str(problem), problem
else:
    raise AssertionError("a changed payload is not refused")



def enforcer_of(issuer, audience):
    """The library refuses claims that it does not know; what the WLCG profile adds is made known to it."""
    enforcer = scitokens.Enforcer(issuer, audience=audience)
    enforcer.add_validator("wlcg.ver", lambda value: value == "1.0")
    enforcer.add_validator("wlcg.groups", lambda value: isinstance(value, list))
    enforcer.add_validator("client_id", lambda value: isinstance(value, str))
    return enforcer


# What it may do.
enforcer = enforcer_of(ISSUER, SE1)
acls = sorted(enforcer.generate_acls(read))
assert acls == [("storage.create", "/new"), ("storage.read", "/data")], acls
for allowed, path, wanted in [
    ("storage.read", "/data", True),
    ("storage.read", "/data/below", True),
    ("storage.read", "/other", False),
    ("storage.create", "/new/file", True),
    ("storage.create", "/data/file", False),
    ("storage.modify", "/new/file", False),
]:
    assert enforcer.test(read, allowed, path) is wanted, (allowed, path, enforcer.last_failure)

# For whom, and by whom.
everywhere = scitokens.SciToken.deserialize(token(scope="storage.read:/data")["access_token"])
for issuer, audience, which, wanted in [
    (ISSUER, SE1, read, True),
    (ISSUER, [SE2, SE1], read, True),
    (ISSUER, SE2, read, False),
    (ISSUER, SE1, everywhere, False),
    (ISSUER, [SE1, ANY], everywhere, True),
    ("https://other.example/", SE1, read, False),
    (ISSUER.rstrip("/"), SE1, read, False),
]:
    enforcer = enforcer_of(issuer, audience)
    assert enforcer.test(which, "storage.read", "/data") is wanted, (issuer, audience, enforcer.last_failure)

# A person's token names the person.
person = token(grant_type="password", username="alice", password="alice-password", scope="openid wlcg.groups", audience=SE1)
read = scitokens.SciToken.deserialize(person["access_token"])
assert read["sub"] == ALICE and read["wlcg.groups"] == ["/wlcg", "/wlcg/xfers"], dict(read.claims())
print("scitokens, keys", ALGORITHM)
