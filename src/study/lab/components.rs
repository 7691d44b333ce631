//! What else the picture could be: the principal components of the posterior.
//!
//! The eigenvectors v of `Cov[x | y] = σ²J` are the directions in which the clean picture is most uncertain, σ√λ its standard
//! deviation along them (Manor & Michaeli 2024). Inside a region they are those of the covariance of the region's pixels.

use super::lanczos::{End, Pair, eigenpairs};
use super::operator::Operator;
use super::{Progress, Scene};
use crate::joint::Jacobian;
use crate::picture::{Picture, Shape};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// The most components that are looked for.
pub const LARGEST_COUNT: usize = 16;

/// A rectangle of the picture that the model sees, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Region {
    /// The first column.
    pub x: usize,
    /// The first row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Region {
    /// The whole of a picture.
    #[must_use]
    pub fn whole(shape: Shape) -> Self {
        Self { x: 0, y: 0, width: shape.width, height: shape.height }
    }

    /// Refuses a region without pixels, or with pixels outside of a picture of `shape`.
    ///
    /// # Errors
    /// [`Error::Option`] naming `option`.
    pub fn check(&self, option: &str, shape: Shape) -> Result<()> {
        let inside = |start: usize, length: usize, all: usize| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= all)
        };
        if inside(self.x, self.width, shape.width) && inside(self.y, self.height, shape.height) {
            return Ok(());
        }
        let Self { x, y, width, height } = self;
        let reason = format!(
            "{width}×{height} pixels at {x}, {y} do not lie in the {}×{} pixels that the model sees",
            shape.width, shape.height
        );
        Err(Error::option(option, reason))
    }

    /// Indices of its values in a picture.
    fn indices(&self, shape: Shape) -> Vec<usize> {
        let first = |c: usize, y: usize| (c * shape.height + y) * shape.width + self.x;
        let rows = (0..shape.channels).flat_map(|c| (self.y..self.y + self.height).map(move |y| (c, y)));
        rows.flat_map(|(c, y)| first(c, y)..first(c, y) + self.width).collect()
    }
}

/// One principal component.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// λ, the eigenvalue of J: 1 where the noise is left as it is, 0 where it is taken away.
    pub eigenvalue: f64,
    /// The standard deviation of the clean picture along it, `σ√λ`, on the [0, 1] scale; 0 where λ is negative.
    pub deviation: f64,
    /// `‖J v − λ v‖`.
    pub residual: f64,
    /// v, of unit length.
    pub direction: Picture,
}

impl Component {
    /// The picture `sigmas` standard deviations along it from `denoised`.
    #[must_use]
    pub fn walk(&self, denoised: &Picture, sigmas: f64) -> Picture {
        denoised.zip(&self.direction, |d, v| (f64::from(d) + sigmas * self.deviation * f64::from(v)) as f32)
    }
}

/// Principal components of the posterior.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    /// Where they lie.
    pub region: Region,
    /// The class under which they are, or all classes together.
    pub class: Option<usize>,
    /// The denoiser that they start from: D, or `D_c`.
    pub denoised: Picture,
    /// The components, the largest first.
    pub list: Vec<Component>,
    /// How many products with the Jacobian it took.
    pub products: usize,
    /// Whether those were exact but for rounding; else they are differences of the denoiser.
    pub is_exact: bool,
}

/// Finds `count` principal components of `Cov[x | y]`, or of `Cov[x | y, class]`, inside a region.
///
/// # Errors
/// [`Error::Option`] for a region or a count that is none; [`Error::Cancelled`].
pub fn components(
    scene: &Scene,
    count: usize,
    region: Region,
    class: Option<usize>,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Progress),
) -> Result<Components> {
    let shape = scene.noisy.shape();
    limits::whole("--components", count as u64, 1, LARGEST_COUNT as u64)?;
    region.check("--region", shape)?;
    let jacobian = class.map_or(Jacobian::Whole, Jacobian::Class);
    let mut operator = Operator::new(scene, jacobian, cancel);
    let indices = region.indices(shape);
    let spread = |inside: &[f64]| {
        let mut all = vec![0.0_f32; shape.len()];
        indices.iter().zip(inside).for_each(|(&at, v)| all[at] = *v as f32);
        all
    };
    let steps = 4 * count + 24;
    let mut products = 0;
    let pairs = eigenpairs(indices.len(), count, steps, End::Largest, 0, |inside| {
        let image = operator.times(spread(inside))?;
        products += 1;
        observe(Progress::Share((products as f32 / (3 * count + 8) as f32).min(1.0)));
        Ok(indices.iter().map(|&at| f64::from(image.row(0)[at])).collect())
    })?;
    let component = |pair: Pair| Component {
        eigenvalue: pair.value,
        deviation: f64::from(scene.sigma_used) * pair.value.max(0.0).sqrt(),
        residual: pair.residual,
        direction: Picture::new(shape, spread(&upright(pair.vector))),
    };
    Ok(Components {
        region,
        class,
        denoised: scene.denoised_as(class)?,
        list: pairs.into_iter().map(component).collect(),
        products,
        is_exact: operator.is_exact,
    })
}

/// An eigenvector with the sign that makes its largest value positive: either is as good, but one must be chosen.
fn upright(mut vector: Vec<f64>) -> Vec<f64> {
    let largest = vector.iter().copied().fold(0.0_f64, |m, v| if v.abs() > m.abs() { v } else { m });
    if largest < 0.0 {
        for v in &mut vector {
            *v = -*v;
        }
    }
    vector
}
