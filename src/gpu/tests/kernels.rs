//! Each kernel against plain loops in double precision, on sizes that fit no tile.

use super::{apart, gpu, no_adapter, noise};
use crate::gpu::device::Buffer;
use crate::gpu::filter::{Adds, Convolution, padded};
use crate::gpu::kernels::Kernel;
use crate::gpu::plan::Draft;

/// Runs what `draft` puts together and gives `count` values of `result`.
pub(super) fn run(result: &Buffer, count: usize, draft: impl FnOnce(&mut Draft)) -> Vec<f32> {
    let gpu = gpu();
    let mut steps = Draft::new(&gpu);
    draft(&mut steps);
    let plan = steps.finish();
    gpu.run(plan.steps().iter(), &[(result, count)], &gpu.readback(count)).unwrap().remove(0)
}

/// Dense pixels × channels with their padding, which is zero.
pub(super) fn pad(values: &[f32], channels: usize) -> Vec<f32> {
    let mut wide = Vec::new();
    for pixel in values.chunks_exact(channels) {
        wide.extend_from_slice(pixel);
        wide.resize(wide.len().next_multiple_of(4), 0.0);
    }
    wide
}

pub(super) fn unpad(values: &[f32], channels: usize) -> Vec<f32> {
    values.chunks_exact(padded(channels)).flat_map(|pixel| &pixel[..channels]).copied().collect()
}

pub(super) fn close(found: &[f32], truth: &[f64], what: &str) {
    let truth: Vec<f32> = truth.iter().map(|v| *v as f32).collect();
    let error = apart(found, &truth);
    assert!(error < 1e-5, "{what}: {error} apart");
}

/// Calls `visit(output pixel, input pixel, weight's place)` for all pairs that a weight of the convolution connects, for one
/// output and one input channel.
fn each_pair(c: &Convolution, (height, width): (usize, usize), mut visit: impl FnMut(usize, usize, usize)) {
    let (lines, columns) = (height.div_ceil(c.stride), width.div_ceil(c.stride));
    for (y, x) in (0..lines).flat_map(|y| (0..columns).map(move |x| (y, x))) {
        for (ty, tx) in (0..c.kernel).flat_map(|ty| (0..c.kernel).map(move |tx| (ty, tx))) {
            let (line, column) = (y * c.stride + ty, x * c.stride + tx);
            let inside =
                (c.border..height + c.border).contains(&line) && (c.border..width + c.border).contains(&column);
            if inside {
                let input = (line - c.border) * width + column - c.border;
                visit(y * columns + x, input, ty * c.kernel + tx);
            }
        }
    }
}

/// The convolution of rows of dense pictures, or its adjoint.
fn plain(
    c: &Convolution,
    rows: usize,
    size: (usize, usize),
    weights: &[f32],
    source: &[f32],
    adjoint: bool,
) -> Vec<f64> {
    let area = size.0 * size.1;
    let small = size.0.div_ceil(c.stride) * size.1.div_ceil(c.stride);
    let (from, to) = if adjoint { (small * c.outputs, area * c.inputs) } else { (area * c.inputs, small * c.outputs) };
    let mut result = vec![0.0; rows * to];
    for row in 0..rows {
        let (source, result) = (&source[row * from..][..from], &mut result[row * to..][..to]);
        each_pair(c, size, |out, input, tap| {
            for o in 0..c.outputs {
                for i in 0..c.inputs {
                    let weight = f64::from(weights[(o * c.inputs + i) * c.kernel * c.kernel + tap]);
                    let (large, little) = (input * c.inputs + i, out * c.outputs + o);
                    let (at, value) = if adjoint { (large, source[little]) } else { (little, source[large]) };
                    result[at] += weight * f64::from(value);
                }
            }
        });
    }
    result
}

