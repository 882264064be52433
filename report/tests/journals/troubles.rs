//! Journals of what goes wrong: a refusal, and somebody who writes on the wall.

use super::*;
use carnet_report::Copied;

/// A destination refuses a token whose audience was mistyped; a fault and a broken expectation follow.
pub fn refusal() -> (Vec<Arc<Record>>, Outcome) {
    let mut s = Script::default();
    let step = s.step(
        1,
        "copy /example/file from se1 to se2 with a token for https://se2/example",
    );
    let file = "https://se2.example/example/file";
    let copy = s.exchange(
        step,
        exchange("fts", "se2", "COPY", file, 401)
            .with("source", "https://se1.example/example/file")
            .bearer(STORAGE)
            .answers("www-authenticate", r#"Bearer realm="se2.example", error="invalid_token", error_description="the token is not for this service""#)
            .gets("text/plain", "not for this service\n"),
    );
    let mut judged = verdict(
        "se2",
        STORAGE,
        "storage.create:/example/file",
        vec![
            check("signature", true, "RS256 by rsa1", "a key of the issuer"),
            check(
                "issuer",
                true,
                "https://iam.example/",
                "https://iam.example/",
            ),
            check(
                "audience",
                false,
                "https://se1.example https://se2/example",
                "https://se2.example or https://wlcg.cern.ch/jwt/v1/any",
            ),
            check(
                "scope",
                true,
                "storage.create:/",
                "storage.create:/example/file",
            ),
        ],
    );
    judged.hint = Some(
        "the audience https://se2/example has a path; did you mean https://se2.example?".into(),
    );
    s.judged(copy, judged);
    let fault = FaultEvent {
        which: "slow".into(),
        place: "se2".into(),
        did: "held the answer back for 2 s".into(),
    };
    s.add("se2", Some(copy), Event::Fault(fault));
    s.note(
        "fts",
        step,
        "the refusal is final: a wrong audience does not heal by trying again",
    );
    s.expect(
        "R1",
        "se2 answers COPY with 403",
        &[copy],
        Some("received from fts to se2: COPY https://se2.example/example/file 401\nno other exchange between them"),
    );
    let outcome = Outcome {
        scenario: "audience-mistyped".into(),
        millis: 61,
        moved: 600_000,
        ..Outcome::default()
    };
    (s.records, outcome)
}

/// Everything in it was written by somebody who wants to write on the trainer's terminal.
pub fn hostile() -> (Vec<Arc<Record>>, Outcome) {
    let evil =
        "\x1b[2J\x1b]0;owned\x07<script>alert('x')</script>\";#%%{end}\r\n\u{202e}`$(reboot)`'";
    let mut s = Script::default();
    let step = s.step(1, evil);
    let mut bad = exchange(
        evil,
        evil,
        evil,
        &format!("https://se2.example/{evil}"),
        500,
    )
    .with(evil, evil)
    .bearer(evil)
    .sends("text/plain", evil)
    .answers("www-authenticate", evil)
    .gets(
        "text/html",
        &format!("{evil}\nsecond line eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0.c2ln"),
    );
    bad.failure = Some(evil.into());
    let at = s.exchange(step, bad);
    let token = Issued {
        kind: evil.into(),
        ..access(evil, Some(evil), evil, evil, evil, &[evil], evil)
    };
    s.issued(
        at,
        Issued {
            kind: "access".into(),
            ..token.clone()
        },
    );
    s.issued(at, token);
    let mut judged = verdict(
        evil,
        evil,
        evil,
        vec![
            check(evil, false, evil, evil),
            check(evil, true, evil, evil),
        ],
    );
    judged.hint = Some(evil.into());
    s.judged(at, judged);
    s.state(evil, at, [evil; 5]);
    s.add(
        evil,
        Some(at),
        Event::Fault(FaultEvent {
            which: evil.into(),
            place: evil.into(),
            did: evil.into(),
        }),
    );
    s.note(evil, at, evil);
    s.note(
        evil,
        at,
        "Access token for value eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0.c2ln was not found",
    );
    s.expect(evil, evil, &[at], Some(evil));
    let copied = Copied {
        path: evil.into(),
        bytes: 1,
        adler32: evil.into(),
        agreed: vec![evil.into()],
    };
    let outcome = Outcome {
        scenario: evil.into(),
        copied: vec![copied],
        failure: Some(evil.into()),
        ..Outcome::default()
    };
    (s.records, outcome)
}
