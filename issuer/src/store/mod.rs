//! What the issuer knows: clients, people, tokens, and what is under way. Cheap locks, shared records.

pub mod aup;
pub mod clients;
pub mod holder;
pub mod pending;
pub mod people;
pub mod tokens;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use aup::{Aup, AupBook, Signature, Standing};
pub use clients::{Client, Clients};
pub use holder::{Holder, Login, Origin, Terms};
pub use pending::{Approval, CodeRequest, DeviceRequest, DeviceState, Pending, Session};
pub use people::{People, User};
pub use tokens::{AccessRecord, RefreshRecord, Tokens};

pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
