//! Clusters of workers over three logs, in virtual time, from a seed: workers crash, are cut off and come back, reads and
//! writes are late, logs are compacted, users write whatever comes to their minds. At no time does a task run twice, nor one
//! whose positions are being changed; when peace returns, everything runs once, everywhere alike.

mod cluster;
mod mover;
mod node;
mod properties;
