//! The File Transfer Service: jobs, tokens, third-party copies.
