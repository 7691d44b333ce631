//! What `auto` takes: a graphics card where a model was measured to be faster on it than on the processor, and never a program
//! that pretends to be a card. What was measured is remembered for the card, its driver and the model's size.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::files::write_whole;
use crate::gpu::{Card, Kind};

/// An adapter that may be taken.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) number: usize,
    /// How it is shown.
    pub(super) title: String,
    pub(super) kind: Kind,
    /// What a measurement of it depends on: name, interface and driver.
    pub(super) key: String,
}

impl Candidate {
    pub(super) fn of(card: &Card) -> Self {
        let key = format!("{} | {} | {}", card.name, card.backend, card.driver);
        Self { number: card.number, title: card.title(), kind: card.kind, key }
    }
}

/// Milliseconds of an analysis of one picture of the model's own size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Times {
    pub(super) card: f64,
    pub(super) processor: f64,
}

/// What was measured before, and the file that it is kept in, if there is a place for one.
#[derive(Debug)]
pub(super) struct Memory {
    file: Option<PathBuf>,
    times: BTreeMap<String, Times>,
}

impl Memory {
    /// What `file` holds; nothing, if it cannot be read.
    pub(super) fn read(file: Option<PathBuf>) -> Self {
        let read = |path: &PathBuf| serde_json::from_slice(&std::fs::read(path).ok()?).ok();
        let times = file.as_ref().and_then(read).unwrap_or_default();
        Self { file, times }
    }

    fn keep(&mut self, key: String, times: Times) {
        self.times.insert(key, times);
        if let (Some(file), Ok(text)) = (&self.file, serde_json::to_vec_pretty(&self.times)) {
            // What cannot be remembered is measured again.
            let _ = file.parent().map(std::fs::create_dir_all);
            let _ = write_whole(file, &text, true);
        }
    }
}

