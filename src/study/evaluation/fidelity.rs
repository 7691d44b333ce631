//! How near many pictures are to the clean ones: the mean of each metric over them.

use std::collections::BTreeMap;

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::exact::Bits;
use crate::picture::{Fidelity, METRICS, Metric, PSNR};

/// The mean over the pictures of each one's own value, by every metric.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanFidelity {
    /// Of the noisy pictures.
    pub noisy: Means,
    /// Of D(y).
    pub denoised: Means,
    /// Of D(y | c), c the picture's true class, by the quick metrics.
    pub given_class: Means,
}

/// A mean a metric, where it was measured, in the order of [`METRICS`].
pub type Means = [Option<f64>; METRICS.len()];

impl MeanFidelity {
    /// Every mean with its name in tables: `psnr_db_noisy`, `psnr_db_denoised`, `psnr_db_given_class` for the first metric; of the
    /// others, `ssim` is of D(y).
    #[must_use]
    pub fn named(&self) -> Vec<(String, f64)> {
        let mut named = Vec::new();
        for (index, metric) in METRICS.into_iter().enumerate() {
            let denoised = if index == 0 { "_denoised" } else { "" };
            let of = [(denoised, self.denoised), ("_noisy", self.noisy), ("_given_class", self.given_class)];
            let of =
                of.into_iter().filter_map(|(suffix, means)| Some((format!("{}{suffix}", metric.id), means[index]?)));
            named.extend(of);
        }
        named
    }

    /// What a metric says of the noisy pictures, D(y) and D(y | c); none of the last if it is too slow.
    #[must_use]
    pub fn of(&self, metric: &Metric) -> Option<(f64, f64, Option<f64>)> {
        let index = METRICS.into_iter().position(|known| known == metric)?;
        Some((self.noisy[index]?, self.denoised[index]?, self.given_class[index]))
    }
}

/// The first metric as an object `{noisy, denoised, given_class}`, the others flat, as [`MeanFidelity::named`] has them.
impl Serialize for MeanFidelity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct First {
            noisy: Option<f64>,
            denoised: Option<f64>,
            given_class: Option<f64>,
        }
        let first = METRICS[0].id;
        let mut map = serializer.serialize_map(None)?;
        let [noisy, denoised, given_class] = [self.noisy[0], self.denoised[0], self.given_class[0]];
        map.serialize_entry(first, &First { noisy, denoised, given_class })?;
        for (name, value) in self.named().iter().filter(|(name, _)| !name.starts_with(first)) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A [`Fidelity`] to the bit, by the metrics' names, as a journal keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept(BTreeMap<String, Bits>);

impl From<Fidelity> for Kept {
    fn from(fidelity: Fidelity) -> Self {
        Self(fidelity.measured().map(|(metric, value)| (metric.id.to_owned(), Bits(value))).collect())
    }
}

impl Kept {
    /// Whether every metric that was `asked` has a value that it can have: a number, which only the PSNR's may be infinite.
    pub(super) fn is_sound(&self, asked: impl Fn(&Metric) -> bool) -> bool {
        METRICS.into_iter().filter(|metric| asked(metric)).all(|metric| {
            let value = self.0.get(metric.id).map(|bits| bits.0);
            value.is_some_and(|value| value.is_finite() || (*metric == PSNR && value == f64::INFINITY))
        })
    }

    /// The means over some pictures; of a metric that was not measured of every one of them, none.
    pub(super) fn mean(kept: &[&Self]) -> Means {
        METRICS.map(|metric| {
            let values: Option<Vec<f64>> = kept.iter().map(|kept| kept.0.get(metric.id).map(|bits| bits.0)).collect();
            let values = values?;
            (metric.is_quick || !values.is_empty()).then(|| values.iter().sum::<f64>() / values.len().max(1) as f64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Picture, Shape};

    #[test]
    fn means_are_named_as_before_there_was_a_table() {
        let (a, b) = (Picture::filled(Shape::new(1, 4, 4), 0.25), Picture::filled(Shape::new(1, 4, 4), 0.5));
        let kept = [Kept::from(Fidelity::of(&a, &b)), Kept::from(Fidelity::of(&b, &b))];
        let quick = Kept::from(Fidelity::quick(&a, &b));
        let of_all = Kept::mean(&[&kept[0], &kept[1]]);
        let mean =
            MeanFidelity { noisy: Kept::mean(&[&kept[0]]), denoised: of_all, given_class: Kept::mean(&[&quick]) };
        let json = serde_json::to_value(&mean).unwrap();
        for field in ["noisy", "denoised", "given_class"] {
            assert!(json["psnr_db"].get(field).is_some(), "{json}");
        }
        assert!(json["ssim"].is_number() && json["ssim_noisy"].is_number() && json["flip"].is_number(), "{json}");
        assert!(json.get("flip_given_class").is_none() && json.get("psnr_db_noisy").is_none(), "{json}");
        let names: Vec<String> = mean.named().into_iter().map(|(name, _)| name).collect();
        for name in ["psnr_db_noisy", "psnr_db_denoised", "psnr_db_given_class", "ssim_noisy", "ssim", "flip"] {
            assert!(names.iter().any(|known| known == name), "{names:?}");
        }
        assert!((mean.of(&crate::picture::PSNR).unwrap().0 - 20.0 * 4_f64.log10()).abs() < 1e-6);
    }

    #[test]
    fn what_is_kept_comes_back_to_the_bit() {
        let flat = Picture::filled(Shape::new(1, 4, 4), 0.5);
        let kept = Kept::from(Fidelity::of(&flat, &flat));
        let read: Kept = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
        assert!(read.0["psnr_db"].0.is_infinite() && read.0.len() == METRICS.len());
        assert!(read.is_sound(|_| true));
        let quick = Kept::from(Fidelity::quick(&flat, &flat));
        assert!(quick.is_sound(|metric| metric.is_quick) && !quick.is_sound(|_| true), "a metric is missing");
        let broken = serde_json::to_string(&read)
            .unwrap()
            .replace(&1_f64.to_bits().to_string(), &f64::NAN.to_bits().to_string());
        assert!(!serde_json::from_str::<Kept>(&broken).unwrap().is_sound(|_| true));
    }
}
