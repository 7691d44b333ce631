//! The memory of one group of pictures over all passes of a training step.

use crate::engine::Size;
use crate::gpu::filter::padded;
use crate::gpu::stages::Network;

use super::weights::Gradient;

/// Pixels of a workgroup that sums the score's error.
pub(super) const BLOCK: usize = 256;

/// Room for some pictures of one size. `T` is a buffer, or nothing where only its bytes are counted.
#[derive(Debug)]
pub(super) struct Memory<T> {
    /// Pictures that there is room for.
    pub count: usize,
    pub size: Size,
    /// Lines and columns of every stage.
    pub sizes: Vec<Size>,
    /// z, the score's target and the tangent's direction as pixels × 4 channels.
    pub z: T,
    pub noise: T,
    pub direction: T,
    /// What a picture's loss depends on: eight values each.
    pub facts: T,
    /// From σ to the film: what the embedding starts from, what GELU is applied to and gives, by layer, and cotangents.
    pub features: T,
    pub embeds: [[T; 2]; 2],
    pub embed_cotangents: [T; 2],
    pub film: T,
    pub film_cotangents: T,
    /// Of every norm mean and rate, then the tangents', then the reverse pass's means.
    pub stats: T,
    pub stages: Vec<Stage<T>>,
    pub head: Head<T>,
    /// Each picture's part of the losses.
    pub parts: T,
    /// A product's slices, and those of a gradient by weights.
    pub slices: T,
    pub partials: T,
    /// Two streams of cotangents, and what lies between a block's halves.
    pub scratch: [T; 3],
    /// Where each half's statistics begin, by stage, and the head's; pairs in all.
    sites: Vec<Vec<usize>>,
    pairs: usize,
}

/// What a stage keeps.
#[derive(Debug)]
pub(super) struct Stage<T> {
    /// Its halves' inputs, and its output.
    pub x: Vec<T>,
    /// What its convolutions are given, and their tangents.
    pub active: Vec<T>,
    pub tangent_active: Vec<T>,
    /// J(ẋ) of its norms.
    pub kept: Vec<T>,
    /// The pullback's cotangents: of its beginning and of every convolution's result, and of what they are given.
    pub cotangents: Vec<T>,
    pub pull: Vec<T>,
    /// The residual stream's tangents, before and after a block.
    pub tangent: [T; 2],
    /// (P h, Q h) and its tangent; the same exchanged.
    pub projected: T,
    pub tangent_projected: T,
    pub exchanged: T,
    pub tangent_exchanged: T,
}

/// What the head keeps.
#[derive(Debug)]
pub(super) struct Head<T> {
    pub kept: T,
    pub pooled: T,
    pub tangent_pooled: T,
    pub logits: T,
    pub tangent_logits: T,
    pub posterior: T,
    pub class_weights: T,
    pub cotangents: T,
    /// Cotangents of the means: the pullback's and the reverse pass's.
    pub pull: T,
    pub back: T,
}

impl<T> Memory<T> {
    /// Room for groups of `counts` pictures, the largest first, of which each buffer is made by its number of values.
    pub fn new(network: &Network, counts: &[usize], size: Size, mut make: impl FnMut(usize) -> T) -> Self {
        let count = counts.iter().copied().max().unwrap_or_default();
        let sizes = network.sizes(size);
        let dense = |s: usize| network.dense(s, count, &sizes);
        let largest = (0..sizes.len()).map(dense).max().unwrap_or_default();
        let (pixels, classes) = (count * size.0 * size.1, network.pictures.classes);
        let (mut sites, mut pairs) = (Vec::new(), 0);
        let mut site = |width: usize| {
            let at = pairs;
            pairs += count * width / network.trunk.group;
            at
        };
        for stage in &network.trunk.stages {
            sites.push(stage.halves.iter().map(|_| site(stage.width)).collect::<Vec<_>>());
        }
        let width = network.trunk.stages.last().map_or(0, |stage| stage.width);
        sites.push(vec![site(width)]);
        let stage = |(s, stage): (usize, &crate::gpu::stages::Stage)| {
            let (halves, values) = (stage.halves.len(), dense(s));
            let mut several = |count: usize| (0..count).map(|_| make(values)).collect();
            Stage {
                x: several(halves + 1),
                active: several(halves),
                tangent_active: several(halves),
                kept: several(halves),
                cotangents: several(halves + 1),
                pull: several(halves),
                tangent: [make(values), make(values)],
                projected: make(2 * values),
                tangent_projected: make(2 * values),
                exchanged: make(2 * values),
                tangent_exchanged: make(2 * values),
            }
        };
        let stages = network.trunk.stages.iter().enumerate().map(stage).collect();
        let slices = counts.iter().map(|&count| network.slices(count, size)).max().unwrap_or_default();
        let embedding = network.film.embedding();
        let wide = count * padded(width);
        Self {
            z: make(4 * pixels),
            noise: make(4 * pixels),
            direction: make(4 * pixels),
            facts: make(8 * count),
            features: make(count * network.film.feature_count()),
            embeds: [(); 2].map(|()| [(); 2].map(|()| make(count * embedding))),
            embed_cotangents: [(); 2].map(|()| make(count * embedding)),
            film: make(count * (1 + network.film.width)),
            film_cotangents: make(count * network.film.width),
            stats: make(2 * 5 * pairs),
            stages,
            head: Head {
                kept: make(dense(sizes.len() - 1)),
                pooled: make(wide),
                tangent_pooled: make(wide),
                logits: make(count * classes),
                tangent_logits: make(count * classes),
                posterior: make(count * classes),
                class_weights: make(count * classes),
                cotangents: make(count * classes),
                pull: make(wide),
                back: make(wide),
            },
            parts: make(count * (1 + (size.0 * size.1).div_ceil(BLOCK))),
            slices: make(slices),
            partials: make(Gradient::room(network, counts, size)),
            scratch: [(); 3].map(|()| make(largest)),
            sites,
            pairs,
            count,
            size,
            sizes,
        }
    }

    /// The output of stage `s`.
    pub fn output(&self, s: usize) -> &T {
        let x = &self.stages[s].x;
        &x[x.len() - 1]
    }

    /// The tangent of the output of stage `s`: each block changes over to the other buffer.
    pub fn tangent_output(&self, s: usize) -> &T {
        &self.stages[s].tangent[self.stages[s].active.len() / 2 % 2]
    }

    /// Where the statistics of a half of a stage begin, in pairs; the head's are those of the stage after the last.
    pub fn site(&self, s: usize, half: usize) -> Site {
        let stats = self.sites[s][half];
        Site { stats, tangents: self.pairs + stats, means: 2 * self.pairs + 3 * stats }
    }
}

/// Where the statistics of a norm lie, in pairs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site {
    pub stats: usize,
    pub tangents: usize,
    pub means: usize,
}

/// The bytes of all buffers for groups of `counts` pictures, and the most values of one.
pub(super) fn bytes(network: &Network, counts: &[usize], size: Size) -> (u64, usize) {
    let (mut sum, mut most) = (0, 0);
    Memory::new(network, counts, size, |values| {
        sum += 4 * values as u64;
        most = most.max(values);
    });
    (sum, most)
}
