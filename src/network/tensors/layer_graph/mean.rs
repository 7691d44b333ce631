//! [`Layer::Mean`](crate::program::Layer::Mean).

use candle_core::{Result, Tensor};

use super::{Layer, Tape};

#[derive(Debug)]
pub(super) struct Mean;

/// Height and width.
#[derive(Debug)]
struct Kept((usize, usize));

impl Layer for Mean {
    fn forward<'a>(&'a self, inputs: &[&Tensor], _: &Tensor) -> Result<(Tensor, Box<dyn Tape + 'a>)> {
        let (_, _, h, w) = inputs[0].dims4()?;
        Ok((inputs[0].mean((2, 3))?, Box::new(Kept((h, w)))))
    }
}

impl Tape for Kept {
    fn pullback(&self, g: &Tensor) -> Result<Vec<Tensor>> {
        let (n, m, c) = g.dims3()?;
        let (h, w) = self.0;
        let each = (g * (1.0 / (h * w) as f64))?.reshape((n, m, c, 1, 1))?;
        Ok(vec![each.broadcast_as((n, m, c, h, w))?.contiguous()?])
    }
}
