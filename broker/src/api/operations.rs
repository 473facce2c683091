//! What may be done to a resource, as a set of bits by Kafka's `AclOperation`. Nobody is asked here who they are, so
//! everybody may do what there is to do, as in Kafka without an authorizer.

/// What the field holds when nobody asked for it, or nothing is known.
pub(crate) const NO_OPERATIONS: i32 = i32::MIN;

/// Read, delete, describe, describe configs, alter configs.
pub(crate) const GROUP_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;
/// Read, write, create, delete, alter, describe, describe configs, alter configs.
pub(crate) const TOPIC_OPERATIONS: i32 =
    1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;
/// Create, alter, describe, cluster action, describe configs, alter configs, idempotent write.
pub(crate) const CLUSTER_OPERATIONS: i32 = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;

/// The operations where the request asked for them.
pub(crate) fn if_asked(asked: bool, operations: i32) -> i32 {
    if asked { operations } else { NO_OPERATIONS }
}
