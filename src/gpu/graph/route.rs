//! The way of cotangents down a graph: in which order, and which of them can use the same memory one after another. It depends on
//! the values' forms only, not on a size.

use crate::program::{Form, Layer, LayerGraph, ValueId};

/// A place in memory for cotangents of one form.
pub(super) type Slot = usize;

/// What gives a cotangent of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The features from this one on.
    Features(usize),
    /// A node's pullback to one of its inputs.
    Node(usize),
    /// A cotangent that another value has as well.
    Copy,
}

/// A step of the way: from a cotangent to one of a value before, plus what that value has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub source: Source,
    /// Where what it starts from lies; nowhere if it starts from the features.
    pub from: Option<Slot>,
    /// The value that it is for.
    pub value: ValueId,
    pub target: Slot,
    pub added: Option<Slot>,
}

/// All steps in order.
#[derive(Debug)]
pub(super) struct Route {
    /// What lies in every slot.
    pub slots: Vec<Form>,
    pub moves: Vec<Move>,
    /// Where the cotangent of the stem's result lies in the end.
    pub stem: Option<Slot>,
}

#[derive(Default)]
struct Maker {
    slots: Vec<Form>,
    /// How many values have their cotangent in a slot.
    users: Vec<usize>,
    moves: Vec<Move>,
    /// Where each value's cotangent lies.
    now: Vec<Option<Slot>>,
}

impl Maker {
    fn take(&mut self, form: Form) -> Slot {
        let free = (0..self.slots.len()).find(|&slot| self.users[slot] == 0 && self.slots[slot] == form);
        let slot = free.unwrap_or_else(|| {
            self.slots.push(form);
            self.users.push(0);
            self.slots.len() - 1
        });
        self.users[slot] += 1;
        slot
    }

    fn give_back(&mut self, slot: Option<Slot>) {
        if let Some(slot) = slot {
            self.users[slot] -= 1;
        }
    }

    fn add(&mut self, source: Source, from: Option<Slot>, value: ValueId, form: Form) {
        let added = self.now[value];
        if let (Source::Copy, None, Some(slot)) = (source, added, from) {
            self.users[slot] += 1;
            self.now[value] = from;
            return;
        }
        let target = self.take(form);
        self.moves.push(Move { source, from, value, target, added });
        self.give_back(added);
        self.now[value] = Some(target);
    }
}

impl Route {
    pub fn new(graph: &LayerGraph) -> Self {
        let mut make = Maker { now: vec![None; graph.values.len()], ..Maker::default() };
        let mut start = 0;
        for &part in &graph.features.parts {
            make.add(Source::Features(start), None, part, graph.values[part]);
            start += graph.values[part].channels;
        }
        for (node, spec) in graph.nodes.iter().enumerate().rev() {
            let from = make.now[node + 1].take();
            if from.is_none() {
                continue;
            }
            let source = if spec.layer == Layer::Sum { Source::Copy } else { Source::Node(node) };
            spec.inputs.iter().for_each(|&input| make.add(source, from, input, graph.values[input]));
            make.give_back(from);
        }
        let Maker { slots, moves, now, .. } = make;
        Self { slots, moves, stem: now[0] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Architecture, Pictures, Program, Trunk};

    /// The cotangents of all values by the graph's definition, with whole numbers: a node's pullback to an input multiplies
    /// by the node's number plus one, of a sum by one.
    fn truth(graph: &LayerGraph) -> u64 {
        let mut now = vec![0_u64; graph.values.len()];
        graph.features.parts.iter().zip(1..).for_each(|(&part, seed)| now[part] = seed);
        for (node, spec) in graph.nodes.iter().enumerate().rev() {
            let by = if spec.layer == Layer::Sum { 1 } else { node as u64 + 1 };
            for &input in &spec.inputs {
                now[input] = now[input].wrapping_add(now[node + 1].wrapping_mul(by));
            }
        }
        now[0]
    }

    #[test]
    fn the_way_down_gives_every_value_all_its_cotangents_in_little_memory() {
        let pictures =
            Pictures { channels: 3, classes: 10, mean: vec![0.5; 3], deviation: 0.25, sigma_range: (0.005, 1.0) };
        for architecture in [Architecture::pooled18(), Architecture::pooled_thin()] {
            let Trunk::Graph(graph) = Program::new(&architecture, pictures.clone()).trunk else { panic!("a graph") };
            let route = Route::new(&graph);
            let mut memory = vec![0_u64; route.slots.len()];
            let mut seed = 0;
            for step in &route.moves {
                assert_eq!(route.slots[step.target], graph.values[step.value], "{step:?}");
                assert!(step.from != Some(step.target) && step.added != Some(step.target), "{step:?}");
                let given = match (step.source, step.from) {
                    (Source::Features(_), None) => {
                        seed += 1;
                        seed
                    }
                    (Source::Node(node), Some(from)) => memory[from].wrapping_mul(node as u64 + 1),
                    (Source::Copy, Some(from)) => memory[from],
                    wrong => panic!("{wrong:?}"),
                };
                memory[step.target] = given.wrapping_add(step.added.map_or(0, |slot| memory[slot]));
            }
            assert_eq!(route.stem.map(|slot| memory[slot]), Some(truth(&graph)));
            assert!(route.slots.len() < graph.values.len() / 2, "{} slots", route.slots.len());
        }
    }
}
