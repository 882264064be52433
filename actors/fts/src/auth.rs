//! Who calls: the submit token judged, and what the caller is called inside FTS (FTS page §1.2).

use carnet_profile::Claims;
use carnet_profile::jose::Token;
use carnet_profile::judge::{
    ANY_AUDIENCE, Demand, Diagnosis, Rules, TrustedIssuer, Verdict, VerifiedTokens, judge_seen,
};
use carnet_stage::Actor;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::config::{Config, Profile};
use crate::errors::{Page, Refused};
use crate::issuers::Issuers;
use crate::job::Owner;
use crate::tokens::{Secret, sha1_hex, uuid5};

/// Name space of job and VO ids; submitters compute ids in it, so it must be the real server's.
pub const BASE_ID: uuid::Uuid = uuid::uuid!("01874efb-4735-4595-bc9c-591aef8240c9");

/// The caller of a request.
#[derive(Debug, Clone)]
pub struct User {
    /// `sub`, or `anon`.
    pub dn: String,
    /// VOs; the first counts.
    pub vos: Vec<String>,
    /// First 16 digits of the SHA-1 of issuer and subject.
    pub delegation_id: Option<String>,
    /// The token's scopes.
    pub scope: String,
    /// The token carries `wlcg.ver`.
    pub wlcg_profile: bool,
    /// Scopes, when the VO comes from the token's groups.
    pub voms_cred: Vec<String>,
    /// The token itself; `None` for an anonymous caller.
    pub bearer: Option<Secret>,
    /// The token's claims.
    pub claims: Claims,
}

impl User {
    /// The caller without (usable) credentials.
    fn anonymous() -> Self {
        Self {
            dn: "anon".into(),
            vos: Vec::new(),
            delegation_id: None,
            scope: String::new(),
            wlcg_profile: false,
            voms_cred: Vec::new(),
            bearer: None,
            claims: Claims::default(),
        }
    }

    /// As the owner of a job. Anonymous callers own nothing.
    pub fn owner(&self) -> Result<Owner, Refused> {
        match (&self.delegation_id, self.vos.first()) {
            (Some(delegation_id), Some(vo)) => Ok(Owner {
                dn: self.dn.clone(),
                delegation_id: delegation_id.clone(),
                vo: vo.clone(),
            }),
            _ => Err(not_enough()),
        }
    }

    /// What `/whoami` says.
    pub fn whoami(&self) -> Value {
        let vos_id: Vec<String> = self
            .vos
            .iter()
            .map(|vo| uuid5(BASE_ID, vo).to_string())
            .collect();
        let mut who = json!({
            "user_dn": self.dn,
            "dn": [self.dn],
            "base_id": BASE_ID.to_string(),
            "voms_cred": self.voms_cred,
            "vos": self.vos,
            "vos_id": vos_id,
            "roles": [],
            "level": [],
            "delegation_id": self.delegation_id,
            "method": "unauthenticated",
            "is_root": false,
        });
        if self.bearer.is_some()
            && let Value::Object(who) = &mut who
        {
            who.insert(
                "level".into(),
                json!({"transfer": "vo", "datamanagement": "all"}),
            );
            who.insert("method".into(), json!("oauth2"));
            who.insert("oauth2_scope".into(), json!(self.scope));
            who.insert("wlcg_profile".into(), json!(self.wlcg_profile));
        }
        who
    }
}

/// What an anonymous caller reads when it asks for more than its name.
pub fn not_enough() -> Refused {
    Refused::forbidden("Not enough permissions")
}

/// The door of the server.
pub struct Door {
    profile: Profile,
    rules: Rules,
    audiences: Vec<String>,
    authorized_vos: Vec<String>,
    seen: VerifiedTokens,
}

impl Door {
    /// From the configuration.
    pub fn new(actor: &Actor, config: &Config) -> Self {
        let audiences = if config.audiences.is_empty() {
            vec![actor.base_url()]
        } else {
            config.audiences.clone()
        };
        let mut rules = Rules::new(actor.host(), audiences.first().cloned().unwrap_or_default());
        rules.audiences.clone_from(&audiences);
        rules.accept_any_audience = audiences.iter().any(|audience| audience == ANY_AUDIENCE);
        rules.issuers = config
            .issuers
            .iter()
            .map(|issuer| TrustedIssuer::new(&issuer.url, "/"))
            .collect();
        // PyJWT, which the real server verifies with, gives no leeway and wants `iat` in the past.
        rules.not_before_leeway = 0;
        rules.expiry_leeway = Some(0);
        rules.max_validity = Some(i64::MAX);
        rules.reject_future_iat = true;
        rules.lenient = true;
        Self {
            profile: config.profile,
            rules,
            audiences,
            authorized_vos: config.authorized_vos.clone(),
            seen: VerifiedTokens::new(1024),
        }
    }

