//! The two walks over a graph's layers, and their memory.

use super::layers::{At, Kept, Pass, Passes, Shape, Shapes};
use super::{Engine, Rise};
use crate::engine::Size;
use crate::kernels::engine::body::{Noisy, Rows};

/// A pass upwards, of values or of tangents.
#[derive(Debug)]
pub struct Up {
    pub pictures: usize,
    pub patches: Vec<f32>,
    pub shapes: Vec<Shape>,
    /// Dense pictures or rows of values, by the plan.
    pub slots: Vec<Vec<f32>>,
    /// What each layer keeps.
    pub kept: Vec<Kept>,
    /// φ or its tangent, `[pictures, features]`.
    pub features: Vec<f32>,
    /// v or its tangent, `[pictures, K]`.
    pub logits: Vec<f32>,
}

/// A pass downwards: the pullback's or the reverse pass's cotangents.
#[derive(Debug)]
pub struct Down {
    pub rows: usize,
    pub patches: Vec<f32>,
    pub shapes: Vec<Shape>,
    /// Dense pictures or rows of cotangents, by the plan.
    pub slots: Vec<Vec<f32>>,
    /// What each layer keeps.
    pub kept: Vec<Kept>,
    /// Of φ, `[rows, features]`.
    pub features: Vec<f32>,
    /// The slot where the cotangents of the stem's result are at the end.
    pub stem: usize,
    /// Which values have a cotangent so far.
    present: Vec<bool>,
    /// Room for a cotangent that is added to another.
    room: [Vec<f32>; 2],
}

impl Engine {
    /// The shapes around a layer, of those of all values.
    pub(super) fn shapes_of(&self, node: usize, shapes: &[Shape]) -> Shapes {
        let inputs = &self.graph.nodes[node].inputs;
        Shapes { inputs: [inputs[0], inputs[inputs.len() - 1]].map(|input| shapes[input]), out: shapes[node + 1] }
    }

    fn kept(&self, pass: Pass, count: usize, shapes: &[Shape], asked: bool) -> Vec<Kept> {
        let layers = self.layers.iter().enumerate();
        layers.map(|(node, layer)| layer.memory(pass, asked, &self.shapes_of(node, shapes), count)).collect()
    }

    /// Memory for a pass upwards.
    pub(super) fn up(&self, pass: Pass, pictures: usize, size: Size) -> Up {
        let (shapes, stem) = (self.shapes(size), self.common.stem.size(size));
        Up {
            pictures,
            patches: self.common.patches(pictures, size, self.common.stem.patch()),
            slots: self.plans[0].forms.iter().map(|form| vec![0.0; pictures * Shape::new(form, stem).len()]).collect(),
            kept: self.kept(pass, pictures, &shapes, false),
            features: vec![0.0; pictures * self.features.width()],
            logits: vec![0.0; pictures * self.common.program.pictures.classes],
            shapes,
        }
    }

    /// Memory for a pass downwards.
    pub(super) fn down(&self, pass: Pass, rows: usize, size: Size, asked: bool) -> Down {
        let (shapes, stem) = (self.shapes(size), self.common.stem.size(size));
        let largest = shapes.iter().map(Shape::len).max().unwrap_or_default();
        Down {
            rows,
            patches: self.common.patches(rows, size, self.common.stem.padded_patch()),
            slots: self.plans[1].forms.iter().map(|form| vec![0.0; rows * Shape::new(form, stem).len()]).collect(),
            kept: self.kept(pass, rows, &shapes, asked),
            features: vec![0.0; rows * self.features.width()],
            stem: self.plans[1].slots[0],
            present: vec![false; shapes.len()],
            room: [(); 2].map(|()| vec![0.0; rows * largest]),
            shapes,
        }
    }

    /// The pass of values: from noisy pictures, `total` in the whole job, to φ and v.
    pub(super) fn values(&self, rise: &mut Rise, noisy: &Noisy, total: usize) {
        let Rise { z, levels, up } = rise;
        self.common.embed(noisy.sigmas, levels);
        self.common.standardise(noisy.values, noisy.size, noisy.sigmas, z);
        let film = &levels.film;
        self.walk_up(noisy.size, z, up, |node, inputs, out, kept, shapes, pictures| {
            let at = At { common: &self.common, film, shapes, pictures, total, rows: Rows::PICTURES };
            self.layers[node].forward(&at, inputs, out, kept);
        });
        self.features.logits(&up.features, &mut up.logits, true);
    }

