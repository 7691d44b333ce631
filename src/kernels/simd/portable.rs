//! Vectors as plain arrays, for processors that no other level knows, and as the reference for those that do.

use super::Simd;

/// Eight values in an array; the compiler uses whatever vectors the architecture's baseline has.
#[derive(Debug, Clone, Copy)]
pub struct Portable;

/// Applies `$f` lane by lane. A macro, because a closure might not be inlined.
macro_rules! lanes {
    (|$i:ident| $f:expr) => {{
        let mut out = [0.0; Portable::LANES];
        for ($i, out) in out.iter_mut().enumerate() {
            *out = $f;
        }
        out
    }};
}

impl Simd for Portable {
    type V = [f32; 8];
    const LANES: usize = 8;
    const REGISTERS: usize = 8; // SSE2 and its like have sixteen of half this width

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; 8]
    }

    #[inline(always)]
    unsafe fn load_at(self, p: *const f32) -> Self::V {
        // SAFETY: the caller's promise; an array of f32 is aligned like f32.
        unsafe { p.cast::<Self::V>().read() }
    }

    #[inline(always)]
    unsafe fn store_at(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller's promise; an array of f32 is aligned like f32.
        unsafe { p.cast::<Self::V>().write(v) }
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        lanes!(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        lanes!(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        lanes!(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        lanes!(|i| a[i] / b[i])
    }

    // Rounded twice: `mul_add` would be a library call a lane where the baseline has no such instruction.
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        lanes!(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        lanes!(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn abs(self, a: Self::V) -> Self::V {
        lanes!(|i| a[i].abs())
    }

    #[inline(always)]
    fn where_negative(self, sign: Self::V, a: Self::V, b: Self::V) -> Self::V {
        lanes!(|i| if sign[i] < 0.0 { a[i] } else { b[i] })
    }

    // Adding and taking away 1.5·2²³ leaves the nearest integer for |a| < 2²², in two additions.
    #[inline(always)]
    fn round(self, a: Self::V) -> Self::V {
        const MAGIC: f32 = 12_582_912.0;
        lanes!(|i| (a[i] + MAGIC) - MAGIC)
    }

    #[inline(always)]
    fn power_of_two(self, n: Self::V) -> Self::V {
        lanes!(|i| f32::from_bits(((n[i] as i32 + 127) as u32) << 23))
    }
}