    /// Judges the bearer token of a request, if it has one. `telling`: the judgement goes into the journal even when it
    /// grants; a refusal always does.
    pub async fn enter(
        &self,
        actor: &Actor,
        issuers: &Issuers,
        headers: &HeaderMap,
        telling: bool,
    ) -> Result<User, Refused> {
        let Some(bearer) = bearer(headers)? else {
            return self.admit(User::anonymous());
        };
        let parsed = Token::parse(bearer).ok();
        let issuer = parsed
            .as_ref()
            .and_then(|token| token.claims.iss())
            .unwrap_or_default();
        let config = issuers.config(issuer);
        if let (Some(token), Some(config)) = (&parsed, config) {
            issuers
                .prepare_key(&config.url, token.header.kid.as_deref().unwrap_or_default())
                .await;
        }
        let required = config.and_then(|config| config.required_scope.clone());
        let demand = required.clone().map_or(Demand::Identity, Demand::scope);
        let now = actor.clock().seconds();
        let verdict = judge_seen(
            &self.rules,
            Some(bearer),
            issuers.keys(),
            Some(&self.seen),
            &demand,
            now,
        );
        if telling || !verdict.granted {
            actor.judged(
                parsed.as_ref().and_then(|token| token.claims.jti()),
                &verdict,
            );
        }
        if !verdict.granted {
            return self.refuse(&verdict, required.as_deref(), issuer);
        }
        let claims = verdict.claims.unwrap_or_default();
        self.admit(user_of(
            bearer,
            claims,
            config.and_then(|config| config.vo.clone()),
        ))
    }

    /// Whether a storage token that a submission brought is genuine and in time; its audience is not FTS's business.
    pub async fn is_genuine(&self, actor: &Actor, issuers: &Issuers, token: &str) -> bool {
        let Ok(parsed) = Token::parse(token) else {
            return false;
        };
        let issuer = parsed.claims.iss().unwrap_or_default();
        if let Some(config) = issuers.config(issuer) {
            issuers
                .prepare_key(
                    &config.url,
                    parsed.header.kid.as_deref().unwrap_or_default(),
                )
                .await;
        }
        let mut rules = self.rules.clone();
        rules.audiences = parsed.claims.aud();
        rules.accept_any_audience = true;
        let now = actor.clock().seconds();
        let verdict = judge_seen(
            &rules,
            Some(token),
            issuers.keys(),
            Some(&self.seen),
            &Demand::Identity,
            now,
        );
        if !verdict.granted {
            actor.judged(parsed.claims.jti(), &verdict);
        }
        verdict.granted
    }

    fn refuse(
        &self,
        verdict: &Verdict,
        required: Option<&str>,
        issuer: &str,
    ) -> Result<User, Refused> {
        let diagnosis = verdict.diagnosis();
        let scope_missing = diagnosis == Diagnosis::MissingScope;
        if self.profile == Profile::V3_13 && !scope_missing {
            return self.admit(User::anonymous());
        }
        let why = match (self.profile, required) {
            (Profile::V3_14, Some(required)) if scope_missing => {
                format!("Invalid scope: '{required}' scope required")
            }
            _ => Self::words(diagnosis, issuer),
        };
        Err(self.page(format!("Invalid credentials ({why})")))
    }

    /// The words of the real server for a token that does not pass.
    fn words(diagnosis: Diagnosis, issuer: &str) -> String {
        use Diagnosis as D;
        match diagnosis {
            D::Expired => "Signature has expired".into(),
            D::NotYetValid => "The token is not yet valid (nbf)".into(),
            D::IatFuture => "The token is not yet valid (iat)".into(),
            D::MissingAud => "Token is missing the \"aud\" claim".into(),
            D::AudSlash | D::AudCase | D::AudPort | D::AudBare | D::AudSpace | D::AudMismatch => {
                "Audience doesn't match".into()
            }
            D::IssSlash | D::IssUnknown if issuer.is_empty() => "'iss'".into(),
            D::IssSlash | D::IssUnknown => "TokenProvider not supported".into(),
            _ => "Invalid OAuth2 credentials".into(),
        }
    }

