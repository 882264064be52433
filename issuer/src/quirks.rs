//! The quirks of a real IAM, one switch each (issuer page §2.12), and which of them a compatibility level has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose behaviour the issuer shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Compat {
    /// The RFCs and the WLCG profile, nothing else.
    #[default]
    #[serde(rename = "strict")]
    Strict,
    /// INDIGO IAM 1.12.0.
    #[serde(rename = "iam-1.12")]
    Iam112,
    /// INDIGO IAM 1.7.0.pre of June 2021.
    #[serde(rename = "iam-1.7")]
    Iam17,
}

impl Compat {
    /// The level's name in a scenario file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Iam112 => "iam-1.12",
            Self::Iam17 => "iam-1.7",
        }
    }
}

macro_rules! quirks {
    ($($variant:ident $id:literal [$strict:literal $today:literal $then:literal] $doc:literal;)*) => {
        /// One known departure of IAM from the specifications.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Quirk {
            $(#[doc = $doc] $variant,)*
        }

        impl Quirk {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its number, for example `Q-10`.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// What IAM does.
            pub fn says(self) -> &'static str {
                match self { $(Self::$variant => $doc.trim_ascii(),)* }
            }

            /// Whether that level has it when nothing is said.
            pub fn default_at(self, compat: Compat) -> bool {
                let [strict, today, then] = match self { $(Self::$variant => [$strict, $today, $then],)* };
                match compat { Compat::Strict => strict, Compat::Iam112 => today, Compat::Iam17 => then }
            }
        }

        /// Switches that override the compatibility level, quirk by quirk.
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        #[allow(non_snake_case, reason = "the field names are the quirk numbers")]
        pub struct QuirkSwitches {
            $(#[doc = $doc] #[serde(rename = $id)] pub $variant: Option<bool>,)*
        }

        impl QuirkSwitches {
            fn get(&self, quirk: Quirk) -> Option<bool> {
                match quirk { $(Quirk::$variant => self.$variant,)* }
            }
        }
    };
}

