//! What a strict issuer answers to people's browsers, and to the codes that come of it.

use super::common::{Bench, Browser, query};
use super::{WEB, WORLD};

#[tokio::test]
async fn oidc_core_3_1_2_1_when_a_person_must_log_in_again() {
    let bench = Bench::from_toml(WORLD);
    let mut browser = Browser::login(&bench, "ann", "password").await;
    let ask = "/authorize?response_type=code&client_id=web&redirect_uri=https://web.example/cb&scope=openid";
    let form = [("username", "ann"), ("password", "password")];
    for (source, more, later, again) in [
        ("nothing asked", "", 0, false),
        ("prompt=login", "&prompt=login", 0, true),
        ("prompt=login, once more", "&prompt=login", 0, true),
        ("max_age that holds", "&max_age=60", 60, false),
        ("max_age that has passed", "&max_age=60", 61, true),
        ("max_age=0", "&max_age=0", 1, true),
    ] {
        bench.advance(later);
        let path = format!("{ask}{more}");
        let answer = browser.get(&bench, &path).await;
        if again {
            assert_eq!(
                answer.header("location"),
                Some("https://iam.example/login"),
                "{source}"
            );
            let answer = browser.post(&bench, "/login", &form).await;
            let back = answer.header("location").unwrap().to_owned();
            assert_eq!(back, format!("https://iam.example{path}"), "{source}");
        }
        assert_eq!(browser.get(&bench, &path).await.status, 200, "{source}");
    }
    bench.advance(100);
    let silent = browser
        .get(&bench, &format!("{ask}&max_age=60&prompt=none"))
        .await;
    let error = query(silent.header("location").unwrap(), "error");
    assert_eq!(error.as_deref(), Some("login_required"));
}

#[tokio::test]
async fn oidc_core_6_request_objects_are_refused_as_the_metadata_says() {
    let bench = Bench::from_toml(WORLD);
    let mut browser = Browser::login(&bench, "ann", "password").await;
    let ask = "/authorize?response_type=code&client_id=web&redirect_uri=https://web.example/cb&scope=openid";
    for (name, want) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
    ] {
        let answer = browser.get(&bench, &format!("{ask}&{name}=x")).await;
        let error = query(answer.header("location").unwrap(), "error");
        assert_eq!(error.as_deref(), Some(want));
    }
    assert_eq!(bench.call("PUT", ask, None, &[]).await.status, 405);
}

/// Redeems a code of a request with `more` in its query and `form` at the token endpoint; an error of either.
async fn by_code(bench: &Bench, more: &str, form: &[(&str, &str)]) -> String {
    let uri = "https://web.example/cb";
    let request = format!("&redirect_uri={uri}&scope=openid{more}");
    let answer = bench.approved("web", "ann", &request).await;
    let back = answer.header("location").unwrap();
    let Some(code) = query(back, "code") else {
        return query(back, "error").unwrap();
    };
    let mut all = vec![("redirect_uri", uri)];
    all.extend(form);
    let answer = bench.redeem(WEB, &code, &all).await;
    match answer.status {
        200 => "tokens".into(),
        _ => answer.text("error"),
    }
}

#[tokio::test]
async fn rfc_7636_and_9700_proof_keys() {
    let bench = Bench::from_toml(WORLD);
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let s256 =
        "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let of_abc =
        "&code_challenge=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0&code_challenge_method=S256";
    for (source, more, sent, want) in [
        ("7636 4.6", s256, verifier, "tokens"),
        (
            "7636 4.6 another",
            s256,
            &verifier.replace('d', "e"),
            "invalid_grant",
        ),
        ("7636 4.6 none", s256, "", "invalid_grant"),
        ("7636 4.1 too short", of_abc, "abc", "invalid_grant"),
        (
            "9700 2.1.1 the challenge is gone",
            "",
            verifier,
            "invalid_grant",
        ),
        (
            "7636 4.3 plain",
            "&code_challenge=x",
            "x",
            "invalid_request",
        ),
        (
            "7636 4.3 a method and no challenge",
            "&code_challenge_method=S256",
            "",
            "invalid_request",
        ),
        ("6749 3.1 empty is absent", "&code_challenge=", "", "tokens"),
    ] {
        let form = [("code_verifier", sent)];
        assert_eq!(by_code(&bench, more, &form).await, want, "{source}");
    }
}

#[tokio::test]
async fn oidc_core_3_1_2_1_what_cannot_be_read_is_refused() {
    let bench = Bench::from_toml(WORLD);
    for (more, want) in [
        ("&max_age=60", "tokens"),
        ("&max_age=x", "invalid_request"),
        ("&max_age=-1", "invalid_request"),
        ("&prompt=none%20login", "invalid_request"),
        ("&response_mode=query", "tokens"),
        ("&response_mode=form_post", "invalid_request"),
        ("&response_mode=fragment", "invalid_request"),
    ] {
        assert_eq!(by_code(&bench, more, &[]).await, want, "{more}");
    }
}

#[tokio::test]
async fn a_device_request_of_which_policies_leave_nothing_gets_nothing() {
    let policies = r#"scope_policies = [{ rule = "PERMIT" }, { level = "account", account = "ann", rule = "DENY", scopes = ["storage.read:/"] }]"#;
    let world = WORLD.replace("\"authorization_code\",", "\"device_code\",");
    let bench = Bench::from_toml(&format!("{world}\n{policies}"));
    for (scope, want) in [
        ("storage.read:/", None),
        ("openid storage.read:/", Some("openid")),
        // Nothing asked: the default scopes, less what the policies take.
        ("", None),
    ] {
        let started = bench
            .device(WEB, "ann", Some("true"), &[("scope", scope)])
            .await;
        let given = bench.poll(WEB, &started.text("device_code")).await;
        assert_eq!(given.status, 200, "{scope}: {}", given.body);
        assert_eq!(given.json()["scope"].as_str(), want, "{scope}");
    }
}

#[tokio::test]
async fn rfc_8628_6_1_user_codes_are_typed_as_people_type() {
    let bench = Bench::from_toml(&WORLD.replace("\"authorization_code\",", "\"device_code\","));
    let mut browser = Browser::login(&bench, "ann", "password").await;
    for write in [
        |code: &str| code.to_ascii_lowercase(),
        |code: &str| format!("{}-{}", &code[..4], &code[4..]),
        |code: &str| format!(" {} {} ", &code[..4], &code[4..]),
    ] {
        let started = bench.device(WEB, "ann", None, &[("scope", "openid")]).await;
        let typed = write(&started.text("user_code"));
        let page = browser
            .post(&bench, "/device/verify", &[("user_code", &typed)])
            .await;
        assert!(
            page.body.contains("Approve access"),
            "{typed}: {}",
            page.body
        );
    }
}
