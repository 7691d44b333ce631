//! The trunk of any layers: a walk over the program's [`LayerGraph`](program::LayerGraph), up with values and tangents, down with
//! the cotangents of the pullback and of the reverse pass. The walks know nothing of what the layers are: a layer type is one file
//! in `layers`, with four passes.

mod channels;
mod features;
mod layers;
mod learn;
mod plan;
mod walk;

use rayon::prelude::*;

use super::body::{Body, Cotangents, Noisy, Values};
use super::common::{Common, Levels};
use super::loss::Loss;
use crate::engine::{Gradients, LossWeights, RowParts, Size, TrainingRows};
use crate::kernels::simd::Level;
use crate::program::{self, Program, Trunk};
use crate::{Error, Result};
use features::Features;
use layers::{Layer, Shape};
use learn::Part;
use plan::Plan;
use walk::{Down, Up};

/// The network, packed for this processor.
#[derive(Debug)]
pub struct Engine {
    common: Common,
    graph: program::LayerGraph,
    layers: Vec<Box<dyn Layer>>,
    features: Features,
    /// Which values share memory on the way up, and whose cotangents on the way down.
    plans: [Plan; 2],
}

/// A pass of values over some pictures.
#[derive(Debug)]
pub struct Rise {
    z: Vec<f32>,
    levels: Levels,
    up: Up,
}

impl Body for Engine {
    type Rise = Rise;
    type Fall = Down;
    type Slopes = Up;
    type Part = Part;

    fn new(level: Level, program: &Program, weights: &[&[f32]]) -> Result<Self> {
        let Trunk::Graph(graph) = &program.trunk else {
            return Err(Error::Compute("the network's trunk is not one of layers".to_owned()));
        };
        let common = Common::new(level, program, weights)?;
        let nodes = (0..graph.nodes.len()).into_par_iter();
        let layers = nodes.map(|node| layers::new(&common, graph, node, weights)).collect();
        let features = Features::new(graph, weights);
        Ok(Self { common, layers, features, plans: [Plan::up(graph), Plan::down(graph)], graph: graph.clone() })
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn pack(&self, size: Size, counts: [usize; 2]) {
        let shapes = self.shapes(size);
        let layers = self.layers.par_iter().enumerate();
        layers.for_each(|(node, layer)| layer.pack(self.shapes_of(node, &shapes), counts));
    }

    fn multiply_adds(&self, size: Size) -> usize {
        let shapes = self.shapes(size);
        let layers = self.layers.iter().enumerate();
        layers.map(|(node, layer)| layer.multiply_adds(self.shapes_of(node, &shapes))).sum()
    }

    fn rise(&self, pictures: usize, size: Size) -> Rise {
        self.rise(pictures, size)
    }

    fn fall(&self, rows: usize, size: Size, kept: bool) -> Down {
        self.down(layers::Pass::Pullback, rows, size, kept)
    }

    fn slopes(&self, directions: usize, size: Size) -> Up {
        self.up(layers::Pass::Tangents, directions, size)
    }

    fn forward(&self, rise: &mut Rise, pictures: &Noisy, total: usize, values: Values) {
        self.values(rise, pictures, total);
        let pixels = pictures.size.0 * pictures.size.1;
        self.features.energy(pixels, &rise.up.features, values.energy);
        values.logits.iter_mut().zip(&rise.up.logits).for_each(|(to, from)| *to = f64::from(*from));
    }

    fn weigh_density(&self, _: &mut Rise) {}

    fn pull(&self, rise: &Rise, fall: &mut Down, cotangents: &Cotangents) {
        #[cfg(test)]
        self.common.falls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let classes = self.common.program.pictures.classes;
        let logits = &cotangents.logits[cotangents.rows.first * classes..];
        self.features.pull(logits, fall.rows, &mut fall.features);
        self.weigh_energy(cotangents, fall, &rise.up.features, |row| cotangents.picture(row));
        self.pull_down(rise, fall, cotangents.rows, cotangents.total);
    }

    fn stem(fall: &mut Down) -> (&[f32], &mut [f32]) {
        (&fall.slots[fall.stem], &mut fall.patches)
    }

    fn slope<'a>(
        &self,
        rise: &Rise,
        slopes: &'a mut Up,
        cotangents: &Cotangents,
        directions: &[f32],
    ) -> std::slice::ChunksExact<'a, f32> {
        self.tangent(rise, slopes, directions, cotangents.rows, cotangents.total, cotangents.size);
        slopes.logits.chunks_exact(self.common.program.pictures.classes)
    }

    fn bend(
        &self,
        rise: &Rise,
        slopes: &mut Up,
        pulled: &Down,
        fall: &mut Down,
        cotangents: &Cotangents,
        changes: &[f32],
    ) {
        self.features.pull(changes, fall.rows, &mut fall.features);
        self.weigh_energy(cotangents, fall, &slopes.features, |row| row);
        self.reverse_down(rise, slopes, pulled, fall, (cotangents.rows, cotangents.total), &mut []);
    }

    fn z(rise: &Rise) -> &[f32] {
        &rise.z
    }

    fn part(&self, pictures: usize, size: Size) -> Part {
        self.group(pictures, size)
    }

    fn learn(
        &self,
        part: &mut Part,
        rows: &TrainingRows,
        weighed: Option<&[RowParts]>,
        loss: LossWeights,
        total: usize,
    ) {
        self.learn_group(part, rows, weighed, loss, total);
    }

    fn attack(&self, part: &mut Part, rows: &TrainingRows) {
        self.attack_group(part, rows);
    }

    fn loss(part: &Part) -> &Loss {
        &part.loss
    }

    fn direction(part: &Part) -> &[f32] {
        &part.direction
    }

    fn gradients(&self, parts: &[Part]) -> Gradients {
        self.all_gradients(parts)
    }
}

impl Engine {
    /// What every value is for pictures of `size`.
    fn shapes(&self, size: Size) -> Vec<Shape> {
        let stem = self.common.stem.size(size);
        self.graph.values.iter().map(|form| Shape::new(form, stem)).collect()
    }

    /// Adds to the cotangents of φ what u gives that the rows weigh, from the row of `features` that each belongs to.
    fn weigh_energy(&self, cotangents: &Cotangents, fall: &mut Down, features: &[f32], of: impl Fn(usize) -> usize) {
        let pixels = cotangents.size.0 * cotangents.size.1;
        for row in 0..fall.rows {
            let density = cotangents.density(row);
            if density != 0.0 {
                let sigma = cotangents.sigmas[cotangents.picture(row)];
                let scale = density * self.common.program.pictures.deviation / sigma;
                self.features.pull_energy(pixels, scale, [of(row), row], features, &mut fall.features);
            }
        }
    }

    fn rise(&self, pictures: usize, size: Size) -> Rise {
        Rise {
            z: vec![0.0; pictures * self.common.program.pictures.channels * size.0 * size.1],
            levels: self.common.levels(pictures),
            up: self.up(layers::Pass::Values, pictures, size),
        }
    }
}