fn check_convolution(c: &Convolution, rows: usize, size: (usize, usize)) {
    let gpu = gpu();
    let weights = noise(1, c.outputs * c.inputs * c.kernel * c.kernel);
    for adjoint in [false, true] {
        let filter = if adjoint { c.adjoint(&weights) } else { c.forward(&weights) };
        let product = filter.product(rows, size);
        let small = (size.0.div_ceil(c.stride), size.1.div_ceil(c.stride));
        let ((h, w), channels) = if adjoint { (small, c.outputs) } else { (size, c.inputs) };
        let source = noise(2, rows * h * w * channels);
        let (from, taps) = (gpu.filled(&pad(&source, channels)), gpu.filled(&filter.weights));
        let slices = gpu.room(4 * product.vectors() * product.slices);
        let found = run(&slices, 4 * product.vectors() * product.slices, |draft| {
            draft.product(&product, (Adds::Nothing, 1), [&from, &taps, &slices], None);
        });
        let mut sum = vec![0.0; 4 * product.vectors()];
        for slice in found.chunks_exact(4 * product.vectors()) {
            sum.iter_mut().zip(slice).for_each(|(sum, value)| *sum += value);
        }
        let truth = plain(c, rows, size, &weights, &source, adjoint);
        let what = format!("{c:?} adjoint {adjoint}, {rows} rows of {size:?}, {} slices", product.slices);
        close(&unpad(&sum, filter.channels.1), &truth, &what);
    }
}

#[test]
fn convolutions_and_adjoints_match_plain_loops() {
    if no_adapter() {
        return;
    }
    for (kernel, stride) in [(3, 1), (3, 2), (4, 2), (1, 1)] {
        for side in [1, 3, 5, 7] {
            for (inputs, outputs) in [(8, 8), (24, 40), (40, 24), (3, 8), (1, 24)] {
                let c = Convolution { outputs, inputs, kernel, stride, border: usize::from(kernel > 1) };
                for rows in [1, 2, 11] {
                    check_convolution(&c, rows, (side, (side + 2) % 8));
                }
            }
        }
    }
    // Enough pixels for the large tiles.
    check_convolution(&Convolution { outputs: 40, inputs: 8, kernel: 3, stride: 1, border: 1 }, 2, (64, 65));
}

#[test]
fn what_is_added_is_added() {
    if no_adapter() {
        return;
    }
    let gpu = gpu();
    let c = Convolution { outputs: 8, inputs: 8, kernel: 1, stride: 1, border: 0 };
    let filter = c.forward(&noise(1, 64));
    let product = filter.product(4, (3, 5));
    assert_eq!(product.slices, 1);
    let (source, pictures, scales) = (noise(2, 4 * 120), noise(3, 2 * 120), [0.5, 0.0, -2.0, 1.0]);
    // A row that weighs nothing takes nothing, even of what is no number.
    let mut poisoned = pictures.clone();
    poisoned[130] = f32::NAN;
    let (from, taps, result) = (gpu.filled(&source), gpu.filled(&filter.weights), gpu.room(480));
    let mut truth = plain(&c, 4, (3, 5), &noise(1, 64), &source, false);
    for (row, scale) in scales.iter().enumerate() {
        for i in 0..120 {
            truth[row * 120 + i] += f64::from(*scale) * f64::from(pictures[row / 2 * 120 + i]);
        }
    }
    let (added, factors) = (gpu.filled(&pictures), gpu.filled(&scales));
    let found = run(&result, 480, |draft| {
        draft.product(&product, (Adds::Pictures, 2), [&from, &taps, &result], Some((&added, &factors)));
    });
    close(&found, &truth, "the pictures'");
    // Through slices: half of each.
    let halves: Vec<f32> = [0.25_f32, 0.75].iter().flat_map(|share| source.iter().map(move |v| v * share)).collect();
    let halves = gpu.filled(&halves);
    let (zeroed, poisoned) = (gpu.filled(&[0.0, 0.0, 0.0, 0.0]), gpu.filled(&poisoned));
    let found = run(&result, 480, |draft| {
        let words = [120, 30, 2, 120, Adds::Pictures as u32, 2, 0, 0];
        draft.add(Kernel::Reduce, &words, Some(6), &[&halves, &result, &poisoned, &zeroed], [1, 1, 1], 0.0);
    });
    close(&found, &source.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), "the slices'");
}

/// GELU(a) and GELU'(a).
pub(super) fn gelu(a: f64) -> (f64, f64) {
    let distribution = 0.5 * libm::erfc(-a * std::f64::consts::FRAC_1_SQRT_2);
    let density = (-0.5 * a * a).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (a * distribution, distribution + a * density)
}

