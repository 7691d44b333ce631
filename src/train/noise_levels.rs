//! How the noise level of each training picture is drawn from the trained range.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::joint::SigmaRange;
use crate::picture::normals;

/// The law of σ over the trained range.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum NoiseLevels {
    /// ln σ is uniform: each octave of noise is shown as often as any other.
    #[default]
    LogUniform,
    /// σ is uniform: mostly strong noise.
    Uniform,
    /// ln σ is normal, cut off at the ends of the range (Karras et al. 2022, arXiv 2206.00364, table 1).
    LogNormal {
        /// The level above and below which half of the uncut law lies, on the [0, 1] scale.
        median: f64,
        /// The standard deviation of ln σ.
        spread: f64,
    },
}

impl NoiseLevels {
    /// The level below which a share `share`, in [0, 1), of those in `range` lies.
    #[must_use]
    pub fn quantile(self, range: SigmaRange, share: f64) -> f32 {
        let (low, high) = (f64::from(range.min), f64::from(range.max));
        let between = |low: f64, high: f64| low + share * (high - low);
        let sigma = match self {
            Self::LogUniform => libm::exp(between(low.ln(), high.ln())),
            Self::Uniform => between(low, high),
            Self::LogNormal { median, spread } => {
                let centre = libm::log(median);
                let below = |sigma: f64| {
                    let z = (libm::log(sigma) - centre) / spread;
                    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
                };
                let z = normals::quantile(between(below(low), below(high)));
                if z.is_finite() { libm::exp(centre + spread * z) } else { median }
            }
        };
        // A law whose mass lies far outside of the range gives its nearer end, and rounding gives nothing beyond an end.
        range.clamp(sigma as f32)
    }
}

impl Display for NoiseLevels {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LogUniform => f.write_str("log-uniform"),
            Self::Uniform => f.write_str("uniform"),
            Self::LogNormal { median, spread } => write!(f, "log-normal:{median}:{spread}"),
        }
    }
}

impl FromStr for NoiseLevels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = |rest: &str| {
            let (median, spread) = rest.split_once(':')?;
            let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
            Some(Self::LogNormal { median: number(median)?, spread: number(spread)? })
        };
        let law = match text {
            "log-uniform" => Some(Self::LogUniform),
            "uniform" => Some(Self::Uniform),
            _ => text.strip_prefix("log-normal:").and_then(numbers),
        };
        law.ok_or_else(|| format!("{text} is neither log-uniform nor uniform nor log-normal:MEDIAN:SPREAD"))
    }
}

impl Serialize for NoiseLevels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NoiseLevels {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, LogNormal, Uniform};

    const RANGE: SigmaRange = SigmaRange { min: 0.01, max: 1.0 };

    /// The law of `levels` by another library, cut off at the ends of the range.
    fn share_below(law: &impl ContinuousCDF<f64, f64>, sigma: f64) -> f64 {
        let (low, high) = (law.cdf(f64::from(RANGE.min)), law.cdf(f64::from(RANGE.max)));
        (law.cdf(sigma) - low) / (high - low)
    }

    #[test]
    fn quantiles_undo_the_distribution_functions_of_another_library() {
        let uniform = Uniform::new(0.0, 2.0).unwrap();
        let normal = LogNormal::new(0.03_f64.ln(), 1.5).unwrap();
        let far = LogNormal::new(4.0_f64.ln(), 0.7).unwrap();
        for share in [0.0, 1e-6, 0.1, 0.37, 0.5, 0.81, 0.999] {
            let of = |levels: NoiseLevels| f64::from(levels.quantile(RANGE, share));
            let log = of(NoiseLevels::LogUniform);
            assert!((log.log10() / 2.0 + 1.0 - share).abs() < 1e-6, "{log} at {share}");
            assert!((share_below(&uniform, of(NoiseLevels::Uniform)) - share).abs() < 1e-6);
            let near = of(NoiseLevels::LogNormal { median: 0.03, spread: 1.5 });
            assert!((share_below(&normal, near) - share).abs() < 1e-6, "{near} at {share}");
            let cut = of(NoiseLevels::LogNormal { median: 4.0, spread: 0.7 });
            assert!((share_below(&far, cut) - share).abs() < 2e-6, "{cut} at {share}");
        }
    }

    #[test]
    fn a_law_that_lies_elsewhere_stays_in_the_range() {
        for (median, expected) in [(1e-30, RANGE.min), (1e30, RANGE.max)] {
            let levels = NoiseLevels::LogNormal { median, spread: 0.1 };
            assert!(RANGE.contains(levels.quantile(RANGE, 0.5)));
            assert!((levels.quantile(RANGE, 0.5) - expected).abs() < 1e-6, "{median}");
        }
    }

    #[test]
    fn text_and_back() {
        for text in ["log-uniform", "uniform", "log-normal:0.03:1.5"] {
            assert_eq!(text.parse::<NoiseLevels>().unwrap().to_string(), text);
        }
        for text in
            ["", "normal", "log-normal", "log-normal:0.03", "log-normal:0:1", "log-normal:1:-1", "log-normal:x:1"]
        {
            assert!(text.parse::<NoiseLevels>().unwrap_err().contains("log-normal:MEDIAN:SPREAD"), "{text}");
        }
    }
}
