//! The client against a broker: ours by default, and any other given by `MILLSTREAM_PEER_BOOTSTRAP`.

mod admin;
mod broker;
mod consume;
mod group;
mod produce;
