//! The norm's four passes against differences of its value by the book, in double precision.

use super::super::{At, Kept, Layer, Pass, Passes, Shape, Shapes};
use super::ScaleNorm;
use crate::kernels::engine::body::Rows;
use crate::kernels::engine::common::Common;
use crate::kernels::simd::Level;
use crate::kernels::tests::noise;
use crate::program::{self, Architecture, Form, Pictures, Program, Trunk};

/// Pixels, channels and pictures; the channels are three groups, padded to 32.
const SIZE: (usize, usize) = (3, 5);
const CHANNELS: usize = 24;
const GROUP: usize = 8;
const PICTURES: usize = 2;

/// One picture's value from unpadded pixels and gains.
fn naive(x: &[f64], gain: &[f64]) -> Vec<f64> {
    let groups = CHANNELS / GROUP;
    let of = |i: usize| i % CHANNELS / GROUP;
    let count = (x.len() / groups) as f64;
    let mut mean = vec![0.0; groups];
    x.iter().enumerate().for_each(|(i, v)| mean[of(i)] += v / count);
    let mut square = vec![1e-5; groups];
    x.iter().enumerate().for_each(|(i, v)| square[of(i)] += (v - mean[of(i)]).powi(2) / count);
    let scale = (square.iter().sum::<f64>() / groups as f64).sqrt();
    x.iter().enumerate().map(|(i, v)| gain[i % CHANNELS] * scale * (v - mean[of(i)]) / square[of(i)].sqrt()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `a + tb`
fn moved(a: &[f64], t: f64, b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + t * b).collect()
}

/// Padded single-precision rows of `CHANNELS` values, and back.
fn pad(values: &[f64], wide: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len() / CHANNELS * wide];
    for (to, from) in out.chunks_exact_mut(wide).zip(values.chunks_exact(CHANNELS)) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from as f32);
    }
    out
}

fn unpad(values: &[f32], wide: usize) -> Vec<f64> {
    assert!(values.chunks_exact(wide).all(|pixel| pixel[CHANNELS..].iter().all(|v| *v == 0.0)), "padding is zeros");
    values.chunks_exact(wide).flat_map(|pixel| &pixel[..CHANNELS]).map(|v| f64::from(*v)).collect()
}

