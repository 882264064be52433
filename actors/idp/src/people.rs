//! Who can log in, and what is said about them (OpenID Connect Core §5.1, §5.4).

use serde_json::{Map, Value};

use crate::config::UserConfig;

impl UserConfig {
    /// The subject of this person's ID tokens.
    pub fn subject(&self) -> &str {
        self.sub.as_deref().unwrap_or(&self.username)
    }

    /// First and last name, as far as they are known.
    pub fn full_name(&self) -> String {
        let parts = [self.given_name.as_deref(), self.family_name.as_deref()];
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        if name.is_empty() {
            self.username.clone()
        } else {
            name
        }
    }

    /// The claims that scopes ask for; the subject is always there.
    pub fn claims(&self, scope: &[String]) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("sub".into(), self.subject().into());
        let asked = |name: &str| scope.iter().any(|s| s == name);
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                claims.insert(name.into(), value.into());
            }
        };
        if asked("profile") {
            put("name", Some(&self.full_name()));
            put("given_name", self.given_name.as_deref());
            put("family_name", self.family_name.as_deref());
            put("preferred_username", Some(&self.username));
        }
        if asked("email") {
            put("email", self.email.as_deref());
        }
        claims
    }
}

/// The person of that name and password, if there is one who may log in. Which of the two is wrong is not told.
pub fn log_in<'a>(users: &'a [UserConfig], name: &str, password: &str) -> Option<&'a UserConfig> {
    let same = |known: &str| {
        aws_lc_rs::constant_time::verify_slices_are_equal(known.as_bytes(), password.as_bytes())
            .is_ok()
    };
    users
        .iter()
        .find(|user| user.username == name && same(&user.password) && user.active)
}

/// The person of that subject.
pub fn by_subject<'a>(users: &'a [UserConfig], sub: &str) -> Option<&'a UserConfig> {
    users.iter().find(|user| user.subject() == sub)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(username: &str, active: bool) -> UserConfig {
        UserConfig {
            username: username.into(),
            password: "right".into(),
            sub: None,
            given_name: Some("Ann".into()),
            family_name: None,
            email: Some("ann@institute.example".into()),
            active,
        }
    }

    #[test]
    fn only_the_right_password_of_an_active_person() {
        let users = [user("ann", true), user("gone", false)];
        for (name, password, want) in [
            ("ann", "right", true),
            ("ann", "Right", false),
            ("ann", "", false),
            ("ANN", "right", false),
            ("gone", "right", false),
            ("nobody", "right", false),
        ] {
            assert_eq!(
                log_in(&users, name, password).is_some(),
                want,
                "{name} {password}"
            );
        }
    }

    #[test]
    fn claims_follow_the_scope() {
        for (scope, want) in [
            ("openid", "sub"),
            ("openid email", "sub email"),
            ("openid profile", "sub name given_name preferred_username"),
        ] {
            let scope: Vec<String> = scope.split(' ').map(str::to_owned).collect();
            let claims = user("ann", true).claims(&scope);
            let names: Vec<&str> = claims.keys().map(String::as_str).collect();
            assert_eq!(names.join(" "), want);
        }
    }
}
