//! A small picture for each word of the glossary that a newcomer meets, drawn from a few strokes.

use eframe::egui::{self, Color32, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

use super::theme::Tokens;

/// In which colour a mark is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// What the word names.
    Main,
    /// What it is set against.
    Other,
    /// What is around it.
    Dim,
    /// What goes wrong.
    Bad,
}
use Ink::{Bad, Dim, Main, Other};

/// One stroke of a sketch, in the unit square, whose origin is at its lower left.
#[derive(Debug, Clone, Copy)]
pub enum Mark {
    /// y as a function of x.
    Curve(Ink, fn(f32) -> f32),
    /// A straight line.
    Line(Ink, [f32; 2], [f32; 2]),
    /// A line with a head at its second end.
    Arrow(Ink, [f32; 2], [f32; 2]),
    /// A filled point, with its radius.
    Dot(Ink, [f32; 2], f32),
    /// A circle, with its radius.
    Ring(Ink, [f32; 2], f32),
    /// Bars of these heights side by side.
    Bars(Ink, &'static [f32]),
    /// A picture of 8×8 values in this square: its lower left corner, its side, and its values by column and row.
    Pixels([f32; 2], f32, fn(usize, usize) -> f32),
}
use Mark::{Arrow, Bars, Curve, Dot, Line, Pixels, Ring};

/// A bell around `middle`.
fn bell(x: f32, middle: f32, width: f32) -> f32 {
    (-0.5 * ((x - middle) / width).powi(2)).exp()
}

/// A ring of bright pixels, as of a written nought.
fn nought(x: usize, y: usize) -> f32 {
    let r = ((x as f32 - 3.5).powi(2) + (y as f32 - 3.5).powi(2)).sqrt();
    bell(r, 2.6, 0.7)
}

/// Something between 0 and 1 that looks like chance.
fn speck(x: usize, y: usize) -> f32 {
    ((x * 37 + y * 91 + x * y * 13) % 17) as f32 / 16.0
}

fn noisy(x: usize, y: usize) -> f32 {
    0.55 * nought(x, y) + 0.6 * (speck(x, y) - 0.3)
}

fn stroke(x: usize, y: usize) -> f32 {
    if x == 4 && (1..7).contains(&y) { 1.0 } else { 0.05 }
}

fn residual(x: usize, y: usize) -> f32 {
    0.3 + 0.6 * (speck(x, y) - 0.3)
}

fn edges(x: usize, y: usize) -> f32 {
    let r = ((x as f32 - 3.5).powi(2) + (y as f32 - 3.5).powi(2)).sqrt();
    bell(r, 1.9, 0.35) + bell(r, 3.3, 0.35)
}

fn waves(x: usize, y: usize) -> f32 {
    0.5 + 0.5 * (x as f32 * 1.6 + y as f32 * 0.8).sin()
}

fn hills(x: f32) -> f32 {
    0.08 + 0.6 * bell(x, 0.28, 0.1) + 0.42 * bell(x, 0.72, 0.12)
}

/// From the classes back to the picture.
const BACK: &[Mark] = &[
    Pixels([0.02, 0.3], 0.36, edges),
    Arrow(Main, [0.62, 0.48], [0.42, 0.48]),
    Line(Main, [0.68, 0.15], [0.68, 0.85]),
    Line(Dim, [0.8, 0.15], [0.8, 0.2]),
    Line(Dim, [0.92, 0.15], [0.92, 0.2]),
];

/// The words, each with its strokes.
static SKETCHES: &[(&str, &[Mark])] = &[
    (
        "joint model",
        &[
            Curve(Main, |x| 0.08 + 0.6 * bell(x, 0.28, 0.1)),
            Curve(Other, |x| 0.08 + 0.42 * bell(x, 0.72, 0.12)),
            Line(Dim, [0.05, 0.06], [0.95, 0.06]),
        ],
    ),
    (
        "log-joint",
        &[
            Curve(Main, |x| 0.85 - 4.0 * (x - 0.35).powi(2)),
            Curve(Other, |x| 0.7 - 4.0 * (x - 0.65).powi(2)),
            Line(Dim, [0.45, 0.05], [0.45, 0.95]),
        ],
    ),
    ("posterior", &[Bars(Main, &[0.08, 0.85, 0.3, 0.05, 0.12])]),
    ("density", &[Curve(Main, hills), Line(Dim, [0.05, 0.06], [0.95, 0.06]), Dot(Other, [0.3, 0.68], 0.05)]),
    (
        "score",
        &[
            Curve(Dim, hills),
            Arrow(Main, [0.04, 0.2], [0.18, 0.2]),
            Arrow(Main, [0.5, 0.2], [0.36, 0.2]),
            Arrow(Main, [0.54, 0.5], [0.66, 0.5]),
            Arrow(Main, [0.96, 0.5], [0.8, 0.5]),
        ],
    ),
    (
        "denoiser",
        &[
            Pixels([0.02, 0.25], 0.38, noisy),
            Arrow(Main, [0.43, 0.44], [0.57, 0.44]),
            Pixels([0.6, 0.25], 0.38, nought),
        ],
    ),
    (
        "conditional denoiser",
        &[
            Pixels([0.02, 0.3], 0.36, noisy),
            Arrow(Main, [0.4, 0.55], [0.6, 0.74]),
            Arrow(Other, [0.4, 0.4], [0.6, 0.22]),
            Pixels([0.63, 0.54], 0.34, nought),
            Pixels([0.63, 0.1], 0.34, stroke),
        ],
    ),
    ("rest", &[Bars(Dim, &[0.0, 0.0, 0.28, 0.2, 0.12]), Bars(Main, &[0.8, 0.5, 0.0, 0.0, 0.0])]),
    (
        "identity",
        &[
            Arrow(Main, [0.5, 0.15], [0.2, 0.75]),
            Arrow(Other, [0.5, 0.15], [0.85, 0.65]),
            Arrow(Dim, [0.5, 0.15], [0.5, 0.7]),
            Line(Dim, [0.2, 0.75], [0.85, 0.65]),
        ],
    ),
    (
        "forward",
        &[
            Pixels([0.02, 0.3], 0.36, noisy),
            Arrow(Main, [0.42, 0.48], [0.6, 0.48]),
            Line(Main, [0.68, 0.15], [0.68, 0.85]),
            Line(Other, [0.8, 0.15], [0.8, 0.45]),
            Line(Dim, [0.92, 0.15], [0.92, 0.3]),
        ],
    ),
    ("pullback", BACK),
    ("adjoint pass", BACK),
    (
        "Jacobian",
        &[
            Dot(Dim, [0.25, 0.3], 0.04),
            Arrow(Dim, [0.25, 0.3], [0.45, 0.3]),
            Arrow(Dim, [0.25, 0.3], [0.25, 0.6]),
            Dot(Main, [0.6, 0.4], 0.04),
            Arrow(Main, [0.6, 0.4], [0.95, 0.55]),
            Arrow(Main, [0.6, 0.4], [0.7, 0.5]),
        ],
    ),
    ("doubt", &[Pixels([0.1, 0.1], 0.8, edges)]),
    (
        "component",
        &[
            Ring(Dim, [0.5, 0.5], 0.2),
            Arrow(Main, [0.5, 0.5], [0.9, 0.8]),
            Arrow(Main, [0.5, 0.5], [0.1, 0.2]),
            Arrow(Other, [0.5, 0.5], [0.4, 0.64]),
        ],
    ),
    ("evidence", {
        &[Curve(Main, |x| 0.1 + 0.75 / (1.0 + (-14.0 * (x - 0.5)).exp())), Line(Dim, [0.05, 0.1], [0.95, 0.1])]
    }),
    ("duel", &[Ring(Main, [0.36, 0.5], 0.27), Ring(Other, [0.64, 0.5], 0.27), Dot(Bad, [0.86, 0.62], 0.05)]),
    (
        "C(σ)",
        &[
            Curve(Main, |x| 0.85 - 0.7 * x.sqrt()),
            Line(Dim, [0.05, 0.06], [0.95, 0.06]),
            Line(Dim, [0.05, 0.06], [0.05, 0.94]),
        ],
    ),
    ("bits a value", &[Bars(Other, &[0.9]), Bars(Main, &[0.4])]),
    (
        "audit",
        &[
            Line(Bad, [0.05, 0.75], [0.95, 0.75]),
            Curve(Main, |x| 0.22 + 0.12 * (9.0 * x).sin() + 0.1 * x),
            Line(Dim, [0.05, 0.06], [0.95, 0.06]),
        ],
    ),
    (
        "oracle",
        &[
            Ring(Main, [0.3, 0.6], 0.16),
            Ring(Main, [0.3, 0.6], 0.08),
            Ring(Other, [0.68, 0.36], 0.2),
            Ring(Other, [0.68, 0.36], 0.1),
        ],
    ),
    (
        "usual",
        &[
            Curve(Main, |x| 0.08 + 0.75 * bell(x, 0.4, 0.13)),
            Line(Dim, [0.05, 0.06], [0.95, 0.06]),
            Line(Dim, [0.76, 0.06], [0.76, 0.8]),
            Dot(Bad, [0.9, 0.12], 0.05),
        ],
    ),
    (
        "σ",
        &[
            Curve(Main, |x| 0.08 + 0.8 * bell(x, 0.5, 0.09)),
            Curve(Other, |x| 0.08 + 0.35 * bell(x, 0.5, 0.2)),
            Line(Dim, [0.3, 0.3], [0.7, 0.3]),
        ],
    ),
    ("ε", &[Ring(Dim, [0.45, 0.5], 0.36), Dot(Main, [0.45, 0.5], 0.05), Arrow(Bad, [0.45, 0.5], [0.77, 0.66])]),
    ("attack", {
        &[Line(Dim, [0.55, 0.03], [0.7, 0.97]), Dot(Main, [0.3, 0.45], 0.05), Arrow(Bad, [0.3, 0.45], [0.8, 0.3])]
    }),
    (
        "perturbation",
        &[Pixels([0.02, 0.25], 0.38, nought), Arrow(Bad, [0.43, 0.44], [0.57, 0.44]), Pixels([0.6, 0.25], 0.38, waves)],
    ),
    ("residual", &[Pixels([0.1, 0.1], 0.8, residual)]),
    ("fidelity", {
        &[Dot(Main, [0.25, 0.3], 0.06), Dot(Other, [0.8, 0.75], 0.06), Line(Dim, [0.25, 0.3], [0.8, 0.75])]
    }),
    (
        "native",
        &[
            Line(Dim, [0.04, 0.1], [0.96, 0.1]),
            Line(Dim, [0.96, 0.1], [0.96, 0.9]),
            Line(Dim, [0.96, 0.9], [0.04, 0.9]),
            Line(Dim, [0.04, 0.9], [0.04, 0.1]),
            Pixels([0.3, 0.3], 0.36, nought),
            Line(Main, [0.35, 0.1], [0.35, 0.9]),
            Line(Main, [0.65, 0.1], [0.65, 0.9]),
            Line(Main, [0.04, 0.5], [0.96, 0.5]),
        ],
    ),
    (
        "tile",
        &[
            Pixels([0.15, 0.22], 0.62, nought),
            Line(Main, [0.15, 0.93], [0.6, 0.93]),
            Line(Dim, [0.15, 0.1], [0.5, 0.1]),
        ],
    ),
    (
        "sheet",
        &[
            Line(Dim, [0.2, 0.03], [0.2, 0.97]),
            Line(Dim, [0.2, 0.97], [0.8, 0.97]),
            Line(Dim, [0.8, 0.97], [0.8, 0.03]),
            Line(Dim, [0.8, 0.03], [0.2, 0.03]),
            Pixels([0.26, 0.55], 0.22, noisy),
            Pixels([0.53, 0.55], 0.22, nought),
            Line(Main, [0.27, 0.35], [0.73, 0.35]),
            Line(Main, [0.27, 0.2], [0.6, 0.2]),
        ],
    ),
    (
        "defence",
        &[
            Ring(Main, [0.65, 0.5], 0.26),
            Arrow(Bad, [0.03, 0.8], [0.4, 0.62]),
            Arrow(Bad, [0.03, 0.5], [0.37, 0.5]),
            Arrow(Bad, [0.03, 0.2], [0.4, 0.38]),
        ],
    ),
    (
        "transfer",
        &[
            Line(Main, [0.55, 0.03], [0.7, 0.97]),
            Line(Other, [0.6, 0.97], [0.8, 0.03]),
            Dot(Dim, [0.25, 0.5], 0.05),
            Arrow(Bad, [0.25, 0.5], [0.9, 0.5]),
        ],
    ),
    ("certificate", {
        &[Ring(Main, [0.4, 0.5], 0.27), Dot(Main, [0.4, 0.5], 0.05), Line(Bad, [0.76, 0.03], [0.9, 0.97])]
    }),
    (
        "script",
        &[
            Line(Dim, [0.1, 0.8], [0.5, 0.8]),
            Line(Main, [0.22, 0.6], [0.7, 0.6]),
            Line(Main, [0.22, 0.4], [0.6, 0.4]),
            Line(Dim, [0.1, 0.2], [0.4, 0.2]),
        ],
    ),
    ("checkpoint", &[Bars(Dim, &[0.7, 0.4, 0.9, 0.5, 0.3]), Line(Main, [0.05, 0.06], [0.95, 0.06])]),
];

/// The sketch of a word of the glossary, if it has one.
#[must_use]
pub fn sketch(word: &str) -> Option<&'static [Mark]> {
    SKETCHES.iter().find(|(known, _)| *known == word).map(|(_, marks)| *marks)
}

