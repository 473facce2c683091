//! Why the coordinator refuses.

use kafka_protocol::ResponseError;
use thiserror::Error;

/// Refusals of the group coordinator; each is one error code of Kafka's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum GroupError {
    #[error("the group id must not be empty")]
    InvalidGroupId,
    #[error("session.timeout.ms lies outside group.min.session.timeout.ms and group.max.session.timeout.ms")]
    InvalidSessionTimeout,
    #[error("join again with the member id of this answer (KIP-394)")]
    MemberIdRequired,
    #[error("the group has no such member; join again without a member id")]
    UnknownMemberId,
    #[error("another member has taken this group.instance.id; give every member its own")]
    FencedInstanceId,
    #[error("the generation is not the group's; join again")]
    IllegalGeneration,
    #[error("the group rebalances; join again")]
    RebalanceInProgress,
    #[error("no protocol is common to this member and the group; align partition.assignment.strategy")]
    InconsistentGroupProtocol,
    #[error("the group is full; raise group.max.size or stop members")]
    GroupMaxSizeReached,
    #[error("the group has members; stop them first")]
    NonEmptyGroup,
    #[error("the group does not exist")]
    GroupIdNotFound,
    #[error("a member of the group is subscribed to the topic")]
    GroupSubscribedToTopic,
    #[error("the metadata of the offset is longer than offset.metadata.max.bytes")]
    OffsetMetadataTooLarge,
    #[error("the topic or partition does not exist")]
    UnknownTopicOrPartition,
    #[error("the broker still reads its groups back; try again")]
    CoordinatorLoadInProgress,
    #[error("the coordinator cannot take this now; try again")]
    CoordinatorNotAvailable,
    #[error("the partition of __consumer_offsets that holds the group is offline; see the broker's log")]
    NotCoordinator,
    #[error("the group's record is larger than max.message.bytes of __consumer_offsets")]
    RecordTooLarge,
}

impl GroupError {
    /// The error code of the protocol.
    pub(crate) fn code(self) -> i16 {
        self.response_error().code()
    }

    fn response_error(self) -> ResponseError {
        match self {
            Self::InvalidGroupId => ResponseError::InvalidGroupId,
            Self::InvalidSessionTimeout => ResponseError::InvalidSessionTimeout,
            Self::MemberIdRequired => ResponseError::MemberIdRequired,
            Self::UnknownMemberId => ResponseError::UnknownMemberId,
            Self::FencedInstanceId => ResponseError::FencedInstanceId,
            Self::IllegalGeneration => ResponseError::IllegalGeneration,
            Self::RebalanceInProgress => ResponseError::RebalanceInProgress,
            Self::InconsistentGroupProtocol => ResponseError::InconsistentGroupProtocol,
            Self::GroupMaxSizeReached => ResponseError::GroupMaxSizeReached,
            Self::NonEmptyGroup => ResponseError::NonEmptyGroup,
            Self::GroupIdNotFound => ResponseError::GroupIdNotFound,
            Self::GroupSubscribedToTopic => ResponseError::GroupSubscribedToTopic,
            Self::OffsetMetadataTooLarge => ResponseError::OffsetMetadataTooLarge,
            Self::UnknownTopicOrPartition => ResponseError::UnknownTopicOrPartition,
            Self::CoordinatorLoadInProgress => ResponseError::CoordinatorLoadInProgress,
            Self::CoordinatorNotAvailable => ResponseError::CoordinatorNotAvailable,
            Self::NotCoordinator => ResponseError::NotCoordinator,
            // Kafka's coordinators answer this for every record that the log will never take.
            Self::RecordTooLarge => ResponseError::UnknownServerError,
        }
    }
}
