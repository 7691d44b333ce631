//! Training's passes over one group of pictures, and the gradients over all groups; `loss` says which there are and why.

use rayon::prelude::*;

use super::layers::{Group, Learned, Pass, Passes};
use super::walk::{Down, Up};
use super::{Engine, Rise};
use crate::engine::{Gradients, LossWeights, RowParts, Size, TrainingRows};
use crate::kernels::engine::body::{Noisy, Rows};
use crate::kernels::engine::common::Pieces;
use crate::kernels::engine::loss::Loss;

/// One group of pictures, over all four passes.
#[derive(Debug)]
pub struct Part {
    rise: Rise,
    /// The direction of the tangent pass.
    pub direction: Vec<f32>,
    tangents: Up,
    pullback: Down,
    reverse: Down,
    film_cotangent: Vec<f32>,
    pub loss: Loss,
}

/// A layer, or several that share their sums.
#[derive(Clone, Copy)]
enum Job {
    Stem,
    Node(usize),
    Features,
    Film,
}

impl Part {
    /// As if the score had never had a part in the loss: what its passes kept is zero, which the reverse pass goes by.
    fn rest(&mut self) {
        let Self { tangents, pullback, .. } = self;
        let kept = tangents.kept.iter_mut().chain(&mut pullback.kept);
        kept.flat_map(|kept| &mut kept.0).for_each(|buffer| buffer.fill(0.0));
    }

    fn passes(&self, node: usize) -> Passes<'_> {
        Passes {
            values: &self.rise.up.kept[node],
            tangents: &self.tangents.kept[node],
            pullback: &self.pullback.kept[node],
        }
    }

    fn group(&self, node: usize) -> Group<'_> {
        let reverse = &self.reverse.kept[node];
        Group { passes: self.passes(node), reverse, pictures: self.rise.up.pictures, scored: self.loss.scored }
    }
}

impl Engine {
    /// The memory of one group of pictures.
    pub(super) fn group(&self, pictures: usize, size: Size) -> Part {
        let shape = &self.common.program.pictures;
        Part {
            rise: self.rise(pictures, size),
            direction: vec![0.0; pictures * shape.channels * size.0 * size.1],
            tangents: self.up(Pass::Tangents, pictures, size),
            pullback: self.down(Pass::Pullback, pictures, size, true),
            reverse: self.down(Pass::Reverse, pictures, size, true),
            film_cotangent: vec![0.0; pictures * self.common.film_row()],
            loss: Loss::new(pictures, shape.classes),
        }
    }

    /// All passes over one group of `total` pictures.
    pub(super) fn learn_group(
        &self,
        part: &mut Part,
        rows: &TrainingRows,
        weighed: Option<&[RowParts]>,
        loss: LossWeights,
        total: usize,
    ) {
        let classes = self.common.program.pictures.classes;
        let noisy = Noisy { values: rows.noisy, size: rows.size, sigmas: rows.sigmas };
        self.values(&mut part.rise, &noisy, rows.sigmas.len());
        part.loss.class_weights(part.rise.up.logits.chunks_exact(classes), rows, weighed);
        let was_scored = std::mem::replace(&mut part.loss.scored, Loss::asks(weighed, loss));
        if part.loss.scored {
            self.score(part, rows, true);
            let Part { rise, direction, tangents, loss: kept, .. } = part;
            kept.direction(&self.common, direction, &rise.z, rows, weighed, (loss.score, total));
            self.tangent(rise, tangents, direction, Rows::PICTURES, rows.sigmas.len(), rows.size);
        } else if was_scored {
            part.rest();
        }
        let tangents = part.tangents.logits.chunks_exact(classes);
        part.loss.logit_cotangents(tangents, rows, weighed, loss.cross_entropy / total as f32);
        self.reverse(part, rows);
    }

    /// The gradient of each picture's cross-entropy, left in `direction`.
    pub(super) fn attack_group(&self, part: &mut Part, rows: &TrainingRows) {
        let noisy = Noisy { values: rows.noisy, size: rows.size, sigmas: rows.sigmas };
        self.values(&mut part.rise, &noisy, rows.sigmas.len());
        let logits = part.rise.up.logits.chunks_exact(self.common.program.pictures.classes);
        part.loss.class_weights(logits, rows, None);
        part.loss.attack_weights(rows);
        // The energy is common to the classes: log p(c | y) has no part of it.
        self.score(part, rows, false);
        Loss::attack_direction(&self.common, &mut part.direction, rows.sigmas);
    }

