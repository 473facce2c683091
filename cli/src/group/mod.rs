//! `millstream group`.

mod describe;
mod reset;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cluster::{Cluster, Shown, all};
use crate::output::{self, Row};

#[derive(Args)]
pub(crate) struct Group {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Name all groups
    List(Shown),
    /// Tell how far groups have read, and who reads; without a name, of all
    Describe(describe::Describe),
    /// Delete groups without members, with their offsets
    Delete(Delete),
    /// Move a group without members to other offsets; shows what it would do unless --execute is given
    ResetOffsets(reset::ResetOffsets),
}

#[derive(Args)]
struct Delete {
    /// Names of the groups
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
    #[command(flatten)]
    cluster: Cluster,
}

impl Group {
    pub(crate) async fn run(self) -> Result<()> {
        match self.verb {
            Verb::List(shown) => list(shown).await,
            Verb::Describe(describe) => describe.run().await,
            Verb::Delete(delete) => delete.run().await,
            Verb::ResetOffsets(reset) => reset.run().await,
        }
    }
}

/// A group in the list.
#[derive(Serialize)]
struct Listed {
    group: String,
    protocol_type: String,
    state: String,
}

impl Row for Listed {
    const COLUMNS: &[&str] = &["GROUP", "TYPE", "STATE"];

    fn cells(&self) -> Vec<String> {
        vec![self.group.clone(), self.protocol_type.clone(), self.state.clone()]
    }
}

async fn list(shown: Shown) -> Result<()> {
    let groups = shown.cluster.admin().await?.list_groups().await?.into_iter();
    let listed: Vec<Listed> = groups
        .map(|group| Listed { group: group.id, protocol_type: group.protocol_type, state: group.state })
        .collect();
    output::rows(shown.output, &listed)
}

impl Delete {
    async fn run(self) -> Result<()> {
        let admin = self.cluster.admin().await?;
        all(&admin, admin.delete_groups(self.groups).await).await.map(drop)
    }
}
