//! Numbers in a journal to the bit: JSON's decimals may lose the last one, and have no infinity.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// For `#[serde(with = "exact")]`: the number's bits.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_bits().serialize(serializer)
}

/// For `#[serde(with = "exact")]`: the number that has these bits.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    u64::deserialize(deserializer).map(f64::from_bits)
}

/// A number that is kept by its bits.
#[derive(Debug, Clone, Copy, Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Bits(#[serde(with = "self")] pub f64);

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

#[cfg(test)]
mod tests {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Number(#[serde(with = "super")] f64);

    #[test]
    fn every_number_survives() {
        for value in [0.0, -0.0, 0.1 + 0.2, f64::MIN_POSITIVE / 3.0, f64::INFINITY, f64::NAN, -1.797e308] {
            let text = serde_json::to_string(&Number(value)).unwrap();
            assert_eq!(serde_json::from_str::<Number>(&text).unwrap().0.to_bits(), value.to_bits(), "{text}");
        }
    }
}
