//! Group norm, gain and offset, and GELU in one pass over memory on the processor, with reverse passes of the value and of the
//! pullback, for training: candle's own operations would go over the same values about a hundred times.
//!
//! With `x̂ = (x − mean)·r` over a group's L values, `a = x̂G + O`:
//! value `= aΦ(a)`, slope `s = G·(Φ(a) + aφ(a))`, pullback of g: `r(h − mean h − x̂·mean(h x̂))` with `h = g s`.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Added to the variance under the group norm's root, as in `layers`.
const EPSILON: f64 = super::layers::EPSILON;

/// The value: x `[N, C, H, W]` and film `[N, 2C]` (gain less one, then offset) → `[N, C, H, W]`.
pub(super) fn value(x: &Tensor, film: &Tensor, group: usize) -> Result<Tensor> {
    x.contiguous()?.apply_op2(&film.contiguous()?, Value { group })
}

/// The pullback of g `[N, M, C, H, W]` at x and film.
pub(super) fn pullback(g: &Tensor, x: &Tensor, film: &Tensor, group: usize) -> Result<Tensor> {
    g.contiguous()?.apply_op3(&x.contiguous()?, &film.contiguous()?, Pullback { group })
}

/// One group of one picture at its linearisation point.
struct Group<'a> {
    x: &'a [f32],
    gain: &'a [f32],
    offset: &'a [f32],
    mean: f32,
    rate: f32,
}

/// What a value's neighbourhood is made of.
struct Point {
    /// x̂
    normal: f32,
    gain: f32,
    /// a
    lifted: f32,
    /// Φ(a) and φ(a)
    distribution: f32,
    density: f32,
}

impl Point {
    /// GELU'(a)
    fn slope(&self) -> f32 {
        self.distribution + self.lifted * self.density
    }

    /// GELU''(a)
    fn curvature(&self) -> f32 {
        self.density * (2.0 - self.lifted * self.lifted)
    }
}

impl<'a> Group<'a> {
    fn new(x: &'a [f32], gain: &'a [f32], offset: &'a [f32]) -> Self {
        let count = x.len() as f64;
        let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        Self { x, gain, offset, mean: mean as f32, rate: (variance + EPSILON).sqrt().recip() as f32 }
    }

    /// Every value of the group in order.
    fn points(&self) -> impl Iterator<Item = (usize, Point)> + '_ {
        let pixels = self.x.len() / self.gain.len();
        self.x.iter().enumerate().map(move |(i, x)| {
            let channel = i / pixels;
            let normal = (x - self.mean) * self.rate;
            let gain = 1.0 + self.gain[channel];
            let lifted = normal * gain + self.offset[channel];
            let distribution = 0.5 * (1.0 + libm::erff(lifted * std::f32::consts::FRAC_1_SQRT_2));
            let density = (-0.5 * lifted * lifted).exp() * 0.398_942_3;
            (channel, Point { normal, gain, lifted, distribution, density })
        })
    }

    /// The group norm's own pullback, `r(h − mean h − x̂·mean(h x̂))`, which is its own adjoint; with mean(h x̂).
    fn norm_pullback(&self, h: &mut [f32]) -> f32 {
        let count = h.len() as f64;
        let normal = |x: f32| (x - self.mean) * self.rate;
        let mean = (h.iter().map(|&v| f64::from(v)).sum::<f64>() / count) as f32;
        let along = h.iter().zip(self.x).map(|(&h, &x)| f64::from(h) * f64::from(normal(x))).sum::<f64>();
        let along = (along / count) as f32;
        for (h, &x) in h.iter_mut().zip(self.x) {
            *h = self.rate * (*h - mean - normal(x) * along);
        }
        along
    }
}

/// Runs `work` on every group of every picture: the group, and where its values and channels begin.
fn each_group(
    (x, film): (&[f32], &[f32]),
    (n, c, group): (usize, usize, usize),
    outputs: Vec<&mut [f32]>,
    work: impl Fn(&Group, usize, &mut [&mut [f32]]) + Sync,
) {
    if n == 0 {
        return;
    }
    // Each output is cut into one row a picture.
    let mut rows: Vec<Vec<&mut [f32]>> = (0..n).map(|_| Vec::with_capacity(outputs.len())).collect();
    for output in outputs {
        let row = output.len() / n;
        rows.iter_mut().zip(output.chunks_exact_mut(row)).for_each(|(rows, part)| rows.push(part));
    }
    let size = x.len() / n;
    rows.into_par_iter().enumerate().for_each(|(picture, mut outputs)| {
        let (x, film) = (&x[picture * size..][..size], &film[picture * 2 * c..][..2 * c]);
        for first in (0..c).step_by(group) {
            let values = &x[first * (size / c)..][..group * (size / c)];
            let at = Group::new(values, &film[first..first + group], &film[c + first..c + first + group]);
            work(&at, first, &mut outputs);
        }
    });
}

struct Value {
    group: usize,
}

