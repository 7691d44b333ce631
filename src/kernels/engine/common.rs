//! What every trunk has around it: the standardised picture, the stem, the embedding of σ, and the film that every layer's gains,
//! offsets and weights come from, with the reverse pass of the embedding: small matrices only.

use std::f32::consts::FRAC_PI_2;

use super::dense::{Dense, DenseRows};
use crate::engine::Size;
use crate::kernels::activation::Film;
use crate::kernels::conv::pointwise;
use crate::kernels::gelu::normal;
use crate::kernels::outer::{Outer, accumulate};
use crate::kernels::product::{Grid, Panels};
use crate::kernels::simd::{Kernel, Level, Simd, WIDEST, padded};
use crate::kernels::stem::Stem;
use crate::program::{self, Affine, EmbeddingKind, FilmId, FilmLayout, Program, TensorId};
use crate::{Error, Result};

/// Gradients of a few tensors.
pub(super) type Pieces = Vec<(TensorId, Vec<f32>)>;

/// What a network has besides its trunk, packed for this processor.
#[derive(Debug)]
pub struct Common {
    pub program: Program,
    pub level: Level,
    embed: [Dense; 2],
    /// Every norm's gains and offsets, and every read-out's γ, from the embedding of σ: one product for all.
    film: Dense,
    layout: FilmLayout,
    pub stem: Stem,
    /// How many passes of values and of cotangents there were, for tests.
    #[cfg(test)]
    pub rises: std::sync::atomic::AtomicUsize,
    #[cfg(test)]
    pub falls: std::sync::atomic::AtomicUsize,
}

/// What the embedding of σ and the film need for some pictures.
#[derive(Debug, Default)]
pub struct Levels {
    features: Vec<f32>,
    /// Before and after the activation of both layers, `[pictures, padded width]` each.
    embeds: [[Vec<f32>; 2]; 2],
    /// Gains, offsets and γ of every layer, a row a picture.
    pub film: Vec<f32>,
}

impl Common {
    /// # Errors
    /// [`Error::Compute`] if a tensor has another size than the program gives it.
    pub fn new(level: Level, program: &Program, weights: &[&[f32]]) -> Result<Self> {
        program.check(weights).map_err(Error::Compute)?;
        let layout = program.film_layout(WIDEST);
        let mut film = DenseRows::new(program.embedding.width());
        for &id in &layout.order {
            let program::Film { affine, channels, kind } = program.films[id];
            let rows = weights[affine.weight].chunks_exact(channels * affine.inputs);
            for (index, (rows, bias)) in rows.zip(weights[affine.bias].chunks_exact(channels)).enumerate() {
                film.push(rows, bias, if index == 0 { kind.plus() } else { 0.0 });
            }
        }
        let dense = |layer: &Affine| {
            let mut rows = DenseRows::new(layer.inputs);
            rows.push(weights[layer.weight], weights[layer.bias], 0.0);
            rows.pack(level)
        };
        let stem = &program.stem;
        let [first, second] = &program.embedding.layers;
        Ok(Self {
            level,
            embed: [dense(first), dense(second)],
            film: film.pack(level),
            layout,
            stem: Stem::new(level, weights[stem.weight], [stem.outputs, stem.inputs, stem.kernel], stem.stride),
            program: program.clone(),
            #[cfg(test)]
            rises: std::sync::atomic::AtomicUsize::new(0),
            #[cfg(test)]
            falls: std::sync::atomic::AtomicUsize::new(0),
        })
    }

    /// Room for so many pictures.
    pub fn levels(&self, pictures: usize) -> Levels {
        let zeros = |count: usize| vec![0.0; pictures * count];
        let width = padded(self.program.embedding.width());
        let embed = || [zeros(width), zeros(width)];
        Levels {
            features: zeros(self.program.embedding.features()),
            embeds: [embed(), embed()],
            film: zeros(self.film_row()),
        }
    }

    /// Values of a row of the film.
    pub fn film_row(&self) -> usize {
        self.film.bias.len()
    }

    /// Where a film's values begin in a row.
    pub fn film_start(&self, film: FilmId) -> usize {
        self.layout.starts[film]
    }

