//! Convolutions on the processor as products over patches, a picture a thread: three to five times as fast as
//! candle's own there.

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

/// The sizes of a convolution over one picture: padding 1 before, as much as is needed after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) channels: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    /// Height and width of the input.
    pub(super) input: (usize, usize),
    /// Height and width of the output.
    pub(super) output: (usize, usize),
}

impl Sizes {
    fn rows(self) -> usize {
        self.channels * self.kernel * self.kernel
    }

    fn pixels(self) -> usize {
        self.output.0 * self.output.1
    }

    fn picture(self) -> usize {
        self.channels * self.input.0 * self.input.1
    }

    /// Visits each run of a patch matrix's row and the run of the picture that it holds: `(row start, picture start,
    /// length)`; positions outside the picture are left out.
    fn runs(self, mut visit: impl FnMut(usize, usize, usize)) {
        let (height, width) = self.input;
        for row in 0..self.rows() {
            let (channel, tap) = (row / (self.kernel * self.kernel), row % (self.kernel * self.kernel));
            let (down, right) = (tap / self.kernel, tap % self.kernel);
            for y in 0..self.output.0 {
                let source = y * self.stride + down;
                if source < 1 || source > height {
                    continue;
                }
                let line = (channel * height + source - 1) * width;
                // Output x reads column x·stride + right − 1.
                let first = usize::from(right == 0).div_ceil(self.stride);
                let last = (width + 1).saturating_sub(right).div_ceil(self.stride).min(self.output.1);
                if first < last {
                    let start = line + first * self.stride + right - 1;
                    visit(row * self.pixels() + y * self.output.1 + first, start, last - first);
                }
            }
        }
    }

    /// The patches under each output pixel, `[C·k·k, pixels]`.
    fn unfold(self, picture: &[f32]) -> Vec<f32> {
        let mut patches = vec![0.0; self.rows() * self.pixels()];
        self.runs(|to, from, count| {
            let (to, from) = (&mut patches[to..to + count], &picture[from..]);
            if self.stride == 1 {
                to.copy_from_slice(&from[..count]);
            } else {
                to.iter_mut().zip(from.iter().step_by(self.stride)).for_each(|(to, from)| *to = *from);
            }
        });
        patches
    }

    /// The adjoint of [`Self::unfold`]: each picture value gets the sum of its places in the patches.
    fn fold(self, patches: &[f32], picture: &mut [f32]) {
        self.runs(|from, to, count| {
            let (from, to) = (&patches[from..from + count], &mut picture[to..]);
            to.iter_mut().step_by(self.stride).zip(from).for_each(|(to, from)| *to += from);
        });
    }

    fn matrix(self, values: Vec<f32>) -> Result<Tensor> {
        Tensor::from_vec(values, (self.rows(), self.pixels()), &Device::Cpu)
    }
}

/// x `[N, C, H, W]` by weight `[out, C, k, k]`.
pub(super) fn forward(sizes: Sizes, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (n, out) = (x.dim(0)?, weight.dim(0)?);
    let weight = weight.reshape((out, sizes.rows()))?;
    let x = x.flatten_all()?.to_vec1::<f32>()?;
    let one = |x: &[f32]| weight.matmul(&sizes.matrix(sizes.unfold(x))?)?.flatten_all()?.to_vec1::<f32>();
    let y: Result<Vec<_>> = x.par_chunks_exact(sizes.picture()).map(one).collect();
    Tensor::from_vec(y?.concat(), (n, out, sizes.output.0, sizes.output.1), &Device::Cpu)
}

/// The gradient by x of the output's gradient g `[N, out, ..]`.
pub(super) fn input_gradient(sizes: Sizes, g: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (n, out) = (g.dim(0)?, weight.dim(0)?);
    let weight = weight.reshape((out, sizes.rows()))?.t()?.contiguous()?;
    let g = g.flatten_all()?.to_vec1::<f32>()?;
    let mut x = vec![0.0; n * sizes.picture()];
    x.par_chunks_exact_mut(sizes.picture()).zip(g.par_chunks_exact(out * sizes.pixels())).try_for_each(|(x, g)| {
        let g = Tensor::from_slice(g, (out, sizes.pixels()), &Device::Cpu)?;
        sizes.fold(&weight.matmul(&g)?.flatten_all()?.to_vec1::<f32>()?, x);
        Ok::<_, candle_core::Error>(())
    })?;
    Tensor::from_vec(x, (n, sizes.channels, sizes.input.0, sizes.input.1), &Device::Cpu)
}

/// The gradient by the weight, `[out, C, k, k]`.
pub(super) fn weight_gradient(sizes: Sizes, x: &Tensor, g: &Tensor) -> Result<Tensor> {
    /// Pictures whose gradients one thread adds up: fixed, so that the sum does not depend on the threads.
    const SHARE: usize = 8;
    let out = g.dim(1)?;
    let (x, g) = (x.flatten_all()?.to_vec1::<f32>()?, g.flatten_all()?.to_vec1::<f32>()?);
    let (picture, pixels) = (sizes.picture(), sizes.pixels());
    let share = |(x, g): (&[f32], &[f32])| -> Result<Tensor> {
        let mut sum = Tensor::zeros((out, sizes.rows()), candle_core::DType::F32, &Device::Cpu)?;
        for (x, g) in x.chunks_exact(picture).zip(g.chunks_exact(out * pixels)) {
            let g = Tensor::from_slice(g, (out, pixels), &Device::Cpu)?;
            sum = (sum + g.matmul(&sizes.matrix(sizes.unfold(x))?.t()?)?)?;
        }
        Ok(sum)
    };
    let shares = x.par_chunks(SHARE * picture).zip(g.par_chunks(SHARE * out * pixels)).map(share);
    let shares: Vec<Tensor> = shares.collect::<Result<_>>()?;
    let mut sum = Tensor::zeros((out, sizes.rows()), candle_core::DType::F32, &Device::Cpu)?;
    for share in shares {
        sum = (sum + share)?;
    }
    sum.reshape((out, sizes.channels, sizes.kernel, sizes.kernel))
}
