//! A peak signal-to-noise ratio in files. That of two identical pictures is infinite, which JSON cannot say: there it is
//! `null`, in a table of comma-separated values nothing. In words [`super::Metric::write`] says ∞.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// For `#[serde(with = "decibels")]`: null for the infinite ratio of identical pictures.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    finite(*value).serialize(serializer)
}

/// For `#[serde(with = "decibels")]`: infinite for null.
///
/// # Errors
/// The deserializer's, where there is neither a number nor null.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::INFINITY))
}

/// The ratio; none for identical pictures.
#[must_use]
pub fn finite(decibels: f64) -> Option<f64> {
    decibels.is_finite().then_some(decibels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Ratio(#[serde(with = "super")] f64);

    #[test]
    fn identical_pictures_are_null_and_come_back() {
        for (value, text) in [(20.5, "20.5"), (f64::INFINITY, "null"), (-3.0, "-3.0")] {
            assert_eq!(serde_json::to_string(&Ratio(value)).unwrap(), text);
            assert_eq!(serde_json::from_str::<Ratio>(text).unwrap(), Ratio(value));
        }
        assert!(serde_json::from_str::<Ratio>("\"inf\"").is_err());
        assert_eq!((finite(20.0), finite(f64::INFINITY)), (Some(20.0), None));
    }
}
