//! Digests a claim binds to.