    /// From planar pictures through the stem and every layer to φ.
    pub(super) fn walk_up(
        &self,
        size: Size,
        planar: &[f32],
        up: &mut Up,
        mut step: impl FnMut(usize, [&[f32]; 2], &mut [f32], &mut Kept, Shapes, usize),
    ) {
        let slots_of = &self.plans[0].slots;
        self.common.stem.forward(size, planar, &mut up.patches, &mut up.slots[slots_of[0]]);
        for (node, spec) in self.graph.nodes.iter().enumerate() {
            let slot = slots_of[node + 1];
            let mut out = std::mem::take(&mut up.slots[slot]);
            let inputs =
                [spec.inputs[0], spec.inputs[spec.inputs.len() - 1]].map(|input| &up.slots[slots_of[input]][..]);
            step(node, inputs, &mut out, &mut up.kept[node], self.shapes_of(node, &up.shapes), up.pictures);
            up.slots[slot] = out;
        }
        let (slots, shapes) = (&up.slots, &up.shapes);
        let parts = self.graph.features.parts.iter().map(|&part| (&slots[slots_of[part]][..], &shapes[part]));
        self.features.gather(parts, &mut up.features);
    }

    /// The pass of tangents along `directions` of z, `total` in the whole job, to those of φ and v.
    pub(super) fn tangent(&self, rise: &Rise, up: &mut Up, directions: &[f32], rows: Rows, total: usize, size: Size) {
        let film = &rise.levels.film;
        self.walk_up(size, directions, up, |node, inputs, out, kept, shapes, pictures| {
            let at = At { common: &self.common, film, shapes, pictures, total, rows };
            self.layers[node].tangent(&at, inputs, out, &rise.up.kept[node], kept);
        });
        self.features.logits(&up.features, &mut up.logits, false);
    }

    /// The pullback from the cotangents of φ, `total` rows in the whole job.
    pub(super) fn pull_down(&self, rise: &Rise, down: &mut Down, rows: Rows, total: usize) {
        let film = &rise.levels.film;
        self.walk_down(down, |node, g, outs, kept, shapes, pictures| {
            let at = At { common: &self.common, film, shapes, pictures, total, rows };
            self.layers[node].pullback(&at, g, &rise.up.kept[node], kept, outs);
        });
    }

    /// The reverse pass of values and tangents from the cotangents of φ; `film` is empty where nobody asks for its cotangents.
    pub(super) fn reverse_down(
        &self,
        rise: &Rise,
        tangents: &Up,
        pulled: &Down,
        down: &mut Down,
        (rows, total): (Rows, usize),
        film_cotangent: &mut [f32],
    ) {
        let film = &rise.levels.film;
        self.walk_down(down, |node, g, outs, kept, shapes, pictures| {
            let at = At { common: &self.common, film, shapes, pictures, total, rows };
            let (values, tangents, pullback) = (&rise.up.kept[node], &tangents.kept[node], &pulled.kept[node]);
            self.layers[node].reverse(&at, g, Passes { values, tangents, pullback }, kept, film_cotangent, outs);
        });
    }

    /// From the cotangents of φ through every layer to those of the stem's result.
    pub(super) fn walk_down(
        &self,
        down: &mut Down,
        mut step: impl FnMut(usize, &[f32], [&mut [f32]; 2], &mut Kept, Shapes, usize),
    ) {
        let slots_of = &self.plans[1].slots;
        let Down { rows, shapes, slots, kept, features, present, room, .. } = down;
        present.fill(false);
        let mut start = 0;
        for &part in &self.graph.features.parts {
            start += self.features.scatter(features, start, &shapes[part], &mut slots[slots_of[part]]);
            present[part] = true;
        }
        for (node, spec) in self.graph.nodes.iter().enumerate().rev() {
            let g = std::mem::take(&mut slots[slots_of[node + 1]]);
            let inputs = &spec.inputs;
            // The first cotangent of a value is written into its slot, others into a room and added.
            let mut outs: [Vec<f32>; 2] = Default::default();
            let mut added = [false; 2];
            for (i, &input) in inputs.iter().enumerate() {
                added[i] = std::mem::replace(&mut present[input], true);
                outs[i] = std::mem::take(if added[i] { &mut room[i] } else { &mut slots[slots_of[input]] });
            }
            let [one, two] = &mut outs;
            let lengths = [0, inputs.len() - 1].map(|i| *rows * shapes[inputs[i]].len());
            let two = if inputs.len() > 1 { &mut two[..lengths[1]] } else { &mut [] };
            step(node, &g, [&mut one[..lengths[0]], two], &mut kept[node], self.shapes_of(node, shapes), *rows);
            for (i, &input) in inputs.iter().enumerate() {
                let out = std::mem::take(&mut outs[i]);
                let slot = &mut slots[slots_of[input]];
                if added[i] {
                    slot.iter_mut().zip(&out).for_each(|(sum, v)| *sum += v);
                    room[i] = out;
                } else {
                    *slot = out;
                }
            }
            slots[slots_of[node + 1]] = g;
        }
    }
}
