//! The one-dimensional transforms of the two tile sizes.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use crate::kernels::simd::Simd;

/// The most values of a tile along one side.
pub(super) const SIDE: usize = 6;

/// One-dimensional transforms of one tile size. Arrays have room for the larger; the rest of them is not used.
pub(super) trait Tile: Copy + Send + Sync {
    /// Outputs along a side.
    const OUTPUTS: usize;
    /// Inputs along a side, and products.
    const INPUTS: usize;

    /// `Bᵀ d`.
    fn input<S: Simd>(s: S, d: [S::V; SIDE]) -> [S::V; SIDE];
    /// `Aᵀ m`.
    fn output<S: Simd>(s: S, m: [S::V; SIDE]) -> [S::V; SIDE];
    /// `G g`.
    fn filter<S: Simd>(s: S, g: [S::V; SIDE]) -> [S::V; SIDE];
    /// `A y`, the adjoint of [`Tile::output`].
    fn spread<S: Simd>(s: S, y: [S::V; SIDE]) -> [S::V; SIDE];
    /// `Gᵀ u`, the adjoint of [`Tile::filter`].
    fn gather<S: Simd>(s: S, u: [S::V; SIDE]) -> [S::V; SIDE];
}

/// F(2, 3), at 0, ±1 and ∞.
#[derive(Clone, Copy)]
pub(super) struct Two;

/// F(4, 3), at 0, ±√½, ±√2 and ∞.
#[derive(Clone, Copy)]
pub(super) struct Four;

impl Tile for Two {
    const OUTPUTS: usize = 2;
    const INPUTS: usize = 4;

    #[inline(always)]
    fn input<S: Simd>(s: S, [a, b, c, d, x, y]: [S::V; SIDE]) -> [S::V; SIDE] {
        [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(b, d), x, y]
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, [a, b, c, d, x, y]: [S::V; SIDE]) -> [S::V; SIDE] {
        [s.add(a, s.add(b, c)), s.sub(s.sub(b, c), d), x, x, x, y]
    }

    #[inline(always)]
    fn filter<S: Simd>(s: S, [a, b, c, x, y, _]: [S::V; SIDE]) -> [S::V; SIDE] {
        let half = s.splat(0.5);
        let ends = s.mul(half, s.add(a, c));
        let middle = s.mul(half, b);
        [a, s.add(ends, middle), s.sub(ends, middle), c, x, y]
    }

    #[inline(always)]
    fn spread<S: Simd>(s: S, [a, b, x, y, ..]: [S::V; SIDE]) -> [S::V; SIDE] {
        [a, s.add(a, b), s.sub(a, b), s.sub(s.splat(0.0), b), x, y]
    }

    #[inline(always)]
    fn gather<S: Simd>(s: S, [a, b, c, d, x, y]: [S::V; SIDE]) -> [S::V; SIDE] {
        let half = s.splat(0.5);
        let sum = s.mul(half, s.add(b, c));
        [s.add(a, sum), s.mul(half, s.sub(b, c)), s.add(sum, d), x, y, y]
    }
}

impl Tile for Four {
    const OUTPUTS: usize = 4;
    const INPUTS: usize = 6;

    #[inline(always)]
    fn input<S: Simd>(s: S, [a, b, c, d, e, f]: [S::V; SIDE]) -> [S::V; SIDE] {
        let (root, small) = (s.splat(-SQRT_2), s.splat(-FRAC_1_SQRT_2));
        let minus = s.splat(-2.5);
        let even = s.fma(s.splat(-2.0), c, e);
        let odd = s.fma(root, b, s.mul(s.splat(FRAC_1_SQRT_2), d));
        let even2 = s.fma(s.splat(-0.5), c, e);
        let odd2 = s.fma(small, b, s.mul(s.splat(SQRT_2), d));
        [
            s.fma(minus, c, s.add(a, e)),
            s.add(even, odd),
            s.sub(even, odd),
            s.add(even2, odd2),
            s.sub(even2, odd2),
            s.fma(minus, d, s.add(b, f)),
        ]
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, [a, b, c, d, e, f]: [S::V; SIDE]) -> [S::V; SIDE] {
        let (sum, sum2) = (s.add(b, c), s.add(d, e));
        let (difference, difference2) = (s.sub(b, c), s.sub(d, e));
        let (half, two) = (s.splat(0.5), s.splat(2.0));
        let third = s.fma(half, sum, s.mul(two, sum2));
        let odd = s.mul(difference, s.splat(FRAC_1_SQRT_2));
        [
            s.add(a, s.add(sum, sum2)),
            s.fma(s.splat(SQRT_2), difference2, odd),
            third,
            s.add(s.fma(half, odd, s.mul(s.splat(2.0 * SQRT_2), difference2)), f),
            f,
            f,
        ]
    }

    #[inline(always)]
    fn filter<S: Simd>(s: S, [a, b, c, ..]: [S::V; SIDE]) -> [S::V; SIDE] {
        let ends = s.fma(s.splat(-2.0 / 3.0), a, s.mul(s.splat(-1.0 / 3.0), c));
        let middle = s.mul(s.splat(SQRT_2 / 3.0), b);
        let ends2 = s.fma(s.splat(1.0 / 6.0), a, s.mul(s.splat(1.0 / 3.0), c));
        let middle2 = s.mul(s.splat(SQRT_2 / 6.0), b);
        [a, s.sub(ends, middle), s.add(ends, middle), s.add(ends2, middle2), s.sub(ends2, middle2), c]
    }

    #[inline(always)]
    fn spread<S: Simd>(s: S, [a, b, c, d, ..]: [S::V; SIDE]) -> [S::V; SIDE] {
        let (half, two) = (s.splat(0.5), s.splat(2.0));
        let even = s.fma(half, c, a);
        let odd = s.mul(s.splat(FRAC_1_SQRT_2), s.fma(half, d, b));
        let even2 = s.fma(two, c, a);
        let odd2 = s.mul(s.splat(SQRT_2), s.fma(two, d, b));
        [a, s.add(even, odd), s.sub(even, odd), s.add(even2, odd2), s.sub(even2, odd2), d]
    }

    #[inline(always)]
    fn gather<S: Simd>(s: S, [a, b, c, d, e, f]: [S::V; SIDE]) -> [S::V; SIDE] {
        let (sum, sum2) = (s.add(b, c), s.add(d, e));
        let (difference, difference2) = (s.sub(c, b), s.sub(d, e));
        let third = s.splat(1.0 / 3.0);
        [
            s.fma(s.splat(-2.0 / 3.0), sum, s.fma(s.splat(1.0 / 6.0), sum2, a)),
            s.fma(s.splat(SQRT_2 / 3.0), difference, s.mul(s.splat(SQRT_2 / 6.0), difference2)),
            s.fma(third, s.sub(sum2, sum), f),
            f,
            f,
            f,
        ]
    }
}
