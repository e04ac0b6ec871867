//! Backlog.
