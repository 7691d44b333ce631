//! Norms, the ball that a perturbation may fill, and how far a picture was moved.

use std::fmt;
use std::str::FromStr;

use crate::picture::Picture;
use crate::{Error, Result};

/// How the size of a perturbation is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// The largest change of one value.
    Linf,
    /// The root of the sum of squared changes.
    L2,
}

impl Norm {
    /// Both norms.
    pub const ALL: [Self; 2] = [Self::Linf, Self::L2];

    /// As papers write it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Linf => "L∞",
            Self::L2 => "L2",
        }
    }

    /// The norm of a perturbation.
    #[must_use]
    pub fn of(self, changes: impl Iterator<Item = f64>) -> f64 {
        match self {
            Self::Linf => changes.map(f64::abs).fold(0.0, f64::max),
            Self::L2 => changes.map(|d| d * d).sum::<f64>().sqrt(),
        }
    }
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linf => "linf",
            Self::L2 => "l2",
        })
    }
}

impl FromStr for Norm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|norm| norm.to_string() == text.to_ascii_lowercase())
            .ok_or_else(|| Error::option("--norm", format!("takes linf or l2, not '{text}'")))
    }
}

/// How far an attacked picture lies from the clean one, in every norm that is reported.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Distance {
    /// The largest change of one value, on the [0, 1] scale.
    pub linf: f64,
    /// The root of the sum of squared changes.
    pub l2: f64,
    /// How many values changed.
    pub l0: usize,
}

impl Distance {
    /// The distance between two pictures of one shape.
    #[must_use]
    pub fn between(clean: &Picture, attacked: &Picture) -> Self {
        let changes = || changes(clean.values(), attacked.values());
        Self { linf: Norm::Linf.of(changes()), l2: Norm::L2.of(changes()), l0: changes().filter(|d| *d != 0.0).count() }
    }

    /// The distance in one norm.
    #[must_use]
    pub fn in_norm(&self, norm: Norm) -> f64 {
        match norm {
            Norm::Linf => self.linf,
            Norm::L2 => self.l2,
        }
    }
}

/// `b − a`, value by value, in double precision.
pub(super) fn changes<'a>(a: &'a [f32], b: &'a [f32]) -> impl Iterator<Item = f64> + 'a {
    a.iter().zip(b).map(|(a, b)| f64::from(*b) - f64::from(*a))
}

/// What an attacked picture must lie in: the ball of radius ε around the clean one, and [0, 1].
#[derive(Debug, Clone)]
pub(super) struct Ball {
    pub(super) centre: Vec<f32>,
    pub(super) norm: Norm,
    pub(super) epsilon: f64,
}

/// By how much a projection may miss the budget through rounding to `f32`.
const SLACK: f64 = 1e-7;

impl Ball {
    /// Moves `values` to where the ball and [0, 1] allow: the nearest point for L∞, along the ray to the centre and
    /// then clamped for L2 (as every attack library does). A value that is no number goes back to the centre.
    pub(super) fn project(&self, values: &mut [f32]) {
        for (value, centre) in values.iter_mut().zip(&self.centre) {
            if !value.is_finite() {
                *value = *centre;
            }
        }
        match self.norm {
            Norm::Linf => {
                for (value, [low, high]) in values.iter_mut().zip(self.bounds()) {
                    *value = value.clamp(low, high);
                }
            }
            Norm::L2 => self.project_l2(values),
        }
    }