/// Norm, film and GELU of one picture, `[pixels, channels]`; with `g`, the pullback of g.
fn plain_norm(x: &[f32], channels: usize, size: usize, film: &[f32], g: Option<&[f32]>) -> Vec<f64> {
    let pixels = x.len() / channels;
    let wide = padded(channels);
    let mut result = vec![0.0; x.len()];
    for group in 0..channels / size {
        let places: Vec<(usize, usize)> =
            (0..pixels).flat_map(|p| (group * size..(group + 1) * size).map(move |c| (p * channels + c, c))).collect();
        let count = places.len() as f64;
        let mean = places.iter().map(|(i, _)| f64::from(x[*i])).sum::<f64>() / count;
        let variance = places.iter().map(|(i, _)| (f64::from(x[*i]) - mean).powi(2)).sum::<f64>() / count;
        let rate = (variance + 1e-5).sqrt().recip();
        let point = |(i, c): &(usize, usize)| {
            let normal = (f64::from(x[*i]) - mean) * rate;
            let gain = f64::from(film[*c]);
            (normal, gain, gelu(normal * gain + f64::from(film[wide + *c])))
        };
        let Some(g) = g else {
            for place in &places {
                result[place.0] = point(place).2.0;
            }
            continue;
        };
        let h: Vec<(f64, f64)> = places
            .iter()
            .map(|place| {
                let (normal, gain, (_, slope)) = point(place);
                (f64::from(g[place.0]) * slope * gain, normal)
            })
            .collect();
        let mean_h = h.iter().map(|(h, _)| h).sum::<f64>() / count;
        let along = h.iter().map(|(h, n)| h * n).sum::<f64>() / count;
        places.iter().zip(&h).for_each(|((i, _), (h, n))| result[*i] = rate * (h - mean_h - n * along));
    }
    result
}

/// A picture's norm and pullback, for two pictures and two rows of each, in slices and whole, in blocks if they are large.
fn check_norm(pixels: usize, channels: usize, size: usize) {
    let gpu = gpu();
    let (wide, what) = (padded(channels), format!("{pixels} pixels, {channels} channels, groups of {size}"));
    // Far from zero, where a one-pass variance would lose its digits.
    let x: Vec<f32> = noise(1, 2 * pixels * channels).iter().map(|v| 30.0 + v).collect();
    let residual = noise(2, x.len());
    let row: Vec<f32> = noise(3, 2 * wide).iter().map(|v| 1.0 + 0.3 * v).collect();
    let mut film = vec![f32::from_bits(2 + 3), f32::from_bits(2 + 3), 7.0, 7.0, 7.0];
    film.extend(&row);
    // In two slices and a residual that make up x.
    let parts: Vec<f32> =
        [0.25_f32, 0.75].iter().flat_map(|share| x.iter().zip(&residual).map(move |(x, r)| share * (x - r))).collect();
    let padded_x = pad(&x, channels);
    let slices = gpu.filled(&[pad(&parts[..x.len()], channels), pad(&parts[x.len()..], channels)].concat());
    let (whole, active) = (gpu.room(padded_x.len()), gpu.filled(&vec![f32::NAN; padded_x.len()]));
    let (film, added) = (gpu.filled(&film), gpu.filled(&pad(&residual, channels)));
    let groups = channels / size;
    let (block, blocks) = if pixels > 4096 { (1024, pixels.div_ceil(1024)) } else { (pixels, 1) };
    let (stats, scratch) = (gpu.room(2 * (3 + 2 * groups)), gpu.room(2 * 4 * groups * blocks));
    let words = [pixels, wide, channels, size, 2, padded_x.len(), 1, 0, 3, block, blocks, 0].map(|w| w as u32);
    let grid = [groups as u32, blocks as u32, 2];
    let found = run(&active, padded_x.len(), |draft| {
        if blocks == 1 {
            draft.add(Kernel::Norm, &words, None, &[&slices, &added, &whole, &active, &film, &stats], grid, 0.0);
        } else {
            draft.add(Kernel::NormMoments, &words, None, &[&slices, &added, &whole, &scratch], grid, 0.0);
            draft.add(Kernel::NormApply, &words, None, &[&whole, &active, &film, &stats, &scratch], grid, 0.0);
        }
    });
    let each = pixels * channels;
    let truth: Vec<f64> = x.chunks_exact(each).flat_map(|x| plain_norm(x, channels, size, &row, None)).collect();
    close(&unpad(&found, channels), &truth, &what);
    assert!(found.chunks_exact(wide).all(|pixel| pixel[channels..].iter().all(|v| *v == 0.0)), "{what}: padding");

    let g = noise(4, 4 * each);
    let (pulled, gradient) = (gpu.room(4 * pixels * wide), noise(5, 2 * each));
    let (source, added, scales) =
        (gpu.filled(&pad(&g, channels)), gpu.filled(&pad(&gradient, channels)), [0.5, 0.0, -1.0, 2.0]);
    let factors = gpu.filled(&scales);
    let words = [pixels, wide, channels, size, 1, 0, 0, 3, block, blocks, 2, 2, 0].map(|w| w as u32);
    let grid = [groups as u32, blocks as u32, 4];
    let found = run(&pulled, 4 * pixels * wide, |draft| {
        if blocks == 1 {
            let buffers = [&source, &whole, &film, &stats, &added, &factors, &pulled];
            draft.add(Kernel::NormPullback, &words, Some(12), &buffers, grid, 0.0);
        } else {
            let buffers = [&source, &whole, &film, &stats, &pulled, &scratch];
            draft.add(Kernel::NormPullbackSums, &words, Some(12), &buffers, grid, 0.0);
            let buffers = [&whole, &stats, &added, &factors, &pulled, &scratch];
            draft.add(Kernel::NormPullbackApply, &words, Some(12), &buffers, grid, 0.0);
        }
    });
    let mut truth = Vec::new();
    for (r, g) in g.chunks_exact(each).enumerate() {
        let pulled = plain_norm(&x[r / 2 * each..][..each], channels, size, &row, Some(g));
        let gradient = &gradient[r / 2 * each..][..each];
        truth.extend(pulled.iter().zip(gradient).map(|(p, a)| p + f64::from(scales[r]) * f64::from(*a)));
    }
    close(&unpad(&found, channels), &truth, &format!("{what}: pullback"));
}

