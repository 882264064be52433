//! Pages for people: plain HTML that needs no script, reads well on a phone and to a screen reader.

use carnet_stage::page::Templates;
use minijinja::context;

use crate::config::IdentityProvider;
use crate::institute::Stranger;

const TEMPLATES: [(&str, &str); 9] = [
    ("login.html", include_str!("pages/login.html")),
    ("consent.html", include_str!("pages/consent.html")),
    ("device.html", include_str!("pages/device.html")),
    ("device_done.html", include_str!("pages/device_done.html")),
    ("aup.html", include_str!("pages/aup.html")),
    ("dashboard.html", include_str!("pages/dashboard.html")),
    ("error.html", include_str!("pages/error.html")),
    ("stranger.html", include_str!("pages/stranger.html")),
    ("oauth_error.html", include_str!("pages/oauth_error.html")),
];

/// The pages of one issuer.
#[derive(Clone, Debug)]
pub struct Pages {
    templates: Templates,
}

/// What the login page shows.
#[derive(Clone, Debug, Default)]
pub struct Login<'a> {
    /// What went wrong.
    pub problem: Option<&'a str>,
    /// The person has just left.
    pub logged_out: bool,
    /// Home institutes to sign in with.
    pub institutes: Vec<&'a IdentityProvider>,
}

/// A scope with what it means in plain words.
#[derive(serde::Serialize)]
struct Line {
    scope: String,
    words: String,
}

impl Pages {
    /// For an organisation of that name.
    pub fn new(organisation: &str) -> Self {
        Self {
            templates: Templates::new(&TEMPLATES, organisation, "#0b4f8a"),
        }
    }

    fn render(&self, name: &str, values: minijinja::Value) -> String {
        self.templates.render(name, values)
    }

    /// The login form.
    pub fn login(&self, login: &Login<'_>) -> String {
        let institutes: Vec<_> = login
            .institutes
            .iter()
            .map(|p| context! { name => p.name, issuer => p.issuer })
            .collect();
        let (problem, logged_out) = (login.problem, login.logged_out);
        self.render("login.html", context! { problem, logged_out, institutes })
    }

    /// For somebody whom only an institute knows.
    pub fn stranger(&self, stranger: &Stranger) -> String {
        let Stranger {
            institute,
            issuer,
            subject,
            name,
            email,
        } = stranger;
        self.render(
            "stranger.html",
            context! { institute, issuer, subject, name, email },
        )
    }

    /// What a client asks for, to be approved. IAM 1.7 has a check box for each scope.
    pub fn consent(&self, client: &str, user: &str, scopes: &[String], boxes: bool) -> String {
        let action = "/authorize";
        self.render(
            "consent.html",
            context! { client, user, scopes => lines(scopes), boxes, action, user_code => "" },
        )
    }

    /// The same for a device.
    pub fn approve_device(
        &self,
        client: &str,
        scopes: &[String],
        user_code: &str,
        boxes: bool,
    ) -> String {
        let action = "/device/approve";
        self.render(
            "consent.html",
            context! { client, user => "", scopes => lines(scopes), boxes, action, user_code },
        )
    }

    /// The form for a user code.
    pub fn device(&self, problem: Option<&str>) -> String {
        self.render("device.html", context! { problem })
    }

    /// The end of the device flow.
    pub fn device_done(&self, approved: bool) -> String {
        self.render("device_done.html", context! { approved })
    }

    /// The acceptable use policy: text, address, and why it is shown; none when there is none.
    pub fn aup(&self, policy: Option<(&str, Option<&str>, String)>) -> String {
        let policy = policy.map(|(text, url, why)| context! { text, url, why });
        self.render("aup.html", context! { policy })
    }

    /// Where people land.
    pub fn dashboard(&self, name: &str, username: &str, groups: &[&str]) -> String {
        self.render("dashboard.html", context! { name, username, groups })
    }

