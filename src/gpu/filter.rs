//! Convolutions and their adjoints as the products that `conv.wgsl` computes: phases, offsets, packed weights, slices.

use crate::engine::Size;

/// Workgroups that are enough for a large card; a product of fewer tiles is cut along its depth.
const ENOUGH_TILES: usize = 128;

/// Slices at most.
const MOST_SLICES: usize = 16;

/// Values of depth that a workgroup takes at a time.
const BLOCK: usize = 16;

/// `channels`, padded to whole vectors.
#[must_use]
pub const fn padded(channels: usize) -> usize {
    channels.next_multiple_of(4)
}

/// The numbers of a convolution, of which the weights are `[outputs, inputs, kernel, kernel]`.
///
/// Its output has `⌈size / stride⌉` lines and columns, output `y` reading lines `y·stride − border + tap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Channels that it gives.
    pub outputs: usize,
    /// Channels that it takes.
    pub inputs: usize,
    /// Lines and columns of its kernel.
    pub kernel: usize,
    /// Pixels from one output to the next.
    pub stride: usize,
    /// Lines of zeros around the picture.
    pub border: usize,
}

/// A convolution or an adjoint with its weights as the product reads them.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Channels that the product takes, and that it gives.
    pub channels: (usize, usize),
    /// Input pixels from one of a phase's pixels to the next, and output pixels.
    steps: (usize, usize),
    /// The convolution's stride; whether this is its adjoint.
    pub stride: usize,
    adjoint: bool,
    phases: Vec<Taps>,
    /// The convolution that it is of.
    convolution: Convolution,
    /// For each phase and each of its taps `[padded inputs, padded outputs]`.
    pub weights: Vec<f32>,
}

/// The taps of the outputs of one parity.
#[derive(Debug, Clone, Copy)]
struct Taps {
    origin: Size,
    count: Size,
    first: (i32, i32),
    /// Where the weights begin, in vectors.
    base: usize,
}

/// One axis of a phase: its parity, the input offset of its first tap, and the kernel's taps in order of offset.
struct Axis {
    parity: usize,
    first: i32,
    taps: Vec<usize>,
}

impl Convolution {
    /// The filter of the convolution itself.
    #[must_use]
    pub fn forward(&self, weights: &[f32]) -> Filter {
        self.pack(false, weights)
    }

    /// The filter of its adjoint, which gathers: an input pixel of parity r gets from output `i + (r + border − tap)/stride`
    /// through every tap that makes this whole.
    #[must_use]
    pub fn adjoint(&self, weights: &[f32]) -> Filter {
        self.pack(true, weights)
    }

    fn axes(&self, adjoint: bool) -> Vec<Axis> {
        if !adjoint {
            return vec![Axis { parity: 0, first: -(self.border as i32), taps: (0..self.kernel).collect() }];
        }
        let axis = |parity: usize| {
            let reaches =
                |tap: &usize| (parity + self.border + self.stride * self.kernel - tap).is_multiple_of(self.stride);
            let taps: Vec<usize> = (0..self.kernel).rev().filter(reaches).collect();
            let last = taps.first().copied().unwrap_or_default() as i32;
            Axis { parity, first: ((parity + self.border) as i32 - last) / self.stride as i32, taps }
        };
        (0..self.stride).map(axis).collect()
    }

    /// The taps, as places in the kernel, in the order in which a filter holds them.
    #[must_use]
    pub fn order(&self, adjoint: bool) -> Vec<usize> {
        let axes = self.axes(adjoint);
        let pairs = axes.iter().flat_map(|lines| axes.iter().map(move |columns| (lines, columns)));
        let taps =
            pairs.flat_map(|(lines, columns)| lines.taps.iter().flat_map(|y| columns.taps.iter().map(move |x| (y, x))));
        taps.map(|(y, x)| y * self.kernel + x).collect()
    }

