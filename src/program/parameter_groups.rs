//! Which tensors are stepped together.

use std::collections::BTreeMap;

use super::{Rule, TensorId, TensorSpec};

/// The members of every group: equal matrices share one, and all of Adam's values share one, whatever their shapes. In a group
/// and among the groups the order is that of names and shapes, on which a norm's last bits depend.
#[must_use]
pub fn parameter_groups(tensors: &[TensorSpec]) -> Vec<Vec<TensorId>> {
    let mut ids: Vec<TensorId> = (0..tensors.len()).collect();
    ids.sort_by_key(|&id| &tensors[id].name);
    let mut groups = BTreeMap::<_, Vec<TensorId>>::new();
    for id in ids {
        let muon = tensors[id].rule == Rule::Muon;
        let key = if muon { tensors[id].shape.as_slice() } else { &[] };
        groups.entry((muon, key)).or_default().push(id);
    }
    groups.into_values().collect()
}
