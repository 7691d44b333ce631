//! The kernels of a graph's layers against plain loops in double precision.

use super::kernels::{close, gelu, pad, run, unpad};
use super::{gpu, no_adapter, noise};
use crate::gpu::filter::padded;
use crate::gpu::kernels::Kernel;

#[test]
fn functions_of_each_value_match_plain_ones() {
    if no_adapter() {
        return;
    }
    let gpu = gpu();
    // Two pictures of rows that fill no workgroup, three rows of cotangents each, of which the first two are left out.
    let (row, each, first) = (4 * 301, 3, 2);
    let rows = 2 * each - first;
    let [x, g, added] = [(1, 2), (2, rows), (3, rows)].map(|(seed, rows)| noise(seed, rows * row));
    let [whole, source, more] = [&x, &g, &added].map(|values| gpu.filled(values));
    let result = gpu.filled(&vec![f32::NAN; rows * row]);
    let vectors = (rows * row / 4) as u32;
    let found = run(&result, 2 * row, |draft| {
        draft.add(Kernel::Gelu, &[2 * row as u32 / 4], None, &[&whole, &result], [2, 1, 1], 0.0);
    });
    let truth: Vec<f64> = x.iter().map(|x| gelu(f64::from(*x)).0).collect();
    close(&found, &truth, "GELU by workgroups that go round");
    let found = run(&result, rows * row, |draft| {
        draft.add(Kernel::Sum, &[vectors], None, &[&source, &result, &more], [5, 1, 1], 0.0);
    });
    let truth: Vec<f64> = g.iter().zip(&added).map(|(a, b)| f64::from(*a) + f64::from(*b)).collect();
    close(&found, &truth, "sum");
    for adds in [0, 1] {
        let words = [vectors, row as u32 / 4, each as u32, first as u32, adds, 0, 0, 0];
        let found = run(&result, rows * row, |draft| {
            draft.add(Kernel::GeluPullback, &words, None, &[&source, &whole, &result, &more], [3, 1, 1], 0.0);
        });
        let slope = |i: usize| gelu(f64::from(x[(first + i / row) / each * row + i % row])).1;
        let more = |i: usize| f64::from(adds) * f64::from(added[i]);
        let truth: Vec<f64> = g.iter().enumerate().map(|(i, g)| f64::from(*g) * slope(i) + more(i)).collect();
        close(&found, &truth, &format!("GELU's pullback, adding {adds}"));
    }
}

/// The norm that preserves the scale, of one picture `[pixels, channels]`; with `g`, the pullback of g by its Jacobian's
/// definition: the derivative of ⟨g, norm(x)⟩.
fn plain_norm(x: &[f32], channels: usize, size: usize, gains: &[f32], g: Option<&[f32]>) -> Vec<f64> {
    let groups = channels / size;
    let count = (x.len() / groups) as f64;
    let of = |i: usize| i % channels / size;
    let over = |values: &dyn Fn(usize) -> f64| {
        let mut sums = vec![0.0; groups];
        (0..x.len()).for_each(|i| sums[of(i)] += values(i) / count);
        sums
    };
    let mean = over(&|i| f64::from(x[i]));
    let centred = |i: usize| f64::from(x[i]) - mean[of(i)];
    let d: Vec<f64> = over(&|i| centred(i).powi(2)).into_iter().map(|variance| (variance + 1e-5).sqrt()).collect();
    let s = (d.iter().map(|d| d * d).sum::<f64>() / groups as f64).sqrt();
    let gain = |i: usize| f64::from(gains[i % channels]);
    let Some(g) = g else {
        return (0..x.len()).map(|i| gain(i) * s * centred(i) / d[of(i)]).collect();
    };
    // ⟨g, G s c/d⟩ with c centred: by c directly, by d through each group, by s through all of them.
    let w = |i: usize| f64::from(g[i]) * gain(i);
    let along = over(&|i| w(i) * centred(i));
    let by_s: f64 = (0..groups).map(|k| along[k] * count / d[k]).sum();
    let by_d: Vec<f64> =
        (0..groups).map(|k| -s * along[k] * count / (d[k] * d[k]) + by_s * d[k] / (s * groups as f64)).collect();
    let by_c = |i: usize| w(i) * s / d[of(i)] + by_d[of(i)] * centred(i) / (d[of(i)] * count);
    let means = over(&by_c);
    (0..x.len()).map(|i| by_c(i) - means[of(i)]).collect()
}

