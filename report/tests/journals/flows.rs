//! The two seed flows as the stage records them.

use super::*;
use carnet_report::Copied;

/// Flow A: Rucio acts for itself.
pub fn flow_a() -> (Vec<Arc<Record>>, Outcome) {
    let mut s = Script::default();
    let step = s.step(1, "replicate /example/file from se1 to se2");
    let rule = s.exchange(
        step,
        exchange("stage", "rucio", "POST", "https://rucio.example/rules/", 201)
            .with("x-rucio-auth-token", "…")
            .sends("application/json", r#"{"dids":[{"scope":"example","name":"/example/file"}],"copies":1,"rse_expression":"SE2"}"#)
            .gets(JSON, r#"["a1f29d4e56e44b9f9a3d0c9b7c3f5a11"]"#),
    );
    s.state(
        "rucio",
        rule,
        [
            "rucio.rule",
            "a1f29d4e56e44b9f9a3d0c9b7c3f5a11",
            "",
            "REPLICATING",
            "one copy at SE2 is missing",
        ],
    );
    let a1 = s.exchange(
        rule,
        token_request(
            "rucio",
            "grant_type=client_credentials&scope=fts%3Asubmit-transfer&audience=https%3A%2F%2Ffts.example",
            &format!(r#"{{"access_token":"eyJ…{SUBMIT}","token_type":"Bearer","expires_in":3599,"scope":"fts:submit-transfer"}}"#),
        )
        .token("access_token", SUBMIT),
    );
    s.issued(
        a1,
        access(
            SUBMIT,
            None,
            "client_credentials",
            "rucio.example",
            "rucio.example",
            &["https://fts.example"],
            "fts:submit-transfer",
        ),
    );
    let a4 = s.exchange(
        rule,
        exchange("rucio", "fts", "POST", "https://fts.example/jobs", 200)
            .bearer(SUBMIT)
            .sends("application/json", r#"{"files":[{"sources":["https://se1.example/example/file"],"destinations":["https://se2.example/example/file"],"checksum":"adler32:348049b0"}],"params":{"overwrite":false}}"#)
            .gets("application/json", r#"{"job_id":"0d6a1c4e-2c3a-11ef-8f0b-0242ac110002"}"#),
    );
    for what in [".well-known/openid-configuration", "jwk"] {
        s.exchange(
            a4,
            exchange(
                "fts",
                "iam",
                "GET",
                &format!("https://iam.example/{what}"),
                200,
            ),
        );
    }
    s.judged(
        a4,
        good("fts", SUBMIT, "fts:submit-transfer", "https://fts.example"),
    );
    s.state(
        "fts",
        a4,
        [
            "fts.job",
            "0d6a1c4e-2c3a-11ef-8f0b-0242ac110002",
            "",
            "SUBMITTED",
            "",
        ],
    );
    let a6 = s.exchange(
        a4,
        token_request(
            "fts",
            &format!("grant_type={EXCHANGE}&subject_token=eyJ…{SUBMIT}&audience=https%3A%2F%2Fse1.example+https%3A%2F%2Fse2.example&scope=storage.read%3A%2F+storage.create%3A%2F+offline_access"),
            &format!(r#"{{"access_token":"eyJ…{STORAGE}","token_type":"Bearer","refresh_token":"eyJ…{REFRESH}","expires_in":3599,"scope":"storage.create:/ storage.read:/ offline_access"}}"#),
        )
        .token("subject_token", SUBMIT)
        .token("access_token", STORAGE)
        .token("refresh_token", REFRESH),
    );
    let both = ["https://se1.example", "https://se2.example"];
    let scope = "offline_access storage.create:/ storage.read:/";
    s.issued(
        a6,
        access(
            STORAGE,
            Some(SUBMIT),
            "token-exchange",
            "fts.example",
            "rucio.example",
            &both,
            scope,
        ),
    );
    s.issued(a6, refresh(SUBMIT));
    let a9 = s.exchange(
        a4,
        token_request(
            "fts",
            &format!("grant_type=refresh_token&refresh_token=eyJ…{REFRESH}"),
            &format!(r#"{{"access_token":"eyJ…{FRESH}","token_type":"Bearer","expires_in":3599}}"#),
        )
        .token("refresh_token", REFRESH)
        .token("access_token", FRESH),
    );
    s.issued(
        a9,
        access(
            FRESH,
            Some(REFRESH),
            "refresh_token",
            "fts.example",
            "rucio.example",
            &both,
            scope,
        ),
    );
    let file = "https://se2.example/example/file";
    let a10 = s.exchange(
        a4,
        exchange("fts", "se2", "COPY", file, 202)
            .with("source", "https://se1.example/example/file")
            .bearer(FRESH)
            .with("transferheaderauthorization", &format!("Bearer eyJ…{FRESH}"))
            .token("transferheaderauthorization", FRESH)
            .gets("text/plain", "Perf Marker\nTimestamp: 1600246822\nStripe Index: 0\nStripe Bytes Transferred: 67108864\nTotal Stripe Count: 1\nEnd\nsuccess: Created\n"),
    );
    s.judged(
        a10,
        good(
            "se2",
            FRESH,
            "storage.create:/example/file",
            "https://se2.example",
        ),
    );
    let mut get =
        exchange("se2", "se1", "GET", "https://se1.example/example/file", 200).bearer(FRESH);
    get.version = "HTTP/1.1".into();
    get.response_body = BodyRecord {
        bytes: 67_108_864,
        text: None,
        digest: Some("adler32:348049b0".into()),
    };
    let a11 = s.exchange(a10, get);
    s.judged(
        a11,
        good(
            "se1",
            FRESH,
            "storage.read:/example/file",
            "https://se1.example",
        ),
    );
    s.state(
        "fts",
        a4,
        [
            "fts.job",
            "0d6a1c4e-2c3a-11ef-8f0b-0242ac110002",
            "ACTIVE",
            "FINISHED",
            "success: Created",
        ],
    );
    s.exchange(
        a4,
        exchange("fts", "se2", "HEAD", file, 200)
            .bearer(FRESH)
            .with("want-digest", "adler32")
            .answers("content-length", "67108864")
            .answers("digest", "adler32=348049b0"),
    );
    for _ in 0..3 {
        let poll = "https://fts.example/jobs/0d6a1c4e-2c3a-11ef-8f0b-0242ac110002";
        s.exchange(
            rule,
            exchange("rucio", "fts", "GET", poll, 200).bearer(SUBMIT),
        );
    }
    s.state(
        "rucio",
        rule,
        [
            "rucio.rule",
            "a1f29d4e56e44b9f9a3d0c9b7c3f5a11",
            "REPLICATING",
            "OK",
            "every lock is OK",
        ],
    );
    s.expect(
        "A1",
        "rucio asks iam for a token by client_credentials",
        &[a1],
        None,
    );
    s.expect(
        "A10",
        "fts sends COPY to se2 with TransferHeaderAuthorization",
        &[a10],
        None,
    );
    let outcome = Outcome {
        scenario: "delegated-identity".into(),
        copied: vec![Copied {
            path: "/example/file".into(),
            bytes: 67_108_864,
            adler32: "348049b0".into(),
            agreed: ["se1", "se2", "fts", "rucio"].map(str::to_owned).to_vec(),
        }],
        millis: 83,
        moved: 0,
        failure: None,
    };
    (s.records, outcome)
}

/// Flow B up to the second exchange: Rucio acts for a user, in groups.
pub fn flow_b() -> (Vec<Arc<Record>>, Outcome) {
    let mut s = Script::default();
    let step = s.step(1, "alice gets a token by device code");
    let sub = "a1b98335-9649-4fb0-961d-5a49ce108d49";
    let code = s.exchange(
        step,
        exchange("alice", "iam", "POST", "https://iam.example/devicecode", 200)
            .sends(FORM, "client_id=trainee&scope=openid+wlcg.groups&audience=https%3A%2F%2Frucio.example")
            .gets(JSON, r#"{"user_code":"K7QP2X","device_code":"…","verification_uri":"https://iam.example/device","expires_in":600}"#),
    );
    s.exchange(
        code,
        exchange(
            "alice",
            "iam",
            "POST",
            "https://iam.example/device/approve",
            200,
        ),
    );
    let form =
        "grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=…&client_id=trainee";
    for status in [400, 400] {
        s.exchange(
            code,
            exchange("alice", "iam", "POST", "https://iam.example/token", status)
                .sends(FORM, form)
                .gets(JSON, r#"{"error":"authorization_pending","error_description":"Authorization pending for code K7QP2X"}"#),
        );
    }
    let b1 = s.exchange(
        code,
        exchange("alice", "iam", "POST", "https://iam.example/token", 200)
            .sends(FORM, form)
            .token("access_token", USER),
    );
    let groups = ["/wlcg", "/wlcg/xfers"];
    s.issued(
        b1,
        with_groups(
            access(
                USER,
                None,
                "device_code",
                "trainee",
                sub,
                &["https://rucio.example"],
                "openid wlcg.groups",
            ),
            &groups,
        ),
    );
    let step = s.step(2, "alice asks for /wlcg/file at se2");
    let b2 = s.exchange(
        step,
        exchange("alice", "rucio", "POST", "https://rucio.example/rules/", 201)
            .with("x-rucio-auth-token", &format!("eyJ…{USER}"))
            .token("x-rucio-auth-token", USER)
            .sends("application/json", r#"{"dids":[{"scope":"user.alice","name":"/wlcg/file"}],"copies":1,"rse_expression":"SE2"}"#),
    );
    let b3 = s.exchange(
        b2,
        token_request("rucio", &format!("grant_type={EXCHANGE}&subject_token=eyJ…{USER}&audience=https%3A%2F%2Ffts.example&scope=openid+wlcg.groups+offline_access"), "{}")
            .token("subject_token", USER),
    );
    let scope = "offline_access openid wlcg.groups";
    s.issued(
        b3,
        with_groups(
            access(
                SUBMIT,
                Some(USER),
                "token-exchange",
                "rucio.example",
                sub,
                &["https://fts.example"],
                scope,
            ),
            &groups,
        ),
    );
    let b5 = s.exchange(
        b2,
        token_request("fts", &format!("grant_type={EXCHANGE}&subject_token=eyJ…{SUBMIT}&audience=https%3A%2F%2Fse1.example+https%3A%2F%2Fse2.example&scope=openid+wlcg.groups+offline_access"), "{}")
            .token("subject_token", SUBMIT),
    );
    let mut last = with_groups(
        access(
            STORAGE,
            Some(SUBMIT),
            "token-exchange",
            "fts.example",
            sub,
            &["https://se1.example", "https://se2.example"],
            scope,
        ),
        &["/wlcg"],
    );
    last.exp = Some(START + 1_200);
    s.issued(b5, last);
    s.expect(
        "B5",
        "fts exchanges the token for both storage elements",
        &[b5],
        None,
    );
    let outcome = Outcome {
        scenario: "group-based".into(),
        millis: 1_240,
        ..Outcome::default()
    };
    (s.records, outcome)
}
