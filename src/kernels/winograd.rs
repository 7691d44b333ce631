//! 3×3 convolutions of stride 1 by Winograd's minimal filtering, F(2×2, 3×3) and F(4×4, 3×3).
//!
//! A tile of m × m outputs needs (m + 2)² multiplications a channel pair instead of 9m²: 2.25 times fewer for m = 2, 4
//! times fewer for m = 4. Input tiles `d` become `Bᵀ d B`, filters `G g Gᵀ`, their products over the channels are
//! (m + 2)² matrix products, and `Aᵀ M A` gives the outputs (Winograd 1980; Lavin and Gray, arXiv 1509.09308).
//!
//! F(4×4) interpolates at 0, ±√½, ±√2 and ∞ instead of the usual 0, ±1, ±2, ∞. The rounding error is then less than twice
//! that of direct convolution, instead of about five times.

mod convolution;
mod gradient;
mod tile;
mod transform;

pub use convolution::convolve;
pub use gradient::filter_gradient;

use self::tile::{Four, SIDE, Tile, Two};
use super::layout::Filter;
use super::product::Panels;
use super::simd::{Kernel, Level, Simd, WIDEST};

/// The two tile sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// F(2×2, 3×3).
    Two,
    /// F(4×4, 3×3).
    Four,
}

impl Size {
    /// Outputs along a side of a tile.
    #[must_use]
    pub const fn outputs(self) -> usize {
        match self {
            Self::Two => Two::OUTPUTS,
            Self::Four => Four::OUTPUTS,
        }
    }

    /// Matrix products a tile: (m + 2)².
    #[must_use]
    pub const fn products(self) -> usize {
        let side = self.outputs() + 2;
        side * side
    }

    /// Tiles of a picture.
    #[must_use]
    pub const fn tiles(self, height: usize, width: usize) -> usize {
        height.div_ceil(self.outputs()) * width.div_ceil(self.outputs())
    }
}

/// Filters transformed and packed.
#[derive(Debug, Clone)]
pub struct Weights {
    size: Size,
    panels: Panels,
}

impl Weights {
    /// Transforms a 3×3 filter.
    ///
    /// # Panics
    /// If the filter is not 3×3 and padded.
    #[must_use]
    pub fn new(level: Level, size: Size, filter: &Filter) -> Self {
        assert_eq!(filter.kernel, 3, "Winograd's tiles here are for 3×3 filters");
        let padded = filter.inputs.is_multiple_of(WIDEST) && filter.outputs.is_multiple_of(WIDEST);
        assert!(padded, "a filter's channels are padded to whole vectors");
        let shape = [size.products(), filter.inputs, filter.outputs];
        let panels = Panels::written(level, shape, |out, width| match size {
            Size::Two => level.run(FilterTransform::<Two>::new(filter, out, width)),
            Size::Four => level.run(FilterTransform::<Four>::new(filter, out, width)),
        });
        Self { size, panels }
    }
}

/// `G g Gᵀ` of every pair of channels, into panels: `[panel, products, inputs, width]`.
struct FilterTransform<'a, T> {
    filter: &'a Filter,
    out: &'a mut [f32],
    /// Outputs in a panel.
    width: usize,
    tile: std::marker::PhantomData<T>,
}

impl<'a, T> FilterTransform<'a, T> {
    fn new(filter: &'a Filter, out: &'a mut [f32], width: usize) -> Self {
        Self { filter, out, width, tile: std::marker::PhantomData }
    }
}

impl<T: Tile> Kernel for FilterTransform<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Filter { inputs, outputs, .. } = *self.filter;
        let (side, plane, width) = (T::INPUTS, inputs * outputs, self.width);
        let panels = self.out.chunks_exact_mut((side * side * inputs * width).max(1));
        for (panel, out) in panels.enumerate() {
            for place in (0..inputs * width).step_by(S::LANES) {
                let from = place / width * outputs + panel * width + place % width;
                let zero = s.splat(0.0);
                let mut values = [[zero; SIDE]; SIDE];
                for (i, row) in values.iter_mut().enumerate().take(3) {
                    let mut g = [zero; SIDE];
                    for (j, g) in g.iter_mut().enumerate().take(3) {
                        *g = s.load(&self.filter.values[(i * 3 + j) * plane + from..]);
                    }
                    *row = T::filter(s, g);
                }
                let [first, second, third, ..] = values;
                for (j, ((a, b), c)) in first.into_iter().zip(second).zip(third).enumerate().take(side) {
                    let g = [a, b, c, zero, zero, zero];
                    for (i, u) in T::filter(s, g).into_iter().enumerate().take(side) {
                        s.store(&mut out[(i * side + j) * inputs * width + place..], u);
                    }
                }
            }
        }
    }
}
