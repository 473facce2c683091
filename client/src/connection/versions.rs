//! Which version of each API both sides speak.

use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::protocol::{Message, Request};

/// One past the highest API key that is looked at; a broker may list more.
const KEYS: usize = 128;
/// An API that the broker does not serve.
const NONE: (i16, i16) = (0, -1);

/// The ranges that a broker advertised.
#[derive(Debug, Clone)]
pub(super) struct Versions([(i16, i16); KEYS]);

impl Default for Versions {
    fn default() -> Self {
        Self([NONE; KEYS])
    }
}

impl Versions {
    pub(super) fn of(response: &ApiVersionsResponse) -> Self {
        let mut versions = Self::default();
        for api in &response.api_keys {
            if let Some(slot) = usize::try_from(api.api_key).ok().and_then(|key| versions.0.get_mut(key)) {
                *slot = (api.min_version, api.max_version);
            }
        }
        versions
    }

    /// The newest version, `cap` at most, that both sides speak.
    pub(super) fn newest<R: Request>(&self, cap: i16) -> Option<i16> {
        let (min, max) = *self.0.get(usize::try_from(R::KEY).ok()?)?;
        let ours = <R as Message>::VERSIONS;
        let newest = max.min(ours.max).min(cap);
        (newest >= min.max(ours.min)).then_some(newest)
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::api_versions_response::ApiVersion;
    use kafka_protocol::messages::{FetchRequest, ProduceRequest};

    use super::*;

    #[test]
    fn the_newest_common_version_is_chosen() {
        let api = |key, min, max| {
            ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max)
        };
        let response =
            ApiVersionsResponse::default().with_api_keys(vec![api(0, 0, 9), api(1, 90, 99), api(4000, 0, 1)]);
        let versions = Versions::of(&response);
        assert_eq!(versions.newest::<ProduceRequest>(i16::MAX), Some(9));
        assert_eq!(versions.newest::<ProduceRequest>(7), Some(7));
        assert_eq!(versions.newest::<ProduceRequest>(2), None, "below what this client speaks");
        assert_eq!(versions.newest::<FetchRequest>(i16::MAX), None, "no overlap");
    }
}
