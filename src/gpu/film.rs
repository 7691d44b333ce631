//! From σ to every layer's gains, offsets and γ, on the processor: a few hundred thousand multiply-adds.

use super::filter::padded;

/// `y = Wx + b`: weights `[outputs, inputs]`.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[outputs, inputs]`
    pub weights: Vec<f32>,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

impl Linear {
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
    /// The ends of the trained range of σ.
    pub range: (f32, f32),
    /// Frequencies of the embedding.
    pub frequencies: usize,
    /// Its two layers.
    pub embed: [Linear; 2],
    /// Gains, offsets and γ of all layers.
    layers: Linear,
}

impl Film {
    /// A film of no layers yet.
    #[must_use]
    pub fn new(range: (f32, f32), frequencies: usize, embed: [Linear; 2]) -> Self {
        Self { range, frequencies, embed, layers: Linear { weights: Vec::new(), bias: Vec::new() } }
    }

    /// Appends outputs, each plus `plus`, and zeros up to whole vectors; returns where they begin in a row.
    pub fn push(&mut self, weights: &[f32], bias: &[f32], plus: f32) -> usize {
        let start = self.layers.bias.len();
        let end = start + padded(bias.len());
        self.layers.weights.extend_from_slice(weights);
        self.layers.weights.resize(end * self.embed[1].bias.len(), 0.0);
        self.layers.bias.extend(bias.iter().map(|b| b + plus));
        self.layers.bias.resize(end, 0.0);
        start
    }

    /// Values of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.layers.bias.len()
    }

    /// The row of one σ inside the trained range.
    #[must_use]
    pub fn row(&self, sigma: f32) -> Vec<f32> {
        let (low, high) = (f64::from(self.range.0).ln(), f64::from(self.range.1).ln());
        let t = 2.0 * (f64::from(sigma).ln() - low) / (high - low) - 1.0;
        let angles: Vec<f64> = (1..=self.frequencies).map(|k| k as f64 * std::f64::consts::FRAC_PI_2 * t).collect();
        let mut x = vec![t as f32];
        x.extend(angles.iter().map(|a| a.sin() as f32));
        x.extend(angles.iter().map(|a| a.cos() as f32));
        for layer in &self.embed {
            x = layer.apply(&x);
            for value in &mut x {
                let v = f64::from(*value);
                *value = (v * 0.5 * libm::erfc(-v * std::f64::consts::FRAC_1_SQRT_2)) as f32;
            }
        }
        self.layers.apply(&x)
    }
}
