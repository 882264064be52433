//! How a request presents its token: which header, which scheme, and what is refused before any token
//! is looked at (RFC 6750 §2; issuer page §4.2).