/// Paints a sketch into a rectangle.
pub fn paint(painter: &Painter, rect: Rect, marks: &[Mark], tokens: &Tokens) {
    painter.rect_filled(rect, 4.0, tokens.ground);
    let inner = rect.shrink(4.0);
    let at = |[x, y]: [f32; 2]| pos2(inner.left() + x * inner.width(), inner.bottom() - y * inner.height());
    // Circles stay round in a square that is not.
    let unit = inner.width().min(inner.height());
    for mark in marks {
        match *mark {
            Curve(ink, of) => {
                let points: Vec<Pos2> = (0..=48).map(|i| i as f32 / 48.0).map(|x| at([x, of(x)])).collect();
                painter.add(Shape::line(points, Stroke::new(1.5, colour(ink, tokens))));
            }
            Line(ink, from, to) => {
                painter.line_segment([at(from), at(to)], Stroke::new(1.5, colour(ink, tokens)));
            }
            Arrow(ink, from, to) => {
                painter.arrow(at(from), at(to) - at(from), Stroke::new(1.5, colour(ink, tokens)));
            }
            Dot(ink, middle, radius) => {
                painter.circle_filled(at(middle), radius * unit, colour(ink, tokens));
            }
            Ring(ink, middle, radius) => {
                painter.circle_stroke(at(middle), radius * unit, Stroke::new(1.5, colour(ink, tokens)));
            }
            Bars(ink, heights) => {
                let wide = 1.0 / heights.len() as f32;
                for (i, tall) in heights.iter().enumerate() {
                    let corners =
                        [at([(i as f32 + 0.12) * wide, 0.04]), at([(i as f32 + 0.88) * wide, 0.04 + 0.92 * tall])];
                    painter.rect_filled(Rect::from_two_pos(corners[0], corners[1]), 1.0, colour(ink, tokens));
                }
            }
            Pixels(corner, side, value) => {
                let pixel = side * inner.width().min(inner.height() / 0.9) / 8.0;
                let low = at(corner);
                for y in 0..8 {
                    for x in 0..8 {
                        let from = low + vec2(x as f32 * pixel, -((y + 1) as f32) * pixel);
                        let grey = (value(x, y).clamp(0.0, 1.0) * 255.0) as u8;
                        let square = Rect::from_min_size(from, egui::Vec2::splat(pixel + 0.3));
                        painter.rect_filled(square, 0.0, Color32::from_gray(grey));
                    }
                }
            }
        }
    }
}

fn colour(ink: Ink, tokens: &Tokens) -> Color32 {
    match ink {
        Main => tokens.accent,
        Other => tokens.warning,
        Dim => tokens.dim,
        Bad => tokens.bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gui::view::glossary::words;

    #[test]
    fn every_sketch_is_of_a_word_of_the_glossary() {
        for (word, marks) in SKETCHES {
            assert!(words().iter().any(|row| row.word == *word) && !marks.is_empty(), "{word}");
        }
    }
}
