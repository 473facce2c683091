//! The table proved against the message crate: random messages of every API and version, made by the table, are
//! decoded by the crate to their last byte and encoded back to the same bytes. A field that the table has too many,
//! too few or of another type cannot pass that.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, Message, Request};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng};

use super::program::{Body, Length, Program, Step};
use super::walker::Walker;
use super::*;
use crate::varint;

const ROUNDS: u64 = 40;

fn walk_all<'b>(program: &Program, bytes: &'b [u8]) -> Result<&'b [u8], (WalkErrorKind, &'b [u8])> {
    Walker::new(program, bytes, MAX_REQUEST_ELEMENTS).walk()
}

/// Makes messages from a program.
struct Maker<'p> {
    program: &'p Program,
    random: StdRng,
    out: Vec<u8>,
    /// Where lengths and counts stand, and how they are written.
    lengths: Vec<(usize, Length)>,
    /// Inside a tagged field nothing may be the default, or the crate would not write it again.
    rich: bool,
}

impl<'p> Maker<'p> {
    fn make(program: &'p Program, seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let mut maker = Self { program, random, out: Vec::new(), lengths: Vec::new(), rich: false };
        maker.body(program.root);
        maker
    }

    fn body(&mut self, body: Body) {
        for step in &self.program.steps[body.start as usize..body.end as usize] {
            match step {
                // 0 and 1 are the bytes that a bool keeps.
                Step::Skip(len) => {
                    for _ in 0..*len {
                        let byte = u8::from(self.rich || self.random.random());
                        self.out.push(byte);
                    }
                }
                Step::Bytes { length, nullable } => {
                    if let Some(len) = self.length(*length, *nullable) {
                        let letters =
                            (0..len).map(|_| self.random.random_range(b'a'..=b'z')).collect::<Vec<_>>();
                        self.out.extend(letters);
                    }
                }
                Step::Array { count, nullable, element } => {
                    for _ in 0..self.length(*count, *nullable).unwrap_or(0) {
                        self.body(*element);
                    }
                }
                Step::Struct(inner) => self.body(*inner),
                Step::Optional(inner) => {
                    let present = self.rich || self.random.random();
                    self.out.push(if present { 1 } else { 0xff });
                    if present {
                        self.body(*inner);
                    }
                }
                Step::Tagged(known) => self.tagged(known),
            }
        }
    }

    fn length(&mut self, length: Length, nullable: bool) -> Option<u32> {
        let null = nullable && !self.rich && self.random.random_bool(0.2);
        let len = self.random.random_range(u32::from(self.rich)..4);
        let raw = if null { u32::MAX } else { len };
        self.lengths.push((self.out.len(), length));
        match length {
            Length::Short => self.out.extend((raw as u16).to_be_bytes()),
            Length::Long => self.out.extend(raw.to_be_bytes()),
            Length::Compact => varint::write_u32(&mut self.out, raw.wrapping_add(1)),
        }
        (!null).then_some(len)
    }

    fn tagged(&mut self, known: &[(u32, Body)]) {
        let mut known: Vec<_> = known.iter().filter(|_| self.random.random_bool(0.7)).collect();
        known.sort_by_key(|(tag, _)| *tag);
        let unknown = self.random.random_range(0..2);
        varint::write_u32(&mut self.out, known.len() as u32 + unknown);
        for (tag, body) in known {
            let rich = std::mem::replace(&mut self.rich, true);
            let before = std::mem::take(&mut self.out);
            let places = self.lengths.len();
            self.body(*body);
            self.lengths.truncate(places);
            let content = std::mem::replace(&mut self.out, before);
            self.rich = rich;
            varint::write_u32(&mut self.out, *tag);
            varint::write_u32(&mut self.out, content.len() as u32);
            self.out.extend(content);
        }
        if unknown == 1 {
            self.out.extend([0x7f, 2, b'h', b'i']);
        }
    }
}

/// All versions that table and crate both know.
fn versions<M: Message>(slot: &Slot) -> std::ops::RangeInclusive<i16> {
    let lowest = slot.message.lowest.max(M::VERSIONS.min);
    let highest = slot.message.highest.min(M::VERSIONS.max);
    assert!(lowest <= highest, "{}: no version in common", slot.message.title());
    lowest..=highest
}

