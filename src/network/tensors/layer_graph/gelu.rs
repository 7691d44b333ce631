//! [`Layer::Gelu`](crate::program::Layer::Gelu).

use candle_core::{Result, Tensor};

use super::{Layer, Tape};
use crate::network::tensors::layers::gelu;

#[derive(Debug)]
pub(super) struct Gelu;

/// The slope, with a dimension for the cotangents.
#[derive(Debug)]
struct Kept(Tensor);

impl Layer for Gelu {
    fn forward<'a>(&'a self, inputs: &[&Tensor], _: &Tensor) -> Result<(Tensor, Box<dyn Tape + 'a>)> {
        let (value, slope) = gelu(inputs[0])?;
        Ok((value, Box::new(Kept(slope.unsqueeze(1)?))))
    }
}

impl Tape for Kept {
    fn pullback(&self, g: &Tensor) -> Result<Vec<Tensor>> {
        Ok(vec![g.broadcast_mul(&self.0)?])
    }
}
