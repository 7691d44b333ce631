//! [`Layer::Pointwise`](crate::program::Layer::Pointwise).

use candle_core::{Result, Tensor};

use super::{Layer, Tape};
use crate::network::tensors::convolution::spread;
use crate::network::tensors::layers::pointwise;

#[derive(Debug)]
pub(super) struct Pointwise {
    /// `[out, in]`
    weight: Tensor,
    stride: usize,
}

#[derive(Debug)]
struct Kept<'a> {
    layer: &'a Pointwise,
    /// Height and width of the input.
    size: (usize, usize),
}

impl Pointwise {
    /// From `[out, in, 1, 1]` weights.
    pub(super) fn new(weight: &Tensor, stride: usize) -> Result<Self> {
        let (out, input, _, _) = weight.dims4()?;
        Ok(Self { weight: weight.reshape((out, input))?, stride })
    }
}

/// Every `stride`-th pixel in both directions, from the first on.
fn thin(x: &Tensor, stride: usize) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    if stride == 1 {
        return Ok(x.clone());
    }
    let (lines, columns) = (h.div_ceil(stride), w.div_ceil(stride));
    let whole = x.pad_with_zeros(2, 0, lines * stride - h)?.pad_with_zeros(3, 0, columns * stride - w)?;
    let blocks = whole.reshape((n * c, lines, stride, columns, stride))?;
    blocks.narrow(2, 0, 1)?.narrow(4, 0, 1)?.contiguous()?.reshape((n, c, lines, columns))
}

impl Layer for Pointwise {
    fn forward<'a>(&'a self, inputs: &[&Tensor], _: &Tensor) -> Result<(Tensor, Box<dyn Tape + 'a>)> {
        let (_, _, h, w) = inputs[0].dims4()?;
        let x = thin(inputs[0], self.stride)?;
        let (n, c, lines, columns) = x.dims4()?;
        let y = pointwise(&self.weight, &x.reshape((n, c, lines * columns))?)?;
        let y = y.reshape((n, self.weight.dim(0)?, lines, columns))?;
        Ok((y, Box::new(Kept { layer: self, size: (h, w) })))
    }
}

impl Tape for Kept<'_> {
    fn pullback(&self, g: &Tensor) -> Result<Vec<Tensor>> {
        let (n, m, c, lines, columns) = g.dims5()?;
        let (h, w) = self.size;
        let x = pointwise(&self.layer.weight.t()?, &g.reshape((n * m, c, lines * columns))?)?;
        let inputs = self.layer.weight.dim(1)?;
        let x = spread(&x.reshape((n * m, inputs, lines, columns))?, self.layer.stride)?;
        let x = x.narrow(2, 0, h)?.narrow(3, 0, w)?.contiguous()?;
        Ok(vec![x.reshape((n, m, inputs, h, w))?])
    }
}
