//! The people: token agent, browser, and what they ask of Rucio.
