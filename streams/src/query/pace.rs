//! Asking the other instances how they keep up.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::Peers;
use crate::metrics::Told;
use crate::runtime::KnownHosts;

/// How often the others are asked.
const EVERY: Duration = Duration::from_secs(5);

/// How long one may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many are asked at a time: in a larger application those of the next time are others, and the median is that of so many.
const ASKED: usize = 32;

/// Asks the other instances from time to time and hands over what they say, until it is dropped.
pub(crate) async fn watch(peers: Peers, known: Arc<KnownHosts>, mut learn: impl FnMut(Vec<Told>)) {
    let mut turn = 0;
    loop {
        tokio::time::sleep(EVERY).await;
        let others = in_turn(known.others(), turn);
        turn = turn.wrapping_add(ASKED);
        let answers = join_all(others.iter().map(|endpoint| peers.pace(endpoint, PATIENCE))).await;
        learn(answers.into_iter().flatten().collect());
    }
}

/// Those whose turn it is.
fn in_turn(mut others: Vec<String>, turn: usize) -> Vec<String> {
    if others.len() > ASKED {
        let first = turn % others.len();
        others.rotate_left(first);
        others.truncate(ASKED);
    }
    others
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_have_their_turn() {
        let others: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let asked: Vec<Vec<String>> = (0..4).map(|nth| in_turn(others.clone(), nth * ASKED)).collect();
        assert!(asked.iter().all(|asked| asked.len() == ASKED));
        assert_eq!(asked.into_iter().flatten().collect::<BTreeSet<_>>().len(), 100);
        assert_eq!(in_turn(others[..3].to_vec(), 7), others[..3]);
    }
}
