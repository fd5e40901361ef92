//! Admission: how many statements run at a time, and how many may wait for their turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// Gives out turns, first come, first served.
#[derive(Debug)]
pub(crate) struct Admission {
    slots: Arc<Semaphore>,
    running_max: usize,
    waiting: AtomicUsize,
    waiting_max: usize,
}

impl Admission {
    pub(crate) fn new(running_max: usize, waiting_max: usize) -> Self {
        let running_max = running_max.clamp(1, Semaphore::MAX_PERMITS);
        Self { slots: Arc::new(Semaphore::new(running_max)), running_max, waiting: AtomicUsize::new(0), waiting_max }
    }

    /// A turn. Waits while all are taken; dropping the future leaves the queue.
    ///
    /// # Errors
    /// [`Error::QueueFull`].
    pub(crate) async fn admit(&self) -> Result<Permit> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(Permit::new(&self.slots, slot));
        }
        let _place = self.queue()?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Error::Stopping)?;
        Ok(Permit::new(&self.slots, slot))
    }

    fn queue(&self) -> Result<Place<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place { waiting: &self.waiting };
        metrics::gauge!("kura_statements_waiting").increment(1.0);
        if before >= self.waiting_max {
            return Err(Error::QueueFull { running: self.running_max, waiting: before });
        }
        Ok(place)
    }
}

/// A place in the queue.
struct Place<'a> {
    waiting: &'a AtomicUsize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("kura_statements_waiting").decrement(1.0);
    }
}

/// A turn. Dropping it lets the next statement run.
#[derive(Debug)]
pub(crate) struct Permit {
    slots: Arc<Semaphore>,
    slot: Option<OwnedSemaphorePermit>,
}

impl Permit {
    fn new(slots: &Arc<Semaphore>, slot: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("kura_statements_running").increment(1.0);
        Self { slots: Arc::clone(slots), slot: Some(slot) }
    }

    /// Lets others run while this statement waits for its client.
    pub(crate) fn park(&mut self) {
        if self.slot.take().is_some() {
            metrics::gauge!("kura_statements_running").decrement(1.0);
        }
    }

    /// Takes a turn again after [`Permit::park`].
    pub(crate) async fn resume(&mut self) {
        if self.slot.is_none()
            && let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await
        {
            metrics::gauge!("kura_statements_running").increment(1.0);
            self.slot = Some(slot);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.park();
    }
}

#[cfg(test)]
mod tests {
    use kura_pgtypes::{Diagnostic, SqlState};

    use super::*;

    #[tokio::test]
    async fn the_queue_has_an_end() {
        let admission = Admission::new(1, 1);
        let first = admission.admit().await.expect("a free slot");
        let mut second = Box::pin(admission.admit());
        assert!(futures::poll!(&mut second).is_pending());
        let refused = admission.admit().await.expect_err("the queue is full");
        assert_eq!(refused.sqlstate(), SqlState::CONFIGURATION_LIMIT_EXCEEDED);
        drop(first);
        second.await.expect("the slot that became free");
    }

    #[tokio::test]
    async fn leaving_the_queue_makes_room() {
        let admission = Admission::new(1, 1);
        let _first = admission.admit().await.expect("a free slot");
        let mut second = Box::pin(admission.admit());
        assert!(futures::poll!(&mut second).is_pending());
        drop(second);
        let mut third = Box::pin(admission.admit());
        assert!(futures::poll!(&mut third).is_pending(), "waits instead of being refused");
    }

    #[tokio::test]
    async fn a_parked_statement_lets_others_run() {
        let admission = Admission::new(1, 0);
        let mut first = admission.admit().await.expect("a free slot");
        first.park();
        let second = admission.admit().await.expect("the parked statement's slot");
        let mut resumed = Box::pin(first.resume());
        assert!(futures::poll!(&mut resumed).is_pending());
        drop(second);
        resumed.await;
    }
}
