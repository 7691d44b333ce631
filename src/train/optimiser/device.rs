//! The optimiser over tensors of a graphics processor: the same rules in the device's operations.

use candle_core::{Result, Tensor, Var};

use super::{Settings, State, check, kinds};
use crate::engine::Change;
use crate::engine::rules::{LEAST_NORM, QUINTIC, ROUNDS};
use crate::program::{Rule, TensorId, TensorSpec, parameter_groups};

/// The parameters in training on a device, their moving average and everything that the next step needs.
#[derive(Debug)]
pub struct DeviceOptimiser {
    tensors: Vec<TensorSpec>,
    groups: Vec<ParameterGroup>,
    settings: Settings,
    /// Steps taken.
    step: u64,
}

/// A group: matrices of one shape as `[B, rows, columns]` for Muon, or any parameters as one vector for Adam.
#[derive(Debug)]
struct ParameterGroup {
    members: Vec<(TensorId, Var)>,
    rule: Rule,
    /// Weights, average, and moments, in the order of [`kinds`].
    parts: Vec<Tensor>,
    /// 1 where Adam's decay applies.
    decays: Option<Tensor>,
}

impl DeviceOptimiser {
    /// An optimiser over variables, at step 0, its average equal to the weights. It updates the variables.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(tensors: Vec<TensorSpec>, variables: &[Var], settings: Settings) -> Result<Self> {
        let group = |members: Vec<TensorId>| ParameterGroup::new(&tensors, &members, variables);
        let groups = parameter_groups(&tensors).into_iter().map(group).collect::<Result<_>>()?;
        Ok(Self { tensors, groups, settings, step: 0 })
    }

    /// How many steps were taken.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// One step, see [`Optimiser::step`](super::Optimiser::step); a parameter without a gradient has a zero one. Returns the
    /// norm as a scalar on the device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn step(&mut self, gradients: &[Option<Tensor>], rate: f64, decay: f64) -> Result<Tensor> {
        let gradients = self.groups.iter().map(|b| b.gather(gradients)).collect::<Result<Vec<_>>>()?;
        let squares = gradients.iter().map(|g| g.sqr()?.sum_all()).collect::<Result<Vec<_>>>()?;
        let norm = Tensor::stack(&squares, 0)?.sum_all()?.sqrt()?;
        self.step += 1;
        let change = self.settings.change(self.step, rate, decay);
        // clip / max(norm, clip) is 1 for a short gradient.
        let scale = norm.maximum(change.clip)?.recip()?.affine(f64::from(change.clip), 0.0)?;
        for (group, gradient) in self.groups.iter_mut().zip(gradients) {
            group.update(&gradient.broadcast_mul(&scale)?, &change)?;
            group.parts[1] = blend(&group.parts[1], change.average, &group.parts[0])?;
            group.publish()?;
        }
        Ok(norm)
    }

    /// The moving average of the weights, by parameter name.
    ///
    /// # Errors
    /// If the device fails.
    pub fn averages(&self) -> Result<State> {
        let mut named = State::new();
        for group in &self.groups {
            for (id, piece) in group.pieces(&group.parts[1])? {
                named.insert(self.tensors[id].name.clone(), self.read(id, &piece)?);
            }
        }
        Ok(named)
    }

    fn read(&self, id: TensorId, piece: &Tensor) -> Result<(Vec<usize>, Vec<f32>)> {
        Ok((self.tensors[id].shape.clone(), piece.flatten_all()?.to_vec1()?))
    }

    /// Everything that [`Self::restore`] needs besides the step.
    ///
    /// # Errors
    /// If the device fails.
    pub fn state(&self) -> Result<State> {
        let mut state = State::new();
        for group in &self.groups {
            for (part, tensor) in kinds(group.rule).iter().zip(&group.parts) {
                for (id, piece) in group.pieces(tensor)? {
                    state.insert(format!("{part}/{}", self.tensors[id].name), self.read(id, &piece)?);
                }
            }
        }
        Ok(state)
    }

    /// Takes up where the optimiser that gave this state left off.
    ///
    /// # Errors
    /// Names the tensor that is missing or has another shape; then nothing was changed.
    pub fn restore(&mut self, state: &State, step: u64) -> crate::Result<()> {
        check(&self.tensors, state)?;
        for group in &mut self.groups {
            group.restore(&self.tensors, state)?;
        }
        self.step = step;
        Ok(())
    }
}

impl ParameterGroup {
    fn new(tensors: &[TensorSpec], members: &[TensorId], variables: &[Var]) -> Result<Self> {
        let rule = tensors[members[0]].rule;
        let values: Vec<Tensor> = members.iter().map(|&id| variables[id].as_detached_tensor()).collect();
        // A group of one would share the variable's storage, which `Var::set` refuses.
        let weights = join(&values, rule)?.copy()?;
        let mut parts = vec![weights.clone(), weights.copy()?];
        parts.resize(kinds(rule).len(), weights.zeros_like()?);
        let mask = |(&id, value): (&TensorId, &Tensor)| {
            if tensors[id].rule == Rule::AdamW { value.ones_like() } else { value.zeros_like() }
        };
        let decays = || join(&members.iter().zip(&values).map(mask).collect::<Result<Vec<_>>>()?, rule);
        let decays = (rule != Rule::Muon).then(decays).transpose()?;
        let members = members.iter().map(|&id| (id, variables[id].clone())).collect();
        Ok(Self { members, rule, parts, decays })
    }

