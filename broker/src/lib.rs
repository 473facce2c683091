//! Millstream.
mod group;
