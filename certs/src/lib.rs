//! The run's certificate authority, good and deliberately bad certificates.
