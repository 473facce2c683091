//! The word count as a process: killed, restarted, and asked.

mod evidence;
mod kill;
mod program;