    fn pack(&self, adjoint: bool, weights: &[f32]) -> Filter {
        let axes = &self.axes(adjoint);
        let (from, to) = if adjoint { (self.outputs, self.inputs) } else { (self.inputs, self.outputs) };
        let (wide_from, wide_to) = (padded(from), padded(to));
        let mut packed = Vec::new();
        let mut phases = Vec::new();
        for lines in axes {
            for columns in axes {
                let base = packed.len() / 4;
                for &y in &lines.taps {
                    for &x in &columns.taps {
                        let start = packed.len();
                        packed.resize(start + wide_from * wide_to, 0.0);
                        for f in 0..from {
                            for t in 0..to {
                                let (o, i) = if adjoint { (f, t) } else { (t, f) };
                                let at = ((o * self.inputs + i) * self.kernel + y) * self.kernel + x;
                                packed[start + f * wide_to + t] = weights[at];
                            }
                        }
                    }
                }
                phases.push(Taps {
                    origin: (lines.parity, columns.parity),
                    count: (lines.taps.len(), columns.taps.len()),
                    first: (lines.first, columns.first),
                    base,
                });
            }
        }
        let steps = if adjoint { (1, self.stride) } else { (self.stride, 1) };
        Filter {
            channels: (from, to),
            steps,
            stride: self.stride,
            adjoint,
            phases,
            convolution: *self,
            weights: packed,
        }
    }
}

/// What a product's result is added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adds {
    /// Nothing.
    Nothing,
    /// Values of the same rows.
    Rows,
    /// The values of each row's picture, times the row's scale.
    Pictures,
}

/// A filter at work on rows of pictures of one size.
#[derive(Debug, Clone)]
pub struct Product<'a> {
    filter: &'a Filter,
    rows: usize,
    input: Size,
    output: Size,
    /// How many slices the depth is cut into.
    pub slices: usize,
}

impl Filter {
    /// The convolution that it is of, or the adjoint of.
    #[must_use]
    pub fn convolution(&self) -> Convolution {
        self.convolution
    }

    /// The product for `rows` rows. `picture` is the size of the convolution's input: of this product's output, if it is an
    /// adjoint.
    #[must_use]
    pub fn product(&self, rows: usize, picture: Size) -> Product<'_> {
        let small = (picture.0.div_ceil(self.stride), picture.1.div_ceil(self.stride));
        let (input, output) = if self.adjoint { (small, picture) } else { (picture, small) };
        let pixels = output.0 * output.1;
        let tiles = (rows * pixels).div_ceil(32) * self.channels.1.div_ceil(32);
        let depth = self.phases.iter().map(|p| p.count.0 * p.count.1).min().unwrap_or(1) * padded(self.channels.0);
        // By the shape alone, so that the order of addition is the same on every run and for every tile.
        let wanted = if tiles < ENOUGH_TILES / 2 { ENOUGH_TILES.div_ceil(tiles.max(1)).min(MOST_SLICES) } else { 1 };
        let slices = wanted.min(depth.div_ceil(2 * BLOCK)).max(1);
        Product { filter: self, rows, input, output, slices }
    }
}

/// Pixels and channels of a workgroup's tile, over four: `(TX, TY)` of `conv.wgsl`.
pub type Tile = (u32, u32);

/// The tiles that pipelines are built for: of few channels, small and large.
pub const TILES: [Tile; 3] = [(2, 32), (8, 8), (16, 16)];