fn check_norm(pixels: usize, channels: usize, size: usize) {
    let gpu = gpu();
    let (wide, what) = (padded(channels), format!("{pixels} pixels, {channels} channels, groups of {size}"));
    // Far from zero, and of another scale in each channel.
    let scale = |i: usize| 30.0 + (1 + i % channels) as f32 * 0.5;
    let x: Vec<f32> = noise(1, 2 * pixels * channels).iter().enumerate().map(|(i, v)| scale(i) * v + 30.0).collect();
    let row: Vec<f32> = noise(3, wide).iter().map(|v| 1.0 + 0.3 * v).collect();
    let mut film = vec![f32::from_bits(2 + 3), f32::from_bits(2 + 3), 7.0, 7.0, 7.0];
    film.extend(&row);
    let (whole, film) = (gpu.filled(&pad(&x, channels)), gpu.filled(&film));
    let groups = channels / size;
    let (block, blocks) = if pixels > 4096 { (1024, pixels.div_ceil(1024)) } else { (pixels, 1) };
    let values = 2 * pixels * wide;
    let [result, stats, parts] = [values, 2 * (3 + 2 * groups + 2), 2 * 4 * groups * blocks].map(|room| gpu.room(room));
    let scales = 3 + 2 * groups;
    let grid = |rows: u32| [groups as u32, blocks as u32, rows];
    let found = run(&result, values, |draft| {
        let words = [pixels, wide, channels, size, 0, 0, 0, 0, 3, block, blocks, 0].map(|w| w as u32);
        let nothing = gpu.nothing();
        draft.add(Kernel::NormMoments, &words, None, &[nothing, nothing, &whole, &parts], grid(2), 0.0);
        let words = [pixels, wide, channels, size, 0, 3, scales, block, blocks, 0, 0, 0].map(|w| w as u32);
        draft.add(Kernel::ScaleNormSettle, &words, None, &[&stats, &parts], [1, 1, 2], 0.0);
        draft.add(Kernel::ScaleNormApply, &words, None, &[&whole, &result, &film, &stats], grid(2), 0.0);
    });
    let each = pixels * channels;
    let truth: Vec<f64> = x.chunks_exact(each).flat_map(|x| plain_norm(x, channels, size, &row, None)).collect();
    close(&unpad(&found, channels), &truth, &what);
    assert!(found.chunks_exact(wide).all(|pixel| pixel[channels..].iter().all(|v| *v == 0.0)), "{what}: padding");

    let [g, added] = [4, 5].map(|seed| noise(seed, 4 * each));
    let [source, more] = [&g, &added].map(|values| gpu.filled(&pad(values, channels)));
    let (pulled, means) = (gpu.room(2 * values), gpu.room(2 * (4 * groups + 4)));
    for adds in [0, 1] {
        let words = [pixels, wide, channels, size, 0, 3, scales, block, blocks, adds, 2, 0, 4].map(|w| w as u32);
        let found = run(&pulled, 2 * values, |draft| {
            let buffers = [&source, &whole, &film, &stats, &parts];
            draft.add(Kernel::ScaleNormPullbackSums, &words, None, &buffers, grid(4), 0.0);
            draft.add(Kernel::ScaleNormPullbackSettle, &words, None, &[&stats, &parts, &means], [1, 1, 4], 0.0);
            let buffers = [&source, &whole, &film, &stats, &more, &pulled, &means];
            draft.add(Kernel::ScaleNormPullbackApply, &words, None, &buffers, grid(4), 0.0);
        });
        let mut truth = Vec::new();
        for (r, (g, more)) in g.chunks_exact(each).zip(added.chunks_exact(each)).enumerate() {
            let pulled = plain_norm(&x[r / 2 * each..][..each], channels, size, &row, Some(g));
            truth.extend(pulled.iter().zip(more).map(|(p, a)| p + adds as f64 * f64::from(*a)));
        }
        close(&unpad(&found, channels), &truth, &format!("{what}: pullback, adding {adds}"));
    }
}