fn prove<M: Message + Encodable + Decodable + PartialEq + Debug>(slot: &Slot) {
    for version in versions::<M>(slot) {
        let program = slot.program(version).unwrap();
        for seed in 0..ROUNDS {
            let made = Maker::make(program, seed);
            let context =
                || format!("{} version {version} seed {seed}: {:02x?}", slot.message.title(), made.out);
            let walked = walk_all(program, &made.out);
            assert_eq!(walked, Ok(&[][..]), "walk of {}", context());

            let mut bytes = Bytes::from(made.out.clone());
            let decoded =
                M::decode(&mut bytes, version).unwrap_or_else(|error| panic!("{error}: {}", context()));
            assert!(bytes.is_empty(), "{} bytes left of {}", bytes.len(), context());
            let mut again = BytesMut::new();
            decoded.encode(&mut again, version).unwrap();
            assert_eq!(&again[..], made.out, "{decoded:?} from {}", context());

            refuses_lies(program, &made, &context);
            survives_damage::<M>(program, &made, version, seed);
        }
    }
}

/// Every length made huge, and every cut, must be refused.
fn refuses_lies(program: &Program, made: &Maker<'_>, context: &dyn Fn() -> String) {
    for (at, length) in &made.lengths {
        let mut lie = made.out[..*at].to_vec();
        let tail = match length {
            Length::Short => {
                lie.extend(0x7fff_u16.to_be_bytes());
                &made.out[at + 2..]
            }
            Length::Long => {
                lie.extend(0x7fff_ffff_u32.to_be_bytes());
                &made.out[at + 4..]
            }
            Length::Compact => {
                varint::write_u32(&mut lie, 0x7fff_ffff);
                &made.out[at + 1..]
            }
        };
        lie.extend_from_slice(tail);
        assert!(walk_all(program, &lie).is_err(), "a lie at {at} passes in {}", context());
    }
    for cut in 0..made.out.len() {
        assert!(walk_all(program, &made.out[..cut]).is_err(), "cut at {cut} passes: {}", context());
    }
}

/// Whatever the walk lets pass, the crate decodes or refuses; it neither panics nor allocates wildly.
fn survives_damage<M: Decodable>(program: &Program, made: &Maker<'_>, version: i16, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..8 {
        let mut damaged = made.out.clone();
        if damaged.is_empty() {
            return;
        }
        let at = random.random_range(0..damaged.len());
        damaged[at] = random.random();
        if walk_all(program, &damaged).is_ok() {
            let _ = M::decode(&mut Bytes::from(damaged), version);
        }
    }
}

fn prove_api<R>()
where
    R: Request + PartialEq + Debug,
    R::Response: PartialEq + Debug,
{
    prove::<R>(TABLE.request(R::KEY).unwrap());
    prove::<R::Response>(TABLE.response(R::KEY).unwrap());
}

macro_rules! prove_apis {
    ($($request:ident),* $(,)?) => {
        #[test]
        fn every_message_of_the_crate() {
            let keys = [$({ prove_api::<$request>(); $request::KEY }),*];
            // The list below is complete: the crate knows no other.
            for key in ApiKey::iter() {
                assert!(keys.contains(&(key as i16)), "{key:?} is not proved");
            }
        }
    };
}

