use std::io;
use std::sync::Arc;

use millstream_wire::ids::Offset;

use super::super::scan::Headers;
use super::super::segment::Sealed;
use super::super::state::Log;

/// What a pass over a log would do.
#[derive(Debug)]
pub(in crate::log) struct Plan {
    /// All segments that may be rewritten, oldest first: clean ones, then dirty ones.
    pub(super) segments: Vec<Arc<Sealed>>,
    /// Where the keys begin that no pass has seen.
    pub(super) first_dirty: Offset,
    /// The offset behind the last segment.
    pub(super) end: Offset,
    /// The part of the bytes that is dirty, in thousandths.
    pub(super) dirty_permille: u64,
    /// Whether `max.compaction.lag.ms` asks for the pass whatever the ratio.
    overdue: bool,
}

impl Plan {
    /// Whether the pass is worth it.
    pub(super) fn is_due(&self, min_permille: u32) -> bool {
        self.dirty_permille > 0 && (self.overdue || self.dirty_permille > u64::from(min_permille))
    }
}

impl Log {
    /// Plans a pass. `cleaned` is where the last one ended.
    pub(in crate::log) fn plan_cleaning(&self, cleaned: Offset, now_ms: i64) -> io::Result<Plan> {
        let first = self.sealed.first_key_value().map_or(self.end, |(base, _)| *base);
        let first_dirty = cleaned.max(first);
        let mut plan =
            Plan { segments: Vec::new(), first_dirty, end: first_dirty, dirty_permille: 0, overdue: false };
        let (mut clean_bytes, mut dirty_bytes) = (0, 0);
        for (base, segment) in &self.sealed {
            let end = self.segment_after(*base).unwrap_or(self.end);
            // Not the high watermark: in `page` a later record might be lost for which an earlier one was dropped.
            if end > self.durable.offset || self.is_protected(segment, now_ms)? {
                break;
            }
            if end <= first_dirty {
                clean_bytes += segment.size;
            } else {
                plan.overdue |= dirty_bytes == 0 && self.is_overdue(segment, now_ms)?;
                // Never nothing: a dirty segment without records still moves the end of the clean ones.
                dirty_bytes += segment.size.max(1);
            }
            plan.segments.push(Arc::clone(segment));
            plan.end = plan.end.max(end);
        }
        if dirty_bytes > 0 {
            plan.dirty_permille = (dirty_bytes * 1000 / (clean_bytes + dirty_bytes)).max(1);
        }
        Ok(plan)
    }

    fn is_protected(&self, segment: &Sealed, now_ms: i64) -> io::Result<bool> {
        let lag = self.config.min_compaction_lag_ms;
        if lag <= 0 {
            return Ok(false);
        }
        Ok(now_ms.saturating_sub(segment.largest_timestamp(&*self.open(segment)?)?) < lag)
    }

    fn is_overdue(&self, segment: &Sealed, now_ms: i64) -> io::Result<bool> {
        if self.config.max_compaction_lag_ms == i64::MAX {
            return Ok(false);
        }
        let mut headers = Headers::new(Arc::clone(&self.open(segment)?.log), 0, segment.size);
        let first = headers.next()?.map_or(now_ms, |(_, header)| header.max_timestamp);
        Ok(now_ms.saturating_sub(first) > self.config.max_compaction_lag_ms)
    }
}
