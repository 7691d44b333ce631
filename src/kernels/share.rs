//! One output slice that tasks on several threads write, each its own part.

use std::marker::PhantomData;

/// A mutable slice that may be handed to several tasks. Each promises to write a part that no other one touches.
#[derive(Clone, Copy)]
pub struct Shared<'a> {
    start: *mut f32,
    len: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: the pointer is reached only through `part` and `at`, which are unsafe: whoever calls them promises that no value is
// used by two tasks at a time. The values are plain numbers, which any thread may use, and outlive the borrow 'a.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above; a shared reference gives no more than the copy.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    /// Shares `slice` for as long as it is borrowed.
    pub fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// How many values it has.
    #[must_use]
    pub fn len(self) -> usize {
        self.len
    }

    /// The address of value `index`.
    ///
    /// # Safety
    /// `index` must not lie beyond the end. No other task may use what is read or written there meanwhile.
    #[inline(always)]
    pub unsafe fn at(self, index: usize) -> *mut f32 {
        debug_assert!(index <= self.len);
        // SAFETY: inside the slice that `new` was given, or one past its end: the caller's promise.
        unsafe { self.start.add(index) }
    }

    /// `len` values from `start` on.
    ///
    /// # Safety
    /// No other part in use may overlap this one.
    ///
    /// # Panics
    /// If the part does not lie in the slice.
    #[inline(always)]
    #[must_use]
    pub unsafe fn part(self, start: usize, len: usize) -> &'a mut [f32] {
        assert!(start.checked_add(len).is_some_and(|end| end <= self.len));
        // SAFETY: inside the slice that `new` was given, as was just checked, and borrowed for 'a; the caller promises that
        // no other part in use overlaps.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}

/// Runs `work`, of about so many multiply-adds, on one of the pool's threads, where its splits cost next to nothing. From
/// another thread each of them would be handed to the pool and waited for. What is too small to be split stays here.
pub fn pooled<R: Send>(multiply_adds: usize, work: impl FnOnce() -> R + Send) -> R {
    const WORTH: usize = 24 << 20;
    if multiply_adds < WORTH { work() } else { rayon::scope(|_| work()) }
}

/// Splits `count` items into tasks of at most `grain` and runs `task(start, len)` for each, on whatever threads are
/// free. What a task computes must not depend on where the splits fall.
pub fn split(count: usize, grain: usize, task: &(impl Fn(usize, usize) + Sync)) {
    fn halve(start: usize, len: usize, grain: usize, task: &(impl Fn(usize, usize) + Sync)) {
        if len <= grain {
            task(start, len);
        } else {
            let left = (len.div_ceil(grain) / 2) * grain;
            rayon::join(|| halve(start, left, grain, task), || halve(start + left, len - left, grain, task));
        }
    }
    if count > 0 {
        halve(0, count, grain.max(1), task);
    }
}
