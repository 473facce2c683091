use crate::herder::records::Holder;

/// A run that beats so often beside this one has not just ended: what it wrote last may come late, and more may not.
const BEATS: u32 = 3;

/// Another run under this worker's name, as this worker has heard it since it knows the cluster.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Namesake {
    incarnation: u64,
    /// The last beat that was heard.
    beat: u64,
    /// How many different ones were heard.
    heard: u32,
}

impl Namesake {
    /// What is to be told when it has become clear that two share a name: once for each.
    pub(super) fn has_beaten(&mut self, run: &Holder, beat: u64) -> Option<String> {
        if self.incarnation != run.incarnation {
            *self = Self { incarnation: run.incarnation, beat, heard: 0 };
        }
        if beat >= self.beat {
            (self.beat, self.heard) = (beat, self.heard.saturating_add(1));
        }
        let name = &run.worker;
        (self.heard == BEATS).then(|| {
            format!(
                "another worker of this cluster calls itself {name} too, so that statuses do not tell the two apart: give \
                 each of them a name of its own, with rest.advertised.host.name and rest.advertised.port or with \
                 rest.advertised.address"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_goes_on_beating_is_told_once_and_one_that_has_ended_is_not() {
        let run = |incarnation| Holder { worker: "a:8083".into(), incarnation };
        let mut namesake = Namesake::default();
        for beat in [7, 8] {
            assert_eq!(namesake.has_beaten(&run(1), beat), None, "it may have been on its way");
        }
        let told: Vec<String> = (1..10).filter_map(|beat| namesake.has_beaten(&run(2), beat)).collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("a:8083") && told[0].contains("rest.advertised.host.name"), "{}", told[0]);
    }
}
