//! Files on a real file system, rotated by Debian's logrotate.

mod bytes;
mod collection;
mod failures;
mod follow;
mod logrotate;
mod places;
mod rotation;
mod shared;
mod sink;
mod tail;