prove_apis! {
        AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AddRaftVoterRequest, AllocateProducerIdsRequest,
        AlterClientQuotasRequest, AlterConfigsRequest, AlterPartitionReassignmentsRequest,
        AlterPartitionRequest, AlterReplicaLogDirsRequest, AlterShareGroupOffsetsRequest,
        AlterUserScramCredentialsRequest, ApiVersionsRequest, AssignReplicasToDirsRequest,
        BeginQuorumEpochRequest, BrokerHeartbeatRequest, BrokerRegistrationRequest,
        ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ControllerRegistrationRequest,
        CreateAclsRequest, CreateDelegationTokenRequest, CreatePartitionsRequest, CreateTopicsRequest,
        DeleteAclsRequest, DeleteGroupsRequest, DeleteRecordsRequest, DeleteShareGroupOffsetsRequest,
        DeleteShareGroupStateRequest, DeleteTopicsRequest, DescribeAclsRequest,
        DescribeClientQuotasRequest, DescribeClusterRequest, DescribeConfigsRequest,
        DescribeDelegationTokenRequest, DescribeGroupsRequest, DescribeLogDirsRequest,
        DescribeProducersRequest, DescribeQuorumRequest, DescribeShareGroupOffsetsRequest,
        DescribeTopicPartitionsRequest, DescribeTransactionsRequest, DescribeUserScramCredentialsRequest,
        ElectLeadersRequest, EndQuorumEpochRequest, EndTxnRequest, EnvelopeRequest,
        ExpireDelegationTokenRequest, FetchRequest, FetchSnapshotRequest, FindCoordinatorRequest,
        GetTelemetrySubscriptionsRequest, HeartbeatRequest, IncrementalAlterConfigsRequest,
        InitProducerIdRequest, InitializeShareGroupStateRequest, JoinGroupRequest, LeaveGroupRequest,
        ListConfigResourcesRequest, ListGroupsRequest, ListOffsetsRequest,
        ListPartitionReassignmentsRequest, ListTransactionsRequest, MetadataRequest, OffsetCommitRequest,
        OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest,
        PushTelemetryRequest, ReadShareGroupStateRequest, ReadShareGroupStateSummaryRequest,
        RemoveRaftVoterRequest, RenewDelegationTokenRequest, SaslAuthenticateRequest, SaslHandshakeRequest,
        ShareAcknowledgeRequest, ShareFetchRequest, ShareGroupDescribeRequest, ShareGroupHeartbeatRequest,
        SyncGroupRequest, TxnOffsetCommitRequest, UnregisterBrokerRequest, UpdateFeaturesRequest,
        UpdateRaftVoterRequest, VoteRequest, WriteShareGroupStateRequest, WriteTxnMarkersRequest,
}

#[test]
fn data_of_groups() {
    prove::<ConsumerProtocolSubscription>(TABLE.data(Data::ConsumerProtocolSubscription).unwrap());
    prove::<ConsumerProtocolAssignment>(TABLE.data(Data::ConsumerProtocolAssignment).unwrap());
}

#[test]
fn the_whole_table_compiles() {
    for slot in TABLE.requests.iter().chain(&TABLE.responses).flatten().chain(&TABLE.data) {
        for version in slot.message.lowest..=slot.message.highest {
            assert!(slot.program(version).is_some(), "{} {version}", slot.message.title());
        }
    }
}

#[test]
fn twelve_bytes_that_abort_the_crate_are_refused() {
    // A produce request of version 9 whose topic array claims 2^31 - 2 elements.
    let body = [0x00, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x07];
    let error = walk_request(0, 9, &body).unwrap_err();
    assert_eq!(error.kind, WalkErrorKind::Count { count: 0x7fff_fffe, remaining: 0 });
    assert_eq!(
        error.to_string(),
        "Produce request version 9, byte 12: an array claims 2147483646 elements and 0 bytes remain"
    );
}

#[test]
fn amplification_is_capped() {
    // Metadata version 1 with as many empty topic names as a frame of 4 MiB holds: each would be a struct.
    let count = (MAX_REQUEST_ELEMENTS + 1) as usize;
    let mut body = (count as u32).to_be_bytes().to_vec();
    body.resize(4 + 2 * count, 0);
    assert_eq!(walk_request(3, 1, &body).unwrap_err().kind, WalkErrorKind::TooManyElements);

    // ApiVersions version 3 with more unknown tagged fields than any message has.
    let mut body = vec![1, 1];
    varint::write_u32(&mut body, MAX_TAGGED_FIELDS + 1);
    body.resize(body.len() + 2 * (MAX_TAGGED_FIELDS as usize + 1), 0);
    assert_eq!(walk_request(18, 3, &body).unwrap_err().kind, WalkErrorKind::TooManyTags);
}

#[test]
fn what_is_not_served_is_named() {
    assert_eq!(
        walk_request(4_000, 0, &[]).unwrap_err().to_string(),
        "API key 4000 version 0, byte 0: there is no such message"
    );
    assert_eq!(walk_request(-1, 0, &[]).unwrap_err().kind, WalkErrorKind::UnknownMessage);
    assert_eq!(walk_request(0, 2, &[]).unwrap_err().kind, WalkErrorKind::UnknownVersion);
    assert_eq!(walk_response(1, i16::MIN, &[]).unwrap_err().kind, WalkErrorKind::UnknownVersion);
    assert_eq!(walk_response(1, i16::MAX, &[]).unwrap_err().kind, WalkErrorKind::UnknownVersion);
}
