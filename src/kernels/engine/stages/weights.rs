//! From every layer's values and cotangents to the gradients of its weights, over all groups.

use rayon::prelude::*;

use super::Engine;
use super::learn::Part;
use crate::engine::Gradients;
use crate::kernels::conv::filter_gradient;
use crate::kernels::engine::common::Pieces;
use crate::kernels::layout::{Frame, Pair};
use crate::program::Convolution;

/// A layer, or several that share their sums.
#[derive(Clone, Copy)]
enum Job {
    Stem,
    Down(usize),
    Convolution(usize, usize),
    Readout(usize),
    Head,
    Film,
}

impl Engine {
    /// All gradients in the program's order.
    pub(super) fn weight_gradients(&self, parts: &[Part]) -> Gradients {
        let mut jobs = vec![Job::Stem, Job::Head, Job::Film];
        for (s, stage) in self.stages.iter().enumerate() {
            jobs.extend(stage.down.as_ref().map(|_| Job::Down(s)));
            jobs.extend((0..stage.halves.len()).map(|i| Job::Convolution(s, i)));
            if parts.iter().any(|part| part.loss.scored) {
                jobs.push(Job::Readout(s));
            }
        }
        let found: Vec<Pieces> = jobs.par_iter().map(|job| self.layer_gradients(parts, *job)).collect();
        let mut all: Gradients = vec![Vec::new(); self.common.program.tensors.len()];
        found.into_iter().flatten().for_each(|(id, gradient)| all[id] = gradient);
        // u has no part in the classes.
        let missing = all.iter_mut().zip(&self.common.program.tensors).filter(|(gradient, _)| gradient.is_empty());
        missing.for_each(|(gradient, tensor)| gradient.resize(tensor.len(), 0.0));
        all
    }

    fn layer_gradients(&self, parts: &[Part], job: Job) -> Pieces {
        match job {
            Job::Stem => {
                let pairs: Vec<(&[f32], &[f32])> = parts
                    .iter()
                    .flat_map(|part| {
                        let scored = part.loss.scored;
                        let tangent = scored.then(|| (&part.tangents.patches[..], &part.pullback.stages[0].g[..]));
                        tangent.into_iter().chain([(&part.rise.patches[..], &part.reverse.stages[0].g[..])])
                    })
                    .collect();
                let stem = &self.common.program.stem;
                vec![(stem.weight, self.common.stem.filter_gradient(stem.outputs, &pairs))]
            }
            Job::Down(s) => {
                let before = self.stages[s - 1].halves.len();
                let frame = parts[0].rise.stages[s - 1].norm.frame;
                let convolution = self.trunk.stages[s].down.as_ref().expect("a stage with a convolution downwards");
                self.convolution_gradient(parts, convolution, frame, [(s - 1, before), (s, 0)])
            }
            Job::Convolution(s, i) => {
                let frame = parts[0].rise.stages[s].norm.frame;
                let convolution = &self.trunk.stages[s].blocks[i / 2].halves[i % 2].convolution;
                self.convolution_gradient(parts, convolution, frame, [(s, i), (s, i + 1)])
            }
            Job::Readout(s) => {
                let pairs: Vec<(&[f32], &[f32])> = parts
                    .iter()
                    .filter(|part| part.loss.scored)
                    .flat_map(|part| {
                        let [value, tangent] = part.exchanged.each_ref().map(|exchanged| &exchanged[s][..]);
                        [(value, &part.tangents.stages[s].h[..]), (tangent, &part.rise.stages[s].h[..])]
                    })
                    .collect();
                let [p, q] = self.stages[s].readout.weight_gradient(&pairs);
                let readout = &self.trunk.stages[s].readout;
                vec![(readout.p, p), (readout.q, q)]
            }
            Job::Head => self.head_gradients(parts),
            Job::Film => {
                let groups = parts.iter().map(|part| (&part.rise.levels, &part.film_cotangent[..]));
                self.common.film_gradients(&groups.collect::<Vec<_>>())
            }
        }
    }

    /// Of a convolution that reads slot `from` of the passes upwards and whose result has slot `to` of those downwards, stage
    /// and number each: the pullback's cotangents with the tangents, and the reverse ones with the values.
    fn convolution_gradient(
        &self,
        parts: &[Part],
        convolution: &Convolution,
        frame: Frame,
        [from, to]: [(usize, usize); 2],
    ) -> Pieces {
        let mut pairs = Vec::new();
        for part in parts {
            let up = [&part.tangents.stages, &part.rise.stages].map(|stages| stages[from.0].framed.at(from.1));
            let down = [&part.pullback, &part.reverse].map(|fall| fall.stages[to.0].framed.at(to.1));
            let both = up.into_iter().zip(down).skip(usize::from(!part.loss.scored));
            pairs.extend(both.map(|(framed, cotangents)| Pair { framed, cotangents, pictures: part.rise.pictures }));
        }
        let filter = filter_gradient(self.common.level, convolution.stride, frame, convolution.outputs, &pairs);
        let mut weights = vec![0.0; convolution.outputs * convolution.inputs * 9];
        filter.write([convolution.outputs, convolution.inputs, 3], &mut weights);
        vec![(convolution.weight, weights)]
    }

    fn head_gradients(&self, parts: &[Part]) -> Pieces {
        let linear = &self.trunk.head.linear;
        let (classes, width) = (linear.outputs, linear.inputs);
        let (mut weights, mut bias) = (vec![0.0; classes * width], vec![0.0; classes]);
        for part in parts {
            let (values, tangents) = (&part.rise.pooled, &part.tangents.pooled);
            for n in 0..part.rise.pictures {
                let row = n * (values.len() / part.rise.pictures);
                let (pooled, tangent) = (&values[row..], part.loss.scored.then(|| &tangents[row..]));
                for (c, weights) in weights.chunks_exact_mut(width).enumerate() {
                    let (r, g) =
                        (part.loss.logit_cotangents[n * classes + c], part.loss.class_weights[n * classes + c]);
                    bias[c] += r;
                    match tangent {
                        None => weights.iter_mut().zip(pooled).for_each(|(w, x)| *w += r * x),
                        Some(tangent) => {
                            let terms = weights.iter_mut().zip(pooled).zip(tangent);
                            terms.for_each(|((w, x), t)| *w += r * x + g * t);
                        }
                    }
                }
            }
        }
        vec![(linear.weight, weights), (linear.bias, bias)]
    }
}
