//! Probes of a NixOS configuration: what the source says, and what runs. Nix is parsed here, never evaluated with a key in reach.

pub mod activation;
pub mod generation;
pub mod module;
pub mod option;
