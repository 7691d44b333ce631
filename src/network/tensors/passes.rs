//! Tensors as an engine in use.

use candle_core::DType;

use super::{Activations, Graph, Place};
use crate::engine::{Passes, Size, Tape, check_cotangents, check_pictures};
use crate::program::Program;
use crate::{Error, Result};

/// A network whose weights are tensors of a device.
#[derive(Debug)]
pub struct TensorPasses {
    graph: Graph,
    program: Program,
    place: Place,
}

impl TensorPasses {
    /// Puts a program's weights, in its order, in a place.
    ///
    /// # Errors
    /// [`Error::Compute`] if a tensor has another size than the program gives it, or the device has no room.
    pub fn new(program: &Program, weights: &[&[f32]], place: &Place) -> Result<Self> {
        program.check(weights).map_err(Error::Compute)?;
        let graph = Graph::new(program, place, |id| place.tensor(weights[id], &program.tensors[id].shape))?;
        Ok(Self { graph, program: program.clone(), place: place.clone() })
    }
}

impl Passes for TensorPasses {
    fn device(&self) -> String {
        self.place.name()
    }

    fn forward<'a>(&'a self, noisy: &[f32], size: Size, sigmas: &[f32]) -> Result<Box<dyn Tape + 'a>> {
        let channels = self.program.pictures.channels;
        let pictures = check_pictures(noisy, channels, size, sigmas)?;
        let y = self.place.tensor(noisy, &[pictures, channels, size.0, size.1])?;
        let activations = self.graph.forward(&y, &self.place.tensor(sigmas, &[pictures])?)?;
        let energy = activations.energy.to_dtype(DType::F64)?.to_vec1()?;
        let logits = activations.logits.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
        Ok(Box::new(Kept { engine: self, picture: channels * size.0 * size.1, activations, energy, logits }))
    }
}

/// A forward pass with its values read back.
struct Kept<'a> {
    engine: &'a TensorPasses,
    /// Values of a picture.
    picture: usize,
    activations: Activations<'a>,
    energy: Vec<f64>,
    logits: Vec<f64>,
}

impl Tape for Kept<'_> {
    fn energy(&self) -> &[f64] {
        &self.energy
    }

    fn logits(&self) -> &[f64] {
        &self.logits
    }

    fn pullback(&self, density: &[f32], logits: &[f32], out: &mut [f32]) -> Result<()> {
        let (pictures, classes) = (self.energy.len(), self.engine.program.pictures.classes);
        let each = check_cotangents(pictures, classes, self.picture, density, logits, out)?;
        if each == 0 {
            return Ok(());
        }
        let density = self.engine.place.tensor(density, &[pictures, each])?;
        let logits = self.engine.place.tensor(logits, &[pictures, each, classes])?;
        let gradient = self.activations.pullback(&density, &logits)?;
        out.copy_from_slice(&gradient.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?);
        Ok(())
    }
}
