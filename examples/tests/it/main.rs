//! The word count as a process: killed, restarted, and asked.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::print_stdout, reason = "a seed is printed where a failure shows it")]

mod counts;
mod evidence;
mod interchange;
mod inventory;
mod kafka;
mod kill;
mod ledger;
mod own_connector;
mod program;
mod query;
mod recount;
mod replay;
mod routed;
