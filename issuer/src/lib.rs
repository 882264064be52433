//! The token issuer, INDIGO IAM's role.
