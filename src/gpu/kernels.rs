//! The compute kernels: their sources, what they bind, and their pipelines.

use std::borrow::Cow;

use super::filter::{TILES, Tile};
use super::learning::Learning;

/// A kernel of `shaders/network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// A convolution or product, by its tile.
    Product(Tile),
    /// Norm, film and GELU with a workgroup a group.
    Norm,
    /// The same in blocks: first their moments,
    NormMoments,
    /// then the rest.
    NormApply,
    /// The pullback with a workgroup a group.
    NormPullback,
    /// The same in blocks: first their sums,
    NormPullbackSums,
    /// then the rest.
    NormPullbackApply,
    /// Adds slices up.
    Reduce,
    /// The bilinear read-out.
    Exchange,
    /// Means over the pixels.
    Pool,
    /// A linear layer on rows.
    Linear,
    /// The posterior and single classes as cotangents.
    Posterior,
    /// The end of a pullback.
    Finish,
    /// Planar pictures as the network's input.
    Standardise,
    /// The cotangents of the cross-entropy.
    Oppose,
    /// A step along the gradient, and the projection.
    Ascend,
    /// GELU.
    Gelu,
    /// GELU's pullback.
    GeluPullback,
    /// The sum of two pictures.
    Sum,
    /// A part of rows from one place to another.
    MoveRows,
    /// Rows at all pixels.
    Spread,
    /// The energy that rows of features give.
    Energy,
    /// Its pullback.
    EnergyPullback,
    /// From blocks' moments to those of groups and the scale of all,
    ScaleNormSettle,
    /// and with them the norm that preserves the scale.
    ScaleNormApply,
    /// Its pullback: the blocks' sums,
    ScaleNormPullbackSums,
    /// then the groups' means,
    ScaleNormPullbackSettle,
    /// then the rest.
    ScaleNormPullbackApply,
    /// The end of a submission.
    Mark,
    /// One of training's.
    Learn(Learning),
}

/// What is to be known to build a kernel.
#[derive(Debug)]
pub struct Source {
    /// The file's name.
    pub file: &'static str,
    /// The text, which tests may change.
    pub text: Cow<'static, str>,
    /// The entry point.
    pub entry: &'static str,
    /// The bindings after the parameters, in the order in which buffers are given.
    pub bindings: &'static [u32],
    /// Values of the overrides.
    pub constants: Vec<(&'static str, f64)>,
}

/// Files of `shaders/network/prelude`, in this order, and a kernel's own in one text.
macro_rules! joined {
    ($($prelude:ident)* + $file:literal) => {
        concat!(
            $(include_str!(concat!("../../shaders/network/prelude/", stringify!($prelude), ".wgsl")),)*
            include_str!(concat!("../../shaders/network/", $file))
        )
    };
}

pub(super) use joined;

impl Kernel {
    /// Every kernel of the network in use.
    pub const USE: [Self; 31] = [
        Self::Product(TILES[0]),
        Self::Product(TILES[1]),
        Self::Product(TILES[2]),
        Self::Norm,
        Self::NormMoments,
        Self::NormApply,
        Self::NormPullback,
        Self::NormPullbackSums,
        Self::NormPullbackApply,
        Self::Reduce,
        Self::Exchange,
        Self::Pool,
        Self::Linear,
        Self::Posterior,
        Self::Finish,
        Self::Standardise,
        Self::Oppose,
        Self::Ascend,
        Self::Gelu,
        Self::GeluPullback,
        Self::Sum,
        Self::MoveRows,
        Self::Spread,
        Self::Energy,
        Self::EnergyPullback,
        Self::ScaleNormSettle,
        Self::ScaleNormApply,
        Self::ScaleNormPullbackSums,
        Self::ScaleNormPullbackSettle,
        Self::ScaleNormPullbackApply,
        Self::Mark,
    ];

    /// Every kernel, those of training last.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::USE.into_iter().chain(Learning::ALL.map(Self::Learn))
    }

    /// Its place among all of them.
    #[must_use]
    pub fn index(self) -> usize {
        Self::all().position(|kernel| kernel == self).unwrap_or_default()
    }

