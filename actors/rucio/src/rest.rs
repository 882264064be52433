//! The handlers of the REST interface, one file per noun.

pub(crate) mod accounts;
pub(crate) mod config;
pub(crate) mod did;
pub(crate) mod identity;
pub(crate) mod locks;
pub(crate) mod login;
pub(crate) mod replicas;
pub(crate) mod requests;
pub(crate) mod rse;
pub(crate) mod rules;
