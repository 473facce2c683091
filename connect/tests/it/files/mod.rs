//! Files on a real file system, rotated by Debian's logrotate.

mod collection;
mod follow;
mod logrotate;
mod rotation;
mod sink;
mod tail;