#[test]
fn norms_and_their_pullbacks_match_plain_loops() {
    if no_adapter() {
        return;
    }
    for (pixels, channels, size) in [
        (1, 8, 8),
        (9, 24, 8),
        (25, 40, 8),
        (49, 8, 8),
        (35, 9, 3),
        (6, 14, 7),
        (4, 300, 300),
        (65 * 65, 16, 8),
        (70 * 61, 6, 3),
    ] {
        check_norm(pixels, channels, size);
    }
}

#[test]
fn the_head_and_the_posterior_match_plain_sums() {
    if no_adapter() {
        return;
    }
    let gpu = gpu();
    let (pictures, pixels, channels, classes) = (2, 35, 24, 300);
    let x = noise(1, pictures * pixels * channels);
    let (source, pooled) = (gpu.filled(&x), gpu.room(pictures * channels));
    let found = run(&pooled, pictures * channels, |draft| {
        draft.add(Kernel::Pool, &[35, 24], None, &[&source, &pooled], [24, 1, 2], 0.0);
    });
    let mean = |n: usize, c: usize| {
        let values = x[n * pixels * channels..][..pixels * channels].iter().skip(c).step_by(channels);
        values.map(|v| f64::from(*v)).sum::<f64>() / pixels as f64
    };
    let truth: Vec<f64> =
        (0..pictures).flat_map(|n| (0..channels).map(move |c| (n, c))).map(|(n, c)| mean(n, c)).collect();
    close(&found, &truth, "means");

    let (weights, bias) = (noise(2, channels * classes), noise(3, classes));
    let (w, b, logits) = (gpu.filled(&weights), gpu.filled(&bias), gpu.room(pictures * classes));
    let found = run(&logits, pictures * classes, |draft| {
        let words = [24, 300, 24, 300, 3.0_f32.to_bits(), 1, 0, 0];
        draft.add(Kernel::Linear, &words, None, &[&pooled, &w, &b, &logits], [5, 1, 2], 0.0);
    });
    let mut truth = Vec::new();
    for n in 0..pictures {
        for k in 0..classes {
            let sum: f64 = (0..channels).map(|c| mean(n, c) * f64::from(weights[c * classes + k])).sum();
            truth.push(3.0 * sum + f64::from(bias[k]));
        }
    }
    close(&found, &truth, "a linear layer");

    // Logits far apart: their exponentials would overflow or vanish.
    let values: Vec<f32> = noise(4, pictures * classes).iter().map(|v| 1000.0 + 60.0 * v).collect();
    let chosen: Vec<f32> = [7_u32, 299, 0].iter().map(|k| f32::from_bits(*k)).collect();
    let (logits, chosen, rows) = (gpu.filled(&values), gpu.filled(&chosen), gpu.room(pictures * 4 * classes));
    let found = run(&rows, pictures * 4 * classes, |draft| {
        draft.add(Kernel::Posterior, &[300, 4], None, &[&logits, &rows, &chosen], [1, 1, 2], 0.0);
    });
    for (n, found) in found.chunks_exact(4 * classes).enumerate() {
        let logits: Vec<f64> = values[n * classes..][..classes].iter().map(|v| f64::from(*v)).collect();
        let most = logits.iter().fold(f64::MIN, |m, v| m.max(*v));
        let whole: f64 = logits.iter().map(|v| (v - most).exp()).sum();
        let truth: Vec<f64> = logits.iter().map(|v| (v - most).exp() / whole).collect();
        close(&found[..classes], &truth, "a posterior");
        for (row, class) in found[classes..].chunks_exact(classes).zip([7, 299, 0]) {
            assert!(row.iter().enumerate().all(|(k, v)| *v == f32::from(u8::from(k == class))), "class {class}");
        }
    }
}

