//! The embedding of σ, which the film of every layer is a linear function of, and its reverse pass: small matrices only.

use super::Engine;
use super::memory::Levels;
use crate::kernels::gelu::normal;
use crate::kernels::simd::{Kernel, Simd, padded};
use crate::program::Affine;

impl Engine {
    /// From σ to the film, keeping what GELU was applied to.
    pub(super) fn embed(&self, sigmas: &[f32], levels: &mut Levels) {
        let count = self.program.embedding.features();
        for (sigma, features) in sigmas.iter().zip(levels.features.chunks_exact_mut(count)) {
            self.features(*sigma, features);
        }
        let pictures = sigmas.len();
        let width = self.embed[0].bias.len();
        let [[before, hidden], [before2, embedding]] = &mut levels.embeds;
        self.embed[0].forward(pictures, &levels.features, count, before);
        self.level.run(Gelu { x: before, value: hidden });
        self.embed[1].forward(pictures, hidden, width, before2);
        self.level.run(Gelu { x: before2, value: embedding });
        self.film.forward(pictures, embedding, width, &mut levels.film);
    }

    /// The gradients of both layers of the embedding, weight and bias of each, from the embedding's cotangent,
    /// `[pictures, padded width]` a group.
    pub(super) fn embedding_gradients(
        &self,
        groups: &[&Levels],
        mut cotangents: Vec<Vec<f32>>,
    ) -> [(Affine, Vec<f32>, Vec<f32>); 2] {
        let (count, width) = (self.program.embedding.features(), self.program.embedding.width());
        let inputs = [(count, count), (width, padded(width))];
        let mut out = self.program.embedding.layers.map(|layer| (layer, Vec::new(), Vec::new()));
        for (layer, (columns, stride)) in inputs.into_iter().enumerate().rev() {
            let mut weights = vec![0.0; width * columns];
            let mut bias = vec![0.0; width];
            for (levels, cotangents) in groups.iter().zip(&mut cotangents) {
                let [before, _] = &levels.embeds[layer];
                self.level.run(GeluReverse { x: before, cotangent: cotangents });
                let x = if layer == 0 { &levels.features } else { &levels.embeds[0][1] };
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
            (out[layer].1, out[layer].2) = (weights, bias);
        }
        out
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