#[test]
fn all_passes_are_derivatives_of_the_value() {
    let architecture =
        Architecture { widths: vec![CHANNELS], blocks: vec![1], strides: vec![1], ..Architecture::pooled_thin() };
    let pictures = Pictures { channels: 1, classes: 2, mean: vec![0.5], deviation: 0.25, sigma_range: (0.01, 1.0) };
    let program = Program::new(&architecture, pictures);
    let zeros: Vec<Vec<f32>> = program.tensors.iter().map(|tensor| vec![0.0; tensor.len()]).collect();
    let weights: Vec<&[f32]> = zeros.iter().map(Vec::as_slice).collect();
    let Trunk::Graph(graph) = &program.trunk else { panic!("a graph") };
    let film = graph.nodes.iter().find_map(|node| match node.layer {
        program::Layer::Norm(norm) => Some(norm.film),
        _ => None,
    });
    let shape = Shape::new(&Form { channels: CHANNELS, stride: Some(1) }, SIZE);
    let (wide, values) = (shape.frame.channels, SIZE.0 * SIZE.1 * CHANNELS);
    let draw = |seed: u64, scale: f64| -> Vec<f64> {
        // Groups differ in scale and are not centred.
        let of = |i: usize| scale * (1.0 + 3.0 * (i % CHANNELS / GROUP) as f64);
        noise(seed, PICTURES * values).iter().enumerate().map(|(i, v)| f64::from(*v) * of(i) + 0.5 * scale).collect()
    };
    let (x, t, q, r, d) = (draw(1, 0.5), draw(2, 0.5), draw(3, 1.0), draw(4, 1.0), draw(5, 1.0));
    let gains: Vec<f64> = noise(6, PICTURES * CHANNELS).iter().map(|v| 1.0 + f64::from(*v)).collect();
    for level in Level::available() {
        let common = Common::new(level, &program, &weights).unwrap();
        let norm = ScaleNorm { group: GROUP, start: common.film_start(film.unwrap()) };
        let mut rows = vec![0.0; PICTURES * common.film_row()];
        for (row, gains) in rows.chunks_exact_mut(common.film_row()).zip(pad(&gains, wide).chunks_exact(wide)) {
            row[norm.start..norm.start + wide].copy_from_slice(gains);
        }
        let shapes = Shapes { inputs: [shape; 2], out: shape };
        let at = At { common: &common, film: &rows, shapes, pictures: PICTURES, total: PICTURES, rows: Rows::PICTURES };
        let memory = |pass: Pass| norm.memory(pass, true, &shapes, PICTURES);
        let [mut kept, mut tangents, mut pulled] = [Pass::Values, Pass::Tangents, Pass::Pullback].map(memory);
        let room = || vec![f32::NAN; PICTURES * shape.len()];
        let [mut value, mut tangent, mut pullback, mut reverse] = [room(), room(), room(), room()];
        let (dense_x, dense_t) = (pad(&x, wide), pad(&t, wide));
        norm.forward(&at, [&dense_x, &[]], &mut value, &mut kept);
        norm.tangent(&at, [&dense_t, &[]], &mut tangent, &kept, &mut tangents);
        norm.pullback(&at, &pad(&q, wide), &kept, &mut pulled, [&mut pullback, &mut []]);
        let passes = Passes { values: &kept, tangents: &tangents, pullback: &pulled };
        let mut film = vec![f32::NAN; rows.len()];
        norm.reverse(&at, &pad(&r, wide), passes, &mut Kept::default(), &mut film, [&mut reverse, &mut []]);
        let [value, tangent, pullback, reverse] = [value, tangent, pullback, reverse].map(|v| unpad(&v, wide));
        for n in 0..PICTURES {
            let of =
                |values: &'_ [f64]| values[n * SIZE.0 * SIZE.1 * CHANNELS..][..SIZE.0 * SIZE.1 * CHANNELS].to_vec();
            let gain = &gains[n * CHANNELS..][..CHANNELS];
            let [x, t, q, r, d] = [&x, &t, &q, &r, &d].map(|values| of(values));
            let near = |found: f64, truth: f64, what: &str| {
                assert!(
                    (found - truth).abs() < 2e-4 * truth.abs().max(1.0),
                    "{} {what}: {found}, not {truth}",
                    level.name()
                );
            };
            for (found, truth) in of(&value).iter().zip(naive(&x, gain)) {
                near(*found, truth, "value");
            }
            let step = 1e-4;
            let along = |weights: &[f64], direction: &[f64]| {
                let at = |h: f64| dot(weights, &naive(&moved(&x, h, direction), gain));
                (at(step) - at(-step)) / (2.0 * step)
            };
            near(dot(&of(&tangent), &d), along(&d, &t), "tangent");
            near(dot(&of(&pullback), &d), along(&q, &d), "pullback");
            // ⟨r, f⟩ along d, and ⟨q, f⟩ along ẋ and d.
            let mixed = |a: f64, b: f64| dot(&q, &naive(&moved(&moved(&x, a * step, &t), b * step, &d), gain));
            let second =
                (mixed(1.0, 1.0) - mixed(1.0, -1.0) - mixed(-1.0, 1.0) + mixed(-1.0, -1.0)) / (4.0 * step * step);
            near(dot(&of(&reverse), &d), along(&r, &d) + second, "reverse");
            // The value is linear in the gains.
            let bare = naive(&x, &[1.0; CHANNELS]);
            let slope = {
                let at = |h: f64| naive(&moved(&x, h, &t), &[1.0; CHANNELS]);
                moved(&at(step), -1.0, &at(-step)).iter().map(|v| v / (2.0 * step)).collect::<Vec<f64>>()
            };
            for c in 0..CHANNELS {
                let of_channel = |values: &[f64], weights: &[f64]| -> f64 {
                    let pairs = values.iter().zip(weights).skip(c).step_by(CHANNELS);
                    pairs.map(|(v, w)| v * w).sum()
                };
                let found = f64::from(film[n * common.film_row() + norm.start + c]);
                near(found, of_channel(&bare, &r) + of_channel(&slope, &q), "gain");
            }
        }
    }
}
