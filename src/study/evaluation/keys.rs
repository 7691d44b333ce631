//! What a record of an evaluation depends on, as one key: the model, how and where it was measured, the picture, its label
//! and its number, which draws the noise. Nothing else is in it, so that another plan finds what it has in common with one
//! before.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Samples;
use crate::Result;
use crate::joint::JointModel;

/// What all records of one part depend on.
pub(super) struct PartKey(Vec<u8>);

impl PartKey {
    /// Of what is measured on `model` as `settings` say.
    pub(super) fn new(model: &dyn JointModel, settings: &Value) -> Self {
        let all = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": model.digest(),
            "device": model.device(),
            "settings": settings,
        });
        Self(Sha256::digest(canonical(&all)).to_vec())
    }

    /// The key of picture `index` of `samples`.
    ///
    /// # Errors
    /// As for [`Samples::digest`].
    pub(super) fn of(&self, samples: &Samples, index: usize) -> Result<String> {
        let mut hash = Sha256::new_with_prefix(&self.0);
        hash.update((index as u64).to_le_bytes());
        hash.update((samples.label(index) as u64).to_le_bytes());
        hash.update(samples.digest(index)?);
        // Half of it tells any two records apart that there will ever be.
        let digest = format!("{:x}", hash.finalize());
        Ok(digest[..digest.len() / 2].to_owned())
    }
}

/// The value as JSON with the fields of every object sorted by name.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let each = fields.into_iter().map(|(name, value)| format!("{}:{}", json!(name), canonical(value)));
            format!("{{{}}}", each.collect::<Vec<_>>().join(","))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(canonical).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_fields_does_not_matter_and_everything_else_does() {
        let read = |text: &str| canonical(&serde_json::from_str(text).unwrap());
        assert_eq!(read(r#"{"b": [1, {"d": 2, "c": "x\"y"}], "a": null}"#), r#"{"a":null,"b":[1,{"c":"x\"y","d":2}]}"#);
        assert_ne!(read(r#"{"a": [1, 2]}"#), read(r#"{"a": [2, 1]}"#));
        assert_ne!(read(r#"{"a": 18446744073709551615}"#), read(r#"{"a": 18446744073709551614}"#));
    }
}
