//! The scenario library: format, loader, player, expectations.
