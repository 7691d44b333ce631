//! [`Layer::Convolution`](crate::program::Layer::Convolution).

use candle_core::{Result, Tensor};

use super::{Layer, Tape};
use crate::network::tensors::convolution;
use crate::network::tensors::layers::pull_convolution;

#[derive(Debug)]
pub(super) struct Convolution(pub convolution::Convolution);

#[derive(Debug)]
struct Kept<'a> {
    layer: &'a convolution::Convolution,
    /// Height and width of the input.
    size: (usize, usize),
}

impl Layer for Convolution {
    fn forward<'a>(&'a self, inputs: &[&Tensor], _: &Tensor) -> Result<(Tensor, Box<dyn Tape + 'a>)> {
        let (_, _, h, w) = inputs[0].dims4()?;
        Ok((self.0.forward(inputs[0])?, Box::new(Kept { layer: &self.0, size: (h, w) })))
    }
}

impl Tape for Kept<'_> {
    fn pullback(&self, g: &Tensor) -> Result<Vec<Tensor>> {
        Ok(vec![pull_convolution(self.layer, g, self.size)?])
    }
}
