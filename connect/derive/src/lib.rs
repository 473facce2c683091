//! `#[derive(Options)]` and `#[derive(Choice)]` for Millstream Connect.
