//! ꟻLIP: how much people see of the difference when they flip between two pictures.

use std::ops::Range;

use rayon::prelude::*;

use super::{Better, Metric};
use crate::picture::{Picture, Shape};

/// The mean of ꟻLIP over the pixels.
pub static FLIP: Metric = Metric {
    id: "flip",
    title: "FLIP",
    unit: "",
    digits: [4, 2],
    better: Better::Lower,
    about: "What people see of the difference when they flip between two pictures (67 pixels a degree), 0 for equal pictures",
    source: "Andersson et al. 2020, LDR-FLIP",
    is_quick: false,
    of: flip,
};

/// Pixels a degree of the visual field: a 0.7 m wide screen of 3840 pixels, seen from 0.7 m.
const PIXELS_PER_DEGREE: f64 = 67.020_643_276_582_26;
/// Exponents of the colour and the feature difference.
const Q_COLOUR: f64 = 0.7;
const Q_FEATURE: f64 = 0.5;
/// Colour differences up to the share `P_COLOUR` of the largest take the range up to `P_RANGE`.
const P_COLOUR: f64 = 0.4;
const P_RANGE: f64 = 0.95;
/// Width of the feature detectors, in degrees.
const FEATURE_WIDTH: f64 = 0.082;
/// The fewest pixels that are worth a task of their own.
const PIXELS_A_TASK: usize = 1 << 10;
/// About how many pixels are held as the eye takes them in, some 150 bytes each of either picture, and the fewest rows.
const PIXELS_A_STRIP: usize = 1 << 19;
const ROWS_A_STRIP: usize = 64;

/// Mean ꟻLIP between two pictures, 0 for equal ones, at most 1. Values are sRGB and are clipped to [0, 1]; grey is three equal
/// channels.
///
/// Andersson, Nilsson, Akenine-Möller, Oskarsson, Åström and Fairchild, *FLIP: a difference evaluator for alternating images*
/// (2020), with the constants of the authors' program: contrast sensitivity as Gaussians in an opponent colour space, the
/// hybrid distance in Hunt-adjusted CIELAB, and the loss or gain of edges and points of the luminance as its exponent.
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn flip(a: &Picture, b: &Picture) -> f64 {
    in_strips(a, b, ROWS_A_STRIP.max(PIXELS_A_STRIP / a.shape().width.max(1)))
}

/// [`flip`] of so many rows at a time, whatever number the same to the bit: the filters of a row reach over no more than
/// [`reach`] rows above and below it, so these are taken in too.
fn in_strips(a: &Picture, b: &Picture, strip: usize) -> f64 {
    assert_eq!(a.shape(), b.shape(), "pictures of one shape");
    let Shape { height, width, .. } = a.shape();
    let (most, reach) = (largest_colour_difference(), reach());
    // Row after row, so that the sum's order depends neither on the threads nor on the strips.
    let mut rows: Vec<f64> = Vec::with_capacity(height);
    for first in (0..height).step_by(strip) {
        let last = height.min(first + strip);
        let taken = first.saturating_sub(reach)..height.min(last + reach);
        let seen: [Seen; 2] = rayon::join(|| Seen::of(a, &taken), || Seen::of(b, &taken)).into();
        let differences = |y: usize| {
            let row = (y - taken.start) * width;
            (row..row + width).map(|i| difference(&seen[0], &seen[1], i, most)).sum::<f64>()
        };
        rows.par_extend((first..last).into_par_iter().map(differences));
    }
    rows.iter().sum::<f64>() / (height * width) as f64
}

/// How many rows the widest filter reaches upwards.
fn reach() -> usize {
    (blur_radius() as usize).max(detectors()[0].len() / 2)
}

/// Rows of a picture as the eye takes them in, those at the edges as if the picture ended there.
struct Seen {
    /// Hunt-adjusted CIELAB after the eye's blur.
    colour: Vec<[f64; 3]>,
    /// Strength of edges and of points.
    edges: Vec<f64>,
    points: Vec<f64>,
}

