//! Parameters of one treatment as one tensor, with their average and moments beside it.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var};

use super::blend::blend;
use super::{Rule, Settings, State};

/// What an update remembers between steps.
#[derive(Debug)]
enum Moments {
    /// Muon's momentum, in the shape of the weights.
    Muon(Tensor),
    /// Adam's first and second moment, and 1 where the decay applies.
    Adam { first: Tensor, second: Tensor, decays: Tensor },
}

/// A bank: matrices of one shape as `[B, rows, columns]` for Muon, or any parameters as one vector for Adam.
#[derive(Debug)]
pub(super) struct Bank {
    names: Vec<String>,
    variables: Vec<Var>,
    weights: Tensor,
    average: Tensor,
    moments: Moments,
}

impl Bank {
    pub fn new(members: &[(&String, &Var)], muon: bool) -> Result<Self> {
        let names: Vec<String> = members.iter().map(|(name, _)| (*name).clone()).collect();
        let variables: Vec<Var> = members.iter().map(|(_, var)| (*var).clone()).collect();
        let values: Vec<Tensor> = variables.iter().map(Var::as_detached_tensor).collect();
        // A bank of one would share the variable's storage, which `Var::set` refuses.
        let weights = join(&values, muon)?.copy()?;
        let moments = if muon {
            Moments::Muon(weights.zeros_like()?)
        } else {
            let mask = |(name, value): (&String, &Tensor)| {
                if Rule::of(name, value.dims()) == Rule::AdamW { value.ones_like() } else { value.zeros_like() }
            };
            let decays = join(&names.iter().zip(&values).map(mask).collect::<Result<Vec<_>>>()?, false)?;
            Moments::Adam { first: weights.zeros_like()?, second: weights.zeros_like()?, decays }
        };
        Ok(Self { names, variables, average: weights.copy()?, weights, moments })
    }

    fn muon(&self) -> bool {
        matches!(self.moments, Moments::Muon(_))
    }

    /// The gradients of the bank's parameters, in its layout.
    pub fn gather(&self, gradients: &BTreeMap<String, Tensor>) -> Result<Tensor> {
        let one = |(name, var): (&String, &Var)| gradients.get(name).cloned().map_or_else(|| var.zeros_like(), Ok);
        join(&self.names.iter().zip(&self.variables).map(one).collect::<Result<Vec<_>>>()?, self.muon())
    }

    /// One step of the bank's rule along a gradient in its layout.
    pub fn update(&mut self, gradient: &Tensor, settings: &Settings, step: u64, rate: f64) -> Result<()> {
        match &mut self.moments {
            Moments::Muon(momentum) => {
                settings.muon.update(&mut self.weights, momentum, gradient, rate)?;
            }
            Moments::Adam { first, second, decays } => {
                (self.weights, *first, *second) =
                    settings.adamw.update(&self.weights, (first, second), gradient, decays, step, rate)?;
            }
        }
        Ok(())
    }

    /// Moves the average towards the weights.
    pub fn average(&mut self, decay: f64) -> Result<()> {
        blend(&mut self.average, decay, &self.weights, 1.0 - decay)
    }

    /// Gives the network's variables the bank's weights.
    pub fn publish(&self) -> Result<()> {
        for (var, (_, value)) in self.variables.iter().zip(self.pieces(&self.weights)?) {
            var.set(&value)?;
        }
        Ok(())
    }

    pub fn averages(&self) -> &Tensor {
        &self.average
    }

    /// Everything that is saved, by kind.
    pub fn parts(&self) -> Vec<(&'static str, &Tensor)> {
        let mut parts = vec![("weights", &self.weights), ("average", &self.average)];
        match &self.moments {
            Moments::Muon(momentum) => parts.push(("momentum", momentum)),
            Moments::Adam { first, second, .. } => parts.extend([("first", first), ("second", second)]),
        }
        parts
    }

    /// A tensor in the bank's layout as one tensor a parameter, in the parameters' shapes.
    pub fn split(&self, tensor: &Tensor) -> Result<BTreeMap<String, Tensor>> {
        Ok(self.pieces(tensor)?.into_iter().map(|(name, piece)| (name.clone(), piece)).collect())
    }

    fn pieces(&self, tensor: &Tensor) -> Result<Vec<(&String, Tensor)>> {
        let flat = tensor.flatten_all()?;
        let mut pieces = Vec::with_capacity(self.names.len());
        let mut start = 0;
        for (name, var) in self.names.iter().zip(&self.variables) {
            pieces.push((name, flat.narrow(0, start, var.elem_count())?.reshape(var.shape())?));
            start += var.elem_count();
        }
        Ok(pieces)
    }

    /// The saved tensors of this bank, in its layout and the order of [`Bank::parts`].
    pub fn restored(&self, state: &State) -> Result<Vec<Tensor>> {
        let device = self.weights.device();
        let part = |kind: &str| {
            let one = |(name, var): (&String, &Var)| {
                let name = format!("{kind}/{name}");
                match state.get(&name) {
                    Some(tensor) if tensor.dims() == var.dims() => tensor.to_device(device),
                    Some(tensor) => {
                        candle_core::bail!("{name} has shape {:?}, not {:?}", tensor.dims(), var.dims())
                    }
                    None => candle_core::bail!("{name} is missing"),
                }
            };
            join(&self.names.iter().zip(&self.variables).map(one).collect::<Result<Vec<_>>>()?, self.muon())?.copy()
        };
        self.parts().iter().map(|(kind, _)| part(kind)).collect()
    }

    /// Takes the tensors that [`Bank::restored`] gave.
    pub fn take(&mut self, parts: Vec<Tensor>) {
        let mut parts = parts.into_iter();
        let mut next = || parts.next().expect("one tensor a part");
        self.weights = next();
        self.average = next();
        match &mut self.moments {
            Moments::Muon(momentum) => *momentum = next(),
            Moments::Adam { first, second, .. } => (*first, *second) = (next(), next()),
        }
    }
}

/// Parameters in a bank's layout.
fn join(values: &[Tensor], muon: bool) -> Result<Tensor> {
    if muon {
        let rows = |t: &Tensor| t.flatten_from(1)?.contiguous();
        Tensor::stack(&values.iter().map(rows).collect::<Result<Vec<_>>>()?, 0)
    } else {
        let flat = |t: &Tensor| t.flatten_all()?.contiguous();
        Tensor::cat(&values.iter().map(flat).collect::<Result<Vec<_>>>()?, 0)
    }
}