    /// An error.
    pub fn error(&self, status: u16, text: &str) -> String {
        let help = match status {
            403 => "You are not allowed to see this, or the token that was sent is not.",
            404 => "There is no page at this address. Look whether it is written as it should be.",
            500 => {
                "Something went wrong here, and it is not your fault. Tell whoever runs this service what you did."
            }
            _ => "",
        };
        self.render("error.html", context! { status, text, help })
    }

    /// IAM's small page for errors of the authorization endpoint.
    pub fn oauth_error(&self, error: &str, text: &str) -> String {
        self.render("oauth_error.html", context! { error, text })
    }
}

fn lines(scopes: &[String]) -> Vec<Line> {
    scopes
        .iter()
        .map(|scope| Line {
            scope: scope.clone(),
            words: in_words(scope),
        })
        .collect()
}

/// What a scope allows, in words for somebody who knows no OAuth; they go on after "the application asks to".
pub fn in_words(scope: &str) -> String {
    let (name, path) = scope
        .split_once(':')
        .map_or((scope, None), |(name, path)| (name, Some(path)));
    let storage = |verb: &str| match path {
        None | Some("/") => format!("{verb} anywhere in your organisation's storage"),
        Some(path) => format!("{verb} in {path} and below"),
    };
    let plain = match (name, path) {
        ("openid", None) => "know who you are",
        ("profile", None) => "see your name",
        ("email", None) => "see your mail address",
        ("address", None) => "see your postal address",
        ("phone", None) => "see your phone number",
        ("offline_access", None) => "go on while you are away, until you revoke it",
        ("wlcg.groups", None) => "see your groups",
        ("wlcg.groups", Some(group)) => return format!("see that you are in the group {group}"),
        ("wlcg.capabilityset", Some(group)) => {
            return format!("have the rights that the group {group} has");
        }
        ("storage.read", _) => return storage("read files"),
        ("storage.create", _) => return storage("add new files"),
        ("storage.modify", _) => return storage("add, overwrite, rename and delete files"),
        ("storage.write", _) => return storage("write files"),
        ("storage.stage", _) => return storage("bring files from tape to disk"),
        ("storage.poll", _) => return storage("ask whether files are on disk or on tape"),
        ("compute.read", _) => "see your jobs",
        ("compute.create", _) => "submit jobs",
        ("compute.modify", _) => "change your jobs",
        ("compute.cancel", _) => "cancel your jobs",
        ("host.auth", None) => "act as a service on a host",
        ("wlcg", _) => "get tokens in the form that WLCG sites read",
        ("iam" | "kc" | "aarc", None) => "get tokens in another form than the usual",
        ("eduperson_entitlement" | "entitlements", None) => "see what you are entitled to",
        ("eduperson_scoped_affiliation", None) => "see which institute you belong to, and as what",
        ("eduperson_assurance", None) => "see how well your identity was checked",
        ("attr", None) => "see further particulars of your account",
        ("ssh-keys", None) => "see your SSH keys",
        ("proxy", Some("generate")) => "make certificates in your name",
        ("scim", Some("read")) => "see the list of people and groups",
        ("scim", _) => "see and change the list of people and groups",
        ("iam", Some("admin.read")) => "see everything that an administrator sees",
        ("iam", Some("admin.write")) => "change everything that an administrator changes",
        ("registration", Some("read")) => "see who asks for an account",
        ("registration", _) => "see and decide who gets an account",
        ("fts", _) => "transfer files for you through FTS",
        _ => return format!("use {scope}, of which nothing more is known here"),
    };
    plain.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_in_words() {
        for (scope, words) in [
            ("openid", "know who you are"),
            (
                "offline_access",
                "go on while you are away, until you revoke it",
            ),
            ("wlcg.groups", "see your groups"),
            (
                "wlcg.groups:/cms/prod",
                "see that you are in the group /cms/prod",
            ),
            ("wlcg", "get tokens in the form that WLCG sites read"),
            ("wlcg:1.0", "get tokens in the form that WLCG sites read"),
            (
                "storage.read:/",
                "read files anywhere in your organisation's storage",
            ),
            ("storage.read:/cms", "read files in /cms and below"),
            (
                "storage.stage:/t",
                "bring files from tape to disk in /t and below",
            ),
            (
                "storage.poll:/t",
                "ask whether files are on disk or on tape in /t and below",
            ),
            (
                "storage.list:/t",
                "use storage.list:/t, of which nothing more is known here",
            ),
            ("compute.create", "submit jobs"),
            ("fts", "transfer files for you through FTS"),
            ("fts:submit-transfer", "transfer files for you through FTS"),
            ("scim:read", "see the list of people and groups"),
            ("scim:write", "see and change the list of people and groups"),
            ("iam", "get tokens in another form than the usual"),
            (
                "iam:admin.write",
                "change everything that an administrator changes",
            ),
            (
                "read-tasks",
                "use read-tasks, of which nothing more is known here",
            ),
        ] {
            assert_eq!(in_words(scope), words, "{scope}");
        }
        for scope in crate::config::stock_system_scopes(crate::quirks::Compat::Iam112) {
            let words = in_words(&scope.scope);
            assert!(!words.contains("nothing more"), "{}: {words}", scope.scope);
        }
    }

    #[test]
    fn every_page_renders_and_escapes() {
        let pages = Pages::new("lab <1>");
        let provider = IdentityProvider {
            name: "the <lab>".into(),
            issuer: "https://idp.example".into(),
            client_id: "iam".into(),
            client_secret: "secret".into(),
            scope: "openid".into(),
        };
        let stranger = Stranger {
            institute: "the <lab>".into(),
            issuer: "https://idp.example".into(),
            subject: "<b>42".into(),
            name: None,
            email: None,
        };
        let evil = ["storage.read:/<b>".to_owned()];
        for (page, wants) in [
            (pages.login(&Login::default()), "name=\"username\""),
            (
                pages.login(&Login {
                    problem: Some("<b>no"),
                    institutes: vec![&provider],
                    ..Login::default()
                }),
                "Sign in with the &lt;lab&gt;",
            ),
            (pages.stranger(&stranger), "&lt;b&gt;42"),
            (
                pages.consent("<c>", "Ann", &evil, false),
                "name=\"scope.storage.read:/&lt;b&gt;\"",
            ),
            (
                pages.consent("<c>", "Ann", &evil, true),
                "name=\"scope_storage.read:/&lt;b&gt;\"",
            ),
            (
                pages.approve_device("c", &evil, "ABC", false),
                "value=\"ABC\"",
            ),
            (pages.device(Some("no")), "name=\"user_code\""),
            (pages.device_done(true), "has been approved"),
            (pages.device_done(false), "has not been approved"),
            (
                pages.aup(Some(("Be good.", None, "Again.".into()))),
                "Be good.",
            ),
            (
                pages.aup(Some(("Be good.", Some("x"), "Again.".into()))),
                "Again.",
            ),
            (pages.aup(None), "There is no policy to accept."),
            (pages.dashboard("Ann", "ann", &["/g"]), "/g"),
            (pages.error(404, "Not Found"), "404. Not Found"),
            (pages.error(404, "Not Found"), "no page at this address"),
            (
                pages.approve_device("c", &[], "ABC", false),
                "shows the code <strong>ABC</strong>",
            ),
            (
                pages.consent("c", "Ann", &[], false),
                "nothing but your approval",
            ),
            (
                pages.oauth_error("invalid_client", "x<y"),
                "error=&quot;invalid_client&quot;, error_description=&quot;x&lt;y&quot;",
            ),
        ] {
            assert!(
                page.replace("&#x2f;", "/").contains(wants),
                "{wants} in {page}"
            );
            assert!(!page.contains("<b>") && !page.contains("<script"), "{page}");
            assert!(page.contains("<html lang=\"en\">") && page.contains("name=\"viewport\""));
        }
    }
}