    /// A refusal in the page of this release.
    fn page(&self, message: impl Into<String>) -> Refused {
        let refused = Refused::html(StatusCode::FORBIDDEN, message);
        match self.profile {
            Profile::V3_13 => Refused {
                page: Page::OldHtml,
                ..refused
            },
            Profile::V3_14 => refused,
        }
    }

    /// Only members of authorised VOs pass.
    fn admit(&self, user: User) -> Result<User, Refused> {
        let everybody = self.authorized_vos.iter().any(|vo| vo == "*");
        if everybody
            || user
                .vos
                .first()
                .is_some_and(|vo| self.authorized_vos.contains(vo))
        {
            return Ok(user);
        }
        Err(self.page("The user does not belong to any authorized vo"))
    }

    /// The audiences that FTS answers to.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }
}

/// The bearer token of a request. An `Authorization` of another kind counts as none.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let invalid = || {
        Refused::html(
            StatusCode::FORBIDDEN,
            "Invalid credentials (Invalid OAuth2 credentials)",
        )
    };
    let value = value.to_str().map_err(|_| invalid())?;
    let Some((scheme, token)) = value.split_once(' ') else {
        return Ok(None);
    };
    Ok(scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()))
}

fn user_of(bearer: &str, claims: Claims, vo: Option<String>) -> User {
    let (iss, sub) = (
        claims.iss().unwrap_or_default().to_owned(),
        claims.sub().unwrap_or_default().to_owned(),
    );
    let scope = claims.scope().unwrap_or_default().to_owned();
    let groups: Vec<String> = claims
        .groups()
        .iter()
        .map(|group| group.strip_prefix('/').unwrap_or(group).to_owned())
        .collect();
    let named = vo.is_some();
    let vos = match vo {
        Some(vo) => vec![vo],
        None if !groups.is_empty() => groups,
        None => vec![host_of(&iss)],
    };
    let mut delegation_id = sha1_hex(format!("{iss}{sub}").as_bytes());
    delegation_id.truncate(16);
    User {
        dn: sub,
        vos,
        delegation_id: Some(delegation_id),
        voms_cred: if named {
            Vec::new()
        } else {
            scope.split_whitespace().map(str::to_owned).collect()
        },
        scope,
        wlcg_profile: claims.ver().is_some(),
        bearer: Some(Secret::new(bearer)),
        claims,
    }
}

fn host_of(issuer: &str) -> String {
    url::Url::parse(issuer)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| issuer.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(value: Value) -> Claims {
        match value {
            Value::Object(map) => map.into(),
            _ => Claims::default(),
        }
    }

    #[test]
    fn callers_are_called_what_the_real_server_calls_them() {
        let issuer = "https://iam.example/";
        let cases = [
            (
                json!({"iss": issuer, "sub": "rucio.example", "scope": "fts"}),
                Some("wlcg"),
                vec!["wlcg"],
            ),
            (
                json!({"iss": issuer, "sub": "u", "scope": "openid", "wlcg.groups": ["/wlcg", "/wlcg/xfers"]}),
                None,
                vec!["wlcg", "wlcg/xfers"],
            ),
            (
                json!({"iss": issuer, "sub": "rucio.example"}),
                None,
                vec!["iam.example"],
            ),
        ];
        for (token, vo, vos) in cases {
            assert_eq!(user_of("t", claims(token), vo.map(str::to_owned)).vos, vos);
        }
        let user = user_of(
            "t",
            claims(json!({"iss": issuer, "sub": "rucio.example"})),
            None,
        );
        assert_eq!(
            user.delegation_id.as_deref(),
            Some("cdf216500d1cf952"),
            "as seen on the wire"
        );
    }

    #[test]
    fn only_a_bearer_is_a_bearer() {
        for (value, wanted) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("Basic abc", None),
            ("abc", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert_eq!(bearer(&headers).unwrap(), wanted, "{value}");
        }
    }
}
