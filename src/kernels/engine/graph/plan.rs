//! Which values of a graph can use the same memory one after another. It depends on their forms only, not on a size.

use crate::program::{Form, LayerGraph, ValueId};

/// A slot of memory for every value; values of a slot have one form and are never needed at the same time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The slot of every value.
    pub slots: Vec<usize>,
    /// What lies in every slot.
    pub forms: Vec<Form>,
}

impl Plan {
    /// For values: each is needed from its layer to the last that reads it, and those of the features to the end.
    pub fn up(graph: &LayerGraph) -> Self {
        let mut last = vec![0; graph.values.len()];
        for (node, spec) in graph.nodes.iter().enumerate() {
            spec.inputs.iter().for_each(|&input| last[input] = node);
        }
        graph.features.parts.iter().for_each(|&part| last[part] = usize::MAX);
        let mut make = Maker::new(graph);
        make.take(0);
        for (node, spec) in graph.nodes.iter().enumerate() {
            make.take(node + 1);
            // An input that is read twice is freed once.
            let ends = |i: usize| last[spec.inputs[i]] == node && !spec.inputs[..i].contains(&spec.inputs[i]);
            (0..spec.inputs.len()).filter(|&i| ends(i)).for_each(|i| make.free(spec.inputs[i]));
        }
        make.plan()
    }

    /// For cotangents: each is needed from the last layer that reads its value, which comes first, to its own layer.
    pub fn down(graph: &LayerGraph) -> Self {
        let mut make = Maker::new(graph);
        graph.features.parts.iter().for_each(|&part| make.take(part));
        for (node, spec) in graph.nodes.iter().enumerate().rev() {
            spec.inputs.iter().for_each(|&input| make.take(input));
            make.free(node + 1);
        }
        make.plan()
    }
}

struct Maker<'a> {
    graph: &'a LayerGraph,
    slots: Vec<Option<usize>>,
    forms: Vec<Form>,
    free: Vec<usize>,
}

impl<'a> Maker<'a> {
    fn new(graph: &'a LayerGraph) -> Self {
        Self { graph, slots: vec![None; graph.values.len()], forms: Vec::new(), free: Vec::new() }
    }

    /// A slot for a value, unless it has one.
    fn take(&mut self, value: ValueId) {
        if self.slots[value].is_some() {
            return;
        }
        let form = self.graph.values[value];
        let found = self.free.iter().position(|&slot| self.forms[slot] == form);
        let slot = if let Some(at) = found {
            self.free.swap_remove(at)
        } else {
            self.forms.push(form);
            self.forms.len() - 1
        };
        self.slots[value] = Some(slot);
    }

    fn free(&mut self, value: ValueId) {
        self.free.extend(self.slots[value]);
    }

    fn plan(self) -> Plan {
        Plan { slots: self.slots.into_iter().map(Option::unwrap_or_default).collect(), forms: self.forms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Architecture, Pictures, Program, Trunk};

    /// When each value of a pass is first and last needed, in steps of the pass, by its definition.
    fn lives(graph: &LayerGraph, down: bool) -> Vec<[usize; 2]> {
        let end = graph.nodes.len() + 1;
        let mut lives: Vec<[usize; 2]> = (0..graph.values.len()).map(|value| [value; 2]).collect();
        for (node, spec) in graph.nodes.iter().enumerate() {
            spec.inputs.iter().for_each(|&input| lives[input][1] = lives[input][1].max(node + 1));
        }
        graph.features.parts.iter().for_each(|&part| lives[part][1] = end);
        // The layer of value v is step v upwards; downwards all is turned round.
        if down { lives.iter().map(|[first, last]| [end - last, end - first]).collect() } else { lives }
    }

    #[test]
    fn values_that_are_needed_at_once_do_not_share_memory_and_others_do() {
        let pictures =
            Pictures { channels: 3, classes: 10, mean: vec![0.5; 3], deviation: 0.25, sigma_range: (0.005, 1.0) };
        for architecture in [Architecture::pooled18(), Architecture::pooled_thin()] {
            let Trunk::Graph(graph) = Program::new(&architecture, pictures.clone()).trunk else { panic!("a graph") };
            for (down, plan) in [(false, Plan::up(&graph)), (true, Plan::down(&graph))] {
                let lives = lives(&graph, down);
                for a in 0..graph.values.len() {
                    assert_eq!(plan.forms[plan.slots[a]], graph.values[a]);
                    for b in 0..a {
                        let apart = lives[a][1] < lives[b][0] || lives[b][1] < lives[a][0];
                        assert!(apart || plan.slots[a] != plan.slots[b], "{a} and {b} overlap, downwards: {down}");
                    }
                }
                assert!(plan.forms.len() < graph.values.len() / 2, "{} slots", plan.forms.len());
            }
        }
    }
}
