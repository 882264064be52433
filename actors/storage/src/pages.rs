//! What StoRM WebDAV serves beside files: the list of areas, who one is, whether it is well, where its own tokens
//! come from (storage page §9.3).

use std::fmt::Write as _;

use http::header;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::methods::Call;
use crate::path::CleanPath;
use crate::xml::escape;

const TOKENS: &str = "/.storm-webdav/oauth/token";
const ACTUATOR: &str = "/.storm-webdav/actuator";
const DOCUMENT: &str = "application/vnd.spring-boot.actuator.v3+json";
/// The one meter there is: requests are the journal's business.
const METER: &str = "http.server.requests";

/// The page that is asked for, if it is one and there are such.
pub(crate) async fn answer(call: &Call) -> Option<Answer> {
    if !call.element.dialect.pages {
        return None;
    }
    let get = matches!(call.parts.method.as_str(), "GET" | "HEAD");
    let json = |value: Value| answer::typed(200, "application/json", value.to_string());
    Some(match call.path.as_str() {
        "/" if get => index(call),
        "/robots.txt" if get => answer::typed(
            200,
            "text/plain;charset=utf-8",
            "User-agent: *\nDisallow: /\n",
        ),
        "/.storm-webdav/logout" => {
            let mut moved = answer::empty(302);
            answer::set(&mut moved, header::LOCATION, "/");
            moved
        }
        "/.storm-webdav/authn-info" if get => match call.element.door.identify(call).await {
            Ok(pass) => {
                let page = format!(
                    "<!DOCTYPE html>\n<title>Authentication</title>\n<p>{}</p>\n",
                    escape(&pass.owner())
                );
                answer::typed(200, "text/html; charset=utf-8", page)
            }
            Err(refused) => refused,
        },
        path if get && path.starts_with(ACTUATOR) => {
            let base = format!("{}{ACTUATOR}", call.element.actor.base_url());
            match actuator(&path[ACTUATOR.len()..], &base) {
                Some(document) => answer::typed(200, DOCUMENT, document.to_string()),
                None => answer::text(404, "no such document"),
            }
        }
        "/status/metrics" if get => json(json!({
            "version": "4.0.0", "gauges": {}, "counters": {}, "histograms": {}, "meters": {}, "timers": {},
        })),
        "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration" if get => {
            let base = call.element.actor.base_url();
            json(json!({
                "issuer": base,
                "token_endpoint": format!("{base}{TOKENS}"),
                "response_types_supported": ["token"],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["gsi_voms"],
            }))
        }
        TOKENS if call.parts.method.as_str() == "POST" => {
            // It gives tokens for VOMS proxies only, and none is ever shown here.
            match call.element.door.identify(call).await {
                Ok(_) => answer::text(403, "tokens are given for VOMS proxies only"),
                Err(refused) => refused,
            }
        }
        TOKENS => {
            let mut refused = answer::text(405, "only POST is supported here");
            answer::set(&mut refused, header::ALLOW, "POST");
            refused
        }
        _ => return None,
    })
}

/// What is said of the server's health.
fn actuator(below: &str, base: &str) -> Option<Value> {
    let link = |path: &str| json!({ "href": format!("{base}{path}"), "templated": false });
    Some(match below {
        "" => {
            json!({ "_links": { "self": link(""), "health": link("/health"), "metrics": link("/metrics") } })
        }
        "/health" => json!({ "status": "UP" }),
        "/metrics" => json!({ "names": [METER] }),
        _ if below.strip_prefix("/metrics/") == Some(METER) => {
            json!({ "name": METER, "baseUnit": "seconds", "measurements": [], "availableTags": [] })
        }
        _ => return None,
    })
}

/// All areas, whoever asks.
fn index(call: &Call) -> Answer {
    let mut page = "<!DOCTYPE html>\n<title>Storage areas index</title>\n<ul>\n".to_owned();
    let rules = call.element.dialect.paths;
    for area in call.element.door.areas() {
        let Ok(path) = CleanPath::parse(&format!("{area}/"), rules) else {
            continue;
        };
        let (href, name) = (path.href(), area.trim_start_matches('/'));
        let (href, name) = (escape(&href), escape(name));
        let _infallible = writeln!(page, "<li><a href=\"{href}\">{name}</a></li>");
    }
    page.push_str("</ul>\n");
    answer::typed(200, "text/html; charset=utf-8", page)
}
