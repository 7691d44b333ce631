//! Where the weights lie in one flat list on the device: what AdamW decays, what it does not, then Muon's matrices by groups.

use crate::gpu::filter::padded;
use crate::program::{Affine, Program, Rule, TensorId, parameter_groups};

/// The flat list of all weights. Gradients, averages and moments lie in the same order.
#[derive(Debug)]
pub(super) struct Layout {
    /// Where each tensor begins, and its length, by its number.
    spans: Vec<(usize, usize)>,
    /// Values that decay, which come first, and values of AdamW's in all.
    pub decayed: usize,
    pub adam: usize,
    pub total: usize,
    pub groups: Vec<Matrices>,
}

/// Muon's matrices of one shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrices {
    pub start: usize,
    pub count: usize,
    pub rows: usize,
    pub columns: usize,
}

impl Matrices {
    /// The longer side, and the shorter one padded to whole vectors.
    pub fn sides(&self) -> (usize, usize) {
        (self.rows.max(self.columns), padded(self.rows.min(self.columns)))
    }
}

impl Layout {
    pub fn new(program: &Program) -> Self {
        let tensors = &program.tensors;
        let of = |rule: Rule| (0..tensors.len()).filter(move |&id| tensors[id].rule == rule);
        let (mut spans, mut at) = (vec![(0, 0); tensors.len()], 0);
        let mut put = |ids: &mut dyn Iterator<Item = TensorId>| {
            for id in ids {
                spans[id] = (at, tensors[id].len());
                at += tensors[id].len();
            }
            at
        };
        let decayed = put(&mut of(Rule::AdamW));
        let adam = put(&mut of(Rule::Plain));
        let mut total = adam;
        let mut found = Vec::new();
        for members in parameter_groups(tensors) {
            let first = &tensors[members[0]];
            if first.rule == Rule::Muon {
                let (rows, columns) = (first.shape[0], first.shape[1..].iter().product());
                found.push(Matrices { start: total, count: members.len(), rows, columns });
                total = put(&mut members.into_iter());
            }
        }
        Self { spans, decayed, adam, total, groups: found }
    }

    /// Where a tensor begins.
    pub fn start(&self, id: TensorId) -> usize {
        self.spans[id].0
    }

    /// Values of every tensor, in the program's order, in the flat one.
    pub fn flatten(&self, tensors: &[&[f32]]) -> Vec<f32> {
        let mut flat = vec![0.0; self.total];
        for (&(start, len), values) in self.spans.iter().zip(tensors) {
            // A part that a rule does not have is left out.
            if !values.is_empty() {
                flat[start..start + len].copy_from_slice(values);
            }
        }
        flat
    }

    /// The other way round; none for a tensor that begins behind the flat list's end.
    pub fn split(&self, flat: &[f32]) -> Vec<Vec<f32>> {
        let one = |&(start, len): &(usize, usize)| flat.get(start..start + len).unwrap_or_default().to_vec();
        self.spans.iter().map(one).collect()
    }

    /// The outputs of a linear layer, as `dense.wgsl` knows them.
    pub fn outputs(&self, layer: &Affine) -> Vec<[u32; 4]> {
        let (weights, bias) = (self.start(layer.weight), self.start(layer.bias));
        (0..layer.outputs).map(|o| [(weights + o * layer.inputs) as u32, (bias + o) as u32, 0, 1]).collect()
    }

    /// Those of a row of the film, in which the films begin at `starts`.
    pub fn film_outputs(&self, program: &Program, starts: &[usize], width: usize) -> Vec<[u32; 4]> {
        let mut outputs = vec![[0; 4]; width];
        for (film, start) in program.films.iter().zip(starts) {
            let own = self.outputs(&film.affine);
            for (row, own) in own.chunks_exact(film.channels).enumerate() {
                let plus = if row == 0 { film.kind.plus() } else { 0.0 };
                let place = &mut outputs[start + row * padded(film.channels)..][..film.channels];
                let pairs = place.iter_mut().zip(own);
                pairs.for_each(|(to, &[weights, bias, ..])| *to = [weights, bias, plus.to_bits(), 1]);
            }
        }
        outputs
    }
}
