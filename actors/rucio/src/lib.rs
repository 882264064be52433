//! Rucio: rules, locks, requests and the conveyor.
