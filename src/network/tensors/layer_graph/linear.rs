//! [`Layer::Linear`](crate::program::Layer::Linear).

use candle_core::{Result, Tensor};

use super::{Layer, Tape};
use crate::network::tensors::layers::Linear;

#[derive(Debug)]
struct Kept<'a>(&'a Linear);

impl Layer for Linear {
    fn forward<'a>(&'a self, inputs: &[&Tensor], _: &Tensor) -> Result<(Tensor, Box<dyn Tape + 'a>)> {
        Ok((Linear::forward(self, inputs[0])?, Box::new(Kept(self))))
    }
}

impl Tape for Kept<'_> {
    fn pullback(&self, g: &Tensor) -> Result<Vec<Tensor>> {
        Ok(vec![self.0.pullback(&g.contiguous()?)?])
    }
}