    /// The least and the most of each value: of the ball and [0, 1] for L∞, where that is all that [`Ball::project`] does; of
    /// [0, 1] alone for L2.
    pub(super) fn bounds(&self) -> impl Iterator<Item = [f32; 2]> + '_ {
        self.centre.iter().map(|centre| match self.norm {
            Norm::Linf => {
                let centre = f64::from(*centre);
                [(centre - self.epsilon).max(0.0) as f32, (centre + self.epsilon).min(1.0) as f32]
            }
            Norm::L2 => [0.0, 1.0],
        })
    }

    /// Whether `values` lie in the ball, up to rounding.
    pub(super) fn contains(&self, values: &[f32]) -> bool {
        self.norm.of(changes(&self.centre, values)) <= self.epsilon + SLACK
    }

    fn project_l2(&self, values: &mut [f32]) {
        let length = Norm::L2.of(changes(&self.centre, values));
        let mut factor = if length > self.epsilon { self.epsilon / length } else { 1.0 };
        let asked = values.to_vec();
        loop {
            for ((value, asked), centre) in values.iter_mut().zip(&asked).zip(&self.centre) {
                let centre = f64::from(*centre);
                *value = (centre + factor * (f64::from(*asked) - centre)).clamp(0.0, 1.0) as f32;
            }
            // Rounding each value to f32 can lengthen the whole by more than the slack in large pictures.
            let achieved = Norm::L2.of(changes(&self.centre, values));
            if achieved <= self.epsilon + SLACK {
                return;
            }
            factor *= (self.epsilon / achieved).min(1.0 - f64::from(f32::EPSILON));
        }
    }

    /// `values` moved by `length` in the direction of steepest ascent under the ball's norm, then projected.
    ///
    /// Steepest is the sign of the gradient for L∞ and the gradient over its length for L2; no gradient, no move.
    pub(super) fn step(&self, values: &mut [f32], gradient: &[f32], length: f64) {
        self.ascend(values, gradient, length);
        self.project(values);
    }

    /// [`Ball::step`] before its projection.
    pub(super) fn ascend(&self, values: &mut [f32], gradient: &[f32], length: f64) {
        match self.norm {
            Norm::Linf => {
                for (value, g) in values.iter_mut().zip(gradient) {
                    *value += length as f32 * sign(*g);
                }
            }
            Norm::L2 => {
                let norm = Norm::L2.of(gradient.iter().map(|&g| f64::from(g)));
                if norm > 0.0 {
                    for (value, g) in values.iter_mut().zip(gradient) {
                        *value += (length * f64::from(*g) / norm) as f32;
                    }
                }
            }
        }
    }
}

/// −1, 0 or 1. (`f32::signum` has no 0.)
fn sign(value: f32) -> f32 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn projections_keep_the_budget_and_the_range(
            pairs in prop::collection::vec((0.0_f32..=1.0, -3.0_f32..4.0), 1..4000),
            epsilon in 0.0_f64..3.0,
            l2 in any::<bool>(),
        ) {
            let norm = if l2 { Norm::L2 } else { Norm::Linf };
            let (centre, mut values): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let ball = Ball { centre, norm, epsilon };
            ball.project(&mut values);
            prop_assert!(norm.of(changes(&ball.centre, &values)) <= epsilon + 1e-6);
            prop_assert!(values.iter().all(|v| (0.0..=1.0).contains(v)));
        }

        #[test]
        fn what_is_inside_already_stays(centre in prop::collection::vec(0.3_f32..0.7, 1..50), l2 in any::<bool>()) {
            let mut values: Vec<f32> = centre.iter().map(|c| c + 0.01).collect();
            let before = values.clone();
            Ball { centre, norm: if l2 { Norm::L2 } else { Norm::Linf }, epsilon: 0.2 }.project(&mut values);
            prop_assert_eq!(values, before);
        }
    }

    #[test]
    fn a_large_flat_picture_does_not_exceed_its_l2_budget() {
        // Every value rounds the same way, by up to 3e-8, which 300 000 of them make 1.6e-5 of.
        for epsilon in (1..20).map(|i| 0.05 * f64::from(i)) {
            let ball = Ball { centre: vec![0.75; 300_000], norm: Norm::L2, epsilon };
            let mut values = vec![0.95; 300_000];
            ball.project(&mut values);
            let achieved = Norm::L2.of(changes(&ball.centre, &values));
            // It may be left a little short, never long.
            assert!((epsilon - 1e-4..epsilon + 1e-6).contains(&achieved), "{achieved} for {epsilon}");
        }
    }

    #[test]
    fn no_number_goes_back_to_the_centre() {
        let ball = Ball { centre: vec![0.25, 0.5], norm: Norm::L2, epsilon: 1.0 };
        let mut values = vec![f32::NAN, f32::INFINITY];
        ball.project(&mut values);
        assert_eq!(values, [0.25, 0.5]);
    }
}
