//! The oracle: a mixture of Gaussians around ten patterns, whose answers are exact.

use crate::joint::GaussianMixture;
use crate::picture::{Picture, Shape};

/// Side of the oracle's pictures.
const SIDE: usize = 32;

/// Ten patterns, each a Gaussian around a picture that a formula draws: every answer about them is exact.
#[must_use]
pub fn oracle() -> GaussianMixture {
    let shape = Shape::new(3, SIDE, SIDE);
    let empty = GaussianMixture::new(shape, PATTERNS.len()).named(&NAMES);
    PATTERNS.iter().enumerate().fold(empty, |mixture, (class, pattern)| {
        let mean = pattern_picture(*pattern).values().iter().map(|&v| f64::from(v)).collect();
        mixture.with(class, 1.0, mean, 0.01)
    })
}

/// The oracle's class means, as pictures.
#[must_use]
pub fn oracle_pictures() -> Vec<Picture> {
    PATTERNS.iter().map(|&pattern| pattern_picture(pattern)).collect()
}

/// Brightness at a point of [−1, 1]², and the colours of dark and light.
type Pattern = (fn(f32, f32) -> f32, [[f32; 3]; 2]);

/// What the patterns show.
pub const NAMES: [&str; 10] =
    ["disc", "ring", "square", "diamond", "cross", "columns", "rows", "checks", "triangle", "slope"];

const NIGHT: [f32; 3] = [0.12, 0.16, 0.28];
const PATTERNS: [Pattern; 10] = [
    (|x, y| disc(x, y, 0.6), [NIGHT, [0.96, 0.80, 0.36]]),
    (|x, y| disc(x, y, 0.75) - disc(x, y, 0.45), [NIGHT, [0.45, 0.78, 0.92]]),
    (|x, y| edge(0.62 - x.abs().max(y.abs())), [NIGHT, [0.90, 0.45, 0.38]]),
    (|x, y| edge(0.68 - x.abs() - y.abs()), [NIGHT, [0.55, 0.80, 0.48]]),
    (|x, y| edge(0.2 - x.abs().min(y.abs())) * disc(x, y, 0.9), [NIGHT, [0.93, 0.93, 0.95]]),
    (|x, _| edge((x * 9.0).sin()), [NIGHT, [0.70, 0.56, 0.90]]),
    (|_, y| edge((y * 9.0).sin()), [NIGHT, [0.95, 0.62, 0.35]]),
    (|x, y| edge((x * 7.0).sin() * (y * 7.0).sin()), [NIGHT, [0.85, 0.55, 0.75]]),
    (|x, y| edge(y * 0.9 + 0.55 - 2.0 * x.abs()) * edge(0.7 - y), [NIGHT, [0.40, 0.72, 0.68]]),
    (|x, y| (0.5 - 0.5 * (x * 0.8 + y * 0.6)).clamp(0.0, 1.0), [NIGHT, [0.98, 0.86, 0.62]]),
];

fn edge(distance: f32) -> f32 {
    (distance * 8.0 + 0.5).clamp(0.0, 1.0)
}

fn disc(x: f32, y: f32, radius: f32) -> f32 {
    edge(radius - x.hypot(y))
}

fn pattern_picture((brightness, colours): Pattern) -> Picture {
    let shape = Shape::new(3, SIDE, SIDE);
    let mut values = Vec::with_capacity(shape.len());
    for (dark, light) in colours[0].into_iter().zip(colours[1]) {
        for row in 0..SIDE {
            for column in 0..SIDE {
                let [x, y] = [column, row].map(|i| (i as f32 + 0.5) / SIDE as f32 * 2.0 - 1.0);
                let t = brightness(x, y);
                values.push(dark + (light - dark) * t);
            }
        }
    }
    Picture::new(shape, values)
}
