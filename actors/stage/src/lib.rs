//! What every actor stands on: clock, names, server, client, journal, faults.
