//! Topics and groups that are not there: what was probably meant, and what to do.

use anyhow::anyhow;
use millstream_client::{Admin, ConfigResource, Error, ErrorCode, TopicPartition};

/// What a failed item of a call was about.
pub(crate) trait Named {
    fn name(&self) -> &str;
}

impl Named for String {
    fn name(&self) -> &str {
        self
    }
}

impl Named for TopicPartition {
    fn name(&self) -> &str {
        &self.topic
    }
}

impl Named for ConfigResource {
    fn name(&self) -> &str {
        match self {
            Self::Topic(name) => name,
            _ => "",
        }
    }
}

/// The error as its reader needs it: one that says only that something is missing is told with what there is instead.
pub(crate) async fn explained(admin: &Admin, name: &str, error: Error) -> anyhow::Error {
    match error.code() {
        Some(ErrorCode::UnknownTopicOrPartition) => {
            let Ok(topics) = admin.list_topics().await else { return error.into() };
            let near = nearest(name, topics.iter().map(|topic| &*topic.name));
            anyhow!(
                "there is no topic {name}{near}; `millstream topic list` names all, `millstream topic create {name}` makes it"
            )
        }
        Some(ErrorCode::GroupIdNotFound) => {
            let Ok(groups) = admin.list_groups().await else { return error.into() };
            let near = nearest(name, groups.iter().map(|group| group.id.as_str()));
            anyhow!("there is no group {name}{near}; `millstream group list` names all")
        }
        Some(ErrorCode::NonEmptyGroup) => {
            anyhow!(
                "group {name} has members; stop them first, `millstream group describe {name}` tells who they are"
            )
        }
        Some(ErrorCode::TopicAlreadyExists) => {
            anyhow!(
                "topic {name} exists; --if-not-exists takes it as it is, `millstream topic alter {name}` changes it"
            )
        }
        _ => error.into(),
    }
}

/// A question after the name that is most like `name`, or nothing if none is much like it.
fn nearest<'a>(name: &str, there: impl Iterator<Item = &'a str>) -> String {
    let wanted = name.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&wanted, &known.to_lowercase());
    let best = there.map(|known| (distance(known), known)).min();
    match best {
        Some((distance, known)) if distance <= 1 + name.len() / 4 && known != name => {
            format!("; did you mean {known}?")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_a_name_that_is_much_alike_is_offered() {
        let near = |name| nearest(name, ["orders", "clicks"].into_iter());
        assert_eq!(near("clicsk"), "; did you mean clicks?");
        assert_eq!(near("Orders"), "; did you mean orders?");
        assert_eq!(near("payments"), "");
        assert_eq!(nearest("x", std::iter::empty()), "");
    }
}