quirks! {
    Q01 "Q-01" [false true true] "Basic and form authentication are interchangeable, whatever the client is registered for.";
    Q02 "Q-02" [false true true] "The `jti` of a client assertion is not remembered, so it can be replayed.";
    Q03 "Q-03" [false true true] "A public client may use `client_credentials` when that grant is registered.";
    Q04 "Q-04" [false true true] "Of a repeated form parameter the first value counts and nobody complains.";
    Q05 "Q-05" [false true true] "A literal plus in a scope cuts it in two.";
    Q06 "Q-06" [false true true] "Scopes come back in the order of a hash table, not of the request.";
    Q07 "Q-07" [false true false] "A client registered for `storage.read:/cms` may ask exactly that, no path below it.";
    Q08 "Q-08" [false true true] "A path matcher `/cms` also matches `/cmsfoo`.";
    Q09 "Q-09" [false true true] "`..` in a scope is answered with 500.";
    Q10 "Q-10" [false true true] "`expires_in` is one second short.";
    Q11 "Q-11" [false true true] "`kid` stands in the ID token's payload too.";
    Q12 "Q-12" [false true false] "`resource` takes only the URL schemes that Java knows.";
    Q13 "Q-13" [true true true] "A refresh may ask for any audience. Off: only for audiences of the first request.";
    Q14 "Q-14" [false true true] "No scope asked means every scope of the client, `openid` and `offline_access` included.";
    Q15 "Q-15" [false true true] "Using a code twice does not revoke the tokens of its first use.";
    Q16 "Q-16" [false true true] "A code past its time can still be redeemed.";
    Q17 "Q-17" [false true true] "A wrong PKCE verifier is `invalid_request`, a missing one is 500.";
    Q18 "Q-18" [false true true] "Clients made through the admin interface rotate their refresh tokens unless told otherwise.";
    Q19 "Q-19" [false true true] "Rotation deletes the old refresh token at once: no grace period, no reuse detection.";
    Q20 "Q-20" [false false false] "Concurrent refreshes of one token answer 500 to all but one.";
    Q21 "Q-21" [false true true] "An unusable refresh token is 401 `invalid_token`.";
    Q23 "Q-23" [false true true] "In an exchange a scope outside every PERMIT of the policy is granted all the same.";
    Q24 "Q-24" [true true true] "An exchange may ask for more than the subject token has. Off: only for less.";
    Q25 "Q-25" [true true true] "Who exchanges a token need not be among its audiences. Off: it must be.";
    Q26 "Q-26" [true true true] "An exchanged token may outlive its subject token. Off: it may not.";
    Q27 "Q-27" [false true true] "`issued_token_type` is `...:jwt` instead of `...:access_token`.";
    Q28 "Q-28" [false true true] "`/devicecode` asks for no client authentication.";
    Q29 "Q-29" [false true true] "`/devicecode` sends no `interval`.";
    Q30 "Q-30" [false true true] "`verification_uri` is the issuer and `device`, with no slash put between.";
    Q31 "Q-31" [false true true] "A device request that the user denied stays `authorization_pending`.";
    Q32 "Q-32" [false true true] "Polling too fast is never answered with `slow_down`.";
    Q33 "Q-33" [false true true] "Wrong Basic credentials are `unauthorized`, wrong form credentials `invalid_client`.";
    Q34 "Q-34" [false true false] "A token request without `grant_type` is answered with 500.";
    Q35 "Q-35" [false true true] "Introspection shows only scopes that the asking client is registered for.";
    Q36 "Q-36" [false true true] "Discovery and introspection end the issuer with a slash even when tokens do not.";
    Q37 "Q-37" [false true true] "Introspection shows several audiences as one string with blanks.";
    Q38 "Q-38" [false true true] "Revoking another client's token is 403, which tells that it exists.";
    Q39 "Q-39" [false true true] "Keys are read once at start: no rotation while it runs.";
    Q40 "Q-40" [false true true] "Discovery advertises `none` and HMAC for ID tokens.";
    Q41 "Q-41" [false true true] "A POST that fails inside is answered with 405, `Allow: GET` and no body.";
    Q42 "Q-42" [false true true] "A refresh narrowed past `openid` still returns an ID token.";
    Q43 "Q-43" [false true false] "A bad `resource` at `/authorize` is a 500 page.";
    Q44 "Q-44" [false true true] "An `audience` given at `/devicecode` is lost.";
    Q45 "Q-45" [false true true] "`prompt=none` is always `login_required`.";
    Q46 "Q-46" [false true true] "With an unknown PKCE method nothing is checked.";
    Q47 "Q-47" [false false false] "Rotation is not atomic: of several at once more than one may succeed.";
    Q48 "Q-48" [false true true] "An exchange without `subject_token` is answered with 500.";
    Q49 "Q-49" [false false true] "A parameter of more than 2048 characters is answered with 500.";
    Q50 "Q-50" [false true true] "A client's own token cannot be introspected (405).";
    Q51 "Q-51" [false true true] "Revocation with form credentials is answered with 302.";
    Q52 "Q-52" [false true false] "Part of a system scope's text is enough for a client's scope to count as one.";
    Q53 "Q-53" [false true true] "An audience of blanks gives a token without `aud`.";
    Q54 "Q-54" [false true true] "Whether an authorization error stands in query or fragment depends on the session.";
    Q55 "Q-55" [false true false] "`/authorize` without scope never succeeds.";
    Q56 "Q-56" [false true true] "Of several exchange policies that permit with equal rank any one may be taken.";
    Q57 "Q-57" [false true false] "A device request of which the policies leave nothing gets every scope of the client.";
    Q58 "Q-58" [false true false] "Userinfo shows the mail address for `profile` alone.";
}

/// The behaviour in force: the level, with its quirks as switched.
#[derive(Clone, Debug)]
pub struct Rules {
    compat: Compat,
    on: u64,
}

impl Rules {
    /// The level's own quirks, overridden by the switches.
    pub fn new(compat: Compat, switches: &QuirkSwitches) -> Self {
        let on = Quirk::ALL
            .iter()
            .filter(|quirk| {
                switches
                    .get(**quirk)
                    .unwrap_or_else(|| quirk.default_at(compat))
            })
            .fold(0, |bits, quirk| bits | 1 << (*quirk as u64));
        Self { compat, on }
    }

    /// Whether a quirk is on.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.on & (1 << (quirk as u64)) != 0
    }

    /// The level.
    pub fn compat(&self) -> Compat {
        self.compat
    }

    /// The RFCs and the profile.
    pub fn strict(&self) -> bool {
        self.compat == Compat::Strict
    }

    /// IAM of June 2021.
    pub fn then(&self) -> bool {
        self.compat == Compat::Iam17
    }

    /// IAM 1.12.
    pub fn today(&self) -> bool {
        self.compat == Compat::Iam112
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_overrides_its_level() {
        let switches = QuirkSwitches {
            Q10: Some(false),
            ..QuirkSwitches::default()
        };
        let rules = Rules::new(Compat::Iam112, &switches);
        assert!(!rules.has(Quirk::Q10) && rules.has(Quirk::Q58));
        assert!(!Rules::new(Compat::Strict, &QuirkSwitches::default()).has(Quirk::Q58));
        assert!(!Rules::new(Compat::Iam17, &QuirkSwitches::default()).has(Quirk::Q52));
    }
}