/// The adapter to take, if any, and why, in words. `model` names the model's size; `measure` is asked once for each adapter and
/// size that `memory` does not know.
pub(super) fn decide(
    candidates: &[Candidate],
    model: &str,
    memory: &mut Memory,
    measure: &mut dyn FnMut(&Candidate) -> Result<Times>,
) -> (Option<usize>, String) {
    let mut cards: Vec<&Candidate> = candidates.iter().filter(|card| card.kind != Kind::Software).collect();
    if cards.is_empty() {
        let software = if candidates.is_empty() { "" } else { " but in software" };
        return (None, format!("there is no graphics card{software}"));
    }
    cards.sort_by_key(|card| card.kind);
    let mut failures = Vec::new();
    for card in cards {
        let key = format!("{} | {model}", card.key);
        let times = match memory.times.get(&key) {
            Some(times) => *times,
            None => match measure(card) {
                Ok(times) => {
                    memory.keep(key, times);
                    times
                }
                // The next best may do.
                Err(error) => {
                    failures.push(error.to_string());
                    continue;
                }
            },
        };
        let Times { card: fast, processor: slow } = times;
        let words = format!("{} takes {fast:.1} ms an analysis, the processor {slow:.1} ms", card.title);
        return ((fast < slow).then_some(card.number), words);
    }
    (None, failures.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn card(number: usize, kind: Kind, driver: &str) -> Candidate {
        let key = format!("{kind:?} | Vulkan | {driver}");
        Candidate { number, title: format!("gpu:{number} ({kind:?}, Vulkan)"), kind, key }
    }

    /// Decides with measurements that are made up, and says which adapters were measured.
    fn measured(
        candidates: &[Candidate],
        model: &str,
        memory: &mut Memory,
        times: impl Fn(usize) -> Result<Times>,
    ) -> (Option<usize>, String, Vec<usize>) {
        let mut asked = Vec::new();
        let (taken, why) = decide(candidates, model, memory, &mut |card| {
            asked.push(card.number);
            times(card.number)
        });
        (taken, why, asked)
    }

    const FAST: Times = Times { card: 1.25, processor: 20.0 };
    const SLOW: Times = Times { card: 31.0, processor: 20.0 };

    #[test]
    fn software_is_never_taken_nor_measured() {
        let memory = &mut Memory::read(None);
        let (taken, why, asked) = measured(&[], "a model", memory, |_| Ok(FAST));
        assert_eq!((taken, &*why, asked.len()), (None, "there is no graphics card", 0));
        let pretenders = [card(0, Kind::Software, "1"), card(1, Kind::Software, "2")];
        let (taken, why, asked) = measured(&pretenders, "a model", memory, |_| Ok(FAST));
        assert_eq!((taken, &*why, asked.len()), (None, "there is no graphics card but in software", 0));
        let beside = [card(0, Kind::Software, "1"), card(1, Kind::Integrated, "2")];
        assert_eq!(measured(&beside, "a model", memory, |_| Ok(SLOW)).0, None, "nor where the card is slow");
        assert_eq!(measured(&beside, "another", memory, |_| Ok(FAST)).0, Some(1));
    }

    #[test]
    fn the_faster_is_taken_and_it_is_said_why() {
        let cards = [card(0, Kind::Integrated, "1"), card(1, Kind::Discrete, "1")];
        let (taken, why, asked) = measured(&cards, "a model", &mut Memory::read(None), |_| Ok(FAST));
        assert_eq!((taken, asked), (Some(1), vec![1]), "the card of its own");
        assert_eq!(why, "gpu:1 (Discrete, Vulkan) takes 1.2 ms an analysis, the processor 20.0 ms");
        let (taken, why, _) = measured(&cards, "a model", &mut Memory::read(None), |_| Ok(SLOW));
        assert_eq!(taken, None);
        assert_eq!(why, "gpu:1 (Discrete, Vulkan) takes 31.0 ms an analysis, the processor 20.0 ms");
        let equal = Times { card: 2.0, processor: 2.0 };
        assert_eq!(measured(&cards, "a model", &mut Memory::read(None), |_| Ok(equal)).0, None, "no gain");
    }

    #[test]
    fn each_adapter_driver_and_size_is_measured_once() {
        let folder = tempfile::tempdir().unwrap();
        // In a folder that is not there yet.
        let file = Some(folder.path().join("cache/devices.json"));
        let cards = [card(0, Kind::Discrete, "driver 1")];
        let asked = |cards: &[Candidate], model: &str, times: Times| {
            let (taken, _, asked) = measured(cards, model, &mut Memory::read(file.clone()), |_| Ok(times));
            (taken, asked.len())
        };
        assert_eq!(asked(&cards, "small", SLOW), (None, 1));
        assert_eq!(asked(&cards, "small", FAST), (None, 0), "another run remembers what was measured");
        assert_eq!(asked(&cards, "large", FAST), (Some(0), 1), "another size");
        assert_eq!(asked(&[card(0, Kind::Discrete, "driver 2")], "small", FAST), (Some(0), 1), "another driver");
        assert_eq!(asked(&[card(3, Kind::Discrete, "driver 1")], "small", FAST), (None, 0), "another number");
        assert_eq!(asked(&cards, "large", SLOW), (Some(0), 0));
        // A file that is none, or not writable, is as good as no file.
        std::fs::write(file.as_ref().unwrap(), "nonsense").unwrap();
        assert_eq!(asked(&cards, "small", FAST), (Some(0), 1));
        assert_eq!(asked(&cards, "small", SLOW), (Some(0), 0));
    }

    #[test]
    fn a_card_that_fails_leaves_it_to_the_next() {
        let cards = [card(0, Kind::Virtual, "1"), card(1, Kind::Discrete, "1"), card(2, Kind::Integrated, "1")];
        let memory = &mut Memory::read(None);
        let fails = |number| {
            move |asked| if asked == number { Err(Error::Device(format!("gpu:{number}: broken"))) } else { Ok(FAST) }
        };
        let (taken, why, asked) = measured(&cards, "a model", memory, fails(1));
        assert_eq!((taken, asked), (Some(2), vec![1, 2]));
        assert!(why.starts_with("gpu:2"), "{why}");
        // What failed may not fail again: it is not remembered.
        assert_eq!(measured(&cards, "a model", memory, fails(7)).0, Some(1));
        let all = |number| Err(Error::Device(format!("gpu:{number}: broken")));
        let (taken, why, asked) = measured(&cards, "another", memory, all);
        assert_eq!((taken, asked), (None, vec![1, 2, 0]));
        assert_eq!(why, "gpu:1: broken; gpu:2: broken; gpu:0: broken");
    }
}
