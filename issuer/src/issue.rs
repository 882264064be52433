//! Making tokens: claim sets of the client's profile, records for later, and the answer of the token endpoint
//! (issuer page §2.1, §2.2).

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carnet_stage::{Issued, Json};
use serde_json::{Value, json};

use crate::audience;
use crate::claims::{Claim, ClaimSet};
use crate::config::TokenProfile;
use crate::errors::Refusal;
use crate::groups;
use crate::issuer::Issuer;
use crate::keys::SigningKey;
use crate::membership;
use crate::order;
use crate::quirks::Quirk;
use crate::store::clients::grants;
use crate::store::tokens::digest_of;
use crate::store::{AccessRecord, Client, Holder, RefreshRecord, User};

/// What happens with the refresh token.
#[derive(Clone, Debug)]
pub enum RefreshPlan {
    /// None is given.
    None,
    /// A new one is made.
    New,
    /// The one that was used is given back.
    Keep(String, u128),
    /// A new one replaces the one that was used.
    Rotate(u128),
}

/// Everything the tokens of one answer are made from.
pub struct Ticket<'a> {
    /// The client they are issued to.
    pub client: &'a Client,
    /// The person, if there is one.
    pub user: Option<&'a User>,
    /// The authorisation.
    pub holder: Arc<Holder>,
    /// The access token's scopes, in order.
    pub scopes: Vec<String>,
    /// The access token's audience text.
    pub audience: Option<String>,
    /// The grant of this request, full name.
    pub grant: &'static str,
    /// What happens with the refresh token.
    pub refresh: RefreshPlan,
    /// An ID token is due.
    pub id_token: bool,
    /// `jti` of what they were made from.
    pub parent: Option<String>,
}

/// Tokens made, and the answer that carries them.
pub struct Made {
    /// The answer's JSON.
    pub body: String,
    /// The access token's digest.
    pub access: u128,
    /// The refresh token's id.
    pub refresh: Option<u128>,
}

