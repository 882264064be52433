//! The conveyor: submitter, poller and finisher, driven by events instead of daemons' rounds (rucio page §2.2 to §2.4).

use std::time::Duration;

use carnet_stage::{Body, Clock, body};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use serde_json::Value;

use crate::catalogue::{Outcome, Plan};
use crate::job;
use crate::server::Rucio;
use crate::tokens::{self, Passport};

/// Longest answer that is read from FTS.
const LONGEST_ANSWER: usize = 4 << 20;

/// Characters of an answer of FTS that go into a reason.
const LONGEST_REASON: usize = 300;

/// Carries one queued request to its end.
pub(crate) async fn carry(rucio: Rucio, request: String) {
    let places = rucio.in_flight();
    let Ok(_place) = places.acquire().await else {
        return;
    };
    let fts = rucio.config().fts.clone();
    let retries = rucio.config().retries;
    let Some(plan) = rucio.with(|c, g| c.take_up(&request, &fts, g)) else {
        return;
    };
    match submit(&rucio, &plan).await {
        Ok((job, passport)) => {
            rucio.with(|c, g| c.submitted(&request, &job, g.now));
            let outcome = watch(&rucio, &plan, &job, passport).await;
            rucio.with(|c, g| c.settle(&request, &outcome, retries, g));
        }
        Err(reason) => {
            rucio.with(|c, g| c.submission_failed(&request, &reason, retries, g));
        }
    }
}

/// Gets the tokens and posts the job: the job's id, or why FTS does not have it.
async fn submit(rucio: &Rucio, plan: &Plan) -> Result<(String, Passport), String> {
    let passport = tokens::passport(rucio, plan).await?;
    let url = format!("{}/jobs", rucio.config().fts.trim_end_matches('/'));
    let text = job::body(plan, passport.job.as_ref()).to_string();
    let (status, answer) = ask(rucio, Method::POST, &url, passport.fts.as_deref(), text).await?;
    let parsed: Value = serde_json::from_str(&answer).unwrap_or(Value::Null);
    if status != StatusCode::OK {
        return Err(format!(
            "FTS answered {}: {}",
            status.as_u16(),
            reason(&parsed, &answer)
        ));
    }
    let job = job::job_id(&parsed).ok_or("FTS took the job but gave no id")?;
    Ok((job.to_owned(), passport))
}

/// Looks at the job until it has ended. The pauses grow with the time already waited, within the configured bounds.
async fn watch(rucio: &Rucio, plan: &Plan, job: &str, mut passport: Passport) -> Outcome {
    let config = rucio.config();
    let (shortest, longest) = (config.poll_from_ms.max(1), config.poll_to_ms.max(1));
    let url = job::poll_url(&config.fts, job);
    let (mut waited, mut trouble) = (0, String::new());
    loop {
        let pause = (waited / 4).clamp(shortest.min(longest), longest);
        rest(rucio, Duration::from_millis(pause)).await;
        waited += pause;
        let said = match ask(
            rucio,
            Method::GET,
            &url,
            passport.fts.as_deref(),
            String::new(),
        )
        .await
        {
            Ok((status, text)) => {
                let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
                if let Some(outcome) = job::outcome(&answer, job, &plan.request_id) {
                    return outcome;
                }
                if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
                    && let Ok(fresh) = tokens::renewed(rucio, plan, &passport).await
                {
                    passport = fresh;
                }
                if status.is_success() || status == StatusCode::MULTI_STATUS {
                    String::new()
                } else {
                    format!(
                        "FTS answered {} when asked about job {job}: {}",
                        status.as_u16(),
                        reason(&answer, &text)
                    )
                }
            }
            Err(why) => why,
        };
        if !said.is_empty() && said != trouble {
            rucio.actor().note(said.clone());
        }
        trouble = said;
    }
}

/// A pause between two looks: over when it has passed for real, or on the stage's clock.
async fn rest(rucio: &Rucio, pause: Duration) {
    let clock = rucio.actor().clock();
    let _over = Clock::within_real(pause, clock.sleep(pause)).await;
}

async fn ask(
    rucio: &Rucio,
    method: Method,
    url: &str,
    token: Option<&str>,
    text: String,
) -> Result<(StatusCode, String), String> {
    let mut request = Request::builder()
        .method(method)
        .uri(url)
        .header(ACCEPT, "*/*")
        .header(CONTENT_TYPE, "application/json");
    // A production Rucio adds its token only to https URLs (rucio page §0, fact 5).
    if let (Some(token), true) = (token, url.starts_with("https://")) {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request
        .body(if text.is_empty() {
            Body::empty()
        } else {
            Body::from(text)
        })
        .map_err(|e| format!("'{url}' is no URL of FTS: {e}"))?;
    let answer = rucio
        .actor()
        .client()
        .send(request)
        .await
        .map_err(|e| e.to_string())?;
    let (head, body) = answer.into_parts();
    let bytes = body::read_limited(body, LONGEST_ANSWER)
        .await
        .map_err(|e| format!("FTS's answer: {e}"))?;
    Ok((head.status, String::from_utf8_lossy(&bytes).into_owned()))
}

/// What FTS says about a refusal: its JSON message, or the text of its page.
fn reason(parsed: &Value, text: &str) -> String {
    if let Some(message) = ["message", "http_message", "error_description"]
        .iter()
        .find_map(|key| parsed.get(key)?.as_str())
    {
        return message.to_owned();
    }
    let mut plain = String::new();
    let mut in_tag = false;
    for c in text.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                plain.push(' ');
            }
            c if !in_tag => plain.push(c),
            _ => {}
        }
    }
    let words: String = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(LONGEST_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn refusals_are_read_from_json_and_from_pages() {
        for (text, want) in [
            (
                json!({"status": "403 Forbidden", "message": "Not enough permissions"}).to_string(),
                "Not enough permissions",
            ),
            (
                "<!doctype html>\n<title>403 Forbidden</title>\n<p>Invalid credentials</p>"
                    .to_owned(),
                "403 Forbidden Invalid credentials",
            ),
            (String::new(), ""),
        ] {
            let parsed = serde_json::from_str(&text).unwrap_or(Value::Null);
            assert_eq!(reason(&parsed, &text), want);
        }
    }
}
