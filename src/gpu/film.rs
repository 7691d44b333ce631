//! From σ to every layer's gains, offsets and γ, on the processor: a few hundred thousand multiply-adds.

use super::filter::padded;
use crate::program::{Affine, EmbeddingKind, Program};

/// `y = xWᵀ + b`.
#[derive(Debug, Clone)]
struct Linear {
    /// `[outputs, inputs]`
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    fn of(affine: &Affine, weights: &[&[f32]]) -> Self {
        Self { weights: weights[affine.weight].to_vec(), bias: weights[affine.bias].to_vec() }
    }

    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(x.len().max(1)).zip(&self.bias);
        rows.map(|(row, bias)| {
            let sum: f64 = row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            (sum + f64::from(*bias)) as f32
        })
        .collect()
    }
}

/// The embedding of log σ, and what every layer makes of it.
#[derive(Debug, Clone)]
pub struct Film {
    range: (f32, f32),
    kind: EmbeddingKind,
    frequencies: usize,
    embed: [Linear; 2],
    layers: Linear,
    /// Where each film of the program begins in a row.
    pub starts: Vec<usize>,
    /// Values of a row.
    pub width: usize,
}

impl Film {
    /// The films of a program, in the order of its layout with channels padded to whole vectors.
    #[must_use]
    pub fn new(program: &Program, weights: &[&[f32]]) -> Self {
        let layout = program.film_layout(4);
        let embedding = program.embedding.width();
        let mut layers = Linear { weights: vec![0.0; layout.row * embedding], bias: vec![0.0; layout.row] };
        for (film, start) in program.films.iter().zip(&layout.starts) {
            for row in 0..film.kind.rows() {
                let plus = if row == 0 { film.kind.plus() } else { 0.0 };
                let (from, to) = (row * film.channels, start + row * padded(film.channels));
                let values = &weights[film.affine.weight][from * embedding..][..film.channels * embedding];
                layers.weights[to * embedding..][..values.len()].copy_from_slice(values);
                let bias = weights[film.affine.bias][from..][..film.channels].iter();
                layers.bias[to..].iter_mut().zip(bias).for_each(|(to, bias)| *to = bias + plus);
            }
        }
        Self {
            range: program.pictures.sigma_range,
            kind: program.embedding.kind,
            frequencies: program.embedding.frequencies,
            embed: [0, 1].map(|layer| Linear::of(&program.embedding.layers[layer], weights)),
            layers,
            starts: layout.starts,
            width: layout.row,
        }
    }

    /// The width of the embedding.
    #[must_use]
    pub fn embedding(&self) -> usize {
        self.embed[1].bias.len()
    }

    /// How many values it starts from.
    #[must_use]
    pub fn feature_count(&self) -> usize {
        self.kind.features(self.frequencies)
    }

    /// What the embedding of one σ inside the trained range starts from: t, if its kind has it, and the sines and cosines of kπt/2.
    #[must_use]
    pub fn features(&self, sigma: f32) -> Vec<f32> {
        let (low, high) = (f64::from(self.range.0).ln(), f64::from(self.range.1).ln());
        let t = 2.0 * (f64::from(sigma).ln() - low) / (high - low) - 1.0;
        let angles: Vec<f64> = (1..=self.frequencies).map(|k| k as f64 * std::f64::consts::FRAC_PI_2 * t).collect();
        let mut x = match self.kind {
            EmbeddingKind::Gelu => vec![t as f32],
            EmbeddingKind::Silu => Vec::new(),
        };
        x.extend(angles.iter().map(|a| a.sin() as f32));
        x.extend(angles.iter().map(|a| a.cos() as f32));
        x
    }

    /// The row of one σ inside the trained range.
    #[must_use]
    pub fn row(&self, sigma: f32) -> Vec<f32> {
        let mut x = self.features(sigma);
        for layer in &self.embed {
            x = layer.apply(&x);
            for value in &mut x {
                let v = f64::from(*value);
                let share = match self.kind {
                    EmbeddingKind::Gelu => 0.5 * libm::erfc(-v * std::f64::consts::FRAC_1_SQRT_2),
                    EmbeddingKind::Silu => 1.0 / (1.0 + (-v).exp()),
                };
                *value = (v * share) as f32;
            }
        }
        self.layers.apply(&x)
    }
}
