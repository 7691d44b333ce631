//! A network's weights on a device, in the forms that its passes read: what every network has around its trunk.

use std::fmt::Debug;
use std::sync::Arc;

use super::device::{Buffer, Gpu};
use super::film::Film;
use super::filter::{Convolution, Filter};
use super::forward::Memory;
use super::plan::Plan;
use super::pullback::Room;
use crate::engine::Size;
use crate::program::{self, Program};
use crate::{Error, Result};

/// A convolution and its adjoint.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) forward: Kept,
    pub(super) adjoint: Kept,
}

/// A filter whose weights lie on the device.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) filter: Filter,
    pub(super) weights: Buffer,
}

/// A network on a device.
#[derive(Debug)]
pub struct Network<T> {
    pub(super) gpu: Arc<Gpu>,
    pub(super) pictures: program::Pictures,
    pub(super) film: Film,
    pub(super) stem: Layer,
    /// From the stem's result to u and v.
    pub(super) trunk: T,
}

/// What lies between the stem's result and u and v, as dispatches.
pub trait Trunk: Debug + Send + Sync + Sized {
    /// What the program says of it.
    type Program;
    /// What a forward pass leaves on the device for the pullback.
    type Activations: Debug + Send;

    /// Its part of a program, if it is of this kind.
    fn of(program: &Program) -> Option<&Self::Program>;

    /// Its weights on the device, if there are kernels for all of its layers; `film` says where each film begins in a row.
    fn build(gpu: &Gpu, trunk: &Self::Program, film: &Film, weights: &[&[f32]]) -> Option<Self>;

    /// Room for the activations of `count` pictures, and how many energies a picture has: their sum is u.
    fn activations(network: &Network<Self>, count: usize, size: Size) -> (Self::Activations, usize);

    /// Values that the slices of any product over `rows` rows take, the stem's apart.
    fn slices(network: &Network<Self>, rows: usize, size: Size) -> usize;

    /// From z to v, and with `energy` the energies.
    fn forward(network: &Network<Self>, m: &Memory, activations: &Self::Activations, energy: bool) -> Plan;

    /// What of the energies' gradient no cotangent changes, computed once.
    fn gradient(network: &Network<Self>, m: &Memory, activations: &Self::Activations) -> Plan;

    /// From rows of cotangents to gradients by the pictures.
    fn pullback(network: &Network<Self>, m: &Memory, activations: &Self::Activations, room: &Room) -> Plan;

    /// Values of the largest buffer of a picture of `size`, and of a row of cotangents.
    fn largest(network: &Network<Self>, size: Size) -> usize;

    /// Multiply-adds, times two, of the trunk's forward and adjoint pass of a picture of `size`.
    fn operations(network: &Network<Self>, size: Size) -> f64;

    /// About how many bytes a picture's activations take, and a row of cotangents.
    fn bytes(network: &Network<Self>, size: Size) -> (u64, u64);
}

impl Layer {
    pub(super) fn new(gpu: &Gpu, convolution: &Convolution, weights: &[f32]) -> Self {
        let keep = |mut filter: Filter| {
            let weights = gpu.filled(&filter.weights);
            filter.weights = Vec::new();
            Kept { filter, weights }
        };
        Self { forward: keep(convolution.forward(weights)), adjoint: keep(convolution.adjoint(weights)) }
    }

    /// A program's: with a border of one, or of none if its kernel is 1×1.
    pub(super) fn of(gpu: &Gpu, layer: &program::Convolution, weights: &[&[f32]]) -> Self {
        let program::Convolution { weight, inputs, outputs, kernel, stride } = *layer;
        let border = usize::from(kernel > 1);
        Self::new(gpu, &Convolution { outputs, inputs, kernel, stride, border }, weights[weight])
    }

    /// Multiply-adds, times two, of both passes of a picture of `size`.
    pub(super) fn operations(&self, size: Size) -> f64 {
        [&self.forward, &self.adjoint].map(|kept| kept.filter.product(1, size).operations()).iter().sum()
    }

    /// Values that the slices of both take over `rows` rows.
    pub(super) fn slices(&self, rows: usize, size: Size) -> usize {
        let need = |kept: &Kept| {
            let product = kept.filter.product(rows, size);
            4 * product.vectors() * product.slices
        };
        need(&self.forward).max(need(&self.adjoint))
    }
}

impl<T: Trunk> Network<T> {
    /// The network of `program` with these weights, a slice a tensor.
    ///
    /// # Errors
    /// [`Error::Compute`] if the weights are not those of the program, or do not fit on the device; [`Error::Device`] if the
    /// device is lost, or the program is not of this kind.
    pub fn new(gpu: &Arc<Gpu>, program: &Program, weights: &[&[f32]]) -> Result<Self> {
        program.check(weights).map_err(Error::Compute)?;
        let card = || gpu.card().title();
        let largest = program.tensors.iter().map(|tensor| 4 * 2 * tensor.len() as u64).max().unwrap_or_default();
        if largest > gpu.largest() {
            let reason = "cannot bind the network's largest layer; choose --device cpu";
            return Err(Error::Compute(format!("{} {reason}", card())));
        }
        let made = gpu.allocate(|| {
            let film = Film::new(program, weights);
            let trunk = T::build(gpu, T::of(program)?, &film, weights)?;
            let stem = Layer::of(gpu, &program.stem, weights);
            Some(Self { pictures: program.pictures.clone(), stem, trunk, film, gpu: Arc::clone(gpu) })
        })?;
        gpu.check()?;
        made.ok_or_else(|| {
            let reason = "has no kernels for this model's layers; choose --device cpu";
            Error::Device(format!("{} {reason}", card()))
        })
    }

    /// The device that it is on.
    #[must_use]
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// Lines and columns of the stem's result for pictures of `size`.
    pub(super) fn stem_size(&self, size: Size) -> Size {
        let stride = self.stem.forward.filter.stride;
        (size.0.div_ceil(stride), size.1.div_ceil(stride))
    }

    /// `√(σ_d² + σ²)`, by which z is scaled.
    pub(super) fn spread(&self, sigma: f32) -> f32 {
        f64::from(self.pictures.deviation).hypot(f64::from(sigma)) as f32
    }

    /// Values that the slices of any product over `rows` rows take.
    pub(super) fn slices(&self, rows: usize, size: Size) -> usize {
        self.stem.slices(rows, size).max(T::slices(self, rows, size))
    }

    /// Multiply-adds, times two, of the forward and adjoint pass of a picture of `size`.
    pub(super) fn operations(&self, size: Size) -> f64 {
        self.stem.operations(size) + T::operations(self, size)
    }
}
