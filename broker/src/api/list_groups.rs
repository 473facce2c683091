//! ListGroups, filtered by state (KIP-518) and type (KIP-848).

use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{GroupId, ListGroupsRequest, ListGroupsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::api::{RequestContext, text};
use crate::group::Listing;

/// The type of every group here.
const TYPE: &str = "classic";

pub(crate) async fn handle(context: &RequestContext, request: ListGroupsRequest) -> ListGroupsResponse {
    match context.broker.groups.list() {
        Ok(groups) => {
            let wanted = groups.into_iter().filter(|group| is_wanted(&request, group));
            ListGroupsResponse::default().with_groups(wanted.map(listed).collect())
        }
        Err(error) => ListGroupsResponse::default().with_error_code(error.code()),
    }
}

/// No filter lets everything through.
fn is_wanted(request: &ListGroupsRequest, group: &Listing) -> bool {
    let passes = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    passes(&request.states_filter, group.state) && passes(&request.types_filter, TYPE)
}

fn listed(group: Listing) -> ListedGroup {
    ListedGroup::default()
        .with_group_id(GroupId(text(group.id)))
        .with_protocol_type(group.protocol_type.map(text).unwrap_or_default())
        .with_group_state(text(group.state))
        .with_group_type(text(TYPE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_alternatives_and_do_not_mind_case() {
        let group = Listing { id: "g".into(), protocol_type: None, state: "Stable" };
        let request = |states: &[&str], types: &[&str]| {
            let filter = |names: &[&str]| names.iter().map(text).collect();
            ListGroupsRequest::default().with_states_filter(filter(states)).with_types_filter(filter(types))
        };
        assert!(is_wanted(&request(&[], &[]), &group));
        assert!(is_wanted(&request(&["Empty", "stable"], &["Classic"]), &group));
        assert!(!is_wanted(&request(&["Empty"], &[]), &group));
        assert!(!is_wanted(&request(&[], &["consumer"]), &group));
    }
}
