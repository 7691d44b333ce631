//! From framed pictures to transformed tiles.

use super::tile::{SIDE, Tile};
use crate::kernels::layout::Frame;
use crate::kernels::share::Shared;
use crate::kernels::simd::{Kernel, Simd, WIDEST};

/// The tiles of a batch of framed pictures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiling {
    pub(super) frame: Frame,
    across: usize,
    pub(super) a_picture: usize,
}

impl Tiling {
    /// The tiles of `pictures` pictures of `frame` in `framed`.
    ///
    /// # Panics
    /// If a pixel's channels are no whole vectors, or the pictures do not lie in their slice.
    pub(super) fn new<T: Tile>(frame: Frame, pictures: usize, framed: &[f32]) -> Self {
        assert!(frame.channels.is_multiple_of(WIDEST), "channels are padded to whole vectors");
        assert!(frame.fit(pictures, framed.len()), "the pictures must lie in their slice");
        let across = frame.width.div_ceil(T::OUTPUTS);
        Self { frame, across, a_picture: across * frame.height.div_ceil(T::OUTPUTS) }
    }

    /// The picture, line and column of a tile's first output.
    #[inline(always)]
    pub(super) fn place<T: Tile>(&self, tile: usize) -> (usize, usize, usize) {
        let (n, tile) = (tile / self.a_picture, tile % self.a_picture);
        (n, tile / self.across * T::OUTPUTS, tile % self.across * T::OUTPUTS)
    }
}

/// The distance between the planes of products: an odd number of cache lines, so that the planes of one tile do not all
/// fall into the same few lines of the first-level cache.
pub(super) const fn plane(values: usize) -> usize {
    ((values / WIDEST) | 1) * WIDEST
}

/// Values whose transformation is worth handing to another thread.
pub(super) const TRANSFORM_GRAIN: usize = 128 << 10;

/// What the transform of a tile of a framed picture reads, and what it applies along each axis.
pub(super) trait Transform<T: Tile>: Send + Sync {
    /// Values read along a side.
    const READ: usize;

    /// Where a picture's tile with its first output at (y, x) begins.
    fn start(frame: Frame, y: usize, x: usize) -> usize;
    /// The transform of one line, of which the first [`Self::READ`] values count.
    fn apply<S: Simd>(s: S, line: [S::V; SIDE]) -> [S::V; SIDE];
}

/// `Bᵀ d B`.
pub(super) struct OfInputs;

impl<T: Tile> Transform<T> for OfInputs {
    const READ: usize = T::INPUTS;

    /// A line above and a column left of the first output.
    #[inline(always)]
    fn start(frame: Frame, y: usize, x: usize) -> usize {
        y * frame.line() + x * frame.channels
    }

    #[inline(always)]
    fn apply<S: Simd>(s: S, line: [S::V; SIDE]) -> [S::V; SIDE] {
        T::input(s, line)
    }
}

/// A transform of some tiles of framed pictures: `[products, tiles, channels]`.
pub(super) struct Spread<'a, T, F> {
    pub(super) tiling: Tiling,
    pub(super) framed: &'a [f32],
    /// The first tile and how many.
    pub(super) tiles: (usize, usize),
    /// The planes. No two tasks have a tile's place in them in common.
    pub(super) out: Shared<'a>,
    /// Where the first tile goes in its plane, and the planes' distance.
    pub(super) out_start: usize,
    pub(super) plane: usize,
    pub(super) transform: std::marker::PhantomData<(T, F)>,
}

impl<T: Tile, F: Transform<T>> Kernel for Spread<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let frame = self.tiling.frame;
        let (channels, line, side) = (frame.channels, frame.line(), T::INPUTS);
        let in_plane = (self.out_start + self.tiles.1) * channels;
        assert!(in_plane <= self.plane && side * side * self.plane <= self.out.len(), "planes with room for the tiles");
        for i in 0..self.tiles.1 {
            let (n, y, x) = self.tiling.place::<T>(self.tiles.0 + i);
            // Frames have room for whole tiles; what overhangs the picture is zero.
            let start = n * frame.len() + F::start(frame, y, x);
            let tile = &self.framed[start..][..(F::READ - 1) * line + F::READ * channels];
            for c in (0..channels).step_by(S::LANES) {
                let mut values = [[s.splat(0.0); SIDE]; SIDE];
                for (i, row) in values.iter_mut().enumerate().take(F::READ) {
                    let mut d = [s.splat(0.0); SIDE];
                    for (j, d) in d.iter_mut().enumerate().take(F::READ) {
                        // SAFETY: i and j are below READ and c + LANES ≤ channels, which `Tiling::new` saw to be whole
                        // vectors, so LANES values from here on lie in `tile`, whose length was just checked.
                        *d = unsafe { s.load_at(tile.as_ptr().add(i * line + j * channels + c)) };
                    }
                    *row = F::apply(s, d);
                }
                let to = (self.out_start + i) * channels + c;
                for j in 0..side {
                    let mut d = [s.splat(0.0); SIDE];
                    for (d, row) in d.iter_mut().zip(&values).take(F::READ) {
                        *d = row[j];
                    }
                    for (i, d) in F::apply(s, d).into_iter().enumerate().take(side) {
                        // SAFETY: `out` has side² planes and `to + LANES` lies in each, as was checked above; each task
                        // has its own tiles' places, as whoever fills in `out` sees to.
                        unsafe { s.store_at(self.out.at((i * side + j) * self.plane + to), d) };
                    }
                }
            }
        }
    }
}