    /// Where it comes from.
    #[must_use]
    pub fn source(self) -> Source {
        let norm = joined!(normal total group + "norm.wgsl");
        let pullback = joined!(normal total group + "norm_pullback.wgsl");
        let head = joined!(normal total + "head.wgsl");
        let ascent = joined!(normal total + "ascent.wgsl");
        let pointwise = joined!(normal + "pointwise.wgsl");
        let features = joined!(total + "features.wgsl");
        let scale_norm = joined!(total group + "scale_norm.wgsl");
        let scale_pullback = joined!(total group + "scale_norm_pullback.wgsl");
        let (file, text, entry, bindings): (_, _, _, &[u32]) = match self {
            Self::Product(_) => ("conv.wgsl", joined!(+"conv.wgsl"), "conv", &[1, 2, 3, 4, 5]),
            Self::Norm => ("norm.wgsl", norm, "fused", &[1, 2, 3, 4, 5, 6]),
            Self::NormMoments => ("norm.wgsl", norm, "moments", &[1, 2, 3, 7]),
            Self::NormApply => ("norm.wgsl", norm, "apply", &[3, 4, 5, 6, 7]),
            Self::NormPullback => ("norm_pullback.wgsl", pullback, "fused", &[1, 2, 3, 4, 5, 6, 7]),
            Self::NormPullbackSums => ("norm_pullback.wgsl", pullback, "sums_of", &[1, 2, 3, 4, 7, 8]),
            Self::NormPullbackApply => ("norm_pullback.wgsl", pullback, "apply", &[2, 4, 5, 6, 7, 8]),
            Self::Reduce => ("reduce.wgsl", joined!(+"reduce.wgsl"), "reduce", &[1, 2, 3, 4]),
            Self::Exchange => ("exchange.wgsl", joined!(total + "exchange.wgsl"), "exchange", &[1, 2, 3, 4]),
            Self::Pool => ("head.wgsl", head, "pool", &[1, 4]),
            Self::Linear => ("head.wgsl", head, "linear", &[1, 2, 3, 4]),
            Self::Posterior => ("head.wgsl", head, "posterior", &[1, 4, 5]),
            Self::Finish => ("finish.wgsl", joined!(+"finish.wgsl"), "finish", &[1, 2, 3, 4]),
            Self::Standardise => ("ascent.wgsl", ascent, "standardise", &[1, 2]),
            Self::Oppose => ("ascent.wgsl", ascent, "oppose", &[3, 4, 5, 6]),
            Self::Ascend => ("ascent.wgsl", ascent, "ascend", &[1, 7, 8, 9, 10, 11]),
            Self::Gelu => ("pointwise.wgsl", pointwise, "gelu", &[1, 3]),
            Self::GeluPullback => ("pointwise.wgsl", pointwise, "gelu_pullback", &[1, 2, 3, 4]),
            Self::Sum => ("pointwise.wgsl", pointwise, "sum", &[1, 3, 4]),
            Self::MoveRows => ("features.wgsl", features, "move_rows", &[1, 4, 5]),
            Self::Spread => ("features.wgsl", features, "spread", &[1, 4, 5]),
            Self::Energy => ("features.wgsl", features, "energy", &[2, 4]),
            Self::EnergyPullback => ("features.wgsl", features, "pull_energy", &[1, 2, 3, 4]),
            Self::ScaleNormSettle => ("scale_norm.wgsl", scale_norm, "settle", &[4, 5]),
            Self::ScaleNormApply => ("scale_norm.wgsl", scale_norm, "apply", &[1, 2, 3, 4]),
            Self::ScaleNormPullbackSums => ("scale_norm_pullback.wgsl", scale_pullback, "sums_of", &[1, 2, 3, 4, 7]),
            Self::ScaleNormPullbackSettle => ("scale_norm_pullback.wgsl", scale_pullback, "settle", &[4, 7, 8]),
            Self::ScaleNormPullbackApply => {
                ("scale_norm_pullback.wgsl", scale_pullback, "apply", &[1, 2, 3, 4, 5, 6, 8])
            }
            Self::Mark => ("mark.wgsl", joined!(+"mark.wgsl"), "mark", &[1]),
            Self::Learn(kernel) => return kernel.source(),
        };
        let constants = match self {
            Self::Product((tx, ty)) => vec![("TX", f64::from(tx)), ("TY", f64::from(ty))],
            _ => Vec::new(),
        };
        Source { file, text: Cow::Borrowed(text), entry, bindings, constants }
    }
}

/// Builds a kernel's pipeline.
pub(super) fn pipeline(device: &wgpu::Device, source: &Source) -> wgpu::ComputePipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(source.file),
        source: wgpu::ShaderSource::Wgsl(source.text.clone()),
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(source.entry),
        layout: None,
        module: &module,
        entry_point: Some(source.entry),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &source.constants,
            // Every kernel writes its shared memory before it reads it.
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    })
}