    /// From the class weights to their gradient by z, without the Gaussian term, which is left in `direction`; keeps the
    /// cotangents. Without the density it is the gradient of the weighed logits alone.
    fn score(&self, part: &mut Part, rows: &TrainingRows, density: bool) {
        let Part { rise, direction, pullback, loss, .. } = part;
        let count = rows.sigmas.len();
        self.features.pull(&loss.class_weights, count, &mut pullback.features);
        if density {
            self.pull_energies(rows, &rise.up.features, &mut pullback.features);
        }
        self.pull_down(rise, pullback, Rows::PICTURES, count);
        self.common.stem.adjoint(rows.size, &pullback.slots[pullback.stem], &mut pullback.patches, direction);
    }

    /// Adds to every picture's cotangents of φ what u gives, of these features.
    fn pull_energies(&self, rows: &TrainingRows, features: &[f32], out: &mut [f32]) {
        let pixels = rows.size.0 * rows.size.1;
        for (n, sigma) in rows.sigmas.iter().enumerate() {
            let weight = self.common.program.pictures.deviation / sigma;
            self.features.pull_energy(pixels, weight, [n; 2], features, out);
        }
    }

    /// From the cotangents of v, and of the energy's tangent, to every weight's; the film's are complete at the end.
    fn reverse(&self, part: &mut Part, rows: &TrainingRows) {
        let Part { rise, tangents, pullback, reverse, film_cotangent, loss, .. } = part;
        self.features.pull(&loss.logit_cotangents, rows.sigmas.len(), &mut reverse.features);
        if loss.scored {
            self.pull_energies(rows, &tangents.features, &mut reverse.features);
        }
        let total = rows.sigmas.len();
        self.reverse_down(rise, tangents, pullback, reverse, (Rows::PICTURES, total), film_cotangent);
    }

    /// All gradients in the program's order.
    pub(super) fn all_gradients(&self, parts: &[Part]) -> Gradients {
        let nodes = (0..self.layers.len()).map(Job::Node);
        let jobs: Vec<Job> = [Job::Stem, Job::Features, Job::Film].into_iter().chain(nodes).collect();
        let found: Vec<Pieces> = jobs.par_iter().map(|job| self.job_gradients(parts, *job)).collect();
        let mut all: Gradients = vec![Vec::new(); self.common.program.tensors.len()];
        found.into_iter().flatten().for_each(|(id, gradient)| all[id] = gradient);
        all
    }

    fn job_gradients(&self, parts: &[Part], job: Job) -> Pieces {
        match job {
            Job::Stem => {
                let mut pairs: Vec<(&[f32], &[f32])> = Vec::new();
                for part in parts {
                    if part.loss.scored {
                        pairs.push((&part.tangents.patches, &part.pullback.slots[part.pullback.stem]));
                    }
                    pairs.push((&part.rise.up.patches, &part.reverse.slots[part.reverse.stem]));
                }
                let stem = &self.common.program.stem;
                vec![(stem.weight, self.common.stem.filter_gradient(stem.outputs, &pairs))]
            }
            Job::Node(node) => {
                let at = Learned { common: &self.common, shapes: self.shapes_of(node, &parts[0].rise.up.shapes) };
                self.layers[node].gradients(&at, &parts.iter().map(|part| part.group(node)).collect::<Vec<_>>())
            }
            Job::Features => {
                let all = parts.iter();
                let values = all.clone().map(|part| (&part.loss.logit_cotangents[..], &part.rise.up.features[..]));
                let tangents = all
                    .filter(|part| part.loss.scored)
                    .map(|part| (&part.loss.class_weights[..], &part.tangents.features[..]));
                let (values, tangents): (Vec<_>, Vec<_>) = (values.collect(), tangents.collect());
                self.features.gradients(&values, &tangents)
            }
            Job::Film => {
                let groups = parts.iter().map(|part| (&part.rise.levels, &part.film_cotangent[..]));
                self.common.film_gradients(&groups.collect::<Vec<_>>())
            }
        }
    }
}
