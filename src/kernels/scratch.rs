//! Working memory that a thread keeps between calls, so that no layer allocates in the steady state.

use std::cell::Cell;

thread_local! {
    static KEPT: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Calls `work` with `len` values of this thread's memory, whatever they hold from before.
///
/// The memory is taken out while it is lent, so a task that this thread runs meanwhile gets its own.
pub fn with<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut memory = KEPT.take();
    if memory.len() < len {
        memory.resize(len, 0.0);
    }
    let result = work(&mut memory[..len]);
    KEPT.with(|kept| {
        let other = kept.take();
        kept.set(if other.len() > memory.len() { other } else { memory });
    });
    result
}