/// A refresh token's text: an unsigned JWT with `exp` and `jti` only (issuer page §2.1).
pub fn refresh_text(jti: u128, exp: Option<i64>) -> String {
    let id = uuid::Uuid::from_u128(jti);
    let payload = match exp {
        Some(exp) => format!(r#"{{"exp":{exp},"jti":"{id}"}}"#),
        None => format!(r#"{{"jti":"{id}"}}"#),
    };
    format!("eyJhbGciOiJub25lIn0.{}.", URL_SAFE_NO_PAD.encode(payload))
}

/// The id inside a refresh token's text. What else it says is checked against the record.
pub fn refresh_id(text: &str) -> Option<u128> {
    let payload = text
        .strip_prefix("eyJhbGciOiJub25lIn0.")?
        .strip_suffix('.')?;
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let jti = payload.get("jti")?.as_str()?;
    Some(uuid::Uuid::try_parse(jti).ok()?.as_u128())
}

/// Makes the tokens of a ticket and remembers them.
pub fn make(issuer: &Issuer, ticket: &Ticket<'_>, key: &SigningKey) -> Result<Made, Refusal> {
    let now = issuer.now();
    let access = access_token(issuer, ticket, key, now)?;
    let (refresh_jti, refresh_token) = refresh_token(issuer, ticket, now);
    let record = AccessRecord {
        holder: Arc::clone(&ticket.holder),
        exp: access.exp,
        jti: access.jti,
        refresh: refresh_jti,
    };
    let digest = digest_of(&access.text);
    issuer.tokens.put_access(digest, record, now);
    let id_token = match ticket.user {
        Some(user) if ticket.id_token => Some(id_token(issuer, ticket, user, key, now)?),
        _ => None,
    };
    let short = i64::from(issuer.has(Quirk::Q10));
    let body = body(
        issuer,
        ticket,
        &access.text,
        refresh_token.as_deref(),
        access.exp - now - short,
        id_token.as_deref(),
    );
    Ok(Made {
        body,
        access: digest,
        refresh: refresh_jti,
    })
}

fn body(
    issuer: &Issuer,
    ticket: &Ticket<'_>,
    access: &str,
    refresh: Option<&str>,
    expires_in: i64,
    id_token: Option<&str>,
) -> String {
    let mut out = String::with_capacity(access.len() + 400);
    let name = |out: &mut String, name: &str| {
        out.push_str(if out.is_empty() { "{\"" } else { ",\"" });
        out.push_str(name);
        out.push_str("\":");
    };
    let text = |out: &mut String, member: &str, value: &str| {
        name(out, member);
        if value
            .bytes()
            .any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'))
        {
            out.push_str(&Value::from(value).to_string());
        } else {
            out.push('"');
            out.push_str(value);
            out.push('"');
        }
    };
    // Tokens are base64url and dots: nothing in them is escaped, and they are the most of an answer.
    let token = |out: &mut String, member: &str, value: &str| {
        name(out, member);
        out.push('"');
        out.push_str(value);
        out.push('"');
    };
    token(&mut out, "access_token", access);
    text(&mut out, "token_type", "Bearer");
    if let Some(refresh) = refresh {
        token(&mut out, "refresh_token", refresh);
    }
    out.push_str(",\"expires_in\":");
    out.push_str(&expires_in.to_string());
    if !ticket.scopes.is_empty() {
        let refreshed = ticket.grant == grants::REFRESH_TOKEN;
        let scope = if refreshed || !issuer.has(Quirk::Q06) || ticket.client.literal {
            ticket.scopes.join(" ")
        } else {
            order::hashed_by_count(ticket.scopes.clone()).join(" ")
        };
        text(&mut out, "scope", &scope);
    }
    let exchanged = ticket.grant == grants::TOKEN_EXCHANGE;
    if let Some(id_token) = id_token {
        token(&mut out, "id_token", id_token);
    }
    if exchanged {
        let kind = if issuer.has(Quirk::Q27) {
            "jwt"
        } else {
            "access_token"
        };
        text(
            &mut out,
            "issued_token_type",
            &format!("urn:ietf:params:oauth:token-type:{kind}"),
        );
    }
    out.push('}');
    out
}

struct Access {
    text: String,
    jti: u128,
    exp: i64,
}

fn profile_of(issuer: &Issuer, client: &Client) -> TokenProfile {
    client.profile.unwrap_or(issuer.config.token_profile)
}

fn access_token(
    issuer: &Issuer,
    ticket: &Ticket<'_>,
    key: &SigningKey,
    now: i64,
) -> Result<Access, Refusal> {
    let (rules, holder) = (&issuer.rules, &ticket.holder);
    let profile = profile_of(issuer, ticket.client);
    let jti = issuer.actor.uuid();
    let mut room = uuid::Uuid::encode_buffer();
    let jti_text: &str = jti.hyphenated().encode_lower(&mut room);
    let exp = holder
        .not_after()
        .map_or(now + ticket.client.access, |end| {
            end.min(now + ticket.client.access)
        });
    let scope = ticket.scopes.join(" ");
    let asked = ticket.audience.as_deref();
    let audiences = match profile {
        TokenProfile::Wlcg => audience::claim(asked, rules),
        _ => asked.map(audience::items).unwrap_or_default(),
    };
    let offset = issuer
        .config
        .nbf_offset
        .unwrap_or(if rules.strict() { 60 } else { 0 });
    let selection = ticket
        .user
        .map(|user| groups::select(&ticket.scopes, &user.memberships))
        .unwrap_or_default();
    let asserted = selection.claim.filter(|groups| !groups.is_empty());

    let mut claims = ClaimSet::default();
    if profile == TokenProfile::Wlcg {
        claims.text("wlcg.ver", "1.0");
    }
    claims.text("sub", &*holder.sub);
    claims.audience(&audiences);
    if !holder.act().is_empty() {
        claims.put("act", Claim::Actors(holder.act()));
    }
    let has_nbf = matches!(profile, TokenProfile::Wlcg | TokenProfile::Kc);
    if has_nbf {
        claims.number("nbf", now - offset);
    }
    // A literal client's text is told as it is, even when there is none.
    let told = !scope.is_empty() || ticket.client.literal;
    if told && matches!(profile, TokenProfile::Wlcg | TokenProfile::Kc) {
        claims.text("scope", scope.as_str());
    }
    claims.text("iss", &*issuer.iss);
    claims.number("exp", exp);
    claims.number("iat", now);
    claims.text("jti", jti_text);
    if holder.person || !rules.then() {
        claims.text("client_id", &*ticket.client.id);
    }
    match (profile, ticket.user) {
        (TokenProfile::Wlcg, _) => {
            if let Some(groups) = &asserted {
                claims.put(
                    "wlcg.groups",
                    Claim::List(groups.iter().map(|g| Cow::Borrowed(&**g)).collect()),
                );
            }
        }
        (TokenProfile::Kc, Some(user)) => {
            claims.put("roles", owned(membership::by_name(issuer, user)));
        }
        (TokenProfile::Aarc, Some(_)) => claims.text("voperson_id", &*holder.sub),
        _ => {}
    }
    claims.arrange(rules);
    let text = key
        .sign(&claims.write(rules))
        .map_err(|_| Refusal::internal())?;
    let issued = || Issued {
        kind: "access".into(),
        jti: jti_text.to_owned(),
        parent: ticket.parent.clone(),
        grant: grants::short(ticket.grant).into(),
        client_id: ticket.client.id.to_string(),
        sub: holder.sub.to_string(),
        aud: audiences.iter().map(|a| (*a).to_owned()).collect(),
        scope: scope.clone(),
        groups: asserted
            .as_ref()
            .map(|groups| groups.iter().map(ToString::to_string).collect()),
        iat: now,
        nbf: has_nbf.then_some(now - offset),
        exp: Some(exp),
        header: key.told(),
        claims: Json::of(&claims),
    };
    tell(issuer, &text, issued);
    Ok(Access {
        text,
        jti: jti.as_u128(),
        exp,
    })
}

/// Tells of a token, when anybody listens.
fn tell(issuer: &Issuer, text: &str, issued: impl FnOnce() -> Issued) {
    if issuer.actor.journal().is_listening() {
        issuer.actor.issued(issued(), text);
    }
}

fn owned<'a>(names: Vec<String>) -> Claim<'a> {
    Claim::List(names.into_iter().map(Cow::Owned).collect())
}

fn refresh_token(issuer: &Issuer, ticket: &Ticket<'_>, now: i64) -> (Option<u128>, Option<String>) {
    match &ticket.refresh {
        RefreshPlan::None => (None, None),
        RefreshPlan::Keep(text, jti) => (Some(*jti), Some(text.clone())),
        RefreshPlan::New | RefreshPlan::Rotate(_) => {
            let jti = issuer.actor.uuid();
            let exp = ticket.client.refresh.map(|seconds| now + seconds);
            let holder = Arc::clone(&ticket.holder);
            issuer.tokens.put_refresh(
                jti.as_u128(),
                RefreshRecord {
                    holder,
                    exp,
                    rotated: None,
                },
            );
            let claims = || match exp {
                Some(exp) => json!({"exp": exp, "jti": jti.to_string()}),
                None => json!({"jti": jti.to_string()}),
            };
            let text = refresh_text(jti.as_u128(), exp);
            tell(issuer, &text, || Issued {
                kind: "refresh".into(),
                jti: jti.to_string(),
                parent: ticket.parent.clone(),
                grant: grants::short(ticket.grant).into(),
                client_id: ticket.client.id.to_string(),
                sub: ticket.holder.sub.to_string(),
                scope: ticket.holder.scope.to_string(),
                iat: now,
                exp,
                header: Json::of(&json!({"alg": "none"})),
                claims: Json::of(&claims()),
                ..Issued::default()
            });
            (Some(jti.as_u128()), Some(text))
        }
    }
}

fn id_token(
    issuer: &Issuer,
    ticket: &Ticket<'_>,
    user: &User,
    key: &SigningKey,
    now: i64,
) -> Result<String, Refusal> {
    let (rules, holder) = (&issuer.rules, &ticket.holder);
    let profile = profile_of(issuer, ticket.client);
    // In IAM the first request decides about names, the access token about groups; in strict this answer about both.
    let has = |name: &str| {
        if rules.strict() {
            ticket.scopes.iter().any(|s| s == name)
        } else {
            holder.has_scope(name)
        }
    };
    let jti = issuer.actor.uuid();
    let exp = now + ticket.client.id_token;
    let mut claims = ClaimSet::default();
    if profile == TokenProfile::Wlcg {
        claims.text("wlcg.ver", "1.0");
    }
    claims.text("iss", &*issuer.iss);
    claims.text("sub", &*user.uuid);
    claims.text("aud", &*ticket.client.id);
    claims.number("exp", exp);
    claims.number("iat", now);
    claims.text("jti", jti.to_string());
    if let Some(login) = &holder.login {
        if let Some(nonce) = &login.nonce {
            claims.text("nonce", &**nonce);
        }
        if ticket.client.auth_time || (login.tell_time && login.browser) {
            claims.number("auth_time", login.at);
        }
        if login.browser && !login.external && !rules.then() {
            claims.put("amr", Claim::List(vec!["pwd".into()]));
        }
    }
    if profile == TokenProfile::Kc {
        claims.put("roles", owned(membership::by_name(issuer, user)));
    }
    if issuer.has(Quirk::Q11) {
        claims.text("kid", key.kid());
    }
    // The AARC profile's ID token says who it is, and nothing about the person.
    let told = profile != TokenProfile::Aarc;
    if told && has("profile") {
        claims.text("name", user.name.as_str());
        claims.text("preferred_username", &*user.username);
        claims.text("organisation_name", issuer.config.organisation.as_str());
    }
    if told && has("email") {
        claims.text("email", user.email.as_str());
    }
    match profile {
        TokenProfile::Wlcg => {
            let groups = groups::select(&ticket.scopes, &user.memberships)
                .claim
                .unwrap_or_default();
            if !groups.is_empty() {
                let list = groups.iter().map(|g| Cow::Owned(g.to_string())).collect();
                claims.put("wlcg.groups", Claim::List(list));
            }
        }
        TokenProfile::Iam if has("profile") => {
            claims.put("groups", owned(membership::by_group(issuer, user)));
        }
        TokenProfile::Aarc => claims.text("voperson_id", &*user.uuid),
        _ => {}
    }
    claims.arrange(rules);
    let text = key
        .sign(&claims.write(rules))
        .map_err(|_| Refusal::internal())?;
    tell(issuer, &text, || Issued {
        kind: "id".into(),
        jti: jti.to_string(),
        parent: ticket.parent.clone(),
        grant: grants::short(ticket.grant).into(),
        client_id: ticket.client.id.to_string(),
        sub: user.uuid.to_string(),
        aud: vec![ticket.client.id.to_string()],
        iat: now,
        exp: Some(exp),
        header: key.told(),
        claims: Json::of(&claims),
        ..Issued::default()
    });
    Ok(text)
}