#[test]
fn the_norm_that_preserves_the_scale_and_its_pullback_match_plain_loops() {
    if no_adapter() {
        return;
    }
    for (pixels, channels, size) in
        [(1, 8, 8), (9, 24, 8), (25, 40, 8), (49, 8, 8), (35, 9, 3), (6, 14, 7), (65 * 65, 16, 8), (70 * 61, 6, 3)]
    {
        check_norm(pixels, channels, size);
    }
}

#[test]
fn rows_of_features_are_moved_spread_and_weighed_as_plain_loops_do() {
    if no_adapter() {
        return;
    }
    let gpu = gpu();
    let (rows, count, stride, start) = (3, 70, 72, 5);
    let [x, before] = [1, 2].map(|seed| noise(seed, rows * 100));
    let (source, added, result) = (gpu.filled(&x), gpu.filled(&before), gpu.filled(&[-9.0; 300]));
    let words = [count, rows, 100, 7, stride, start - 3, 1, 0, 0, 1, 0, 0].map(|word| word as u32);
    let found = run(&result, rows * stride, |draft| {
        let groups = [2, 1, rows as u32];
        draft.add(Kernel::MoveRows, &words, None, &[&source, &result, &added], groups, 0.0);
    });
    for (i, found) in found.iter().enumerate() {
        let (row, at) = (i / stride, (i % stride).checked_sub(start - 3).filter(|at| *at < count));
        let truth = at.map_or(-9.0, |at| x[row * 100 + 7 + at] + before[i]);
        assert_eq!(*found, truth, "{i}");
    }
    let (pixels, channels) = (35, 8);
    let more = noise(4, rows * pixels * channels);
    let (added, result) = (gpu.filled(&more), gpu.room(more.len()));
    let mut words = [channels as u32, rows as u32, 0, 0, 0, 0, 1, 0, 0.25_f32.to_bits(), 1, pixels as u32, 0];
    let found = run(&result, more.len(), |draft| {
        draft.add(Kernel::Spread, &words, None, &[&source, &result, &added], [2, 1, 1], 0.0);
    });
    let of = |i: usize| f64::from(x[i / (pixels * channels) * channels + i % channels]);
    let truth: Vec<f64> = more.iter().enumerate().map(|(i, a)| 0.25 * of(i) + f64::from(*a)).collect();
    close(&found, &truth, "spread");
    // The energy −P·mean(φ²)/2 of each of three pictures, and its pullback to rows two and three of two each.
    let (width, rate, energies) = (300, -7.5_f32, gpu.room(3));
    let features = noise(6, 3 * width);
    let values = gpu.filled(&features);
    (words[0], words[2], words[8], words[9]) = (width as u32, width as u32, rate.to_bits(), 0);
    let found = run(&energies, 3, |draft| {
        draft.add(Kernel::Energy, &words, None, &[&values, &energies], [1, 1, 3], 0.0);
    });
    let squares = |row: &[f32]| row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
    let truth: Vec<f64> = features.chunks_exact(width).map(|row| 0.5 * f64::from(rate) * squares(row)).collect();
    close(&found, &truth, "energy");
    let (g, scales) = (noise(7, 2 * width), [9.0, 9.0, 0.5, 0.0]);
    let (source, weights, result) = (gpu.filled(&g), gpu.filled(&scales), gpu.room(2 * width));
    (words[1], words[6], words[7]) = (2, 2, 2);
    let found = run(&result, 2 * width, |draft| {
        draft.add(Kernel::EnergyPullback, &words, None, &[&source, &values, &weights, &result], [5, 1, 2], 0.0);
    });
    let slope = |i: usize| f64::from(scales[2 + i / width]) * f64::from(rate) * f64::from(features[width + i % width]);
    let truth: Vec<f64> = g.iter().enumerate().map(|(i, g)| f64::from(*g) + slope(i)).collect();
    close(&found, &truth, "the energy's pullback");
}
