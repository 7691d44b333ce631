//! Working memory that a thread keeps between calls, so that no layer allocates in the steady state.

use std::cell::Cell;

thread_local! {
    /// What is not lent; on top what the outermost loan gave back, so that each depth gets its own again.
    static KEPT: Cell<Vec<Vec<f32>>> = const { Cell::new(Vec::new()) };
}

/// Calls `work` with `len` values of this thread's memory, whatever they hold from before.
///
/// The memory is taken out while it is lent, so a task that this thread runs meanwhile gets its own.
pub fn with<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut memory = kept(Vec::pop).unwrap_or_default();
    if memory.len() < len {
        memory.resize(len, 0.0);
    }
    let result = work(&mut memory[..len]);
    kept(|kept| kept.push(memory));
    result
}

/// Works on what is kept.
fn kept<R>(work: impl FnOnce(&mut Vec<Vec<f32>>) -> R) -> R {
    KEPT.with(|cell| {
        let mut kept = cell.take();
        let result = work(&mut kept);
        cell.set(kept);
        result
    })
}