impl Seen {
    fn of(picture: &Picture, rows: &Range<usize>) -> Self {
        let Shape { channels, width, .. } = picture.shape();
        let height = rows.len();
        let size = (height, width);
        let value = |channel: usize, i: usize| {
            let channel = if channels == 3 { channel } else { 0 };
            f64::from(picture.plane(channel)[rows.start * width + i].clamp(0.0, 1.0))
        };
        let opponent: Vec<[f64; 3]> = (0..height * width)
            .into_par_iter()
            .with_min_len(PIXELS_A_TASK)
            .map(|i| opponent(linear_to_xyz([0, 1, 2].map(|c| srgb_to_linear(value(c, i))))))
            .collect();
        let plane = |c: usize| opponent.iter().map(|pixel| pixel[c]).collect::<Vec<f64>>();
        let blurred: Vec<Vec<f64>> =
            (0..3).into_par_iter().map(|c| blur(&plane(c), size, &CONTRAST_SENSITIVITY[c])).collect();
        let colour = (0..height * width).into_par_iter().with_min_len(PIXELS_A_TASK).map(|i| {
            let seen = [0, 1, 2].map(|c| blurred[c][i]);
            let linear = xyz_to_linear(opponent_to_xyz(seen)).map(|v| v.clamp(0.0, 1.0));
            hunt(lab(linear_to_xyz(linear)))
        });
        let colour = colour.collect();
        let luminance: Vec<f64> = opponent.iter().map(|pixel| (pixel[0] + 16.0) / 116.0).collect();
        let [gaussian, edge, point] = detectors();
        let strength = |kernel: &[f64]| {
            let across = filtered(&luminance, size, &gaussian, kernel);
            let down = filtered(&luminance, size, kernel, &gaussian);
            across.iter().zip(&down).map(|(x, y)| x.hypot(*y)).collect()
        };
        let (edges, points) = rayon::join(|| strength(&edge), || strength(&point));
        Self { colour, edges, points }
    }
}

/// ꟻLIP at pixel `i`.
fn difference(a: &Seen, b: &Seen, i: usize, most: f64) -> f64 {
    let power = hybrid(a.colour[i], b.colour[i]).powf(Q_COLOUR);
    let knee = P_COLOUR * most;
    let colour =
        if power < knee { P_RANGE / knee * power } else { P_RANGE + (power - knee) / (most - knee) * (1.0 - P_RANGE) };
    let feature = (a.edges[i] - b.edges[i]).abs().max((a.points[i] - b.points[i]).abs());
    let feature = (feature * std::f64::consts::FRAC_1_SQRT_2).powf(Q_FEATURE).clamp(0.0, 1.0);
    colour.powf(1.0 - feature)
}

/// The largest colour difference, between pure green and pure blue, to the power of the others.
fn largest_colour_difference() -> f64 {
    let of = |rgb: [f64; 3]| hunt(lab(linear_to_xyz(rgb)));
    hybrid(of([0.0, 1.0, 0.0]), of([0.0, 0.0, 1.0])).powf(Q_COLOUR)
}

/// The eye's contrast sensitivity by opponent channel (achromatic, red–green, blue–yellow), as two Gaussians a·√(π/b)·exp(−π²d²/b)
/// of the distance d in degrees: `(a, b)` of each.
const CONTRAST_SENSITIVITY: [[(f64, f64); 2]; 3] =
    [[(1.0, 0.0047), (0.0, 1e-5)], [(1.0, 0.0053), (0.0, 1e-5)], [(34.1, 0.04), (13.5, 0.025)]];

/// On each side of the middle of [`blur`]'s kernels: three standard deviations of the widest.
fn blur_radius() -> i32 {
    let (widest, pi) = (0.04, std::f64::consts::PI);
    (3.0 * (widest / (2.0 * pi * pi)).sqrt() * PIXELS_PER_DEGREE).ceil() as i32
}

/// Blurs a plane by a sum of Gaussians whose weights sum to 1.
fn blur(values: &[f64], size: (usize, usize), gaussians: &[(f64, f64); 2]) -> Vec<f64> {
    let pi = std::f64::consts::PI;
    let radius = blur_radius();
    let kernel = |b: f64| -> Vec<f64> {
        (-radius..=radius).map(|x| (-(pi * f64::from(x) / PIXELS_PER_DEGREE).powi(2) / b).exp()).collect()
    };
    let parts = gaussians.iter().filter(|(a, _)| *a > 0.0).map(|&(a, b)| {
        let kernel = kernel(b);
        let weight = a * (pi / b).sqrt();
        (weight, weight * kernel.iter().sum::<f64>().powi(2), filtered(values, size, &kernel, &kernel))
    });
    let parts: Vec<_> = parts.collect();
    let total: f64 = parts.iter().map(|(_, mass, _)| mass).sum();
    let mut sum = vec![0.0; values.len()];
    for (weight, _, part) in &parts {
        sum.iter_mut().zip(part).for_each(|(s, v)| *s += weight / total * v);
    }
    sum
}

