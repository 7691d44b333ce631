//! One vocabulary of vector arithmetic, written four times: AVX-512, AVX2 with FMA, NEON, and plain arrays.
//!
//! A kernel is written once, generic over [`Simd`], as a type that implements [`Kernel`]; [`Level::run`] compiles it
//! for every instruction set of the architecture and calls the one asked for. A level can only be had from
//! [`Level::available`] or [`Level::best`], so a kernel never meets an instruction that the processor lacks.

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

pub use portable::Portable;

/// The widest vector of any level, in `f32` values. Channel counts are padded to a multiple of it, so that no kernel
/// has a ragged edge.
pub const WIDEST: usize = 16;

/// `count` rounded up to a multiple of [`WIDEST`].
#[must_use]
pub const fn padded(count: usize) -> usize {
    count.next_multiple_of(WIDEST)
}

/// Vectors of [`Simd::LANES`] `f32` values. A value of the implementing type is a proof that the processor has the
/// instructions, which is what makes the methods safe to call.
///
/// Every method must be inlined into a function compiled for the instruction set; so must every generic function
/// that takes a `Simd`: mark it `#[inline(always)]`.
pub trait Simd: Copy + Send + Sync + 'static {
    /// The vector.
    type V: Copy;
    /// Values in a vector; divides [`WIDEST`].
    const LANES: usize;
    /// Vector registers, which bounds the size of a register tile.
    const REGISTERS: usize;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::V;
    /// The values at `p`, which must be valid to read.
    ///
    /// # Safety
    /// `p..p + LANES` must lie inside one live allocation.
    unsafe fn load_at(self, p: *const f32) -> Self::V;
    /// Writes `v` at `p`.
    ///
    /// # Safety
    /// `p..p + LANES` must lie inside one live allocation that nothing else uses meanwhile.
    unsafe fn store_at(self, p: *mut f32, v: Self::V);
    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a · b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a · b + c`, rounded once where the processor can.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The larger of `a` and `b`.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `|a|`.
    fn abs(self, a: Self::V) -> Self::V;
    /// `a` where `sign < 0`, else `b`.
    fn where_negative(self, sign: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// The nearest integer, halves to even.
    fn round(self, a: Self::V) -> Self::V;
    /// `2ⁿ` for integers `n` in −126..=127.
    fn power_of_two(self, n: Self::V) -> Self::V;

    /// The first [`Simd::LANES`] values of `values`.
    #[inline(always)]
    fn load(self, values: &[f32]) -> Self::V {
        assert!(values.len() >= Self::LANES);
        // SAFETY: the slice holds LANES values.
        unsafe { self.load_at(values.as_ptr()) }
    }

    /// Writes the first [`Simd::LANES`] values of `values`.
    #[inline(always)]
    fn store(self, values: &mut [f32], v: Self::V) {
        assert!(values.len() >= Self::LANES);
        // SAFETY: the slice holds LANES values and is borrowed for us alone.
        unsafe { self.store_at(values.as_mut_ptr(), v) }
    }
}

/// A computation written once for all levels.
pub trait Kernel {
    /// What it returns.
    type Output;

    /// Computes. Must be `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Isa);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Isa {
    Portable,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// Plain Rust that the compiler vectorises as far as the architecture's baseline goes.
    pub const PORTABLE: Self = Self(Isa::Portable);

    /// The levels that this processor has, from the slowest to the fastest.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::PORTABLE];
        #[cfg(target_arch = "aarch64")]
        levels.push(Self(Isa::Neon)); // part of the architecture's baseline
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self(Isa::Avx2));
                if is_x86_feature_detected!("avx512f") {
                    levels.push(Self(Isa::Avx512));
                }
            }
        }
        levels
    }

    /// The fastest level, found once. The environment variable `DENOSCOPE_SIMD` (`portable`, `avx2`, `avx512`,
    /// `neon`) chooses a slower one, to compare or to rule out a fault.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            let available = Self::available();
            let asked = std::env::var("DENOSCOPE_SIMD").ok();
            let named = available.iter().find(|level| asked.as_deref() == Some(level.name()));
            named.or(available.last()).copied().unwrap_or(Self::PORTABLE)
        })
    }

    /// Its name, as in reports and `DENOSCOPE_SIMD`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Isa::Portable => "portable",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "neon",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
        }
    }

    /// Values in a vector of this level.
    #[must_use]
    pub const fn lanes(self) -> usize {
        match self.0 {
            Isa::Portable => Portable::LANES,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::Neon::LANES,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86::Avx2::LANES,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86::Avx512::LANES,
        }
    }

    /// Runs `kernel` with this level's instructions.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Isa::Portable => kernel.run(Portable),
            #[cfg(target_arch = "aarch64")]
            // SAFETY: NEON is part of the architecture's baseline.
            Isa::Neon => unsafe { neon::run(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level comes from `available`, which asked the processor.
            Isa::Avx2 => unsafe { x86::run_avx2(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx512 => unsafe { x86::run_avx512(kernel) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Everything<'a>(&'a [f32], &'a [f32], &'a mut [Vec<f32>]);

    impl Kernel for Everything<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let Self(a, b, out) = self;
            for (i, (a, b)) in a.chunks_exact(S::LANES).zip(b.chunks_exact(S::LANES)).enumerate() {
                let (x, y) = (s.load(a), s.load(b));
                let whole = s.round(x);
                let results = [
                    s.add(x, y),
                    s.sub(x, y),
                    s.mul(x, y),
                    s.div(x, y),
                    s.fma(x, y, s.splat(2.0)),
                    s.max(x, y),
                    s.abs(x),
                    s.where_negative(x, y, s.splat(7.0)),
                    whole,
                    s.power_of_two(whole),
                ];
                for (out, v) in out.iter_mut().zip(results) {
                    s.store(&mut out[i * S::LANES..], v);
                }
            }
        }
    }

    #[test]
    fn every_level_computes_what_scalars_do() {
        let a: Vec<f32> = (0..64).map(|i| (i as f32 - 31.5) * 1.7).collect();
        let b: Vec<f32> = (0..64).map(|i| (i as f32).sin() + 1.5).collect();
        let scalar: [fn(f32, f32) -> f32; 10] = [
            |x, y| x + y,
            |x, y| x - y,
            |x, y| x * y,
            |x, y| x / y,
            |x, y| x.mul_add(y, 2.0),
            f32::max,
            |x, _| x.abs(),
            |x, y| if x < 0.0 { y } else { 7.0 },
            |x, _| x.round_ties_even(),
            |x, _| x.round_ties_even().exp2(),
        ];
        for level in Level::available() {
            let mut out = vec![vec![0.0; 64]; scalar.len()];
            level.run(Everything(&a, &b, &mut out));
            for (which, (out, f)) in out.iter().zip(scalar).enumerate() {
                for i in 0..64 {
                    let truth = f(a[i], b[i]);
                    assert!((out[i] - truth).abs() <= 1e-6 * truth.abs().max(1.0), "{} {which} {i}", level.name());
                }
            }
        }
    }
}
