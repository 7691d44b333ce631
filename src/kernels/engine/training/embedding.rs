//! The embedding of σ, which the film of every layer is a linear function of, and its reverse pass: small matrices only.

use super::Gradients;
use super::memory::Part;
use crate::kernels::engine::{Dense, Engine};
use crate::kernels::gelu::normal;
use crate::kernels::simd::{Kernel, Simd, padded};

impl Engine {
    /// From σ to the film, keeping what GELU was applied to.
    pub(super) fn embed_training(&self, part: &mut Part, sigmas: &[f32]) {
        let count = 2 * self.blueprint.sigma_frequencies + 1;
        for (sigma, features) in sigmas.iter().zip(part.features.chunks_exact_mut(count)) {
            self.features(*sigma, features);
        }
        let width = self.embed[0].bias.len();
        let [[before, hidden], [before2, embedding]] = &mut part.embeds;
        self.embed[0].forward(part.pictures, &part.features, count, before);
        self.level.run(Gelu { x: before, value: hidden });
        self.embed[1].forward(part.pictures, hidden, width, before2);
        self.level.run(Gelu { x: before2, value: embedding });
        self.film.forward(part.pictures, embedding, width, &mut part.film);
    }

    /// The gradients of both layers of the embedding from the embedding's cotangent, `[pictures, padded width]` a part.
    pub(super) fn embedding_gradients(&self, parts: &[Part], mut cotangents: Vec<Vec<f32>>, out: &mut Gradients) {
        let (count, width) = (2 * self.blueprint.sigma_frequencies + 1, self.blueprint.sigma_width);
        let inputs = [(count, count), (width, padded(width))];
        for (layer, (columns, stride)) in inputs.into_iter().enumerate().rev() {
            let mut weights = vec![0.0; width * columns];
            let mut bias = vec![0.0; width];
            for (part, cotangents) in parts.iter().zip(&mut cotangents) {
                let [before, _] = &part.embeds[layer];
                self.level.run(GeluReverse { x: before, cotangent: cotangents });
                let x = if layer == 0 { &part.features } else { &part.embeds[0][1] };
                for (g, x) in cotangents.chunks_exact(padded(width)).zip(x.chunks_exact(stride)) {
                    for ((weights, bias), g) in weights.chunks_exact_mut(columns).zip(&mut bias).zip(g) {
                        *bias += g;
                        weights.iter_mut().zip(x).for_each(|(w, x)| *w += g * x);
                    }
                }
                if layer == 1 {
                    let rows = self.embed[1].rows();
                    for g in cotangents.chunks_exact_mut(padded(width)) {
                        let mut back = vec![0.0; padded(width)];
                        for (row, g) in rows.chunks_exact(width).zip(&*g) {
                            back.iter_mut().zip(row).for_each(|(b, w)| *b += g * w);
                        }
                        g.copy_from_slice(&back);
                    }
                }
            }
            out.insert(format!("sigma.{}.weight", layer + 1), weights);
            out.insert(format!("sigma.{}.bias", layer + 1), bias);
        }
    }
}

impl Dense {
    /// The weights as `[padded outputs, inputs]`.
    pub(super) fn rows(&self) -> Vec<f32> {
        let (inputs, outputs) = (self.panels.depth(), self.panels.columns());
        let columns = self.panels.unpack();
        let mut rows = vec![0.0; inputs * outputs];
        for (i, column) in columns.chunks_exact(outputs).enumerate() {
            rows[i..].iter_mut().step_by(inputs).zip(column).for_each(|(to, from)| *to = *from);
        }
        rows
    }
}

/// Exact GELU of a whole number of the widest vectors.
struct Gelu<'a> {
    x: &'a [f32],
    value: &'a mut [f32],
}

impl Kernel for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (x, value) in self.x.chunks_exact(S::LANES).zip(self.value.chunks_exact_mut(S::LANES)) {
            let x = s.load(x);
            let (distribution, _) = normal(s, x);
            s.store(value, s.mul(x, distribution));
        }
    }
}

/// A cotangent times GELU's slope, in place.
struct GeluReverse<'a> {
    x: &'a [f32],
    cotangent: &'a mut [f32],
}

impl Kernel for GeluReverse<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (x, g) in self.x.chunks_exact(S::LANES).zip(self.cotangent.chunks_exact_mut(S::LANES)) {
            let x = s.load(x);
            let (distribution, density) = normal(s, x);
            let slope = s.fma(x, density, distribution);
            let value = s.mul(s.load(g), slope);
            s.store(g, value);
        }
    }
}
