//! Linear layers on rows, one row a picture or a cotangent.

use crate::kernels::product::{Grid, Panels, Product, Tap, multiply};
use crate::kernels::simd::{Level, padded};

/// `y = xWᵀ + b` on rows; outputs padded.
#[derive(Debug)]
pub(super) struct Dense {
    pub panels: Panels,
    pub bias: Vec<f32>,
}

/// Rows of a [`Dense`] layer that come from several tensors.
pub(super) struct DenseRows {
    inputs: usize,
    /// `[outputs, inputs]`
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl DenseRows {
    pub fn new(inputs: usize) -> Self {
        Self { inputs, weights: Vec::new(), bias: Vec::new() }
    }

    /// Appends rows and zero rows up to a padded count; returns where they begin.
    pub fn push(&mut self, weights: &[f32], bias: &[f32], plus: f32) -> usize {
        let start = self.bias.len();
        self.weights.extend_from_slice(weights);
        self.bias.extend(bias.iter().map(|b| b + plus));
        let end = start + padded(bias.len());
        self.weights.resize(end * self.inputs, 0.0);
        self.bias.resize(end, 0.0);
        start
    }

    pub fn pack(self, level: Level) -> Dense {
        let (inputs, outputs) = (self.inputs, self.bias.len());
        let mut columns = vec![0.0; inputs * outputs];
        for (o, row) in self.weights.chunks_exact(inputs.max(1)).enumerate() {
            for (i, weight) in row.iter().enumerate() {
                columns[i * outputs + o] = *weight;
            }
        }
        Dense { panels: Panels::pack_rows(level, [1, inputs, outputs], &columns), bias: self.bias }
    }
}

impl Dense {
    /// `rows` rows of `x`, `stride` values apart.
    pub fn forward(&self, rows: usize, x: &[f32], stride: usize, out: &mut [f32]) {
        for row in out.chunks_exact_mut(self.bias.len().max(1)) {
            row.copy_from_slice(&self.bias);
        }
        self.product(rows, x, stride, out, true);
    }

    /// [`Self::forward`] without the bias: the derivative.
    pub fn linear(&self, rows: usize, x: &[f32], stride: usize, out: &mut [f32]) {
        self.product(rows, x, stride, out, false);
    }

    fn product(&self, rows: usize, x: &[f32], stride: usize, out: &mut [f32], add: bool) {
        let product = Product {
            left: x,
            left_grid: Grid::lines(stride),
            rows,
            taps: &[Tap { rows: 0, weights: 0 }],
            weights: &self.panels,
            out_grid: Grid::lines(self.panels.columns()),
            add,
        };
        multiply(&product, out);
    }

    /// The weights as `[padded outputs, inputs]`.
    pub fn rows(&self) -> Vec<f32> {
        let (inputs, outputs) = (self.panels.depth(), self.panels.columns());
        let columns = self.panels.unpack();
        let mut rows = vec![0.0; inputs * outputs];
        for (i, column) in columns.chunks_exact(outputs).enumerate() {
            rows[i..].iter_mut().step_by(inputs).zip(column).for_each(|(to, from)| *to = *from);
        }
        rows
    }
}
