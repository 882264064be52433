//! The WLCG token profile as pure code: claims, scopes, paths, groups, the judge.
