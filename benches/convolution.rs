//! Convolutions of the shapes that both networks use, beside a loop of nothing but multiply-adds.
//!
//! `cargo bench --bench convolution` prints criterion's times; throughput is in multiply-adds of direct convolution, so
//! Winograd's forms can exceed the peak that `peak` shows. All on one thread.

use std::hint::black_box;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use denoscope::kernels::conv::{Form, Weights, convolve};
use denoscope::kernels::layout::{Filter, Frame};
use denoscope::kernels::simd::{Kernel, Level, Simd};
use denoscope::kernels::winograd::Size;

/// Twelve independent chains of multiply-adds: enough to fill two units of four cycles.
struct Peak(u64);

/// Multiply-adds of vectors a turn.
const CHAINS: u64 = 12;

impl Kernel for Peak {
    type Output = f32;

    #[allow(clippy::inline_always)] // compiled for each instruction set
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        // Different values, or the compiler would compute equal chains once.
        let mut chains: [S::V; CHAINS as usize] = std::array::from_fn(|chain| s.splat(0.1 * chain as f32));
        let (factor, term) = (s.splat(0.999), s.splat(0.001));
        for _ in 0..self.0 {
            for chain in &mut chains {
                *chain = s.fma(*chain, factor, term);
            }
        }
        let mut lanes = [0.0; 16];
        for chain in chains {
            s.store(&mut lanes, black_box(chain));
        }
        lanes[0]
    }
}

/// Pictures, side, channels: the stages of both networks, with one picture and with ten cotangents.
const SHAPES: [(usize, usize, usize); 14] = [
    (1, 16, 48),
    (1, 8, 96),
    (1, 4, 192),
    (10, 16, 48),
    (10, 8, 96),
    (10, 4, 192),
    (1, 32, 64),
    (1, 16, 128),
    (1, 8, 256),
    (1, 4, 512),
    (10, 32, 64),
    (10, 16, 128),
    (10, 8, 256),
    (10, 4, 512),
];

fn convolutions(criterion: &mut Criterion) {
    let level = Level::best();
    let mut group = criterion.benchmark_group("peak");
    let turns = 100_000;
    group.throughput(Throughput::Elements(turns * CHAINS * level.lanes() as u64));
    group.bench_function(level.name(), |b| b.iter(|| level.run(Peak(black_box(turns)))));
    group.finish();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let mut group = criterion.benchmark_group("convolution");
    for (pictures, side, channels) in SHAPES {
        let frame = Frame::new(side, side, channels);
        let framed = vec![0.5; pictures * frame.len()];
        let mut out = vec![0.0; pictures * frame.dense()];
        let weights: Vec<f32> = (0..channels * channels * 9).map(|i| (i % 17) as f32 - 8.0).collect();
        let filter = Filter::new(&weights, [channels, channels, 3]);
        group.throughput(Throughput::Elements((pictures * side * side * channels * channels * 9) as u64));
        let chosen = Form::choose(frame, pictures, channels);
        for form in [Form::Direct, Form::Winograd(Size::Two), Form::Winograd(Size::Four)] {
            let weights = Weights::new(level, form, &filter);
            let mark = if form == chosen { " (chosen)" } else { "" };
            let id = BenchmarkId::new(format!("{form:?}{mark}"), format!("{pictures}x{side}x{side}x{channels}"));
            let mut run = || convolve(&weights, frame, pictures, &framed, &mut out, false);
            group.bench_function(id, |b| {
                b.iter_custom(|times| {
                    // On the pool's thread, as in a network: from another one, each call is handed over first.
                    pool.install(|| {
                        let start = Instant::now();
                        (0..times).for_each(|_| run());
                        start.elapsed()
                    })
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, convolutions);
criterion_main!(benches);