/// A Gaussian, and what finds edges and points along one direction: its first and second derivative. The Gaussian sums to 1, the
/// others' positive and negative parts to 1 and −1.
fn detectors() -> [Vec<f64>; 3] {
    let deviation = 0.5 * FEATURE_WIDTH * PIXELS_PER_DEGREE;
    let radius = (3.0 * deviation).ceil() as i32;
    let along = |f: &dyn Fn(f64) -> f64| -> Vec<f64> {
        (-radius..=radius)
            .map(|x| f(f64::from(x)) * (-f64::from(x * x) / (2.0 * deviation * deviation)).exp())
            .collect()
    };
    let by_sign = |kernel: Vec<f64>| -> Vec<f64> {
        let part = |sign: f64| kernel.iter().map(|v| (sign * v).max(0.0)).sum::<f64>();
        let (positive, negative) = (part(1.0), part(-1.0));
        kernel.iter().map(|v| if *v < 0.0 { v / negative } else { v / positive }).collect()
    };
    let gaussian = along(&|_| 1.0);
    let total: f64 = gaussian.iter().sum();
    [
        gaussian.iter().map(|v| v / total).collect(),
        by_sign(along(&|x| -x)),
        by_sign(along(&|x| x * x / (deviation * deviation) - 1.0)),
    ]
}

/// Correlation of a plane with `down` along its columns and `across` along its rows, the border repeated outwards.
fn filtered(values: &[f64], (height, width): (usize, usize), down: &[f64], across: &[f64]) -> Vec<f64> {
    let mut rows = vec![0.0; values.len()];
    let inside =
        |at: usize, k: usize, kernel: &[f64], length: usize| (at + k).saturating_sub(kernel.len() / 2).min(length - 1);
    rows.par_chunks_mut(width).enumerate().with_min_len(16).for_each(|(y, out)| {
        for (k, weight) in down.iter().enumerate() {
            let row = &values[inside(y, k, down, height) * width..][..width];
            out.iter_mut().zip(row).for_each(|(o, v)| *o += weight * v);
        }
    });
    let radius = across.len() / 2;
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut(width).zip(rows.par_chunks(width)).with_min_len(16).for_each(|(out, row)| {
        let padded: Vec<f64> = (0..width + 2 * radius).map(|x| row[x.saturating_sub(radius).min(width - 1)]).collect();
        for (k, weight) in across.iter().enumerate() {
            out.iter_mut().zip(&padded[k..]).for_each(|(o, v)| *o += weight * v);
        }
    });
    out
}

/// Lightness apart, then the Euclidean distance of the colours.
fn hybrid(a: [f64; 3], b: [f64; 3]) -> f64 {
    (a[0] - b[0]).abs() + (a[1] - b[1]).hypot(a[2] - b[2])
}

/// Colours count for less where it is dark.
fn hunt([l, a, b]: [f64; 3]) -> [f64; 3] {
    [l, 0.01 * l * a, 0.01 * l * b]
}

/// Linear sRGB to CIE XYZ, D65, as exact quotients.
const TO_XYZ: [[f64; 3]; 3] = [
    [10_135_552.0 / 24_577_794.0, 8_788_810.0 / 24_577_794.0, 4_435_075.0 / 24_577_794.0],
    [2_613_072.0 / 12_288_897.0, 8_788_810.0 / 12_288_897.0, 887_015.0 / 12_288_897.0],
    [1_425_312.0 / 73_733_382.0, 8_788_810.0 / 73_733_382.0, 70_074_185.0 / 73_733_382.0],
];
/// Its inverse.
const FROM_XYZ: [[f64; 3]; 3] = [
    [3.241_003_232_976_358, -1.537_398_969_488_785, -0.498_615_881_996_363],
    [-0.969_224_252_202_516, 1.875_929_983_695_176, 0.041_554_226_340_085],
    [0.055_639_419_851_975, -0.204_011_206_123_91, 1.057_148_977_187_533],
];