impl Product<'_> {
    /// The largest tile of which there are enough.
    #[must_use]
    pub fn tile(&self) -> Tile {
        let (rows, outputs) = (self.rows * self.output.0 * self.output.1, padded(self.filter.channels.1));
        if outputs <= 8 {
            TILES[0]
        } else if rows.div_ceil(64) * outputs.div_ceil(64) >= ENOUGH_TILES && outputs > 32 {
            TILES[2]
        } else {
            TILES[1]
        }
    }

    /// Vectors that it gives: those of a slice, if there are several.
    #[must_use]
    pub fn vectors(&self) -> usize {
        self.rows * self.output.0 * self.output.1 * padded(self.filter.channels.1) / 4
    }

    /// Lines and columns of a phase's pixels.
    fn grid(&self, taps: &Taps) -> Size {
        let step = self.filter.steps.1;
        ((self.output.0 + step - 1 - taps.origin.0) / step, (self.output.1 + step - 1 - taps.origin.1) / step)
    }

    /// Workgroups along each axis for `tile`.
    #[must_use]
    pub fn groups(&self, tile: Tile) -> [u32; 3] {
        let area = |taps| {
            let grid = self.grid(taps);
            grid.0 * grid.1
        };
        let pixels = self.rows * self.filter.phases.iter().map(area).max().unwrap_or_default();
        let vectors = padded(self.filter.channels.1) / 4;
        let phases = self.filter.phases.len() * self.slices;
        [pixels.div_ceil(4 * tile.1 as usize) as u32, vectors.div_ceil(tile.0 as usize) as u32, phases as u32]
    }

    /// Multiply-adds, times two.
    #[must_use]
    pub fn operations(&self) -> f64 {
        let work = |taps: &Taps| {
            let grid = self.grid(taps);
            (grid.0 * grid.1 * taps.count.0 * taps.count.1) as f64
        };
        let taps: f64 = self.filter.phases.iter().map(work).sum();
        2.0 * self.rows as f64 * taps * (padded(self.filter.channels.0) * padded(self.filter.channels.1)) as f64
    }

    /// `Params` of `conv.wgsl`. `each` rows share a picture; the number of the first row is to be filled in.
    #[must_use]
    pub fn parameters(&self, adds: Adds, each: usize) -> Vec<u32> {
        let word = |value: usize| value as u32;
        let filter = self.filter;
        let mut words = vec![
            word(self.rows),
            word(each),
            0,
            word(self.input.0),
            word(self.input.1),
            word(padded(filter.channels.0) / 4),
            word(self.output.0),
            word(self.output.1),
            word(padded(filter.channels.1) / 4),
            word(filter.steps.0),
            word(filter.steps.1),
            word(self.slices),
            word(self.vectors()),
            adds as u32,
            0,
            0,
        ];
        for taps in &filter.phases {
            let grid = self.grid(taps);
            let sizes = [grid.0, grid.1, taps.count.0, taps.count.1].map(word);
            words.extend(sizes);
            words.extend([taps.first.0.cast_unsigned(), taps.first.1.cast_unsigned()]);
            words.extend([word(taps.origin.0), word(taps.origin.1), word(taps.base), 0, 0, 0]);
        }
        words.resize(16 + 4 * 12, 0);
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_is_cut_by_the_shape_alone() {
        let convolution = Convolution { outputs: 192, inputs: 192, kernel: 3, stride: 1, border: 1 };
        let filter = convolution.forward(&vec![0.0; 192 * 192 * 9]);
        // One picture of 4×4: six tiles of 32×32.
        assert_eq!(filter.product(1, (4, 4)).slices, 16);
        assert_eq!(filter.product(100, (4, 4)).slices, 1);
        // A shallow product is not cut into less than two blocks a slice.
        let shallow = Convolution { outputs: 8, inputs: 8, kernel: 1, stride: 1, border: 0 };
        assert_eq!(shallow.forward(&[0.0; 64]).product(1, (4, 4)).slices, 1);
    }

    #[test]
    fn an_adjoint_of_stride_two_has_every_tap_once() {
        for kernel in [3, 4] {
            let convolution = Convolution { outputs: 4, inputs: 4, kernel, stride: 2, border: 1 };
            let weights: Vec<f32> = (0..16 * kernel * kernel).map(|i| i as f32).collect();
            let filter = convolution.adjoint(&weights);
            let mut packed = filter.weights.clone();
            packed.sort_by(f32::total_cmp);
            assert_eq!(packed, weights, "kernel {kernel}");
            assert_eq!(filter.phases.len(), 4);
        }
    }
}