    /// A layer's gains and offsets in the film's rows, from their beginning.
    pub fn film_at<'a>(&self, values: &'a [f32], start: usize) -> Film<'a> {
        Film { values, stride: self.film_row(), start }
    }

    /// Values of a patch of the stem over all its output pixels.
    pub fn patches(&self, pictures: usize, size: Size, patch: usize) -> Vec<f32> {
        let (lines, columns) = self.stem.size(size);
        vec![0.0; pictures * lines * columns * patch]
    }

    /// `√(σ_d² + σ²)`, by which z is scaled.
    pub fn spread(&self, sigma: f32) -> f32 {
        f64::from(self.program.pictures.deviation).hypot(f64::from(sigma)) as f32
    }

    /// `z = (y − μ)/√(σ_d² + σ²)`
    pub fn standardise(&self, noisy: &[f32], size: Size, sigmas: &[f32], z: &mut [f32]) {
        let (plane, pictures) = (size.0 * size.1, &self.program.pictures);
        let planes = z.chunks_exact_mut(plane).zip(noisy.chunks_exact(plane));
        for (index, (z, y)) in planes.enumerate() {
            let (picture, channel) = (index / pictures.channels, index % pictures.channels);
            let (mean, rate) = (pictures.mean[channel], 1.0 / self.spread(sigmas[picture]));
            for (z, y) in z.iter_mut().zip(y) {
                *z = (y - mean) * rate;
            }
        }
    }

    /// What the embedding of σ starts from: functions of t, which runs from −1 to 1 with log σ.
    fn features(&self, sigma: f32, out: &mut [f32]) {
        let (low, high) = self.program.pictures.sigma_range;
        let (low, high) = (f64::from(low).ln(), f64::from(high).ln());
        let t = (2.0 * (f64::from(sigma).ln() - low) / (high - low) - 1.0) as f32;
        let waves = match self.program.embedding.kind {
            EmbeddingKind::Gelu => {
                out[0] = t;
                &mut out[1..]
            }
            EmbeddingKind::Silu => out,
        };
        let count = self.program.embedding.frequencies;
        for k in 0..count {
            let angle = (k + 1) as f32 * FRAC_PI_2 * t;
            (waves[k], waves[count + k]) = angle.sin_cos();
        }
    }

    /// An embedding layer's activation, `x` to `value`.
    fn activate(&self, x: &[f32], value: &mut [f32]) {
        match self.program.embedding.kind {
            EmbeddingKind::Gelu => self.level.run(Gelu { x, value }),
            EmbeddingKind::Silu => value.iter_mut().zip(x).for_each(|(value, x)| *value = x * logistic(*x)),
        }
    }

    /// From the cotangent of an activation's value to that of `x`, in place.
    fn pull_activation(&self, x: &[f32], cotangent: &mut [f32]) {
        match self.program.embedding.kind {
            EmbeddingKind::Gelu => self.level.run(GeluReverse { x, cotangent }),
            EmbeddingKind::Silu => {
                for (g, x) in cotangent.iter_mut().zip(x) {
                    let rise = logistic(*x);
                    *g *= rise * (1.0 + x * (1.0 - rise));
                }
            }
        }
    }

    /// From σ to the film, keeping what the activations were applied to.
    pub fn embed(&self, sigmas: &[f32], levels: &mut Levels) {
        #[cfg(test)]
        self.rises.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let count = self.program.embedding.features();
        for (sigma, features) in sigmas.iter().zip(levels.features.chunks_exact_mut(count)) {
            self.features(*sigma, features);
        }
        let pictures = sigmas.len();
        let width = self.embed[0].bias.len();
        let [[before, hidden], [before2, embedding]] = &mut levels.embeds;
        self.embed[0].forward(pictures, &levels.features, count, before);
        self.activate(before, hidden);
        self.embed[1].forward(pictures, hidden, width, before2);
        self.activate(before2, embedding);
        self.film.forward(pictures, embedding, width, &mut levels.film);
    }

    /// The gradients of every layer's film, of the read-outs' γ, and of the embedding that they come from.
    ///
    /// A group of pictures is its levels and the cotangents of the film, in the film's rows.
    pub fn film_gradients(&self, groups: &[(&Levels, &[f32])]) -> Pieces {
        let embedding = self.program.embedding.width();
        let (width, stride) = (padded(embedding), self.film_row());
        let mut sums = vec![0.0; width * stride];
        let mut bias = vec![0.0_f32; stride];
        let adjoint = {
            let rows = self.film.rows();
            let mut padded_rows = vec![0.0; stride * width];
            let pairs = padded_rows.chunks_exact_mut(width).zip(rows.chunks_exact(self.film.panels.depth()));
            pairs.for_each(|(to, from)| to[..from.len()].copy_from_slice(from));
            Panels::pack_rows(self.level, [1, stride, width], &padded_rows)
        };
        let mut cotangents = Vec::with_capacity(groups.len());
        for (levels, film_cotangent) in groups {
            let pictures = film_cotangent.len() / stride;
            let outer = Outer {
                left: (&levels.embeds[1][1], Grid::lines(width)),
                inputs: width,
                right: (film_cotangent, Grid::lines(stride)),
                outputs: stride,
                rows: pictures,
            };
            accumulate(self.level, &outer, &mut sums);
            for row in film_cotangent.chunks_exact(stride) {
                bias.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
            }
            let mut cotangent = vec![0.0; pictures * width];
            pointwise(&adjoint, pictures, film_cotangent, &mut cotangent, false);
            cotangents.push(cotangent);
        }
        let mut out = Pieces::new();
        for (film, &start) in self.program.films.iter().zip(&self.layout.starts) {
            // One run of channels for gains, offsets or γ each.
            let runs = (0..film.kind.rows()).map(|row| start + row * padded(film.channels));
            let values = runs.flat_map(|start| start..start + film.channels).collect::<Vec<_>>();
            let weights = values.iter().flat_map(|f| (0..embedding).map(move |e| (e, f)));
            out.push((film.affine.weight, weights.map(|(e, f)| sums[e * stride + f]).collect()));
            out.push((film.affine.bias, values.iter().map(|&f| bias[f]).collect()));
        }
        let levels: Vec<&Levels> = groups.iter().map(|(levels, _)| *levels).collect();
        for (layer, weights, bias) in self.embedding_gradients(&levels, cotangents) {
            out.extend([(layer.weight, weights), (layer.bias, bias)]);
        }
        out
    }

    /// The gradients of both layers of the embedding, weight and bias of each, from the embedding's cotangent,
    /// `[pictures, padded width]` a group.
    fn embedding_gradients(
        &self,
        groups: &[&Levels],
        mut cotangents: Vec<Vec<f32>>,
    ) -> [(Affine, Vec<f32>, Vec<f32>); 2] {
        let (count, width) = (self.program.embedding.features(), self.program.embedding.width());
        let inputs = [(count, count), (width, padded(width))];
        let mut out = self.program.embedding.layers.map(|layer| (layer, Vec::new(), Vec::new()));
        for (layer, (columns, stride)) in inputs.into_iter().enumerate().rev() {
            let mut weights = vec![0.0; width * columns];
            let mut bias = vec![0.0; width];
            for (levels, cotangents) in groups.iter().zip(&mut cotangents) {
                let [before, _] = &levels.embeds[layer];
                self.pull_activation(before, cotangents);
                let x = if layer == 0 { &levels.features } else { &levels.embeds[0][1] };
                for (g, x) in cotangents.chunks_exact(padded(width)).zip(x.chunks_exact(stride)) {
                    for ((weights, bias), g) in weights.chunks_exact_mut(columns).zip(&mut bias).zip(g) {
                        *bias += g;
                        weights.iter_mut().zip(x).for_each(|(w, x)| *w += g * x);
                    }
                }
                if layer == 1 {
                    let rows = self.embed[1].rows();
                    for g in cotangents.chunks_exact_mut(padded(width)) {
                        let mut back = vec![0.0; padded(width)];
                        for (row, g) in rows.chunks_exact(width).zip(&*g) {
                            back.iter_mut().zip(row).for_each(|(b, w)| *b += g * w);
                        }
                        g.copy_from_slice(&back);
                    }
                }
            }
            (out[layer].1, out[layer].2) = (weights, bias);
        }
        out
    }
}

/// `1/(1 + e⁻ˣ)`
fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Exact GELU of a whole number of the widest vectors.
struct Gelu<'a> {
    x: &'a [f32],
    value: &'a mut [f32],
}

impl Kernel for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (x, value) in self.x.chunks_exact(S::LANES).zip(self.value.chunks_exact_mut(S::LANES)) {
            let x = s.load(x);
            let (distribution, _) = normal(s, x);
            s.store(value, s.mul(x, distribution));
        }
    }
}

/// A cotangent times GELU's slope, in place.
struct GeluReverse<'a> {
    x: &'a [f32],
    cotangent: &'a mut [f32],
}

impl Kernel for GeluReverse<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (x, g) in self.x.chunks_exact(S::LANES).zip(self.cotangent.chunks_exact_mut(S::LANES)) {
            let x = s.load(x);
            let (distribution, density) = normal(s, x);
            let slope = s.fma(x, density, distribution);
            let value = s.mul(s.load(g), slope);
            s.store(g, value);
        }
    }
}