fn times(matrix: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

fn linear_to_xyz(linear: [f64; 3]) -> [f64; 3] {
    times(&TO_XYZ, linear)
}

fn xyz_to_linear(xyz: [f64; 3]) -> [f64; 3] {
    times(&FROM_XYZ, xyz)
}

/// XYZ over the white's.
fn relative(xyz: [f64; 3]) -> [f64; 3] {
    let white = linear_to_xyz([1.0; 3]);
    [0, 1, 2].map(|c| xyz[c] / white[c])
}

/// XYZ to the linear opponent space `YCxCz`.
fn opponent(xyz: [f64; 3]) -> [f64; 3] {
    let [x, y, z] = relative(xyz);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn opponent_to_xyz([luminance, cx, cz]: [f64; 3]) -> [f64; 3] {
    let y = (luminance + 16.0) / 116.0;
    let white = linear_to_xyz([1.0; 3]);
    let relative = [y + cx / 500.0, y, y - cz / 200.0];
    [0, 1, 2].map(|c| relative[c] * white[c])
}

/// XYZ to CIELAB.
fn lab(xyz: [f64; 3]) -> [f64; 3] {
    const DELTA: f64 = 6.0 / 29.0;
    let bent = |t: f64| {
        if t > DELTA * DELTA * DELTA { t.cbrt() } else { t / (3.0 * DELTA * DELTA) + 4.0 / 29.0 }
    };
    let [x, y, z] = relative(xyz).map(bent);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn srgb_to_linear(value: f64) -> f64 {
    if value > 0.040_45 { ((value + 0.055) / 1.055).powf(2.4) } else { value / 12.92 }
}

#[cfg(test)]
mod tests {
    use super::super::pair;
    use super::*;

    /// Two unlike pictures that another program can make too, exact in f32: steps, and the same with a pattern on them.
    fn steps(shape: Shape) -> [Picture; 2] {
        let mut values = [Vec::new(), Vec::new()];
        for c in 0..shape.channels {
            for y in 0..shape.height {
                for x in 0..shape.width {
                    let step = ((x * 7 + y * 13 + c * 29) / 8 % 32) as f32 / 32.0;
                    let pattern = ((x * x * 3 + y * y * 5 + c * 11) % 64) as f32 / 64.0;
                    values[0].push(step);
                    values[1].push(0.75 * step + 0.25 * pattern);
                }
            }
        }
        values.map(|values| Picture::new(shape, values))
    }

    /// By the authors' `flip-evaluator` 1.7: `evaluate(a, b, "LDR", applyMagma=False)`, the mean of its map, in single precision.
    #[test]
    fn flip_agrees_with_its_authors_program() {
        for (shape, golden) in [
            (Shape::new(3, 32, 32), 0.338_314_3),
            (Shape::new(3, 24, 40), 0.340_839_0),
            (Shape::new(1, 20, 90), 0.285_387_8),
            (Shape::new(3, 5, 3), 0.280_157_5),
            (Shape::new(3, 150, 70), 0.348_999_3),
        ] {
            let [a, b] = steps(shape);
            assert!((flip(&a, &b) - golden).abs() < 1e-6, "{shape}: {} against {golden}", flip(&a, &b));
        }
    }

    #[test]
    fn strips_do_not_matter() {
        for shape in [Shape::new(3, 75, 9), Shape::new(1, 41, 16)] {
            let [a, b] = steps(shape);
            let whole = in_strips(&a, &b, usize::MAX);
            for strip in [1, 7, 20, 40, 74] {
                let found = in_strips(&a, &b, strip);
                assert_eq!(found.to_bits(), whole.to_bits(), "{strip} rows of {shape}: {found} against {whole}");
            }
        }
    }

    #[test]
    fn flip_is_nothing_for_equal_pictures_and_most_from_green_to_blue() {
        for (height, width) in [(1, 1), (3, 30), (40, 40)] {
            let (a, b) = pair(Shape::new(3, height, width));
            assert!(flip(&a, &a) == 0.0 && flip(&a, &b) > 0.0);
            assert!((flip(&a, &b) - flip(&b, &a)).abs() < 1e-12);
        }
        let plain = |rgb: [f32; 3]| Picture::new(Shape::new(3, 30, 30), rgb.iter().flat_map(|v| [*v; 900]).collect());
        assert!((flip(&plain([0.0, 1.0, 0.0]), &plain([0.0, 0.0, 1.0])) - 1.0).abs() < 1e-6);
        assert!((flip(&plain([-3.0, 2.0, 0.0]), &plain([0.0, 0.0, 7.0])) - 1.0).abs() < 1e-6, "clipped first");
    }
}
