//! Requests of members.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::GroupCoordinator;
use super::cell::{Locked, Waiter};
use crate::group::classic::{Actions, Join, JoinAnswer, Leaving, Sender, Sync, SyncAnswer};
use crate::group::error::GroupError;
use crate::group::ids::GroupId;
use crate::group::time::Now;

impl GroupCoordinator {
    /// JoinGroup. Answered when the generation is complete, which may take as long as the rebalance time-out.
    pub(crate) async fn join(self: &Arc<Self>, id: &GroupId, join: Join) -> JoinAnswer {
        let member_id = join.member_id.clone();
        match self.try_join(id, join).await {
            Ok(answer) => answer,
            Err(error) => JoinAnswer::Refused { error, member_id },
        }
    }

    async fn try_join(self: &Arc<Self>, id: &GroupId, join: Join) -> Result<JoinAnswer, GroupError> {
        self.check_loaded()?;
        self.topic.ensure().await?;
        let (sender, receiver) = oneshot::channel();
        // A member that was given an id belongs to a group that is there.
        let is_known = join.member_id.is_some();
        let enter = |locked: &mut Locked, now: Now, out: &mut Actions| {
            let ticket = locked.wait(Waiter::Join(sender));
            locked.group.classic.join(join, ticket, now, out);
        };
        match is_known {
            true => self.with_group(id, enter).ok_or(GroupError::UnknownMemberId)?,
            false => self.with_new_group(id, enter)?,
        };
        receiver.await.map_err(|_| GroupError::CoordinatorNotAvailable)
    }

    /// SyncGroup. Answered when the leader's assignment is durable.
    pub(crate) async fn sync(self: &Arc<Self>, id: &GroupId, sync: Sync) -> SyncAnswer {
        self.check_loaded()?;
        let (sender, receiver) = oneshot::channel();
        let known = self.with_group(id, |locked, now, out| {
            let ticket = locked.wait(Waiter::Sync(sender));
            locked.group.classic.sync(sync, ticket, now, out);
        });
        known.ok_or(GroupError::UnknownMemberId)?;
        receiver.await.map_err(|_| GroupError::CoordinatorNotAvailable)?
    }

    pub(crate) fn heartbeat(self: &Arc<Self>, id: &GroupId, sender: &Sender) -> Result<(), GroupError> {
        self.check_loaded()?;
        let known = self.with_group(id, |locked, now, _| locked.group.classic.heartbeat(sender, now));
        known.ok_or(GroupError::UnknownMemberId)?.0
    }

    /// LeaveGroup: one result for each member. A group that is empty now is stored as such first.
    pub(crate) async fn leave(
        self: &Arc<Self>,
        id: &GroupId,
        leaving: &[Leaving],
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        self.check_loaded()?;
        let Some((results, stored)) =
            self.with_group(id, |locked, now, out| locked.group.classic.leave(leaving, now, out))
        else {
            return Ok(vec![Err(GroupError::UnknownMemberId); leaving.len()]);
        };
        if let Some(stored) = stored {
            self.durable(&stored).await?;
        }
        results
    }
}
