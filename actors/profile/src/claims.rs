//! The claims of a token, in their order, with the profile's names as getters.

use std::sync::Arc;

use serde_json::{Map, Value};

/// The claims of a token. Cheap to clone; the order of the members is kept.
///
/// The getters are for showing and routing: a claim of the wrong type reads as absent. The judge looks
/// at the raw values and refuses wrong types.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(Arc<Map<String, Value>>);

/// A claim that is a point in time (RFC 7519 §2, NumericDate), as the judge reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instant {
    /// Not there.
    Missing,
    /// Not a number, negative, or beyond what 64 bits hold.
    Malformed,
    /// Seconds since 1970, possibly with a fraction.
    At(f64),
}

/// 2^63: no clock counts that far.
const END_OF_TIME: f64 = 9_223_372_036_854_775_808.0;

impl Claims {
    /// All members.
    pub fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// One member, whatever its type.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A member that is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// `iss`.
    pub fn iss(&self) -> Option<&str> {
        self.text("iss")
    }

    /// `sub`.
    pub fn sub(&self) -> Option<&str> {
        self.text("sub")
    }

    /// `aud`, always as a list (CLM-6 allows both forms).
    pub fn aud(&self) -> Vec<String> {
        match self.get("aud") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// `exp` in Unix seconds, a fraction cut off.
    pub fn exp(&self) -> Option<i64> {
        self.seconds("exp")
    }

    /// `nbf` in Unix seconds.
    pub fn nbf(&self) -> Option<i64> {
        self.seconds("nbf")
    }

    /// `iat` in Unix seconds.
    pub fn iat(&self) -> Option<i64> {
        self.seconds("iat")
    }

    /// `jti`.
    pub fn jti(&self) -> Option<&str> {
        self.text("jti")
    }

    /// `scope` as one string.
    pub fn scope(&self) -> Option<&str> {
        self.text("scope")
    }

    /// `wlcg.groups`; a bare string is no list and reads as none (GRP-9).
    pub fn groups(&self) -> Vec<String> {
        match self.get("wlcg.groups") {
            Some(Value::Array(many)) => many
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// `wlcg.ver`.
    pub fn ver(&self) -> Option<&str> {
        self.text("wlcg.ver")
    }

    /// `client_id`.
    pub fn client_id(&self) -> Option<&str> {
        self.text("client_id")
    }

    /// `act`: who acts for the subject (RFC 8693 §4.1).
    pub fn act(&self) -> Option<&Map<String, Value>> {
        self.get("act").and_then(Value::as_object)
    }

    /// The subjects of the chain of actors, the current one first.
    pub fn actors(&self) -> Vec<&str> {
        let mut actors = Vec::new();
        let mut next = self.act();
        while let Some(act) = next {
            actors.extend(act.get("sub").and_then(Value::as_str));
            next = act.get("act").and_then(Value::as_object);
        }
        actors
    }

    /// A point in time, with its faults told apart.
    pub fn instant(&self, name: &str) -> Instant {
        match self.get(name) {
            None => Instant::Missing,
            Some(Value::Number(number)) => match number.as_f64() {
                Some(at) if (0.0..END_OF_TIME).contains(&at) => Instant::At(at),
                _ => Instant::Malformed,
            },
            Some(_) => Instant::Malformed,
        }
    }

    fn seconds(&self, name: &str) -> Option<i64> {
        match self.instant(name) {
            Instant::At(at) => Some(at as i64),
            _ => None,
        }
    }
}

impl From<Map<String, Value>> for Claims {
    fn from(members: Map<String, Value>) -> Self {
        Self(Arc::new(members))
    }
}

impl From<&Claims> for Value {
    fn from(claims: &Claims) -> Self {
        Value::Object((*claims.0).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(value: Value) -> Claims {
        match value {
            Value::Object(map) => map.into(),
            _ => panic!("not an object"),
        }
    }

    #[test]
    fn getters_read_the_profiles_names() {
        let claims = claims(serde_json::json!({
            "iss": "i", "aud": ["a", "b"], "exp": 17.9, "wlcg.groups": ["/w"], "wlcg.ver": "1.0",
            "act": {"sub": "C", "act": {"sub": "B"}}
        }));
        assert_eq!(claims.iss(), Some("i"));
        assert_eq!(claims.aud(), ["a", "b"]);
        assert_eq!(claims.exp(), Some(17));
        assert_eq!(claims.groups(), ["/w"]);
        assert_eq!(claims.ver(), Some("1.0"));
        assert_eq!(claims.actors(), ["C", "B"]);
        assert_eq!(claims.sub(), None);
    }

    #[test]
    fn instants_tell_missing_from_malformed() {
        let claims = claims(serde_json::json!({
            "a": "17", "b": -1, "c": 9_223_372_036_854_775_808_u64, "d": null, "e": 17, "f": 1e300
        }));
        let seen = ["a", "b", "c", "d", "e", "f", "g"].map(|name| claims.instant(name));
        use Instant::{At, Malformed, Missing};
        assert_eq!(
            seen,
            [
                Malformed,
                Malformed,
                Malformed,
                Malformed,
                At(17.0),
                Malformed,
                Missing
            ]
        );
    }
}
