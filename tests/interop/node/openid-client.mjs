// openid-client against the served issuer: every grant that the library has.

import assert from "node:assert/strict";
import * as oidc from "openid-client";
import { Person } from "./person.mjs";

const { IAM_URL, SE1_URL, ALGORITHM } = process.env;
const ISSUER = new URL(`${IAM_URL}/`);
const REDIRECT = "http://localhost:8080/";
const ALICE = "a1b98335-9649-4fb0-961d-5a49ce108d49";
const alice = new Person(ISSUER.href, "alice", "alice-password");
const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
const metadata = { id_token_signed_response_alg: ALGORITHM };

// --- discovery
const config = await oidc.discovery(ISSUER, "trainee", { ...metadata, client_secret: "trainee-secret" }, oidc.ClientSecretBasic("trainee-secret"));
// Signatures of ID tokens are checked too, not only their transport.
oidc.enableNonRepudiationChecks(config);
const server = config.serverMetadata();
assert.equal(server.issuer, ISSUER.href);
assert.ok(server.supportsPKCE());
const rfc8414 = await oidc.discovery(ISSUER, "trainee", metadata, oidc.ClientSecretBasic("trainee-secret"), { algorithm: "oauth2" });
assert.equal(rfc8414.serverMetadata().token_endpoint, server.token_endpoint);

// --- client credentials
const own = await oidc.clientCredentialsGrant(config, { scope: "storage.read:/", audience: SE1_URL });
assert.equal(own.token_type, "bearer");
assert.equal(own.scope, "storage.read:/");
assert.equal(own.refresh_token, undefined);
assert.equal(claims(own.access_token).aud, SE1_URL);
const file = await oidc.fetchProtectedResource(config, own.access_token, new URL(`${SE1_URL}/wlcg/hello.txt`), "GET");
assert.equal(await file.text(), "Hello from se1.\n");
await assert.rejects(oidc.clientCredentialsGrant(config, { scope: "unknown" }), { error: "invalid_scope" });
const wrong = await oidc.discovery(ISSUER, "trainee", metadata, oidc.ClientSecretBasic("wrong"));
await assert.rejects(oidc.clientCredentialsGrant(wrong), (problem) => problem.status === 401 || problem.cause?.status === 401 || problem.response?.status === 401);

// --- authorization code with PKCE, state and nonce
const code = async (press, nonce = oidc.randomNonce()) => {
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    scope: "openid profile email wlcg.groups offline_access",
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
  });
  const page = await alice.answer(url, press);
  return { back: new URL(page.location), checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true } };
};
const { back, checks } = await code();
assert.equal(back.origin + back.pathname, REDIRECT);
const tokens = await oidc.authorizationCodeGrant(config, back, checks);
assert.equal(tokens.claims().sub, ALICE);
assert.deepEqual(claims(tokens.access_token)["wlcg.groups"], ["/wlcg", "/wlcg/xfers"]);
assert.deepEqual(tokens.claims()["wlcg.groups"], ["/wlcg", "/wlcg/xfers"]);

// A code is good for once; what was had for it ends when somebody tries again (RFC 6749 §4.1.2).
const twice = await code();
const first = await oidc.authorizationCodeGrant(config, twice.back, twice.checks);
await assert.rejects(oidc.authorizationCodeGrant(config, twice.back, twice.checks), { error: "invalid_grant" });
assert.equal((await oidc.tokenIntrospection(config, first.access_token)).active, false);
const other = await code();
await assert.rejects(oidc.authorizationCodeGrant(config, other.back, { ...other.checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() }), { error: "invalid_grant" });
const denied = await code("deny");
await assert.rejects(oidc.authorizationCodeGrant(config, denied.back, denied.checks), { error: "access_denied" });

// --- userinfo
const about = await oidc.fetchUserInfo(config, tokens.access_token, ALICE);
assert.equal(about.name, "Alice Doe");
assert.equal(about.email, "alice@example.org");

// --- refresh: the same, and less
const again = await oidc.refreshTokenGrant(config, tokens.refresh_token);
assert.notEqual(again.access_token, tokens.access_token);
const less = await oidc.refreshTokenGrant(config, again.refresh_token ?? tokens.refresh_token, { scope: "openid", audience: SE1_URL });
assert.equal(less.scope, "openid");
assert.equal(claims(less.access_token).aud, SE1_URL);

// --- introspection and revocation
const known = await oidc.tokenIntrospection(config, less.access_token);
assert.equal(known.active, true);
assert.equal(known.sub, ALICE);
await oidc.tokenRevocation(config, less.access_token, { token_type_hint: "access_token" });
assert.equal((await oidc.tokenIntrospection(config, less.access_token)).active, false);

// --- device code
const device = await oidc.initiateDeviceAuthorization(config, { scope: "openid offline_access storage.read:/" });
const done = await alice.answer(device.verification_uri_complete);
assert.match(done.text, /has been approved/);
const polled = await oidc.pollDeviceAuthorizationGrant(config, device);
assert.equal(polled.claims().sub, ALICE);
assert.equal(claims(polled.access_token).scope, "openid offline_access storage.read:/");
const refused = await oidc.initiateDeviceAuthorization(config, { scope: "openid" });
await alice.answer(refused.verification_uri_complete, "deny");
await assert.rejects(oidc.pollDeviceAuthorizationGrant(config, refused), { error: "access_denied" });

// --- token exchange
const exchanged = await oidc.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:token-exchange", {
  subject_token: own.access_token,
  subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
  scope: "storage.read:/example",
  audience: SE1_URL,
});
assert.equal(exchanged.scope, "storage.read:/example");

// --- a public client that registers itself, and uses PKCE in place of a secret
const fresh = await oidc.dynamicClientRegistration(
  ISSUER,
  { client_name: "openid-client", redirect_uris: [REDIRECT], grant_types: ["authorization_code"], token_endpoint_auth_method: "none", scope: "openid profile", ...metadata },
  oidc.None(),
);
oidc.enableNonRepudiationChecks(fresh);
const verifier = oidc.randomPKCECodeVerifier();
const url = oidc.buildAuthorizationUrl(fresh, { redirect_uri: REDIRECT, scope: "openid profile", code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" });
const sent = await alice.answer(url);
const person = await oidc.authorizationCodeGrant(fresh, new URL(sent.location), { pkceCodeVerifier: verifier, idTokenExpected: true });
assert.equal(person.claims().sub, ALICE);
assert.equal((await oidc.fetchUserInfo(fresh, person.access_token, ALICE)).name, "Alice Doe");
console.log("openid-client, every grant, keys", ALGORITHM);