#[test]
fn the_read_out_and_the_end_match_plain_sums() {
    if no_adapter() {
        return;
    }
    let gpu = gpu();
    // Two pictures of 70 pixels, so two blocks of 64; γ of 6 channels from value 5 on.
    let (pixels, channels, wide) = (70, 6, 8);
    let products = noise(1, 2 * 2 * pixels * 2 * wide);
    let mut film = vec![f32::from_bits(3), f32::from_bits(3), 9.0];
    film.extend(noise(2, 5));
    let mut gamma = noise(3, channels);
    gamma.resize(wide, 0.0);
    film.extend(&gamma);
    let (source, film) = (gpu.filled(&products), gpu.filled(&film));
    let (kept, energy) = (gpu.room(2 * pixels * 2 * wide), gpu.room(2 * 5));
    let stride = 2 * pixels * 2 * wide;
    let scale = 1.0 / (channels as f32).sqrt();
    let words = [70, 2, 2, (stride / 4) as u32, 5, scale.to_bits(), 64, 5, 1];
    let add = |draft: &mut Draft| {
        draft.add(Kernel::Exchange, &words, None, &[&source, &kept, &film, &energy], [2, 1, 2], 0.0);
    };
    let (found, energies) = (run(&kept, stride, add), run(&energy, 10, add));
    let mut truth = vec![0.0; stride];
    let mut sums = vec![0.0; 10];
    for pixel in 0..2 * pixels {
        for c in 0..wide {
            let at = |half: usize| {
                let i = (pixel * 2 + half) * wide + c;
                f64::from(products[i]) + f64::from(products[stride + i])
            };
            let gamma = f64::from(gamma[c]) * f64::from(scale);
            truth[pixel * 2 * wide + c] = gamma * at(1);
            truth[(pixel * 2 + 1) * wide + c] = gamma * at(0);
            sums[pixel / pixels * 5 + 1 + pixel % pixels / 64] += gamma * at(0) * at(1);
        }
    }
    close(&found, &truth, "exchanged");
    close(&energies, &sums, "energies");

    // The end: two pictures, two rows each, three colours.
    let (g, z) = (noise(4, 4 * pixels * 4), noise(5, 2 * pixels * 4));
    let factors = [1.0, 0.5, 0.0, 2.0, -1.0, 1.5, 3.0, 0.25];
    let (source, at, f, out) = (gpu.filled(&g), gpu.filled(&z), gpu.filled(&factors), gpu.room(4 * 3 * pixels));
    let found = run(&out, 4 * 3 * pixels, |draft| {
        draft.add(Kernel::Finish, &[70, 3, 1, 0, 2, 0, 4, 0], Some(5), &[&source, &at, &f, &out], [1, 1, 4], 0.0);
    });
    let mut truth = Vec::new();
    for row in 0..4 {
        for (c, p) in (0..3).flat_map(|c| (0..pixels).map(move |p| (c, p))) {
            let value = f64::from(g[(row * pixels + p) * 4 + c]);
            let z = f64::from(z[(row / 2 * pixels + p) * 4 + c]);
            truth.push((value - f64::from(factors[2 * row]) * z) * f64::from(factors[2 * row + 1]));
        }
    }
    close(&found, &truth, "the end");
}
