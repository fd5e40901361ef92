//! Memory of running statements: one bound for all of them together.
//!
//! An operator that can write what it holds to disk is told to do so when it holds more than its share while memory is
//! scarce. Operators that cannot get what they ask for fail with 53200. What scalar functions allocate is not seen here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Repartitioning passes rows between the parts of a query. DataFusion 55.2 hangs when it spills (apache/datafusion#24883), so
/// it always gets memory, at the price that a statement is ended when that goes beyond the reserve.
const REPARTITION: &str = "RepartitionExec";

/// The memory of all statements.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    /// What repartitioning may take beyond the limit.
    reserve: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Operators that can write to disk.
    spillers: usize,
    spillable: usize,
    unspillable: usize,
}

impl State {
    fn total(&self) -> usize {
        self.spillable.saturating_add(self.unspillable)
    }

    fn add(&mut self, can_spill: bool, bytes: usize) {
        let side = if can_spill { &mut self.spillable } else { &mut self.unspillable };
        *side = side.saturating_add(bytes);
    }
}

impl Memory {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Arc::new(Self { limit, reserve: limit / 4, state: Mutex::default() })
    }

    /// Bytes held by all statements.
    pub(crate) fn reserved(&self) -> usize {
        self.state.lock().total()
    }

    /// Whether `bytes` more may be held. `own`: what the operator holds already.
    fn try_add(&self, can_spill: bool, own: usize, bytes: usize) -> Result<(), usize> {
        let mut state = self.state.lock();
        let total = state.total();
        let left = self.limit.saturating_sub(total);
        if bytes > left {
            return Err(left);
        }
        if can_spill {
            // The last quarter is for those who cannot spill and for those who hold less than their share.
            let share = self.limit.saturating_sub(state.unspillable) / state.spillers.max(1);
            let plenty = total.saturating_add(bytes) <= self.limit - self.limit / 4;
            if !plenty && own.saturating_add(bytes) > share {
                return Err(share.saturating_sub(own).min(left));
            }
        }
        state.add(can_spill, bytes);
        Ok(())
    }
}

/// The memory of one statement: its part of [`Memory`].
#[derive(Debug)]
pub(crate) struct StatementMemory {
    all: Arc<Memory>,
    used: AtomicUsize,
    peak: AtomicUsize,
    /// Raised when the statement must end because it took more than there is.
    overrun: CancellationToken,
}

impl StatementMemory {
    pub(crate) fn new(all: &Arc<Memory>) -> Arc<Self> {
        let (used, peak) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { all: Arc::clone(all), used, peak, overrun: CancellationToken::new() })
    }

    /// The most bytes held at a time so far.
    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// Raised when the statement must end because it took more than there is.
    pub(crate) fn overrun(&self) -> CancellationToken {
        self.overrun.clone()
    }

    fn count(&self, bytes: usize) {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.peak.fetch_max(used, Ordering::Relaxed);
    }
}

/// The error for a statement that took more than there is.
pub(crate) fn exhausted(what: &str) -> DataFusionError {
    DataFusionError::ResourcesExhausted(what.to_owned())
}

impl fmt::Display for StatementMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement memory of {} bytes", self.all.limit)
    }
}

impl MemoryPool for StatementMemory {
    fn name(&self) -> &'static str {
        "statement"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if consumer.can_spill() && !consumer.name().starts_with(REPARTITION) {
            self.all.state.lock().spillers += 1;
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if consumer.can_spill() && !consumer.name().starts_with(REPARTITION) {
            let mut state = self.all.state.lock();
            state.spillers = state.spillers.saturating_sub(1);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.all.state.lock().add(reservation.consumer().can_spill(), additional);
        self.count(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut state = self.all.state.lock();
        let side = if reservation.consumer().can_spill() { &mut state.spillable } else { &mut state.unspillable };
        *side = side.saturating_sub(shrink);
        drop(state);
        self.used.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let consumer = reservation.consumer();
        if consumer.name().starts_with(REPARTITION) {
            self.grow(reservation, additional);
            if self.all.reserved() > self.all.limit.saturating_add(self.all.reserve) {
                self.overrun.cancel();
            }
            return Ok(());
        }
        self.all.try_add(consumer.can_spill(), reservation.size(), additional).map_err(|left| {
            let operator = consumer.name();
            exhausted(&format!("Operator {operator} holds {} bytes and asked for {additional} more; {left} are left.", reservation.size()))
        })?;
        self.count(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.all.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer(pool: &Arc<StatementMemory>, name: &str, can_spill: bool) -> MemoryReservation {
        let pool = Arc::clone(pool) as Arc<dyn MemoryPool>;
        MemoryConsumer::new(name).with_can_spill(can_spill).register(&pool)
    }

    #[test]
    fn all_statements_share_one_bound() {
        let all = Memory::new(1000);
        let (one, two) = (StatementMemory::new(&all), StatementMemory::new(&all));
        let join = consumer(&one, "HashJoinInput", false);
        join.try_grow(900).expect("there is room");
        let other = consumer(&two, "HashJoinInput", false);
        assert!(matches!(other.try_grow(200), Err(DataFusionError::ResourcesExhausted(_))));
        drop(join);
        other.try_grow(200).expect("there is room again");
        assert_eq!((all.reserved(), one.peak(), two.peak()), (200, 900, 200));
    }

    #[test]
    fn a_spiller_leaves_room_for_others() {
        let all = Memory::new(1000);
        let statement = StatementMemory::new(&all);
        let (first, second) = (consumer(&statement, "ExternalSorter[0]", true), consumer(&statement, "ExternalSorter[1]", true));
        first.try_grow(750).expect("as long as there is plenty");
        first.try_grow(10).expect_err("more than its share of the last quarter");
        second.try_grow(250).expect("less than its share");
    }

    #[test]
    fn repartitioning_never_spills_but_ends_the_statement() {
        let all = Memory::new(1000);
        let statement = StatementMemory::new(&all);
        let repartition = consumer(&statement, "RepartitionExec[3]", true);
        repartition.try_grow(1200).expect("always");
        assert!(!statement.overrun().is_cancelled());
        repartition.try_grow(100).expect("always");
        assert!(statement.overrun().is_cancelled());
    }
}