impl CustomOp2 for Value {
    fn name(&self) -> &'static str {
        "norm-film-gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, film: &CpuStorage, lf: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, h, w) = lx.shape().dims4()?;
        let mut out = vec![0.0_f32; lx.shape().elem_count()];
        each_group((dense(x, lx)?, dense(film, lf)?), (n, c, self.group), vec![&mut out], |at, first, out| {
            let out = &mut out[0][first * h * w..][..self.group * h * w];
            for (out, (_, p)) in out.iter_mut().zip(at.points()) {
                *out = p.lifted * p.distribution;
            }
        });
        Ok((CpuStorage::F32(out), lx.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, film: &Tensor, _: &Tensor, g: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (n, c, h, w) = x.dims4()?;
        let (xs, films) = (values(x)?, values(film)?);
        // The value's gradient becomes x's where it lies.
        let (mut dx, mut dfilm) = (values(g)?, vec![0.0_f32; n * 2 * c]);
        each_group((&xs, &films), (n, c, self.group), vec![&mut dx, &mut dfilm], |at, first, out| {
            let [dx, dfilm] = out else { unreachable!("two outputs") };
            let dx = &mut dx[first * h * w..][..self.group * h * w];
            for (dx, (channel, p)) in dx.iter_mut().zip(at.points()) {
                let lifted = *dx * p.slope();
                dfilm[first + channel] += lifted * p.normal;
                dfilm[c + first + channel] += lifted;
                *dx = lifted * p.gain;
            }
            at.norm_pullback(dx);
        });
        Ok((Some(tensor(dx, x)?), Some(tensor(dfilm, film)?)))
    }
}

struct Pullback {
    group: usize,
}

impl CustomOp3 for Pullback {
    fn name(&self) -> &'static str {
        "norm-film-gelu-pullback"
    }

    fn cpu_fwd(
        &self,
        g: &CpuStorage,
        lg: &Layout,
        x: &CpuStorage,
        lx: &Layout,
        film: &CpuStorage,
        lf: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (n, m, c, h, w) = lg.shape().dims5()?;
        let mut out = dense(g, lg)?.to_vec();
        each_group((dense(x, lx)?, dense(film, lf)?), (n, c, self.group), vec![&mut out], |at, first, out| {
            let slopes: Vec<f32> = at.points().map(|(_, p)| p.slope() * p.gain).collect();
            for cotangent in 0..m {
                let h = &mut out[0][(cotangent * c + first) * h * w..][..self.group * h * w];
                h.iter_mut().zip(&slopes).for_each(|(h, s)| *h *= s);
                at.norm_pullback(h);
            }
        });
        Ok((CpuStorage::F32(out), lg.shape().clone()))
    }

    fn bwd(
        &self,
        g: &Tensor,
        x: &Tensor,
        film: &Tensor,
        _: &Tensor,
        r: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (n, m, c, height, width) = g.dims5()?;
        let pixels = height * width;
        let (xs, films) = (values(x)?, values(film)?);
        // The result's gradient becomes g's where it lies; g is only read, by the rows that the outputs are written by.
        let (mut dg, mut given) = (values(r)?, values(g)?);
        let (mut dx, mut dfilm) = (vec![0.0_f32; xs.len()], vec![0.0_f32; n * 2 * c]);
        let outputs: Vec<&mut [f32]> = vec![&mut dg, &mut dx, &mut dfilm, &mut given];
        each_group((&xs, &films), (n, c, self.group), outputs, |at, first, out| {
            let [dg, dx, dfilm, given] = out else { unreachable!("four outputs") };
            let count = self.group * pixels;
            let dx = &mut dx[first * pixels..][..count];
            let points: Vec<(usize, Point)> = at.points().collect();
            let mut rate = 0.0_f64;
            for cotangent in 0..m {
                let start = (cotangent * c + first) * pixels;
                let (dg, given) = (&mut dg[start..][..count], &given[start..][..count]);
                let (mut mean, mut along, mut across) = (0.0_f64, 0.0_f64, 0.0_f64);
                for ((r, g), (_, p)) in dg.iter().zip(given).zip(&points) {
                    let h = f64::from(g * p.slope() * p.gain);
                    mean += h;
                    along += h * f64::from(p.normal);
                    across += f64::from(*r) * f64::from(p.normal);
                }
                let [mean, along, across] = [mean, along, across].map(|sum| (sum / count as f64) as f32);
                for (((r, g), (_, p)), dx) in dg.iter().zip(given).zip(&points).zip(&mut *dx) {
                    let h = g * p.slope() * p.gain;
                    // Through x̂ and r where they stand in the pullback itself.
                    *dx -= at.rate * (along * r + across * h);
                    rate += f64::from(*r) * f64::from(h - mean - p.normal * along);
                }
                at.norm_pullback(dg);
                for (((dh, g), (channel, p)), dx) in dg.iter_mut().zip(given).zip(&points).zip(&mut *dx) {
                    let slope = *dh * g;
                    let lifted = slope * p.gain * p.curvature();
                    dfilm[first + channel] += lifted * p.normal + slope * p.slope();
                    dfilm[c + first + channel] += lifted;
                    *dx += lifted * p.gain;
                    *dh *= p.slope() * p.gain;
                }
            }
            at.norm_pullback(dx);
            // ∂r/∂x = −r²x̂/L
            let rate = (rate / count as f64) as f32 * at.rate * at.rate;
            dx.iter_mut().zip(&points).for_each(|(dx, (_, p))| *dx -= rate * p.normal);
        });
        Ok((Some(tensor(dg, g)?), Some(tensor(dx, x)?), Some(tensor(dfilm, film)?)))
    }
}

/// A tensor's values in row-major order.
fn values(t: &Tensor) -> Result<Vec<f32>> {
    t.flatten_all()?.to_vec1()
}

fn tensor(values: Vec<f32>, like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(values, like.shape(), like.device())
}

fn dense<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("a dense tensor is needed"),
    }
}