    /// The gradients of the group's parameters, in its layout.
    fn gather(&self, gradients: &[Option<Tensor>]) -> Result<Tensor> {
        let one = |(id, var): &(TensorId, Var)| gradients[*id].clone().map_or_else(|| var.zeros_like(), Ok);
        join(&self.members.iter().map(one).collect::<Result<Vec<_>>>()?, self.rule)
    }

    /// One step of the group's rule along a gradient in its layout.
    fn update(&mut self, gradient: &Tensor, change: &Change) -> Result<()> {
        match &self.decays {
            None => {
                let muon = &change.muon;
                self.parts[2] = blend(&self.parts[2], [muon.momentum, 1.0], gradient)?;
                let ahead = blend(gradient, [1.0, muon.momentum], &self.parts[2])?;
                let (_, rows, columns) = ahead.dims3()?;
                let along = [muon.kept, muon.along([rows, columns])];
                self.parts[0] = blend(&self.parts[0], along, &orthogonalise(&ahead)?)?;
            }
            Some(decays) => {
                let adam = &change.adam;
                self.parts[2] = blend(&self.parts[2], adam.first, gradient)?;
                self.parts[3] = blend(&self.parts[3], adam.second, &gradient.sqr()?)?;
                let root = self.parts[3].affine(f64::from(adam.spread), 0.0)?.sqrt()?;
                let along = (self.parts[2].affine(f64::from(adam.rate), 0.0)? / (root + f64::from(adam.epsilon))?)?;
                let kept = (&self.parts[0] * decays.affine(f64::from(adam.decay), 1.0)?)?;
                self.parts[0] = (kept - along)?;
            }
        }
        Ok(())
    }

    /// Gives the network's variables the group's weights.
    fn publish(&self) -> Result<()> {
        let pieces = self.pieces(&self.parts[0])?;
        self.members.iter().zip(pieces).try_for_each(|((_, var), (_, value))| var.set(&value))
    }

    /// A tensor in the group's layout as one tensor a parameter, in the parameters' shapes.
    fn pieces(&self, tensor: &Tensor) -> Result<Vec<(TensorId, Tensor)>> {
        let flat = tensor.flatten_all()?;
        let mut pieces = Vec::with_capacity(self.members.len());
        let mut start = 0;
        for (id, var) in &self.members {
            pieces.push((*id, flat.narrow(0, start, var.elem_count())?.reshape(var.shape())?));
            start += var.elem_count();
        }
        Ok(pieces)
    }

    /// Takes saved values, which fit.
    fn restore(&mut self, tensors: &[TensorSpec], state: &State) -> Result<()> {
        for (kind, part) in kinds(self.rule).iter().zip(&mut self.parts) {
            let one = |(id, var): &(TensorId, Var)| {
                let (shape, values) = &state[&format!("{kind}/{}", tensors[*id].name)];
                Tensor::from_slice(values, shape.as_slice(), var.device())
            };
            *part = join(&self.members.iter().map(one).collect::<Result<Vec<_>>>()?, self.rule)?.copy()?;
        }
        self.publish()
    }
}

/// Parameters in a group's layout.
fn join(values: &[Tensor], rule: Rule) -> Result<Tensor> {
    if rule == Rule::Muon {
        let rows = |t: &Tensor| t.flatten_from(1)?.contiguous();
        Tensor::stack(&values.iter().map(rows).collect::<Result<Vec<_>>>()?, 0)
    } else {
        let flat = |t: &Tensor| t.flatten_all()?.contiguous();
        Tensor::cat(&values.iter().map(flat).collect::<Result<Vec<_>>>()?, 0)
    }
}

/// `a·y + b·x`
fn blend(y: &Tensor, [a, b]: [f32; 2], x: &Tensor) -> Result<Tensor> {
    y.affine(f64::from(a), 0.0)? + x.affine(f64::from(b), 0.0)?
}

/// [`super::orthogonalise`] of each matrix of `[B, rows, columns]`.
fn orthogonalise(matrices: &Tensor) -> Result<Tensor> {
    let (_, rows, columns) = matrices.dims3()?;
    let (a, b, c) = QUINTIC;
    // The Gram matrix is taken over the shorter side.
    let tall = rows > columns;
    let x = if tall { matrices.transpose(1, 2)?.contiguous()? } else { matrices.clone() };
    let norm = (x.sqr()?.sum_keepdim((1, 2))?.sqrt()? + f64::from(LEAST_NORM))?;
    let mut x = x.broadcast_div(&norm)?;
    for _ in 0..ROUNDS {
        let gram = x.matmul(&x.transpose(1, 2)?)?;
        let polynomial = (gram.affine(b, 0.0)? + gram.matmul(&gram)?.affine(c, 0.0)?)?;
        x = (x.affine(a, 0.0)? + polynomial.matmul(&x)?)?;
    }
    if tall { x.transpose(1, 2)?.contiguous() } else { Ok(x) }
}
