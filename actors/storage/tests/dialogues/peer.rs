//! The other side of the recorded copies.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use http::Response;

/// The peer of the recordings: a server that answers as its path says.
pub(crate) fn peer() -> Router {
    Router::new().fallback(any(|request: Request| async move {
        let path = request.uri().path().to_owned();
        let answer = Response::builder();
        let (status, body): (u16, &str) = match path.as_str() {
            "/small" | "/baddigest" => (200, "0123456789abcdef"),
            "/slow/8" => (200, "12345678"),
            "/empty" => (200, ""),
            "/206" => (206, "01234567"),
            "/202" => (202, "<html>come back</html>"),
            "/204" => (204, ""),
            _ if request.method() == http::Method::PUT => {
                let _read = carnet_stage::body::read_limited(request.into_body(), 1 << 26).await;
                (
                    path.strip_prefix("/st/")
                        .and_then(|code| code.parse().ok())
                        .unwrap_or(201),
                    "",
                )
            }
            "/loop" => {
                return answer
                    .status(302)
                    .header("location", "/loop")
                    .body(Body::empty())
                    .unwrap();
            }
            _ if path.starts_with("/redir/") => {
                return answer
                    .status(307)
                    .header("location", &path["/redir/".len()..])
                    .body(Body::empty())
                    .unwrap();
            }
            "/redirlocal" => {
                return answer
                    .status(302)
                    .header("location", "/small")
                    .body(Body::empty())
                    .unwrap();
            }
            _ => (
                path.strip_prefix("/st/")
                    .and_then(|code| code.parse().ok())
                    .unwrap_or(404),
                "",
            ),
        };
        answer.status(status).body(Body::from(body)).unwrap()
    }))
}
