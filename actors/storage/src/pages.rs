//! What StoRM WebDAV serves beside files: the list of areas, who one is, whether it is well, where its own tokens
//! come from (storage page §9.3).

use std::fmt::Write as _;

use serde_json::json;

use crate::answer::{self, Answer};
use crate::dialect::Doing;
use crate::methods::Call;
use crate::path::CleanPath;
use crate::xml::escape;

const TOKENS: &str = "/.storm-webdav/oauth/token";

/// The page that is asked for, if it is one and there are such.
pub(crate) async fn answer(call: &Call) -> Option<Answer> {
    if !call.element.dialect.pages {
        return None;
    }
    let get = matches!(call.parts.method.as_str(), "GET" | "HEAD");
    let json = |value: serde_json::Value| answer::typed(200, "application/json", value.to_string());
    Some(match call.path.as_str() {
        "/" if get => index(call).await,
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
        "/.storm-webdav/actuator/health" if get => answer::typed(
            200,
            "application/vnd.spring-boot.actuator.v3+json",
            json!({ "status": "UP" }).to_string(),
        ),
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
        TOKENS => answer::text(405, "only POST is supported here"),
        _ => return None,
    })
}

/// The areas that the caller may read.
async fn index(call: &Call) -> Answer {
    let mut page = "<!DOCTYPE html>\n<title>Storage areas index</title>\n<ul>\n".to_owned();
    let rules = call.element.dialect.paths;
    for area in call.element.door.areas() {
        let Ok(path) = CleanPath::parse(&format!("{area}/"), rules) else {
            continue;
        };
        if call
            .element
            .door
            .admit_at(call, Doing::Page, &path)
            .await
            .is_ok()
        {
            let (href, name) = (path.href(), area.trim_start_matches('/'));
            let (href, name) = (escape(&href), escape(name));
            let _infallible = writeln!(page, "<li><a href=\"{href}\">{name}</a></li>");
        }
    }
    page.push_str("</ul>\n");
    answer::typed(200, "text/html; charset=utf-8", page)
}
